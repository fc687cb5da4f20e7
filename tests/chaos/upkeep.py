"""What upkeep may do: make views of growing versions, no more of them than there were bursts of changes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from tests.chaos.world import MAX_WAIT, QUIET, World

__all__ = ["bursts", "check_upkeep"]

_SLACK = 0.5
"""Seconds that are not held against the planner: a change is dated before others can see it."""

_BACK = """SELECT person, kind, before, version FROM (
    SELECT *, lag(version) OVER (PARTITION BY person, kind ORDER BY n) AS before FROM chaos_views) AS v
WHERE version <= before"""
_AHEAD = "SELECT person, kind, version, known FROM chaos_views WHERE version > known"
_HALF = "SELECT task_id FROM chaos_views GROUP BY task_id HAVING count(*) <> 2 OR min(version) <> max(version)"
# By hand: those that a fault asked for.
_PLANNED = """SELECT p.id AS person, p.user_id
FROM tasks t JOIN people p ON p.tenant = t.tenant AND p.user_id = t.user_id
WHERE t.operation = 'upkeep' AND coalesce(p.upkeep, 'auto') = 'auto'"""
_CHANGES = """SELECT c.person, extract(epoch FROM c.at)::float8 AS at
FROM chaos_changes c JOIN people p ON p.id = c.person
WHERE coalesce(p.upkeep, 'auto') = 'auto' ORDER BY c.at"""


def bursts(times: Sequence[float], quiet: float, max_wait: float) -> int:
    """Most upkeeps that changes at these moments (seconds, ascending) may lead to.

    Changes nearer than ``quiet`` are one burst, which is looked at too whenever its oldest change is ``max_wait`` old.
    """
    count, first = 0, None
    for before, at in zip((None, *times), times, strict=False):
        if before is None or first is None or at - before >= quiet:
            count, first = count + 1, at
        elif at - first >= max_wait:
            count, first = count + 1, first + max_wait
    return count


async def check_upkeep(world: World) -> tuple[dict[str, int], list[str]]:
    """``(counts, what is wrong in words)``, by what the database itself wrote down."""
    wrong = [f"a view went back: {row}" for row in await world.ask(_BACK)]
    wrong += [f"a view is newer than the memories: {row}" for row in await world.ask(_AHEAD)]
    wrong += [f"one upkeep, views of two versions: {row['task_id']}" for row in await world.ask(_HALF)]
    times: defaultdict[int, list[float]] = defaultdict(list)
    for row in await world.ask(_CHANGES):
        times[row["person"]].append(row["at"])
    planned: Counter[int] = Counter()
    names = {}
    for row in await world.ask(_PLANNED):
        planned[row["person"]] += 1
        names[row["person"]] = row["user_id"]
    allowed = {person: bursts(at, QUIET - _SLACK, MAX_WAIT - _SLACK) for person, at in times.items()}
    for person, made in planned.items():
        if made > allowed.get(person, 0):
            wrong.append(f"{names[person]}: {made} upkeeps for {allowed.get(person, 0)} bursts of changes")
    views = await world.ask("SELECT count(DISTINCT task_id) AS n FROM chaos_views")
    numbers = {
        "bursts of changes": sum(allowed.values()),
        "upkeeps planned": sum(planned.values()),
        "views made": int(views[0]["n"]),
    }
    return numbers, wrong
