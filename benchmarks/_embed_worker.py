"""Embedding inside the real service: a worker's start and memory, one short text, and 5,000 texts known before."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import redis
from tests.live import LiveService

from benchmarks._report import percentile, table
from reverie.demo import PEOPLE, load
from reverie.embedded import start_servers
from reverie.embedding.openvino_backend import refusal
from reverie.store import migrate

COUNT = 5000
ENGINES = (("ctranslate2", "float32"), ("ctranslate2", "int8"), ("openvino", "float32"), ("openvino", "bfloat16"))

# From the start of the interpreter to the first vectors, as a worker's child does it; then one short text, warm.
START = """
import json, sys, time, os
from pathlib import Path
began = float(sys.argv[1])
from reverie._garbage import uncollected
with uncollected():
    from reverie.worker import run
imported = time.time() - began
from reverie.embedding import create_embedder
embedder = create_embedder(sys.argv[3], precision=sys.argv[4], data_dir=Path(sys.argv[2]))
embedder.embed(["ready"])
ready = time.time() - began
memory = [int(l.split()[1]) / 1024 for l in open("/proc/self/status") if l.startswith("VmRSS")][0]
texts = json.load(sys.stdin)
calls = []
for text in texts:
    before = time.perf_counter()
    embedder.embed([text])
    calls.append(time.perf_counter() - before)
found = {"imported": imported, "ready": ready, "memory": memory, "calls": calls, "torch": "torch" in sys.modules}
print(json.dumps(found))
"""


def start(work: Path, engine: str, precision: str, texts: list[str]) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", START, str(time.time()), str(work), engine, precision],
        input=json.dumps(texts).encode(),
        stdout=subprocess.PIPE,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def known(service: LiveService, texts: list[str]) -> tuple[list[float], list[float]]:
    """Seconds a worker spends on getting 5,000 known vectors: out of Redis, and out of PostgreSQL."""
    memories = texts[:COUNT]
    cached: list[float] = []
    stored: list[float] = []
    with service.client(prefer="wait=60") as client:

        def recall(seed: int) -> dict[str, Any]:
            body = {"user_id": "bench", "query": "what do I like?", "memories": memories, "options": {"top": 1 + seed}}
            answer = client.post("/recall/submit", json=body, timeout=300)
            answer.raise_for_status()
            task = answer.json()
            while task["status"] in ("queued", "running"):
                time.sleep(0.1)
                task = client.get(f"/tasks/{task['id']}").json()
            stats: dict[str, Any] = task["result"]["stats"]
            return stats

        recall(0)
        for seed in range(1, 8):
            stats = recall(seed)
            assert stats["texts_embedded"] == 0, stats
            cached.append(stats["embedding_seconds"])
        cache = redis.Redis.from_url(service.redis_url)
        for seed in range(8, 15):
            cache.flushall()
            stats = recall(seed)
            assert stats["texts_embedded"] == 0, stats
            stored.append(stats["embedding_seconds"])
        cache.close()
    return cached, stored


def first_answer(service: LiveService) -> float:
    """Seconds from the start of ``reverie worker`` to the answer of a text that waited for it."""
    with service.client() as client:
        task = client.post("/embed/submit", json={"user_id": "first", "texts": ["tea"]}).json()
        began = time.perf_counter()
        service.start_worker()
        while client.get(f"/tasks/{task['id']}").json()["status"] != "succeeded":
            time.sleep(0.01)
        return time.perf_counter() - began


def main(work: Path) -> None:
    """Measure and print."""
    own = [memory.text for person in PEOPLE for memory in load(person.id)]
    rng = random.Random(1)
    many = [f"{rng.choice(own)} {rng.choice(own)} {n}" for n in range(COUNT)]
    rows, missing = [], []
    for engine, precision in ENGINES:
        if engine == "openvino" and (reason := refusal(precision)):
            missing.append(f"{engine} {precision} is not available here: {reason}")
            continue
        start(work, engine, precision, [])  # the first converts the model
        runs = [start(work, engine, precision, own[:100]) for _ in range(3)]
        best = min(runs, key=lambda run: float(run["ready"]))
        calls = [call for run in runs for call in run["calls"]]
        rows.append(
            [
                f"{engine} {precision}",
                f"{best['imported']:.2f} s",
                f"{percentile([run['ready'] for run in runs], 50):.2f} s",
                f"{best['memory']:.0f} MB",
                f"{1000 * percentile(calls, 50):.1f} ms",
                f"{1000 * percentile(calls, 99):.1f} ms",
                "yes" if best["torch"] else "no",
            ]
        )
    print("\na worker's child: the engines' imports, the model, one short text\n")
    print(table(["", "imports", "first vectors", "resident", "one text p50", "p99", "torch imported"], rows))
    if missing:
        print("", *missing, sep="\n")
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    try:
        with start_servers(folder) as servers:
            migrate(servers.database_url)
            environment = {"REVERIE_EMBEDDER": "auto", "CUDA_VISIBLE_DEVICES": ""}
            workers = {"worker": ("fast,clustering,analysis", 1)}
            service = LiveService(servers.database_url, servers.redis_url, environment=environment, workers=workers)
            service.start_gateway()
            try:
                service.wait_ready()
                seconds = first_answer(service)
                cached, stored = known(service, many)
                processes = psutil.Process(service.processes["worker"].pid).children(recursive=True)
                memory = [process.memory_full_info() for process in processes]
            finally:
                service.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(f"\n{COUNT:,} known texts and one question, milliseconds in the worker: ", end="")
    print(f"Redis p50 {1000 * percentile(cached, 50):.0f} (worst {1000 * max(cached):.0f}), ", end="")
    print(f"PostgreSQL p50 {1000 * percentile(stored, 50):.0f} (worst {1000 * max(stored):.0f}); target 150")
    print(f"`reverie worker` to its first answer, model converted before or not: {seconds:.2f} s")
    shown = ", ".join(f"{m.rss / 2**20:.0f} MB resident ({m.uss / 2**20:.0f} of its own)" for m in memory)
    print(f"its children after recall over {COUNT:,} memories: {shown}")
