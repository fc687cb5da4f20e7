"""Measure a model on the package's own sentences, and write what ``reverie.embedding.measured`` reads.

    python scripts/measure_model.py multilingual --directions 15

Prints the ranks of the reference when the model is the reference itself (``english``): they belong into
``reverie.embedding.measuring.RANKS``.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from reverie.embedding import create_embedder
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import Centring, scale_from
from reverie.embedding.measuring import LANGUAGES, RANKS, pair_cosines, sentences, texts_to_measure
from reverie.embedding.models import ENGLISH, NICKNAMES, find_model

OUT = Path(__file__).parent.parent / "src" / "reverie" / "embedding" / "models_measured"


def main() -> None:
    """Measure one model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="name or folder")
    parser.add_argument("--directions", type=int, default=15, help="directions of language to take away")
    parser.add_argument("--data-dir", type=Path, default=Path(".bench"), help="folder for the converted model")
    wish = parser.parse_args()
    name = NICKNAMES.get(wish.model, wish.model)
    # An existing measurement must not move the vectors that the new one is made from.
    path = OUT / f"{name.rsplit('/', 1)[-1]}.npz"
    path.unlink(missing_ok=True)
    embedder = create_embedder("ctranslate2", name, threads=1, data_dir=wish.data_dir)
    if name == ENGLISH:
        cosines = pair_cosines(embedder.embed(texts_to_measure()).vectors)
        print({level: round(float((cosines < level).mean()), 5) for level in RANKS})
        return

    def vectors(texts: list[str]) -> Vectors:
        # Of the kinds, a question's prompt is the better for both sides (docs/decisions/languages.md).
        return embedder.embed(texts, kind="query").vectors

    told = np.stack([vectors(sentences(language)) for language in LANGUAGES])
    centring = Centring.learnt(told, wish.directions)
    scale = scale_from(pair_cosines(centring(vectors(texts_to_measure()))), RANKS)
    OUT.mkdir(exist_ok=True)
    prompt = find_model(name, wish.data_dir).prompt("query")
    knots = np.array(scale.knots, dtype=np.float64)
    with path.open("wb") as file:
        np.savez(file, mean=centring.mean, directions=centring.directions, knots=knots, prompt=np.array(prompt))
    print(path.name, centring.fingerprint, scale.knots)


if __name__ == "__main__":
    main()
