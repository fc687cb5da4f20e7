"""Memories that say the same, and memories that say nothing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.budget import TimeBudget
from reverie.analysis.contradictions import SUBJECT, find_contradictions
from reverie.analysis.importance import is_pinned
from reverie.analysis.junk import is_junk
from reverie.analysis.known_texts import KnownTexts, read_once
from reverie.analysis.sameness import Verdict, case_agrees, compare
from reverie.analysis.texts import normalized
from reverie.analysis.unlike import TokenBits
from reverie.analysis.wording import Reading, read
from reverie.clustering.nearest import Neighbours, neighbours
from reverie.contracts import DuplicateGroup, Memory
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["find_duplicates", "says_the_same"]

_CLOSE = Cosine(0.72)
"""Cosine from which two texts are compared token by token."""

_TEMPLATE = 3
"""So many memories that differ in their numbers, links and mentions alone are a template."""
_LONGEST_TEMPLATE = 2000
"""Characters up to which a text may be one of a template."""
_EVERY = 512
_MOST_LOOKS = 200
"""Pairs that a person is asked to look at."""
_MOST_MEMBERS = 64
"""Wordings in one group: each is compared with all others."""

Index = NDArray[np.int64]

_VARIABLE = re.compile(r"https?://\S+|<[@#:][^<>\s]{0,80}>|@\w+|\d+(?:[.,:/\-]\d+)*")


def find_duplicates(
    memories: Sequence[Memory],
    near: Neighbours,
    *,
    budget: TimeBudget,
    vectors: Vectors,
    scale: Scale = REFERENCE,
    known: KnownTexts | None = None,
) -> list[DuplicateGroup]:
    """Groups of two and more memories: exact, normalised, near, similar, boilerplate; last, pairs that may contradict.

    Normalised: the same tokens, as ``wording`` reads them. Near: cosine at least .72, and every token that differs is
    explained as a harmless way of writing, between any two of the group (``sameness``). Similar: near, and what differs
    may be harmless; a person should look. A memory is in one group at most, contradictions apart. ``known``: what was
    read before.
    """
    readings = _read(memories, known, budget)
    junk = [i for i, reading in enumerate(readings) if reading is None]
    taken = set(junk)
    wordings = _wordings(memories, readings)
    leads = np.full(len(memories), -1, dtype=np.int64)
    for members in wordings:
        leads[members] = members[0]
    followers = {members[0]: members for members in wordings if len(members) > 1}
    if any(len(members) > near[0].shape[1] > 0 for members in followers.values()):
        near = _among(np.unique(leads[leads >= 0]), near, vectors, budget, scale)
    del wordings
    merged, alike = _near_groups(readings, leads, near, budget)
    said_again = {first for members, _ in merged for first in members}
    merged += [([first], 1.0) for first in followers if first not in said_again]
    merged.sort(key=lambda group: group[0][0])
    groups: list[DuplicateGroup] = []
    for members, similarity in merged:
        everyone = sorted(i for first in members for i in followers.get(first, (first,)))
        taken.update(everyone)
        if len({memories[i].text for i in everyone}) == 1:
            kind = "exact"
        elif (
            len(members) == 1
            and all(reading.whole for i in everyone if (reading := readings[i]))
            and len({normalized(memories[i].text) for i in everyone}) == 1
        ):
            kind = "normalized"
        else:  # short forms and the like are written with other letters
            kind = "near"
        groups.append(_group(memories, everyone, kind, similarity))
    groups += _templates(memories, taken)
    for pair, similarity in alike:
        if not taken.intersection(pair):
            taken.update(pair)
            groups.append(_similar(memories, pair, similarity))
    if len(junk) > 1:
        groups.append(
            DuplicateGroup(
                memory_ids=[memories[i].id for i in junk],
                similarity=0.0,
                kind="boilerplate",
                keep=None,
                reason="commands and stock phrases that tell nothing about the user",
            )
        )
    order = {"exact": 0, "normalized": 1, "near": 2, "similar": 3, "boilerplate": 4}
    groups.sort(key=lambda g: (order[g.kind], -len(g.memory_ids)))
    return groups + find_contradictions(memories, near, {i for g in merged for i in g[0][1:]}, budget=budget)


def says_the_same(first: str, second: str, cosine: float) -> bool:
    """Whether nothing but harmless ways of writing sets two texts apart, and the cosine of their vectors agrees.

    ``cosine``: on the reference's scale.
    """
    return cosine >= _CLOSE and compare(read(first), read(second)) is Verdict.SAME


def _read(memories: Sequence[Memory], known: KnownTexts | None, budget: TimeBudget) -> list[Reading | None]:
    """The tokens of each memory, None for those that say nothing."""
    out: list[Reading | None] = []
    for i, memory in enumerate(memories):
        if i % _EVERY == 0:
            budget.check()
        out.append(None if is_junk(memory.text) else read_once(known, "wording", memory.text, read))
    return out


def _wordings(memories: Sequence[Memory], readings: Sequence[Reading | None]) -> list[list[int]]:
    """The memories of each wording: the same tokens, and capitals that tell nothing apart."""
    by_key: dict[str, list[int]] = defaultdict(list)
    for i, reading in enumerate(readings):
        if reading is not None:
            # Without tokens, and beyond what is read, a text is its characters.
            own = reading.key if reading.whole else ""
            by_key[own or f"\0{' '.join(memories[i].text.split())}"].append(i)
    out: list[list[int]] = []
    for members in by_key.values():
        if len(members) == 1:
            out.append(members)
            continue
        own_readings = {i: reading for i in members if (reading := readings[i]) is not None}
        parts: list[list[int]] = []
        plain = [i for i in members if own_readings[i].plain_case]
        for i in members:
            if own_readings[i].plain_case:
                continue
            for part in parts:
                if all(case_agrees(own_readings[i], own_readings[other]) for other in part[:_MOST_MEMBERS]):
                    part.append(i)
                    break
            else:
                parts.append([i])
        # Of "Polish" and "polish", a text in small letters alone may be either.
        if len(parts) == 1:
            parts[0] = sorted(parts[0] + plain)
        elif plain:
            parts.append(plain)
        out += parts
    return out


class _Used:
    """Words that more than one wording has; counted when the first is asked for."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = readings
        self._count: Counter[str] | None = None

    def __contains__(self, word: object) -> bool:
        if self._count is None:
            self._count = Counter(key for reading in self._readings for key in set(reading.keys))
        return self._count[str(word)] > 1


def _among(chosen: Index, near: Neighbours, vectors: Vectors, budget: TimeBudget, scale: Scale) -> Neighbours:
    """Neighbours among the ``chosen`` memories alone: where a text has many copies, these are all that a copy sees."""
    among = np.zeros(len(vectors), dtype=bool)
    among[chosen] = True
    counts = among[near[0]] & among[:, None]
    index = np.where(counts, near[0], np.arange(len(vectors))[:, None])
    value = np.where(counts, near[1], np.float32(0.0))
    # Only who lost neighbours can have others, and only beyond the last of the list: mostly too far to matter.
    again = np.flatnonzero(~counts[chosen].all(axis=1) & (near[1][chosen, -1] >= min(_CLOSE, SUBJECT)))
    if len(again):
        found, cosines = neighbours(vectors[chosen], index.shape[1], budget.pulse, rows=again)
        index[chosen[again], : found.shape[1]] = chosen[found]
        value[chosen[again], : found.shape[1]] = scale.read(cosines)
    return index, value


def _near_groups(
    readings: Sequence[Reading | None], leads: Index, near: Neighbours, budget: TimeBudget
) -> tuple[list[tuple[list[int], float]], list[tuple[tuple[int, int], float]]]:
    """Groups of two and more leaders (one for each wording) that say the same, with the least similarity inside; pairs
    that may. ``leads``: (n,) the leader of each memory, -1 for none.

    All of a group say the same as all others of it: small steps must not join far ends.
    """
    pairs, cosines = _pairs(leads, near)
    left = TokenBits(readings, budget).may_agree(pairs[:, 0], pairs[:, 1], budget)
    pairs, cosines = pairs[left], cosines[left]
    asked = np.unique(pairs).tolist()
    own = {i: reading for i in asked if (reading := readings[i]) is not None}
    group_of: dict[int, list[int]] = {i: [i] for i in asked}
    likeness: dict[int, float] = dict.fromkeys(group_of, 1.0)
    used = _Used(reading for i in np.unique(leads[leads >= 0]).tolist() if (reading := readings[i]) is not None)
    alike: list[tuple[tuple[int, int], float]] = []
    for done, ((a, b), cosine) in enumerate(zip(pairs.tolist(), cosines.tolist(), strict=True)):
        if done % _EVERY == 0:
            budget.progress("duplicates", done, len(pairs))
        one, two = group_of[a], group_of[b]
        if one is two:
            continue
        verdict = compare(own[a], own[b], used)
        if verdict is Verdict.ALIKE and len(alike) < _MOST_LOOKS:
            alike.append(((a, b), round(min(1.0, cosine), 4)))
        if verdict is not Verdict.SAME or len(one) + len(two) > _MOST_MEMBERS:
            continue
        rest = ((x, y) for x in one for y in two if (x, y) not in ((a, b), (b, a)))
        if any(compare(own[x], own[y], used) is not Verdict.SAME for x, y in rest):
            continue
        least = min(likeness[one[0]], likeness[two[0]], cosine)
        joined = sorted(one + two)
        for member in joined:
            group_of[member] = joined
        likeness[joined[0]] = least
    firsts = sorted({members[0] for members in group_of.values() if len(members) > 1})
    return [(group_of[first], round(min(1.0, likeness[first]), 4)) for first in firsts], alike


def _pairs(leads: Index, near: Neighbours) -> tuple[Index, NDArray[np.float64]]:
    """(m, 2) near leaders of two wordings, and the largest cosine of their memories; the nearest pair first."""
    # Of a million memories there are some ten million pairs: nothing of them is kept longer than it is needed.
    close = near[1] >= _CLOSE
    one = np.repeat(leads, close.sum(axis=1)).astype(np.int32)
    two, cosine = leads[near[0][close]].astype(np.int32), near[1][close]
    apart = (one >= 0) & (two >= 0) & (one != two)
    low, high, cosine = np.minimum(one, two)[apart], np.maximum(one, two)[apart], cosine[apart]
    del close, one, two, apart
    order = np.lexsort((-cosine, high, low))
    low, high, cosine = low[order], high[order], cosine[order]
    first = np.append(True, (np.diff(low) != 0) | (np.diff(high) != 0))[: len(low)]
    low, high, cosines = low[first], high[first], cosine[first].astype(np.float64)
    order = np.lexsort((high, low, -np.round(cosines, 5)))
    return np.stack([low, high], axis=1)[order].astype(np.int64), cosines[order]


def _templates(memories: Sequence[Memory], taken: set[int]) -> list[DuplicateGroup]:
    """Sentences that differ in numbers, links and mentions alone. Each may tell something, so none is to be kept."""
    by_shape: dict[str, list[int]] = defaultdict(list)
    for i, memory in enumerate(memories):
        if i in taken or len(memory.text) > _LONGEST_TEMPLATE:
            continue
        shape, changes = _VARIABLE.subn("0", memory.text.casefold())
        if changes and len(shape.split()) >= 3:
            by_shape[shape].append(i)
    out = []
    for members in by_shape.values():
        if len(members) >= _TEMPLATE:
            taken.update(members)
            out.append(
                DuplicateGroup(
                    memory_ids=[memories[i].id for i in members],
                    similarity=0.0,
                    kind="boilerplate",
                    keep=None,
                    reason="one sentence with other numbers, links or mentions",
                )
            )
    return out


def _similar(memories: Sequence[Memory], pair: tuple[int, int], similarity: float) -> DuplicateGroup:
    return DuplicateGroup(
        memory_ids=[memories[i].id for i in pair],
        similarity=similarity,
        kind="similar",
        keep=None,
        reason="nearly the same words; whether they say the same is for a person to tell",
    )


_WHY = {
    "exact": "the same text",
    "normalized": "the same words; case, punctuation or space differ",
    "near": "the same claim in nearly the same words",
}


def _group(memories: Sequence[Memory], members: list[int], kind: str, similarity: float) -> DuplicateGroup:
    def worth(i: int) -> tuple[bool, int, int, float]:
        m = memories[i]
        when = m.created_at.timestamp() if m.created_at else 0.0
        # Of equal texts the first stays; of like ones the fuller, then the newer.
        detail = len(m.text) if kind == "near" else 0
        return is_pinned(m), m.access_count, detail, -when if kind in ("exact", "normalized") else when

    best = max(members, key=worth)
    rest = [worth(i) for i in members if i != best]
    mine = worth(best)
    if mine[0] and not any(r[0] for r in rest):
        chosen = "keep the pinned one"
    elif all(mine[1] > r[1] for r in rest):
        chosen = f"keep the one used most ({mine[1]} times)" if mine[1] != 1 else "keep the one that was used"
    elif kind == "near" and all(mine[2] > r[2] for r in rest):
        chosen = "keep the fullest"
    elif kind in ("exact", "normalized"):
        chosen = "keep the first"
    else:
        chosen = "keep the newest"
    return DuplicateGroup.model_validate(
        {
            "memory_ids": [memories[i].id for i in members],
            "similarity": similarity,
            "kind": kind,
            "keep": memories[best].id,
            "reason": f"{_WHY[kind]}; {chosen}",
        }
    )
