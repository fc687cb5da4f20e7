"""Memories that say the same, and memories that say nothing."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from reverie.analysis.budget import Budget
from reverie.analysis.contradictions import SUBJECT, find_contradictions
from reverie.analysis.importance import is_pinned
from reverie.analysis.junk import is_junk
from reverie.analysis.texts import NEGATIONS, STOPWORDS, normalized, words
from reverie.clustering.nearest import Neighbours, neighbours
from reverie.contracts import DuplicateGroup, Memory
from reverie.embedding.base import Vectors
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["find_duplicates", "says_the_same"]

_CLOSE = Cosine(0.72)
"""Cosine from which the words of two texts are compared."""
_EDIT = 0.75
_SPELLING = 0.72
_TEMPLATE = 3
"""So many memories that differ in their numbers, links and mentions alone are a template."""
_EVERY = 512

_VARIABLE = re.compile(r"https?://\S+|<[@#:][^>]*>|@\w+|\d+(?:[.,:/\-]\d+)*")


def find_duplicates(
    memories: Sequence[Memory], near: Neighbours, *, budget: Budget, vectors: Vectors, scale: Scale = REFERENCE
) -> list[DuplicateGroup]:
    """Groups of two and more memories: exact, normalised, near, boilerplate; last, pairs that may contradict.

    Near: cosine at least .72 and verified on the words: edit similarity at least .75 (Levenshtein 1966), no other
    number, negation, direction or person, every changed content word a spelling of its counterpart. Cosine alone calls
    "I love cats" and "I love dogs" the same. A memory is in one group at most, contradictions apart.
    """
    keys = [normalized(m.text) for m in memories]
    junk = [i for i, (m, key) in enumerate(zip(memories, keys, strict=True)) if is_junk(m.text, key)]
    taken = set(junk)
    by_key: dict[str, list[int]] = defaultdict(list)
    for i, key in enumerate(keys):
        if i not in taken:
            by_key[key].append(i)
    budget.check()
    leader = {i: members[0] for members in by_key.values() for i in members}
    if any(len(members) > near[0].shape[1] > 0 for members in by_key.values()):
        near = _among(sorted(set(leader.values())), near, vectors, budget, scale)
    merged = _near_groups(memories, keys, leader, near, budget)
    groups: list[DuplicateGroup] = []
    for members, similarity in merged:
        everyone = sorted(i for first in members for i in by_key[keys[first]])
        if len(everyone) < 2:
            continue
        taken.update(everyone)
        kind = "near" if len(members) > 1 else "normalized"
        if len({memories[i].text for i in everyone}) == 1:
            kind = "exact"
        groups.append(_group(memories, everyone, kind, similarity))
    groups += _templates(memories, keys, taken)
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
    order = {"exact": 0, "normalized": 1, "near": 2, "boilerplate": 3}
    groups.sort(key=lambda g: (order[g.kind], -len(g.memory_ids)))
    return groups + find_contradictions(memories, near, {i for g in merged for i in g[0][1:]}, budget=budget)


def says_the_same(first: str, second: str, cosine: float) -> bool:
    """Whether two normalised texts say the same, given the cosine of their vectors."""
    if cosine < _CLOSE:
        return False
    a, b = _expanded(first), _expanded(second)
    if _numbers(a) != _numbers(b) or _polarity(a) != _polarity(b) or _turned(a, b) or not _same_people(a, b):
        return False
    left, right = Counter(a), Counter(b)
    only_a = [w for w in (left - right).elements() if w not in STOPWORDS]
    only_b = [w for w in (right - left).elements() if w not in STOPWORDS]
    if not only_a and not only_b:
        # The same content words in one order: little words and punctuation differ.
        content_a, content_b = ([w for w in t if w not in STOPWORDS] for t in (a, b))
        # "My dog bit the postman" has an order, "tea and coffee" has none.
        listed = any(w in _AND for w in a) and any(w in _AND for w in b)
        return content_a == content_b or (listed and sorted(content_a) == sorted(content_b))
    if Levenshtein.normalized_similarity(first, second) < _EDIT:
        return False
    # A stop word may be the counterpart: "I ahve" for "I have".
    more_a, more_b = list((left - right).elements()), list((right - left).elements())
    return all(any(_spelling(w, other) for other in more_b) for w in only_a) and all(
        any(_spelling(w, other) for other in more_a) for w in only_b
    )


_AND = frozenset("and or & und oder et ou y e".split())  # noqa: SIM905
_NOT = "do does did is are was were have has had would could should must need".split()  # noqa: SIM905
_SHORT: dict[str, tuple[str, ...]] = {
    **{f"{verb}nt": (verb, "not") for verb in _NOT},
    **{f"{who}ve": (who, "have") for who in ("i", "you", "we", "they")},
    **{f"{who}re": (who, "are") for who in ("you", "they")},
    **{f"{who}s": (who, "is") for who in ("he", "she", "that", "there")},
    "cant": ("can", "not"),
    "cannot": ("can", "not"),
    "wont": ("will", "not"),
    "im": ("i", "am"),
}
"""Short forms as ``normalized`` leaves them, without their apostrophe."""
_TURNS = tuple(
    frozenset(pair.split())
    for pair in ("to from", "in out", "on off", "up down", "before after", "with without", "over under", "for against")
)
_PEOPLE = {
    word: person
    for person, forms in enumerate(
        ("i me my mine myself", "you your yours", "he him his", "she her hers", "we us our ours", "they them their")
    )
    for word in forms.split()
}
_CALENDAR = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday january february march april may june july august
    september october november december""".split()  # noqa: SIM905
)


def _expanded(text: str) -> list[str]:
    return [part for word in words(text) for part in _SHORT.get(word, (word,))]


def _turned(a: list[str], b: list[str]) -> bool:
    """Whether one says "to" where the other says "from"."""
    only_a, only_b = set(a) - set(b), set(b) - set(a)
    return any(pair & only_a and pair & only_b for pair in _TURNS)


def _same_people(a: list[str], b: list[str]) -> bool:
    """Whether the persons are named in one order; one text may leave some out."""
    short, long = sorted(([_PEOPLE[w] for w in t if w in _PEOPLE] for t in (a, b)), key=len)
    rest = iter(long)
    return all(person in rest for person in short)


def _spelling(a: str, b: str) -> bool:
    """A typing error or another form of a word; three letters and fewer, and days and months, must be equal."""
    if a in _CALENDAR and b in _CALENDAR:
        return a == b
    if min(len(a), len(b)) <= 3 or a[0] != b[0]:
        # Letters swapped at the start ("ahve") are the one error that moves the first letter.
        return len(a) == len(b) > 3 and sorted(a) == sorted(b)
    return bool(fuzz.ratio(a, b) / 100 >= _SPELLING)


def _numbers(tokens: Iterable[str]) -> list[str]:
    return sorted(t for t in tokens if any(c.isdigit() for c in t))


def _polarity(tokens: Iterable[str]) -> int:
    return sum(t in NEGATIONS or t.replace("'", "") in _BARE_NEGATIONS for t in tokens) % 2


_BARE_NEGATIONS = frozenset(w.replace("'", "") for w in NEGATIONS if "'" in w)


def _among(some: list[int], near: Neighbours, vectors: Vectors, budget: Budget, scale: Scale) -> Neighbours:
    """Neighbours among ``some`` memories alone: where a text has many copies, these are all that a copy sees."""
    chosen = np.array(some, dtype=np.int64)
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
    memories: Sequence[Memory], keys: list[str], leader: dict[int, int], near: Neighbours, budget: Budget
) -> list[tuple[list[int], float]]:
    """Groups of leaders (one for each normalised text) that say the same, with the least similarity inside."""
    pairs: dict[tuple[int, int], float] = {}
    rows, columns = np.nonzero(near[1] >= _CLOSE)
    for i, j, cosine in zip(
        rows.tolist(), near[0][rows, columns].tolist(), near[1][rows, columns].tolist(), strict=True
    ):
        if i in leader and j in leader and leader[i] != leader[j]:
            a, b = sorted((leader[i], leader[j]))
            pairs[a, b] = max(cosine, pairs.get((a, b), 0.0))
    group_of: dict[int, list[int]] = {i: [i] for i in sorted(set(leader.values()))}
    likeness: dict[int, float] = dict.fromkeys(group_of, 1.0)
    ordered = sorted(pairs.items(), key=lambda p: (-round(p[1], 5), p[0]))
    for done, ((a, b), cosine) in enumerate(ordered):
        if done % _EVERY == 0:
            budget.progress("duplicates", done, len(ordered))
        one, two = group_of[a], group_of[b]
        if one is two or not says_the_same(keys[a], keys[b], cosine):
            continue
        # Compared with the first of each group too: a chain of small steps must not join far ends.
        if (one[0], two[0]) != (a, b) and not says_the_same(keys[one[0]], keys[two[0]], cosine):
            continue
        least = min(likeness[one[0]], likeness[two[0]], cosine)
        joined = sorted(one + two)
        for member in joined:
            group_of[member] = joined
        likeness[joined[0]] = least
    firsts = sorted({members[0] for members in group_of.values()})
    return [(group_of[first], round(min(1.0, likeness[first]), 4)) for first in firsts]


def _templates(memories: Sequence[Memory], keys: list[str], taken: set[int]) -> list[DuplicateGroup]:
    by_shape: dict[str, list[int]] = defaultdict(list)
    for i, memory in enumerate(memories):
        if i in taken:
            continue
        shape, changes = _VARIABLE.subn("0", memory.text.casefold())
        if changes and len(shape.split()) >= 3:
            by_shape[normalized(shape)].append(i)
    out = []
    for members in by_shape.values():
        if len(members) >= _TEMPLATE:
            taken.update(members)
            out.append(_group(memories, members, "boilerplate", 1.0))
    return out


_WHY = {
    "exact": "the same text",
    "normalized": "the same words; case, punctuation or space differ",
    "near": "the same claim in nearly the same words",
    "boilerplate": "one sentence with other numbers, links or mentions",
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
        chosen = f"keep the one used most ({mine[1]} times)"
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
