"""Writes the vectors of topics and prototype sentences for the models that installations choose into the package.

Run it after a change of ``analysis/prototypes`` or ``clustering/topics.txt``. A list
that has changed without it still works; what is missing is computed by each installation.
"""

from __future__ import annotations

from pathlib import Path

from reverie._models import ENGLISH, MULTILINGUAL
from reverie.analysis.durable import prototype_texts
from reverie.clustering.topics import topic_wordings
from reverie.embedding import create_embedder
from reverie.embedding.anchors import Anchor, pack

TARGET = Path(__file__).resolve().parent.parent / "src" / "reverie" / "embedding" / "anchor_vectors"


def main() -> None:
    """Embed and write."""
    anchors: list[Anchor] = [*((text,) for text in prototype_texts().texts), *topic_wordings()]
    TARGET.mkdir(exist_ok=True)
    for model in (ENGLISH, MULTILINGUAL):
        embedder = create_embedder("ctranslate2", model, precision="float32", data_dir=Path(".bench") / "model")
        target = TARGET / f"{embedder.model.name}.npz"
        target.write_bytes(pack(embedder, anchors))
        print(f"{target.name}: {len(set(anchors))} anchors, {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
