"""The memory analysis: what it finds and what it must not, how good its ranking is, what it costs.

Parts: patterns, bound, near, importance, recall, elsewhere, repeats, scale (all by default). Sets that are not in
this repository are left out with a line that says so. Nothing is trained or tuned here; vectors are the bundled
model's.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import _analysis_public as public
from benchmarks._analysis_bound import bound
from benchmarks._analysis_people import PLANTED, demo_texts, moments, with_dates
from benchmarks._report import machine, percentile, table
from reverie.analysis import analyze
from reverie.contracts import AnalyzeOptions
from reverie.embedding import HashEmbedder, Vectors

ROOT = Path(__file__).resolve().parent.parent
TARGETS = {1_000: "0.3 s", 10_000: "4 s", 100_000: "120 s, 3 GB"}
KIND = {
    "weekday": "weekly_rhythm",
    "weekday60": "weekly_rhythm",
    "hour": "daily_rhythm",
    "burst": "burst",
    "shift": "rate_change",
}


def patterns(users: int, planted: int, counts: Sequence[int]) -> None:
    """Power and false discoveries, through ``analyze`` itself: themes and all tests are in the report."""
    rows = []
    with ProcessPoolExecutor(2) as workers:
        for kind, count in [("random", 50), *((k, n) for k in KIND for n in counts)]:
            total = users if kind == "random" else planted
            found = list(workers.map(_one_user, [(kind, count, user) for user in range(total)], chunksize=10))
            kinds = Counter(k for reported, _ in found for k in reported)
            right = sum(KIND.get(kind) in reported for reported, _ in found)
            alone = sum(p.get(KIND.get(kind, ""), 1.0) <= 0.05 for _, p in found)
            wrong = [sum(k != KIND.get(kind) for k in reported) / max(1, len(reported)) for reported, _ in found]
            share = [f"{x / total:.3f}" if kind in KIND else "-" for x in (alone, right)]
            any_of = sum(bool(reported) for reported, _ in found) / total
            rows.append([PLANTED[kind], count, total, *share, f"{np.mean(wrong):.3f}", f"{any_of:.3f}"])
            print(f"  {kind} {count}: {dict(kinds)}", file=sys.stderr, flush=True)
    print("\n## Patterns: planted in 120 days, and random dates\n")
    heads = ["planted", "N", "users", "its test alone, 5%", "power in the report", "false discoveries", "any pattern"]
    print(table(heads, rows))


def _one_user(drawn: tuple[str, int, int]) -> tuple[list[str], dict[str, float]]:
    """Kinds of the reported patterns, and the least p-value of each kind of test."""
    kind, count, user = drawn
    texts, vectors = _demo()
    rng = np.random.default_rng([2026, count, user, sum(map(ord, kind))])
    days = moments(kind, count, rng)
    chosen = rng.choice(len(texts), len(days))
    memories = with_dates(days, [texts[i] for i in chosen])
    now = memories[-1].created_at or _never()
    result = analyze(memories, vectors[chosen], AnalyzeOptions(sections=["patterns"]), now=now)
    return [p.kind for p in result.patterns], result.stats.get("p_values", {})


@lru_cache(maxsize=1)
def _demo() -> tuple[list[str], Vectors]:
    texts = demo_texts()
    return texts, HashEmbedder(128).embed(texts).vectors


def best_possible(counts: Sequence[int]) -> None:
    """What no report could surpass."""
    rows = [[PLANTED[kind], n, f"{alone:.3f}", f"{shared:.3f}"] for n in counts for kind, alone, shared in bound(n)]
    print("\n## The most powerful tests, told everything but the place\n")
    print(table(["planted", "N", "alone, 5% false alarms", "four tests that share 5%"], rows))


def _never() -> Any:
    raise AssertionError("invented memories have dates")


def near(_: Path) -> None:
    """Near-duplicates on constructed pairs."""
    print("\n## Near-duplicates: constructed pairs, half of them the same claim\n")
    print(table(["pairs: method", "precision", "recall"], public.near_duplicates()))


def importance(folder: Path) -> None:
    """LoCoMo: is what scores high what people later ask about?"""
    if public.have(folder, "locomo"):
        print("\n## Importance: AUC of “asked about later” on LoCoMo observations, per conversation\n")
        print(table(["", "mean", "least", "most"], public.importance(folder)))


def recall(folder: Path) -> None:
    """LoCoMo: is the evidence among the first?"""
    if public.have(folder, "locomo"):
        rows, questions = public.recalls(folder)
        print(f"\n## Recall of the evidence on LoCoMo observations, {questions} questions\n")
        print(table(["", "@5", "@10", "@25"], rows))


def elsewhere(folder: Path) -> None:
    """Where no choice was made."""
    if rows := public.elsewhere(folder):
        print("\n## The same score and recall on sets that nothing was chosen with\n")
        print(table(["", "ours", "chance, or plain cosine"], rows))


def repeats(folder: Path) -> None:
    """Personas of Multi-Session Chat: are all exact repeats found?"""
    if public.have(folder, "msc_personas"):
        print("\n## Repeats among the first 12,000 personas of Multi-Session Chat\n")
        print(table(["groups", "there", "found whole"], public.repeats(folder)))


def scale(largest: int, limit: float) -> None:
    """Time and memory from cached vectors, beside networkx's own functions on the same graph."""
    rows = []
    folder = Path(tempfile.mkdtemp())
    for n in (1_000, 10_000, 100_000):
        if n > largest:
            continue
        graph = str(folder / f"{n}.json")
        found = _child(["ours", str(n), graph], 3600.0)
        stages = ", ".join(f"{k} {v:.2f}" for k, v in found["stages"].items() if k != "analysis")
        print(f"  {n:,} by section, seconds: {stages}", file=sys.stderr, flush=True)
        rows.append([f"**analyze, all sections, {n:,}**", *_times(found), f"{found['peak']:,.0f} MiB", TARGETS[n]])
        for name in ("components", "pagerank", "louvain", "betweenness"):
            theirs = _child(["theirs", str(n), graph, name], limit)
            size = f"{min(found['edges'], 50_000):,} edges"
            rows.append([f"networkx {name}, {n:,}", *_times(theirs), _peak(theirs), size])
    print(f"\n## Time and memory of a process, from cached vectors; networkx was stopped at {limit:.0f} s\n")
    print(table(["", "median", "least", "CPU, least", "peak memory", "target or size"], rows))
    shutil.rmtree(folder)
    asked = _child(["ask", "5000"], 600.0)
    rows = [
        [name, f"{1e3 * percentile(s, 50):.1f} ms", f"{1e3 * percentile(s, 95):.1f} ms"] for name, s in asked.items()
    ]
    print("\n## recall over 5,000 memories from cached vectors (target: 30 ms)\n")
    print(table(["", "median", "95th %"], rows))


def _child(arguments: list[str], limit: float) -> dict[str, Any]:
    """Run ``_analysis_scale``; the limit counts from "ready" on."""
    environment = {**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}
    command = [sys.executable, "-m", "benchmarks._analysis_scale", *arguments]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        if arguments[0] == "theirs":
            child.stdout.readline()
        try:
            out, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            child.kill()
            return {"seconds": [], "limit": limit}
    if child.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    found: dict[str, Any] = json.loads(out.splitlines()[-1])
    return found


def _times(found: dict[str, Any]) -> list[str]:
    """Median and least by the clock, least of the processor; on a shared machine they lie far apart."""
    if not found["seconds"]:
        return [f"> {found['limit']:.0f} s", "", ""]
    values = [percentile(found["seconds"], 50), min(found["seconds"]), min(found["busy"])]
    return [f"{v:.2f} s" if v >= 0.01 else f"{1e3 * v:.1f} ms" for v in values]


def _peak(found: dict[str, Any]) -> str:
    return f"{found['peak']:,.0f} MiB" if "peak" in found else "-"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = ("patterns", "bound", "near", "importance", "recall", "elsewhere", "repeats", "scale")
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(names)}; all when none is given")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder of public sets")
    parser.add_argument("--users", type=int, default=1000, help="users of random dates")
    parser.add_argument("--planted", type=int, default=300, help="users for each planted pattern")
    parser.add_argument("--counts", type=int, nargs="+", default=[50, 80], help="dates of a user")
    parser.add_argument("--largest", type=int, default=100_000, help="most memories of the part scale")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds after which a networkx function is stopped")
    arguments = parser.parse_args()
    if unknown := sorted(set(arguments.parts) - set(names)):
        parser.error(f"no part {unknown[0]!r}; parts are {', '.join(names)}")
    run: dict[str, Callable[[], None]] = {
        "patterns": lambda: patterns(arguments.users, arguments.planted, arguments.counts),
        "bound": lambda: best_possible(arguments.counts),
        "near": lambda: near(arguments.data),
        "importance": lambda: importance(arguments.data),
        "recall": lambda: recall(arguments.data),
        "elsewhere": lambda: elsewhere(arguments.data),
        "repeats": lambda: repeats(arguments.data),
        "scale": lambda: scale(arguments.largest, arguments.limit),
    }
    print(machine())
    for name in arguments.parts or names:
        run[name]()
        sys.stdout.flush()


if __name__ == "__main__":
    main()
