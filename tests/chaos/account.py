"""The account: what was accepted, what became of it, and how long recovery took."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.load import Load
from tests.chaos.memories import Keeper
from tests.chaos.upkeep import check_upkeep
from tests.chaos.world import World
from tests.invariants import INVARIANTS

__all__ = ["Account", "LoopLag"]


class LoopLag:
    """The gateways' own measure of how long their event loops were held up; kept across their deaths."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.blocked = self.lag = 0.0

    async def watch(self) -> None:
        """Look every second."""
        while True:
            for gateway in range(2):
                _, text = await self._load.fetch(gateway, "/metrics")
                for line in text.splitlines():
                    if line.startswith('reverie_loop_worst_seconds{cause="own code"}'):
                        self.blocked = max(self.blocked, float(line.split()[-1]))
                    elif line.startswith("reverie_loop_worst_seconds"):
                        self.lag = max(self.lag, float(line.split()[-1]))
            await asyncio.sleep(1.0)


@dataclass(slots=True)
class Account:
    """Everything the suite says in the end."""

    recovered: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    #: Faults whose consequence was not the expected one, in words.
    broken: list[str] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    async def close(self, world: World, load: Load, *, seconds: float = 180.0) -> None:
        """Wait until everything accepted has ended, then count."""
        accepted = sorted({task_id for wish in load.wishes for task_id in wish.ids})
        open_ = "SELECT count(*) AS n FROM tasks WHERE id = ANY(%s) AND finished_at IS NULL"
        end = time.monotonic() + seconds
        while (await world.ask(open_, accepted))[0]["n"] and time.monotonic() < end:
            await asyncio.sleep(0.2)
        rows = {row["id"]: row for row in await world.ask("SELECT * FROM tasks WHERE id = ANY(%s)", accepted)}
        states = Counter(
            "dead-lettered" if row["dead"] else row["status"] for row in rows.values() if row["finished_at"]
        )
        lost = [task_id for task_id in accepted if task_id not in rows or rows[task_id]["finished_at"] is None]
        twice = await self._seen_twice(world, load, rows)
        self.numbers = {
            "wishes": len(load.wishes),
            "requests": len(load.answers),
            "refused (503, 429)": load.refused[503] + load.refused[429],
            "broken connections": load.refused[0] + load.refused[500],
            "accepted": len(accepted),
            "completed": states["succeeded"],
            "failed": states["failed"],
            "cancelled": states["cancelled"],
            "dead-lettered": states["dead-lettered"],
            "visible twice": len(twice),
            "lost": len(lost),
        }
        self.broken += [f"lost: {task_id}" for task_id in lost[:20]]
        self.broken += twice[:20]
        unwished = [w.key for w in load.wishes if not w.ids and not w.cancelled]
        self.notes.append(f"wishes that were never accepted: {len(unwished)}")
        for rule, query in INVARIANTS.items():
            if found := await world.ask(query):
                self.broken.append(f"invariant broken - {rule}: {[next(iter(row.values())) for row in found[:5]]}")
        ended = Counter(world.ended) - Counter(world.caused)
        self.broken += [f"{name} ended by itself {n} times" for name, n in ended.items()]
        if ended:
            self.notes += world.said

    async def count_memories(self, world: World, people: Sequence[Keeper]) -> None:
        """Hold what is stored, and the views of it, against what was acknowledged."""
        found = [fault for keeper in people for fault in await keeper.check()]
        upkeep, wrong = await check_upkeep(world)
        self.numbers |= {
            "memory requests": sum(keeper.requests for keeper in people),
            "memories kept": sum(len(keeper.kept) for keeper in people),
            "memories deleted": sum(len(keeper.deleted) for keeper in people),
            "memories lost": sum(fault.startswith("lost") for fault in found),
            "memories back": sum(fault.startswith("resurrected") for fault in found),
            "memories twice": sum(fault.startswith("twice") for fault in found),
            "views read": sum(keeper.views for keeper in people),
            "views never current": sum(fault.startswith("never current") for fault in found),
            **upkeep,
        }
        self.broken += found[:20] + wrong[:20]

    async def _seen_twice(self, world: World, load: Load, rows: dict[str, Any]) -> list[str]:
        out = [f"{wish.key} got {len(wish.ids)} tasks: {sorted(wish.ids)}" for wish in load.wishes if len(wish.ids) > 1]
        succeeded = (
            "SELECT task_id FROM chaos_log WHERE status = 'succeeded' GROUP BY task_id HAVING count(*) > 1 "
            "UNION SELECT task_id FROM chaos_results GROUP BY task_id HAVING count(*) > 1"
        )
        out += [f"{row['task_id']} succeeded twice" for row in await world.ask(succeeded)]
        out += [f"{task_id} was told twice over one socket" for task_id in load.told_twice]
        tenants = {task_id: wish.tenant for wish in load.wishes for task_id in wish.ids}
        for task_id, row in rows.items():
            if row["status"] == "succeeded" and (task := await load.read(tenants[task_id], task_id)) is not None:
                load.saw(task_id, task["result"])
        out += [f"{task_id} showed {len(seen)} results" for task_id, seen in load.seen.items() if len(seen) > 1]
        return out

    def describe(self, world: World, load: Load, lag: LoopLag, seed: int, seconds: float) -> str:
        """The account as text."""
        lines = [f"seed {seed}, {seconds:.0f} s of load and faults", ""]
        lines += [f"{name:<22}{n:>8}" for name, n in self.numbers.items()]
        lines += ["", f"{'recovery, seconds':<26}{'n':>4}{'p50':>8}{'max':>8}"]
        for name, values in sorted(self.recovered.items()):
            lines.append(f"{name:<26}{len(values):>4}{statistics.median(values):>8.2f}{max(values):>8.2f}")
        answered = [a for a in load.answers if a.status]
        took = sorted(a.seconds for a in answered) or [0.0]
        slow = Counter(a.during for a in answered if a.seconds > 1.0)
        silent = sum(1 for a in answered if a.status in (429, 503) and not a.retry_after)
        lines += [
            "",
            f"answers to submissions: p50 {took[len(took) // 2] * 1000:.0f} ms, "
            f"p99 {took[int(len(took) * 0.99)] * 1000:.0f} ms, max {took[-1] * 1000:.0f} ms; "
            f"over 1 s: {sum(slow.values())} of {len(took)} {dict(slow) or ''}; refusals without Retry-After: {silent}",
            f"event loop of the gateways held up by own code: at most {lag.blocked * 1000:.1f} ms "
            f"(with waiting for a core: {lag.lag * 1000:.0f} ms)",
            f"sockets opened {load.sockets_opened}, ends told twice over one socket {len(load.told_twice)}",
            f"processes killed by faults {len(world.caused)}, ended by themselves "
            f"{sum((Counter(world.ended) - Counter(world.caused)).values())}",
        ]
        lines += self.notes
        lines += [f"LEFT OUT - {note}" for note in world.left_out]
        lines += [f"BROKEN - {fault}" for fault in self.broken]
        lines.append("the account balances" if not self.broken else "THE ACCOUNT DOES NOT BALANCE")
        return "\n".join(lines)
