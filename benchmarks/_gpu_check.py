"""The CUDA path beside SentenceTransformers on the same card: texts a second, cosine, memory, many tasks at once.

Both sides run the same model, in turns. The usual way is ``SentenceTransformer.encode`` as it comes (float32, 32 texts
a batch), and once more in float16 with 256; ours is what a worker with a GPU does (``embedding.torch_backend``), and
for many tasks at once the process that owns the card. Cosines are to the usual way in float32.

``--dry-run`` does all of it on the CPU, so that nothing but the card is missing; where PyTorch is missing too,
CTranslate2 stands in for both sides, and the table says so.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._report import machine, percentile, table
from reverie.demo import PEOPLE, load
from reverie.embedding import create_embedder
from reverie.embedding.host import HostedEmbedder
from reverie.embedding.models import find_model

Encode = Callable[[Sequence[str]], Any]

SETS = {"short": 1, "chat": 3, "long": 14}
"""Memories of the demo that are joined into one text of the set."""


@dataclass(frozen=True)
class Side:
    """One way to embed."""

    name: str
    encode: Encode
    close: Callable[[], None]


def usual(model: str, device: str, *, half: bool, batch: int) -> Side:
    """SentenceTransformers as people call it."""
    from sentence_transformers import SentenceTransformer

    net = SentenceTransformer(model, device=device)
    if half:
        net = net.half()

    def encode(texts: Sequence[str]) -> Any:
        return net.encode(
            list(texts), batch_size=batch, show_progress_bar=False, convert_to_numpy=True, normalize_embeddings=True
        ).astype(np.float32)

    return Side(f"SentenceTransformers {'float16' if half else 'float32'}, {batch} a batch", encode, lambda: None)


def ours(engine: str, model: str, work: Path, name: str) -> Side:
    """An embedder of Reverie."""
    embedder = create_embedder(engine, model, data_dir=work)
    return Side(f"{name}, {embedder.model.precision}", lambda texts: embedder.embed(texts).vectors, embedder.close)


def texts_of(joined: int, count: int) -> list[str]:
    """That many texts of so many memories each, all different."""
    memories = [memory.text for person in PEOPLE for memory in load(person.id)]
    starts = itertools.islice(itertools.cycle(range(len(memories))), count)
    return [
        " ".join(memories[(start + step * 7) % len(memories)] for step in range(joined)) + f" {n}"
        for n, start in enumerate(starts)
    ]


def peak_mb(device: str) -> float:
    """MiB that the card, or this process, has held at most since it was last asked."""
    if device == "cuda":
        import torch

        found = torch.cuda.max_memory_allocated() / 2**20
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        return float(found)
    pages = int(Path("/proc/self/statm").read_text().split()[1]) if sys.platform == "linux" else 0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def speeds(sides: Sequence[Side], options: argparse.Namespace) -> str:
    """Texts a second of every side and set, in turns; the first turn warms up."""
    head, rows = ["texts/s", *(name for kind in SETS for name in (kind, ""))], [[side.name] for side in sides]
    for joined in SETS.values():
        texts = texts_of(joined, max(4, options.texts // joined))
        spent: list[list[float]] = [[] for _ in sides]
        for turn in range(options.rounds + 1):
            for side, times in zip(sides, spent, strict=True):
                began = time.perf_counter()
                side.encode(texts)
                if turn:
                    times.append(time.perf_counter() - began)
        first = float(np.median(spent[0]))
        for row, times in zip(rows, spent, strict=True):
            middle = float(np.median(times))
            row += [f"{len(texts) / middle:,.0f}", f"{first / middle:.2f}x"]
    return table(head, rows)


def cosines(sides: Sequence[Side], options: argparse.Namespace) -> str:
    """Every side's vectors against those of the first."""
    texts = [text for joined in SETS.values() for text in texts_of(joined, max(4, options.texts // 10))]
    exact, rows = sides[0].encode(texts), []
    for side in sides[1:]:
        found = (exact * side.encode(texts)).sum(1)
        rows.append([side.name, f"{found.min():.6f}", f"{percentile(found, 1):.6f}", f"{found.mean():.6f}"])
    return table(["cosine to the first", "min", "p1", "mean"], rows)


def memory(makers: Sequence[Callable[[], Side]], device: str, options: argparse.Namespace) -> tuple[list[Side], str]:
    """The sides, and what each took while it was loaded and embedded long texts."""
    texts, sides, rows = texts_of(SETS["long"], max(4, options.texts // SETS["long"])), [], []
    for make in makers:
        peak_mb(device)
        began = time.perf_counter()
        side = make()
        side.encode(texts[:1])
        loaded = time.perf_counter() - began
        side.encode(texts)
        rows.append([side.name, f"{loaded:.1f} s", f"{peak_mb(device):,.0f} MB"])
        sides.append(side)
    where = "most on the card" if device == "cuda" else "resident after it (all sides so far)"
    return sides, table(["", "load and first text", where], rows)


def together(first: Side, engine: str, model: str, work: Path, options: argparse.Namespace) -> str:
    """Many tasks at once: through the process that owns the card, and the usual way one after another."""
    tasks = [texts_of(1 + number % 3, options.task_texts) for number in range(options.tasks)]
    rows = []
    lock = threading.Lock()

    def alone(texts: list[str]) -> None:
        with lock:
            first.encode(texts)

    rows.append([f"{first.name}, one after another", *_at_once(alone, tasks)])
    with tempfile.TemporaryDirectory(prefix="reverie-gpu-") as folder:
        address = str(Path(folder) / "host")
        argv = [sys.executable, "-m", "reverie.embedding.host", address, "--embedder", engine]
        argv += ["--model", model, "--data-dir", str(work)]
        host = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            shared = HostedEmbedder(address)
            shared.embed(tasks[0])
            rows.append(["Reverie, one process for all", *_at_once(lambda texts: shared.embed(texts), tasks)])
            shared.close()
        finally:
            host.terminate()
            host.wait()
    return table([f"{options.tasks} tasks of {options.task_texts} texts at once", "texts/s", "p50", "p95"], rows)


def _at_once(work: Callable[[list[str]], Any], tasks: list[list[str]]) -> list[str]:
    took: list[float] = []
    began = time.perf_counter()

    def run(texts: list[str]) -> None:
        work(texts)
        took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=run, args=(texts,)) for texts in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if len(took) != len(tasks):
        raise RuntimeError("a task failed")
    texts = sum(map(len, tasks))
    return [
        f"{texts / max(took):,.0f}",
        f"{1000 * percentile(took, 50):.0f} ms",
        f"{1000 * percentile(took, 95):.0f} ms",
    ]


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="scripts/gpu-check", description=__doc__)
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, whatever is there")
    parser.add_argument("--model", default="all-MiniLM-L6-v2", help="name or folder")
    parser.add_argument("--texts", type=int, default=4000, help="short texts in each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tasks", type=int, default=32, help="tasks at once")
    parser.add_argument("--task-texts", type=int, default=100, help="texts of each of them")
    parser.add_argument("--data-dir", type=Path, help="where conversions are kept")
    options = parser.parse_args(argv)
    has_torch = importlib.util.find_spec("sentence_transformers") is not None
    if not options.dry_run and not has_torch:
        print("needs PyTorch: pip install 'reverie[worker,torch]', or --dry-run", file=sys.stderr)
        return 1
    device, card = "cpu", "no card: a dry run on the CPU"
    if has_torch:
        import torch

        if not options.dry_run and not torch.cuda.is_available():
            print("PyTorch sees no card; --dry-run does the same on the CPU", file=sys.stderr)
            return 1
        if not options.dry_run:
            device = "cuda"
            free, total = torch.cuda.mem_get_info()
            card = f"{torch.cuda.get_device_name()}, {free / 2**30:.0f} of {total / 2**30:.0f} GB free"
            card += f", CUDA {torch.version.cuda}"
        else:
            os.environ["CUDA_VISIBLE_DEVICES"] = ""
        card += f", torch {torch.__version__}"
    with tempfile.TemporaryDirectory() as own:
        work = options.data_dir or Path(own)
        engine = "sentence-transformers" if has_torch else "ctranslate2"
        makers: list[Callable[[], Side]]
        if has_torch:
            path = str(find_model(options.model, work).path)
            makers = [lambda: usual(path, device, half=False, batch=32)]
            if device == "cuda":  # a processor computes float16 at a snail's pace
                makers.append(lambda: usual(path, device, half=True, batch=256))
        else:
            makers = [lambda: ours(engine, options.model, work, "stand-in for SentenceTransformers")]
        makers.append(lambda: ours(engine, options.model, work, "Reverie" if has_torch else "stand-in for Reverie"))
        print(f"{machine()}; {card}; {options.model}\n", flush=True)
        sides, used = memory(makers, device, options)
        for part in (used, speeds(sides, options), cosines(sides, options)):
            print(f"{part}\n", flush=True)
        print(together(sides[0], engine, options.model, work, options))
        for side in sides:
            side.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
