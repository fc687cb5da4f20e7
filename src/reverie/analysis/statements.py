"""What one memory states: claims about the person, what is over, what is liked, days and numbers; read by rules."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field
from datetime import datetime

from rapidfuzz.fuzz import ratio

from reverie.analysis.claim_words import (
    ALSO,
    ATTRIBUTES,
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

__all__ = ["MOST_CLAUSES", "Claim", "Statement", "alike", "read_statement"]

_READ = 400
"""Characters of a text that are read; statements of one thing are short."""
_CLAUSE = 160
MOST_CLAUSES = 3
_MOST_CONTENT = 12
_CLAUSES = re.compile(r"[.;!?\n]+|,? (?:but|and then|aber|pero|mais)\s")
_RELATIVE = re.compile(r"\b(?:my|our|his|her|mein\w*|unser\w*|mis?|mon|ma|mes|su) (?:\w+ )?(" + RELATIVES + r")\b")
_PAST_TENSE = re.compile(
    r"\b(?:went|had|took|saw|came|bought|made|did|told|gave|ate|met|ran|fell|broke|found|spent|won|flew|drank|wrote|\w{3,}ed"
    r"|ging|kam|sah|traf|kaufte|machte|fui|hice|compré|comí|vi|\w{3,}(?:aron|ieron))\b"
)


@dataclass(slots=True)
class Claim:
    attribute: str
    subject: str
    value: frozenset[str]
    span: str
    change: bool = False


@dataclass(slots=True)
class Statement:
    """What one memory says."""

    at: int
    moment: datetime | None
    speaker: str
    claims: list[Claim] = field(default_factory=list)
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


def read_statement(original: str) -> Statement | None:
    """What a text says, by nobody and at no time yet."""
    text = unicodedata.normalize("NFC", original[:_READ]).lower().replace("’", "'")
    if '"' in text or "“" in text or "„" in text or "»" in text:
        return None
    clauses = [(c, m) for c, m in _split(text) if c]
    out = Statement(-1, None, "", clauses=len(clauses))
    for clause, question in clauses[:MOST_CLAUSES]:
        if question or len(clause) > _CLAUSE or UNSURE.search(clause):
            continue
        _read_clause(clause, out, original[:_READ])
    if len(clauses) > MOST_CLAUSES or len(original) > _READ:
        out.content, out.typed = frozenset(), {}  # says more than one thing
    return out if out.claims or out.ended or out.content else None


def _split(text: str) -> list[tuple[str, bool]]:
    out, start = [], 0
    for match in _CLAUSES.finditer(text):
        out.append((text[start : match.start()].strip(" ,"), "?" in match.group()))
        start = match.end()
    out.append((text[start:].strip(" ,"), False))
    return out


def _read_clause(clause: str, out: Statement, memory_text: str) -> None:
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
        subject = "self"  # a partner is a fact about the speaker
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


def _read_ends(clause: str, out: Statement) -> bool:
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


def _read_claims(clause: str, subject: str, out: Statement, memory_text: str) -> None:
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
        out.claims.append(Claim(about, who, value, match.group()[:80].strip(), marked))
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
                out.claims.append(Claim(group, "self", frozenset((name,)), match.group(), True))
                break


def _read_typed(clause: str, out: Statement) -> None:
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


def alike(a: str, b: str) -> bool:
    return a == b or _stem(a) == _stem(b) or (min(len(a), len(b)) > 4 and ratio(a, b) >= 85)
