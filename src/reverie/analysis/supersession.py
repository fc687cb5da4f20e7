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
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from rapidfuzz.fuzz import ratio

from reverie.analysis.budget import Budget
from reverie.analysis.claim_words import (
    ALSO,
    ATTRIBUTES,
    COUNTRIES,
    CUT,
    DIED,
    DISLIKE,
    END_CUT,
    ENDED,
    ENDINGS,
    LIKE,
    MARKER,
    NEGATED,
    NUMBERS,
    PAST,
    PETS,
    RELATIVES,
    ROLES,
    SELF,
    SMALL,
    STATES,
    SWITCHED,
    TEMPORARY,
    TYPED,
    UNSURE,
)
from reverie.analysis.known_texts import KnownTexts, read_once
from reverie.contracts import Memory

__all__ = ["Judge", "Link", "find_superseded"]

_READ = 400
"""Characters of a text that are read; statements of one thing are short."""
_CLAUSE = 160
_MOST_CLAUSES = 3
_MOST_CONTENT = 12
_MOST_COMPARED = 100
"""Statements of one thing that one is compared with: bounds the time where all memories are alike."""
_CLAUSES = re.compile(r"[.;!?\n]+|,? (?:but|and then|aber|pero|mais)\s")
_RELATIVE = re.compile(r"\b(?:my|our|his|her|mein\w*|unser\w*|mis?|mon|ma|mes|su) (?:\w+ )?(" + RELATIVES + r")\b")
_PAST_TENSE = re.compile(
    r"\b(?:went|had|took|saw|came|bought|made|did|told|gave|ate|met|ran|fell|broke|found|spent|won|flew|drank|wrote|\w{3,}ed"
    r"|ging|kam|sah|traf|kaufte|machte|fui|hice|compré|comí|vi|\w{3,}(?:aron|ieron))\b"
)


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
"""May refuse links: a language model behind this seam sees both memories. Never asked unless it is given."""


@dataclass(slots=True)
class _Claim:
    attribute: str
    subject: str
    value: frozenset[str]
    span: str
    change: bool = False


@dataclass(slots=True)
class _Statement:
    """What one memory says."""

    at: int
    moment: datetime | None
    speaker: str
    claims: list[_Claim] = field(default_factory=list)
    #: What is over: content stems, with the words.
    ended: list[tuple[frozenset[str], str, str]] = field(default_factory=list)
    #: Content stems of a statement of the present about oneself; empty where it is none.
    content: frozenset[str] = frozenset()
    typed: dict[str, frozenset[str]] = field(default_factory=dict)
    marker: bool = False
    liking: int = 0
    clauses: int = 1
    #: Whether it tells something else besides.
    more: bool = False
    subject: str = "self"


def find_superseded(
    memories: Sequence[Memory],
    *,
    decided: Collection[str] = (),
    judge: Judge | None = None,
    budget: Budget | None = None,
    known: KnownTexts | None = None,
) -> list[Link]:
    """Links from memories to those that took their place, by the order of the earlier ones.

    Only dated memories are compared, and only of one speaker. ``decided`` are memories that a person has decided on:
    they are left as they are. ``known``: what was read before. Takes time by the number of memories, not by that of
    pairs.
    """
    statements = []
    for at, memory in enumerate(memories):
        if at % 512 == 0 and budget is not None:
            budget.check()
        if memory.created_at is None:
            continue
        if (told := read_once(known, "statement", memory.text, _read)) is not None:
            statements.append(replace(told, at=at, moment=memory.created_at, speaker=memory.speaker or ""))
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
    if judge is None or not links:
        return links
    by_id = {memory.id: memory for memory in memories}
    kept = judge([(by_id[link.earlier], by_id[link.later], link) for link in links])
    return [link for link, keep in zip(links, kept, strict=True) if keep]


_Found = Iterable[tuple[int, int, str, str, tuple[str, str]]]


def _one_value(statements: Sequence[_Statement]) -> _Found:
    by_attribute: dict[tuple[str, str, str], list[tuple[_Statement, _Claim]]] = defaultdict(list)
    for statement in statements:
        for claim in statement.claims:
            by_attribute[statement.speaker, claim.subject, claim.attribute].append((statement, claim))
    for (_, _, attribute), told in by_attribute.items():
        for i, (earlier, before) in enumerate(told):
            if earlier.clauses > _MOST_CLAUSES or len(earlier.claims) > 1 or earlier.more:
                continue
            for later, after in told[i + 1 : i + 1 + _MOST_COMPARED]:
                if later.moment == earlier.moment or not _another(attribute, before, after):
                    continue
                rule = "state" if attribute in STATES else "one value"
                yield earlier.at, later.at, rule, attribute, (before.span, after.span)
                break


def _another(attribute: str, before: _Claim, after: _Claim) -> bool:
    """Whether ``after`` gives another value for the same thing."""
    if not before.value or not after.value:
        return False
    if attribute in STATES:
        return before.value != after.value
    if any(_alike(a, b) for a in before.value for b in after.value):
        return False
    if attribute == "age":
        (old,), (new,) = before.value, after.value
        return old.isdigit() and new.isdigit() and int(old) < int(new) < 130
    if attribute == "home" and bool(before.value & COUNTRIES) != bool(after.value & COUNTRIES):
        return False
    # A job beside the job, a subject beside the subject: only where a word of change says that it took its place.
    return after.change or attribute not in ("job", "major", "car", "partner")


def _over(statements: Sequence[_Statement]) -> _Found:
    holding: dict[tuple[str, str], list[_Statement]] = defaultdict(list)
    for statement in statements:
        for words_, rule, span in statement.ended:
            lists = [holding.get((statement.speaker, word), []) for word in sorted(words_)]
            if not lists or not all(lists):
                continue
            for earlier in min(lists, key=len)[-_MOST_COMPARED:]:
                same = statement.subject == earlier.subject or rule == "gone"
                if same and words_ <= earlier.content and earlier.moment != statement.moment:
                    told = " ".join(sorted(words_))
                    yield earlier.at, statement.at, "switched" if rule == "switched" else "ended", rule, (told, span)
        for word in statement.content:
            holding[statement.speaker, word].append(statement)


def _moved(statements: Sequence[_Statement]) -> _Found:
    """The same thing at another time, or of another number."""
    topics: dict[tuple[str, str, str], list[tuple[_Statement, frozenset[str]]]] = defaultdict(list)
    for statement in statements:
        for kind, values in statement.typed.items():
            topic = statement.content - values
            if not topic:
                continue
            seen: dict[int, _Statement] = {}
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


def _opposite(statements: Sequence[_Statement]) -> _Found:
    liked: dict[tuple[str, frozenset[str]], _Statement] = {}
    for statement in statements:
        if not statement.liking or not statement.content or len(statement.content) > 4:
            continue
        key = (statement.speaker, statement.content)
        before = liked.get(key)
        if before is not None and before.liking != statement.liking and before.moment != statement.moment:
            words_ = " ".join(sorted(statement.content))
            yield before.at, statement.at, "opposite", "taste", (words_, words_)
        liked[key] = statement


# -- reading ---------------------------------------------------------------------------------------


def _read(told: str) -> _Statement | None:
    """What a text says, by nobody and at no time yet."""
    text = unicodedata.normalize("NFC", told[:_READ]).lower().replace("’", "'")
    if '"' in text or "“" in text or "„" in text or "»" in text:
        return None
    clauses = [(c, m) for c, m in _split(text) if c]
    out = _Statement(-1, None, "", clauses=len(clauses))
    for clause, question in clauses[:_MOST_CLAUSES]:
        if question or len(clause) > _CLAUSE or UNSURE.search(clause):
            continue
        _read_clause(clause, out, told[:_READ])
    if len(clauses) > _MOST_CLAUSES or len(told) > _READ:
        out.content, out.typed = frozenset(), {}  # says more than one thing
    return out if out.claims or out.ended or out.content else None


def _split(text: str) -> list[tuple[str, bool]]:
    out, start = [], 0
    for match in _CLAUSES.finditer(text):
        out.append((text[start : match.start()].strip(" ,"), "?" in match.group()))
        start = match.end()
    out.append((text[start:].strip(" ,"), False))
    return out


def _read_clause(clause: str, out: _Statement, memory_text: str) -> None:
    relative = _RELATIVE.search(clause)
    subject = relative.group(1) if relative else "self"
    if _read_ends(clause, out):
        out.subject = subject
        return
    if TEMPORARY.search(clause) or ALSO.search(clause):
        return
    negated = NEGATED.search(clause) is not None
    disliked = DISLIKE.search(clause) is not None
    if (disliked or LIKE.search(clause)) and SELF.search(clause) and subject == "self":
        if negated and not disliked:
            return
        out.liking = -1 if disliked else 1
        said = DISLIKE.sub(" ", clause) if disliked else LIKE.sub(" ", clause)
        out.content = _content(MARKER.sub(" ", said))
        return
    if negated:
        return
    out.marker = out.marker or MARKER.search(clause) is not None
    _read_claims(clause, subject, out, memory_text)
    if any(claim.attribute == "partner" for claim in out.claims):
        subject = "self"  # who one is with is told of oneself
    if PAST.search(clause) is None and _PAST_TENSE.search(clause) is None:
        content = _content(clause)
        if len(content) <= _MOST_CONTENT and (SELF.search(clause) or _present(clause)):
            # A further clause adds to what is said, and what is over must be all of it.
            out.content |= content
            out.subject = subject
    _read_typed(clause, out)


def _present(clause: str) -> bool:
    return (
        re.search(r"\b(?:is|are|starts?|meets?|ist|sind|beginnt|es|son|empieza|est|sont|\w{3,}o)\b", clause) is not None
    )


def _read_ends(clause: str, out: _Statement) -> bool:
    found = False
    for rule, patterns in (("switched", SWITCHED), ("over", ENDED)):
        for pattern in patterns:
            match = pattern.search(clause)
            if match is None:
                continue
            groups = match.groupdict()
            x = " ".join(filter(None, (END_CUT.split(groups["x"].strip())[0], groups.get("y"))))
            words_ = _content(x)
            kept = any(r in words_ for r in map(_stem, PETS)) if rule == "over" else False
            if words_ and len(words_) <= 4:
                out.ended.append((words_, "gone" if kept or DIED.search(clause) else rule, match.group()[:80]))
                found = True
                break
        if found:
            break
    return found


def _read_claims(clause: str, subject: str, out: _Statement, memory_text: str) -> None:
    past = PAST.search(clause) is not None
    seen: set[str] = set()
    for attribute, change, pattern in ATTRIBUTES:
        if attribute in seen or (past and not change) or not (match := pattern.search(clause)):
            continue
        groups = match.groupdict()
        who = groups.get("rel") or "self"
        if who == "self" and subject != "self" and attribute not in ("partner", "thing", "favourite"):
            continue
        key = groups.get("key")
        value = _value(groups["v"], attribute)
        if not value or (key in ROLES and not _is_name(groups["v"], memory_text)):
            continue
        seen.add(attribute)
        out.more = out.more or _BESIDE.search(clause[match.start("v") :]) is not None
        about = f"{attribute} {_stem(key)}" if key else attribute
        marked = change or MARKER.search(clause) is not None
        out.claims.append(_Claim(about, who, value, match.group()[:80].strip(), marked))
        if old := groups.get("old"):
            out.ended.append((_content(old), "switched", old))
    if past or not (SELF.search(clause) and subject == "self"):
        return
    for group, states in STATES.items():
        for name, words_ in states.items():
            if match := re.search(rf"\b(?:{words_})(?!\w)", clause):
                if re.search(
                    r"\b(?:recipe|restaurant|food|meal|friend|dish|rezept|essen|receta|comida|club|room|bed)\w*", clause
                ):
                    continue
                out.claims.append(_Claim(group, "self", frozenset((name,)), match.group(), True))
                break


def _read_typed(clause: str, out: _Statement) -> None:
    for kind, pattern in TYPED.items():
        values = frozenset(_plain(m.group()) for m in pattern.finditer(clause))
        if values:
            out.typed[kind] = values
            rest = pattern.sub(" ", clause)
            for other in TYPED.values():
                rest = other.sub(" ", rest)
            out.content = _content(MARKER.sub(" ", rest)) | values
            break


def _plain(value: str) -> str:
    value = re.sub(r"\s+", "", value)
    return re.sub(r"s$", "", value) if not value[:1].isdigit() else value


_DETERMINED = re.compile(r"(?:an?|my|our|the|this|eine\w*|meine\w*|der|dem|den|una?|el|la|los|une|le|mon|ma)\b")
_BESIDE = re.compile(r"\b(?:and|und|y|et)\s+\w+\s+\w+")


def _value(raw: str, attribute: str) -> frozenset[str]:
    raw = re.sub(r"^(?:dr|mr|mrs|ms)\. ", "", raw.strip())
    raw = CUT.split(raw)[0].strip()
    if attribute == "age":
        parts = re.split(r"[- ]", raw)
        if parts[0].isdigit():
            return frozenset(parts[:1])
        numbers = [NUMBERS.get(part) for part in parts]
        return frozenset() if None in numbers or not numbers else frozenset((str(sum(n for n in numbers if n)),))
    if attribute == "home" and _DETERMINED.match(raw):
        return frozenset()  # a flat, the suburbs: another kind of answer
    if attribute == "employer" and _DETERMINED.match(raw) and not re.match(r"the \w+ \w+", raw):
        return frozenset()
    return frozenset(list(_tokens(raw))[:4])


def _is_name(raw: str, text: str) -> bool:
    """Whether a value is written like a name; where nothing is written large, anything may be one."""
    first = next(iter(_tokens(re.sub(r"\b(?:dr|mr|mrs|ms|herr|frau|señora?|doctora?)\b\.?", " ", raw))), "")
    if text == text.lower():
        return True
    return bool(first) and re.search(rf"\b{re.escape(first[0].upper() + first[1:])}\b", text) is not None


def _tokens(text: str) -> list[str]:
    return [w for w in re.findall(r"[^\W_]+(?:[.@+][^\W_]+)*", text) if w not in SMALL]


def _content(text: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in _tokens(text) if len(word) > 1)


def _stem(word: str) -> str:
    if word.isdigit():
        return word
    for _ in range(2):
        for ending in ENDINGS:
            if word.endswith(ending) and len(word) - len(ending) >= 3:
                word = word[: -len(ending)]
                break
        else:
            break
    return word


def _alike(a: str, b: str) -> bool:
    return a == b or _stem(a) == _stem(b) or (min(len(a), len(b)) > 4 and ratio(a, b) >= 85)
