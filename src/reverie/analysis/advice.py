"""What could be merged, archived or dropped, and why. A dry run: nothing is ever deleted here."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from reverie.analysis.importance import is_pinned
from reverie.analysis.junk import is_junk
from reverie.contracts import DuplicateGroup, ForgetAdvice, Importance, Memory

__all__ = ["advise"]

_OLD_HALF_LIVES = 2.0
_LOW_SHARE = 0.25
_MOST = 1000


def advise(
    memories: Sequence[Memory],
    importance: Sequence[Importance],
    duplicates: Sequence[DuplicateGroup],
    *,
    now: datetime,
    half_life_days: float,
) -> list[ForgetAdvice]:
    """Advice in the order merge, look, drop, archive; every memory is named at most once, pinned ones never go,
    lasting facts only into a copy.

    - merge: duplicates, into the one to keep (named first).
    - look: memories that may say the same, for a person to tell. Nothing goes.
    - drop: commands and stock phrases.
    - archive: not used, older than two half-lives, and in the lowest quarter by importance.
    """
    pinned = {m.id for m in memories if is_pinned(m)}
    safe = pinned | {i.memory_id for i in importance if i.core or i.kind}
    named: set[str] = set()
    out: list[ForgetAdvice] = []
    for group in duplicates:
        if group.kind not in ("exact", "normalized", "near") or group.keep is None:
            continue
        rest = [i for i in group.memory_ids if i != group.keep and i not in pinned]
        named.update(group.memory_ids)
        count = len(rest) + 1
        if not rest:
            continue
        out.append(
            ForgetAdvice(
                action="merge",
                memory_ids=[group.keep, *rest],
                reason=f"{count} memories say the same ({group.reason}); the first listed would stay",
            )
        )
    for group in duplicates:
        if group.kind == "similar":
            named.update(group.memory_ids)
            out.append(ForgetAdvice(action="look", memory_ids=group.memory_ids, reason=group.reason))
    junk = [m.id for m in memories if is_junk(m.text) and m.id not in safe | named]
    if junk:
        named.update(junk)
        out.append(ForgetAdvice(action="drop", memory_ids=junk, reason="commands and stock phrases tell nothing"))
    archive = _unused(memories, importance, safe | named, now=now, half_life_days=half_life_days)
    if archive:
        days = round(_OLD_HALF_LIVES * half_life_days)
        out.append(
            ForgetAdvice(
                action="archive",
                memory_ids=archive,
                reason=f"never used, older than {days} days, and among the quarter that matters least",
            )
        )
    return out


def _unused(
    memories: Sequence[Memory],
    importance: Sequence[Importance],
    safe: set[str],
    *,
    now: datetime,
    half_life_days: float,
) -> list[str]:
    by_id = {m.id: m for m in memories}
    lowest = importance[len(importance) - int(_LOW_SHARE * len(importance)) :]
    limit = _OLD_HALF_LIVES * half_life_days * 86_400
    out: list[str] = []
    for entry in reversed(lowest):
        memory = by_id[entry.memory_id]
        seen = [moment for moment in (memory.created_at, memory.last_accessed_at) if moment is not None]
        if entry.memory_id in safe or memory.access_count or not seen:
            continue
        if (now - max(seen)).total_seconds() > limit:
            out.append(entry.memory_id)
    return out[:_MOST]
