"""What is true today: of successive statements about one thing the later one holds.

Rules read claims out of short clauses and link a memory to the one that took its place, with the rule and the words
that tell. They are made to be sure rather than complete: wishes, plans, hearsay, visits, what comes beside something
else, and other people's affairs link nothing, and neither does a memory that says more than what changed. The rules:

- ``one value``: an attribute that has one value at a time (home, employer, age, favourite colour ...) gets another;
- ``state``: another state of a group of which one holds (single, engaged, married ...);
- ``ended``: "no longer", "quit", "sold", "died", "nicht mehr", "ya no" of what was stated;
- ``switched``: "from X to Y", "X replaced by Y" where X was stated;
- ``moved``: the same words with another day, time or number, and a word of change;
- ``opposite``: liked before, disliked now, or the other way round.

Where two statements give different answers to one question and no rule is sure, a judge may be asked. Without one both
stand.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from reverie.analysis.budget import TimeBudget
from reverie.analysis.claim_words import COUNTRIES, STATES
from reverie.analysis.known_texts import KnownTexts, read_once
from reverie.analysis.statements import MOST_CLAUSES, Claim, Statement, alike, read_statement
from reverie.contracts import Memory

__all__ = ["Judge", "Link", "find_superseded"]

_MOST_COMPARED = 100
"""Statements of one thing that one is compared with: bounds the time where all memories are alike."""


@dataclass(frozen=True, slots=True)
class Link:
    """One memory took the place of another."""

    earlier: str
    later: str
    #: Which rule says so.
    rule: str
    #: What it is about: "home", "favourite colour", "ended".
    about: str
    #: The words in either text that tell.
    evidence: tuple[str, str]


Judge = Callable[[Sequence[tuple[Memory, Memory, Link]]], Sequence[bool]]
"""Says of pairs on which no rule is sure, the newest first, whether the later one took the earlier one's place."""


def find_superseded(
    memories: Sequence[Memory],
    *,
    decided: Collection[str] = (),
    judge: Judge | None = None,
    budget: TimeBudget | None = None,
    known: KnownTexts | None = None,
) -> list[Link]:
    """Links from memories to those that took their place, by the order of the earlier ones.

    Only dated memories are compared, and only of one speaker. ``decided`` are memories that a person has decided on:
    they are left as they are. ``judge`` adds links and takes none away: whatever it says, or where it fails, those of
    the rules are the same. ``known``: what was read before. Takes time by the number of memories, not by that of pairs.
    """
    statements = []
    for at, memory in enumerate(memories):
        if at % 512 == 0 and budget is not None:
            budget.check()
        if memory.created_at is None:
            continue
        if (read := read_once(known, "statement", memory.text, read_statement)) is not None:
            statements.append(replace(read, at=at, moment=memory.created_at, speaker=memory.speaker or ""))
    statements.sort(key=lambda s: (s.moment, s.at))
    found: dict[int, tuple[int, str, str, tuple[str, str]]] = {}
    for finder in (_one_value, _over, _moved, _opposite):
        for earlier, later, rule, about, evidence in finder(statements):
            if memories[earlier].id not in decided:
                found.setdefault(earlier, (later, rule, about, evidence))
    links = [
        Link(memories[earlier].id, memories[later].id, rule, about, evidence)
        for earlier, (later, rule, about, evidence) in sorted(found.items())
    ]
    if judge is None:
        return links
    by_id = {memory.id: memory for memory in memories}
    open_ = [
        Link(memories[earlier].id, memories[later].id, rule, about, evidence)
        for earlier, later, rule, about, evidence in _unsure(statements, found)
        if memories[earlier].id not in decided
    ]
    pairs = [(by_id[link.earlier], by_id[link.later], link) for link in reversed(open_)]
    judged = judge(pairs) if pairs else ()
    return links + [link for (_, _, link), later in zip(pairs, judged, strict=True) if later]


_Found = Iterable[tuple[int, int, str, str, tuple[str, str]]]


def _one_value(statements: Sequence[Statement]) -> _Found:
    by_attribute: dict[tuple[str, str, str], list[tuple[Statement, Claim]]] = defaultdict(list)
    for statement in statements:
        for claim in statement.claims:
            by_attribute[statement.speaker, claim.subject, claim.attribute].append((statement, claim))
    for (_, _, attribute), claims in by_attribute.items():
        for i, (earlier, before) in enumerate(claims):
            if earlier.clauses > MOST_CLAUSES or len(earlier.claims) > 1 or earlier.more:
                continue
            for later, after in claims[i + 1 : i + 1 + _MOST_COMPARED]:
                if later.moment == earlier.moment or not _another(attribute, before, after):
                    continue
                rule = "state" if attribute in STATES else "one value"
                yield earlier.at, later.at, rule, attribute, (before.span, after.span)
                break


def _another(attribute: str, before: Claim, after: Claim) -> bool:
    """Whether ``after`` gives another value for the same thing."""
    if not before.value or not after.value:
        return False
    if attribute in STATES:
        return before.value != after.value
    if any(alike(a, b) for a in before.value for b in after.value):
        return False
    if attribute == "age":
        (old,), (new,) = before.value, after.value
        return old.isdigit() and new.isdigit() and int(old) < int(new) < 130
    if attribute == "home" and bool(before.value & COUNTRIES) != bool(after.value & COUNTRIES):
        return False
    # A job beside the job, a subject beside the subject: only where a word of change says that it took its place.
    return after.change or attribute not in ("job", "major", "car", "partner")


def _over(statements: Sequence[Statement]) -> _Found:
    holding: dict[tuple[str, str], list[Statement]] = defaultdict(list)
    for statement in statements:
        for words_, rule, span in statement.ended:
            lists = [holding.get((statement.speaker, word), []) for word in sorted(words_)]
            if not lists or not all(lists):
                continue
            for earlier in min(lists, key=len)[-_MOST_COMPARED:]:
                same = statement.subject == earlier.subject or rule == "gone" or _was_with(statement, earlier)
                if same and words_ <= earlier.content and earlier.moment != statement.moment:
                    ended = " ".join(sorted(words_))
                    yield earlier.at, statement.at, "switched" if rule == "switched" else "ended", rule, (ended, span)
        for word in statement.content:
            holding[statement.speaker, word].append(statement)


def _was_with(statement: Statement, earlier: Statement) -> bool:
    """Whether one tells of the partner whom the other named: a partner is a fact about the speaker."""
    return statement.subject != "self" and any(claim.attribute == "partner" for claim in earlier.claims)


def _moved(statements: Sequence[Statement]) -> _Found:
    """The same thing at another time, or of another number."""
    topics: dict[tuple[str, str, str], list[tuple[Statement, frozenset[str]]]] = defaultdict(list)
    for statement in statements:
        for kind, values in statement.typed.items():
            topic = statement.content - values
            if not topic:
                continue
            seen: dict[int, Statement] = {}
            if statement.marker:
                for word in topic:
                    for earlier, rest in topics.get((statement.speaker, kind, word), [])[-_MOST_COMPARED:]:
                        small = min(rest, topic, key=len)
                        if len(rest & topic) == len(small) and len(rest ^ topic) <= 2:
                            seen[earlier.at] = earlier
            for earlier in seen.values():
                other = earlier.typed[kind]
                if other.isdisjoint(values) and len(other) == len(values) == 1 and earlier.moment != statement.moment:
                    yield (
                        earlier.at, statement.at, "moved", kind, (" ".join(sorted(other)), " ".join(sorted(values)))
                    )  # fmt: skip
            for word in topic:
                topics[statement.speaker, kind, word].append((statement, topic))


def _opposite(statements: Sequence[Statement]) -> _Found:
    liked: dict[tuple[str, frozenset[str]], Statement] = {}
    for statement in statements:
        if not statement.liking or not statement.content or len(statement.content) > 4:
            continue
        key = (statement.speaker, statement.content)
        before = liked.get(key)
        if before is not None and before.liking != statement.liking and before.moment != statement.moment:
            words_ = " ".join(sorted(statement.content))
            yield before.at, statement.at, "opposite", "taste", (words_, words_)
        liked[key] = statement


def _unsure(statements: Sequence[Statement], gone: Collection[int]) -> _Found:
    """Of one thing another value, or another day, time or number, than the last time it was said; each pair once."""
    last: dict[tuple[str, ...], tuple[Statement, frozenset[str], str]] = {}
    paired: set[int] = set()
    for statement in statements:
        if statement.at in gone:
            continue
        said: list[tuple[tuple[str, ...], str, frozenset[str], str]] = [
            ((c.subject, c.attribute), c.attribute, c.value, c.span) for c in statement.claims
        ]
        for kind, values in statement.typed.items():
            topic = statement.content - values
            said += [((kind, *sorted(topic)), kind, values, " ".join(sorted(values)))] if topic else []
        for key, about, value, span in said:
            before = last.get((statement.speaker, *key))
            last[statement.speaker, *key] = (statement, value, span)
            if before is None or before[0].at in paired or before[0].moment == statement.moment:
                continue
            if value and before[1] and not any(alike(a, b) for a in before[1] for b in value):
                paired.add(before[0].at)
                yield before[0].at, statement.at, "judge", about, (before[2], span)
