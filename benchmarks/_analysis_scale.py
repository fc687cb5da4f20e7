"""One measurement in a process of its own, so that its peak memory is its own. Prints one line of JSON."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import networkx as nx

from benchmarks._analysis_people import START, invented
from reverie.analysis import analyze, recall, to_networkx
from reverie.contracts import GraphResult, RecallOptions

NOW: datetime = START + timedelta(days=740)


def _peak() -> float:
    """MiB."""
    if sys.platform == "linux":
        # Not getrusage's: a child inherits that from the process that started it.
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _timed(work: Callable[[], Any], rounds: int) -> tuple[list[float], list[float], Any]:
    """Seconds by the clock, seconds of the processor, and the last answer."""
    seconds, busy, found = [], [], None
    for _ in range(rounds):
        began, before = time.perf_counter(), time.process_time()
        found = work()
        seconds.append(time.perf_counter() - began)
        busy.append(time.process_time() - before)
    return seconds, busy, found


def ours(n: int, kept: str) -> dict[str, Any]:
    """The whole analysis of ``n`` memories from cached vectors, all sections; its graph goes to the file ``kept``."""
    memories, vectors = invented(n)
    analyze(memories[:60], vectors[:60], now=NOW)  # libraries are loaded, as in a worker that has run before
    rounds = 15 if n <= 1000 else 5 if n <= 10_000 else 1
    seconds, busy, found = _timed(lambda: analyze(memories, vectors, now=NOW), rounds)
    stages = {name.removesuffix("_seconds"): value for name, value in found.stats.items() if name.endswith("_seconds")}
    peak = _peak()
    Path(kept).write_text(found.graph.model_dump_json(), encoding="utf-8")
    return {"seconds": seconds, "busy": busy, "stages": stages, "peak": peak, "edges": found.graph.metrics["edges"]}


def theirs(_: int, kept: str, name: str) -> dict[str, Any]:
    """One of networkx's own functions on the same graph, as exported (at most 50,000 edges)."""
    graph = to_networkx(GraphResult.model_validate_json(Path(kept).read_text(encoding="utf-8")))
    work: dict[str, Callable[[], Any]] = {
        "pagerank": lambda: nx.pagerank(graph),
        "louvain": lambda: nx.community.louvain_communities(graph, seed=0),
        "betweenness": lambda: nx.betweenness_centrality(graph, weight=None),
        "components": lambda: list(nx.connected_components(graph)),
    }
    print("ready", flush=True)  # the limit of time is the function's alone
    seconds, busy, _ = _timed(work[name], 1)
    return {"seconds": seconds, "busy": busy, "peak": _peak()}


def ask(n: int) -> dict[str, Any]:
    """``recall`` over ``n`` memories from cached vectors, as the fast lane's worker calls it."""
    memories, vectors = invented(n)
    query = vectors[17] + 0.5 * vectors[99]
    out: dict[str, Any] = {}
    for name, options in (("plain", RecallOptions()), ("diverse", RecallOptions(diversity=0.5))):
        seconds, *_ = _timed(lambda o=options: recall(memories[17].text, query, memories, vectors, o, now=NOW), 40)
        out[name] = seconds[5:]
    return out


if __name__ == "__main__":
    what, size, *rest = sys.argv[1:]
    print(json.dumps({"ours": ours, "theirs": theirs, "ask": ask}[what](int(size), *rest)))
