"""Embedding with the default model, beside what else could do it: one table, one run, the engines taking turns.

Every engine is a process of its own under its own packages, loaded once; in each round each encodes the same texts,
so that a busy moment of the machine meets all. Ratios are of a round's two times, and the median over rounds is
given. Tokens are those of the texts, special tokens included, padding not. The limit is what the cores' fused
multiply-adds can do (``_fma.c``); work is 2 FLOPs for every weight of the encoder and attention's products.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from benchmarks import _embed_worker, _int8
from benchmarks._peers import ROOT, command, environment, unlimited
from benchmarks._report import machine, percentile, table
from reverie.demo import PEOPLE, load
from reverie.embedding.models import find_model

MODEL = "all-MiniLM-L6-v2"
REFERENCE = "st"
ENGINES = {
    "st": ("SentenceTransformers", "naive"),
    "st-onnx": ("SentenceTransformers, ONNX backend", "onnx"),
    "infinity": ("infinity, torch", "infinity"),
    "fastembed": ("fastembed, the same ONNX file", "fastembed"),
    "reverie-torch": ("Reverie sentence-transformers", "naive"),
    "reverie-float32": ("Reverie ctranslate2 float32", None),
    "reverie-int8": ("Reverie ctranslate2 int8", None),
    "reverie-ov-float32": ("Reverie openvino float32", None),
    "reverie-ov-bfloat16": ("Reverie openvino bfloat16", None),
}
SETS = {"short": (1, 1), "chat": (2, 3), "long": (14, 17)}
"""How many demo memories make one text."""
TARGETS = {"reverie-float32": (2.6, 1.8, 1.9), "reverie-int8": (3.5, 2.3, 2.2)}
SIZES = (1, 8, 32, 100)


def texts(kind: str, count: int, window: int, tokenizer: Tokenizer) -> list[str]:
    """Different texts out of the demo's memories, none beyond the window (there engines cut differently)."""
    rng = random.Random(kind)
    own = [memory.text for person in PEOPLE for memory in load(person.id)]
    least, most = SETS[kind]
    found: dict[str, None] = {}
    while len(found) < count:
        # Halves of two memories: as long and as varied as what was written, and never the same twice.
        parts = []
        for _ in range(rng.randint(least, most)):
            first, second = (rng.choice(own).split() for _ in range(2))
            parts.append(" ".join(first[: (len(first) + 1) // 2] + second[len(second) // 2 :]))
        text = " ".join(parts)
        if len(tokenizer.encode(text).ids) <= window:
            found[text] = None
    return list(found)


class Peer:
    """One engine's process; ``error`` says why there is none."""

    def __init__(self, name: str, model: str, work: Path) -> None:
        self.name, self.label = name, ENGINES[name][0]
        self.error: str | None = None
        self.ready = self.rss = 0.0
        try:
            place = ENGINES[name][1]
            python = environment(place) if place else Path(sys.executable)
        except (OSError, subprocess.CalledProcessError) as error:
            self.error = f"does not install: {error}"[:160]
            return
        clean = {**unlimited(), "CUDA_VISIBLE_DEVICES": ""}
        if name.startswith("reverie"):
            clean["PYTHONPATH"] = str(ROOT / "src")
        self._process = subprocess.Popen(
            command(python, "_embed_peer.py", name, model, str(work)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=open(work / f"{name}.log", "wb"),  # noqa: SIM115 - the child's for its whole life
            env=clean,
        )
        first = self._read()
        self.error = first.get("error")
        self.ready, self.rss = first.get("ready", 0.0), first.get("rss", 0.0)

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found: dict[str, Any] = json.loads(line) if line else {"error": "ended without a word"}
        return found

    def encode(self, file: Path, count: int, *, start: int = 0, save: Path | None = None) -> dict[str, Any]:
        """Seconds (and CPU seconds) for ``count`` texts of a file."""
        wish = {"texts": str(file), "count": count, "start": start, "save": str(save) if save else None}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wish).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        if not self.error:
            self._process.kill()  # some engines' threads would keep it alive
            self._process.wait()


def fma_limit(work: Path) -> tuple[float, str]:
    """GFLOP/s of all cores, and how it was found."""
    cores = len(os.sched_getaffinity(0))
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler:
        binary = work / "fma"
        flags = ["-O3", "-march=native", "-ffp-contract=fast", "-pthread"]
        done = subprocess.run([compiler, *flags, str(ROOT / "benchmarks" / "_fma.c"), "-o", str(binary)], check=False)
        if done.returncode == 0:
            said = subprocess.run([str(binary), str(cores)], stdout=subprocess.PIPE, check=True).stdout
            return float(said), f"fused multiply-adds in registers, {cores} threads"
    a = np.ones((1024, 1024), dtype=np.float32)
    best = min(_timed(lambda: a @ a, time.process_time) for _ in range(5))
    return (
        2 * 1024**3 / best / 1e9 * cores,
        f"numpy's matrix product on one core x {cores}, a lower bound (no compiler)",
    )


def _timed(work: Any, clock: Any) -> float:
    before = clock()
    work()
    return float(clock() - before)


def flops(lengths: list[int], config: dict[str, Any]) -> float:
    """What the encoder has to compute for rows of these lengths."""
    hidden, inner, layers = config["hidden_size"], config["intermediate_size"], config["num_hidden_layers"]
    linear = 2 * (4 * hidden * hidden + 2 * hidden * inner)
    return float(sum(layers * n * (linear + 4 * n * hidden) for n in lengths))


def compare(arguments: argparse.Namespace, work: Path) -> None:
    """The big table, latencies and agreement."""
    folder = find_model(MODEL, work)
    tokenizer = Tokenizer.from_file(str(folder.path / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    files, lengths = {}, {}
    for kind in SETS:
        sample = texts(kind, 60, folder.max_tokens, tokenizer)
        mean = sum(len(tokenizer.encode(text).ids) for text in sample) / len(sample)
        chosen = texts(kind, max(100, round(arguments.tokens / mean)), folder.max_tokens, tokenizer)
        lengths[kind] = [len(tokenizer.encode(text).ids) for text in chosen]
        files[kind] = work / f"{kind}.json"
        files[kind].write_text(json.dumps(chosen))
    use = {kind: max(1, round(arguments.tokens / (sum(n) / len(n)))) for kind, n in lengths.items()}
    limit, how = fma_limit(work)
    names = [name for name in ENGINES if arguments.only is None or name in (*arguments.only, REFERENCE)]
    peers = [Peer(name, str(folder.path), work) for name in names]
    running = [peer for peer in peers if not peer.error]
    if broken := next((peer.error for peer in peers if peer.name == REFERENCE), None):
        raise SystemExit(f"{ENGINES[REFERENCE][0]}, to which all is compared, does not run here: {broken}")
    times: dict[tuple[str, str], list[float]] = {}
    late: dict[tuple[str, int], list[float]] = {}
    peak: dict[str, float] = {}
    for number in range(arguments.rounds):
        for kind, file in files.items():
            for peer in running:
                save = work / f"{peer.name}-{kind}.npy" if not number else None
                found = peer.encode(file, use[kind], save=save)
                times.setdefault((peer.name, kind), []).append(found["seconds"])
                peak[peer.name] = found["peak"]
        for size in SIZES:
            for repeat in range(arguments.calls):
                for peer in running:
                    start = (repeat * 7 + number) % max(1, len(lengths["short"]) - size)
                    found = peer.encode(files["short"], size, start=start)
                    late.setdefault((peer.name, size), []).append(found["seconds"])
    print(f"{machine()}; {arguments.rounds} rounds; limit {limit:.0f} GFLOP/s ({how})")
    described = ", ".join(
        f"{kind} {use[kind]} texts of {np.mean(n[: use[kind]]):.0f} tokens ({min(n)}-{max(n)})"
        for kind, n in lengths.items()
    )
    print(f"{described}\n")
    rows, waits, alike, missing = [], [], [], []
    for peer in peers:
        if peer.error:
            missing.append(f"{peer.label} is not available here: {peer.error}")
            continue
        row: list[str] = [peer.label]
        for kind in SETS:
            own, base = times[peer.name, kind], times[REFERENCE, kind]
            ratio = percentile([b / a for a, b in zip(own, base, strict=True)], 50)
            seconds = percentile(own, 50)
            work_done = flops(lengths[kind][: use[kind]], folder.config)
            row.append(f"{ratio:.2f} x")
            row.append(f"{sum(lengths[kind][: use[kind]]) / seconds:,.0f}")
            row.append(f"{work_done / seconds / limit / 1e9:.0%}")
        rows.append(row)
        cosines = np.concatenate([_cosines(work, peer.name, kind) for kind in SETS])
        alike.append(
            [
                peer.label,
                f"{cosines.min():.6f}",
                f"{percentile(cosines, 1):.6f}",
                f"{cosines.mean():.6f}",
                f"{peer.ready:.2f} s",
                f"{peer.rss:.0f} MB",
                f"{peak[peer.name]:.0f} MB",
            ]
        )
        pairs = [(percentile(late[peer.name, size], 50), percentile(late[peer.name, size], 99)) for size in SIZES]
        waits.append([peer.label, *[f"{1000 * middle:.1f} / {1000 * slow:.0f}" for middle, slow in pairs]])
    for peer in running:
        peer.close()
    print(table(["", *[f"{kind}{what}" for kind in SETS for what in ("", " tokens/s", " of limit")]], rows))
    goals = "; ".join(f"{ENGINES[name][0]} {' / '.join(map(str, goal))}" for name, goal in TARGETS.items())
    print(f"\ntargets: {goals}\n")
    if missing:
        print("\n".join(missing), end="\n\n")
    print(table(["cosine to the first", "min", "p1", "mean", "import + load", "resident", "peak"], alike))
    print("\nmilliseconds for short texts, warm, p50 / p99\n")
    print(table(["", *[f"{size} texts" for size in SIZES]], waits))


def _cosines(work: Path, name: str, kind: str) -> Any:
    one, two = (np.load(work / f"{engine}-{kind}.npy") for engine in (name, REFERENCE))
    return (one * two).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=8000, help="tokens in each set and round")
    parser.add_argument("--calls", type=int, default=12, help="small calls of each size and round")
    parser.add_argument("--only", nargs="*", choices=list(ENGINES), help="engines beside the reference")
    parser.add_argument("--parts", nargs="*", default=["engines", "worker", "int8"])
    parser.add_argument("--labelled", type=Path, nargs="*", default=[], help="folders of labelled texts, for int8")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    try:
        if "engines" in arguments.parts:
            compare(arguments, work)
        if "worker" in arguments.parts:
            _embed_worker.main(work)
        if "int8" in arguments.parts:
            _int8.main(arguments.labelled, work)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    main()
