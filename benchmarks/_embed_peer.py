"""One embedding engine in a process of its own, under a Python of its own: reads commands, prints seconds.

``_embed_peer.py ENGINE MODEL WORK``: engine by name, the model's folder, a folder to write to. The first line it
prints says how long import and loading took. Then each line read is ``{"texts": FILE, "count": N, "save": FILE|null}``
and each line printed ``{"seconds": S}``.
"""

import json
import os
import sys
import time
from pathlib import Path

BEGAN = time.perf_counter()


def sentence_transformers(model, work):
    from sentence_transformers import SentenceTransformer

    net = SentenceTransformer(model, device="cpu")
    return lambda texts: net.encode(texts, show_progress_bar=False)


def sentence_transformers_onnx(model, work):
    from sentence_transformers import SentenceTransformer

    global BEGAN
    folder = Path(work) / "onnx-model"
    before = time.perf_counter()
    if not folder.exists():
        exported = SentenceTransformer(model, device="cpu", backend="onnx", model_kwargs={"export": True})
        exported.save_pretrained(str(folder))
    BEGAN += time.perf_counter() - before  # the export is done once, not at every start
    net = SentenceTransformer(str(folder), device="cpu", backend="onnx")
    return lambda texts: net.encode(texts, show_progress_bar=False)


def infinity(model, work):
    import asyncio

    from infinity_emb import AsyncEmbeddingEngine, EngineArgs

    loop = asyncio.new_event_loop()
    options = EngineArgs(model_name_or_path=model, engine="torch", device="cpu", compile=False, bettertransformer=False)
    engine = AsyncEmbeddingEngine.from_args(options)
    loop.run_until_complete(engine.astart())
    return lambda texts: loop.run_until_complete(engine.embed(sentences=texts))[0]


def fastembed(model, work):
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    folder = Path(work) / "onnx-model"
    if not folder.exists():
        raise RuntimeError("needs the ONNX file that SentenceTransformers' ONNX backend exports")
    TextEmbedding.add_custom_model(
        model="local/minilm",
        pooling=PoolingType.MEAN,
        normalization=True,
        sources=ModelSource(hf="local/minilm"),
        dim=384,
        model_file="onnx/model.onnx",
    )
    net = TextEmbedding("local/minilm", specific_model_path=str(folder))
    return lambda texts: list(net.embed(texts))


def reverie(backend, precision):
    def load(model, work):
        from reverie.embedding import create_embedder

        embedder = create_embedder(backend, model, precision, data_dir=Path(work))
        if backend != "sentence-transformers" and {"torch", "transformers"} & set(sys.modules):
            raise RuntimeError("torch was imported on the CPU path")
        return lambda texts: embedder.embed(texts).vectors

    return load


ENGINES = {
    "st": sentence_transformers,
    "st-onnx": sentence_transformers_onnx,
    "infinity": infinity,
    "fastembed": fastembed,
    "reverie-float32": reverie("ctranslate2", "float32"),
    "reverie-int8": reverie("ctranslate2", "int8"),
    "reverie-ov-float32": reverie("openvino", "float32"),
    "reverie-ov-bfloat16": reverie("openvino", "bfloat16"),
    "reverie-torch": reverie("sentence-transformers", "float32"),
}


def resident():
    """(now, peak) resident memory, MB."""
    values = {}
    with open("/proc/self/status") as lines:
        for line in lines:
            if line.startswith(("VmRSS", "VmHWM")):
                values[line[:5]] = int(line.split()[1]) / 1024
    return values.get("VmRSS", 0.0), values.get("VmHWM", 0.0)


def main():
    # What an engine prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(message):
        print(json.dumps(message), file=answers, flush=True)

    name, model, work = sys.argv[1:]
    try:
        encode = ENGINES[name](model, work)
        encode(["ready"])
    except Exception as error:
        say({"error": f"{type(error).__name__}: {error}"[:200]})
        return
    import numpy as np

    say({"ready": time.perf_counter() - BEGAN, "rss": resident()[0]})
    sets = {}
    for line in sys.stdin:
        wish = json.loads(line)
        file = wish["texts"]
        if file not in sets:
            with open(file) as content:
                sets[file] = json.load(content)
        start = wish.get("start", 0)
        texts = sets[file][start : start + wish["count"]]
        cpu, began = time.process_time(), time.perf_counter()
        vectors = encode(texts)
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        if wish.get("save"):
            np.save(wish["save"], np.asarray(vectors, dtype=np.float32))
        say({"seconds": seconds, "cpu": cpu, "peak": resident()[1]})


main()
