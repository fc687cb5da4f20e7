"""What an upkeep costs: 5,000 memories cold, then again with 20 new ones. CPU time of the worker, real model.

python -m benchmarks._upkeep
"""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from tests.gateway.keeping import keep
from tests.live import LiveService

from reverie.demo import PEOPLE, load
from reverie.embedded import start_servers
from reverie.store import migrate

MEMORIES, NEW = 5_000, 20


def memories(count: int) -> list[dict[str, Any]]:
    """Texts of the demo's people, parts of two joined, no two alike; dated over two years."""
    rng = random.Random(7)
    texts = [memory.text for person in PEOPLE for memory in load(person.id)]
    start, seen, out = datetime(2024, 6, 1, tzinfo=UTC), set(), []
    while len(out) < count:
        one, two = rng.sample(texts, 2)
        text = f"{one.rstrip('.')}, {two[: len(two) // 2]} {rng.randrange(10_000)}"
        if text not in seen:
            seen.add(text)
            at = start + timedelta(hours=rng.random() * 17_000)
            out.append({"id": f"m{len(out)}", "text": text, "created_at": at})
    return out


def main() -> None:
    all_of_them = memories(MEMORIES + NEW)
    folder = Path(tempfile.mkdtemp(prefix="reverie-bench-"))
    try:
        with start_servers(folder) as servers:
            with psycopg.connect(servers.database_url, autocommit=True) as connection:
                connection.execute("CREATE DATABASE bench")
            url = servers.database_url.replace("/postgres?", "/bench?")
            migrate(url)
            environment = {"REVERIE_UPKEEP": "manual", "REVERIE_EMBEDDER": "auto"}
            workers = {"worker": ("fast,clustering,analysis,upkeep", 1)}
            with (
                LiveService(url, servers.redis_url, environment=environment, workers=workers) as live,
                live.client() as c,
            ):
                spent = []
                for part in (all_of_them[:MEMORIES], all_of_them[MEMORIES:], [], []):
                    if part:
                        keep(url, "bench", part)
                    task = c.post("/users/bench/upkeep").json()["id"]
                    while (done := c.get(f"/tasks/{task}").json())["status"] in ("queued", "running"):
                        time.sleep(0.1)
                    assert done["status"] == "succeeded", done["error"]
                    spent.append(done["cost"]["compute_ms"] / 1000)
                    print(
                        f"{done['result']['memories']:,} memories, {len(part):,} of them new: {spent[-1]:.2f} s CPU,"
                        f" {done['result']['themes']} themes",
                        flush=True,
                    )
                print(f"20 new ones cost {spent[1] / spent[0]:.1%} of the cold run")
                for kind in ("themes", "insights"):
                    for _ in range(2):
                        began = time.perf_counter()
                        answer = c.get(f"/users/bench/{kind}")
                        took = time.perf_counter() - began
                        print(f"GET {kind}: {len(answer.content):,} bytes, {1000 * took:.1f} ms")
                for question in ("who climbs on Sundays?", "who climbs at the hall?", "what does she read?"):
                    began = time.perf_counter()
                    answer = c.post("/users/bench/recall", json={"query": question}, headers={"Prefer": "wait=30"})
                    assert answer.status_code == 200, answer.text
                    took = time.perf_counter() - began
                    task = c.get("/tasks?user_id=bench&operation=recall&limit=1").json()["tasks"][0]
                    cost = task["cost"]["compute_ms"]
                    print(f"recall: {1000 * took:.1f} ms, {cost:.1f} ms CPU")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
