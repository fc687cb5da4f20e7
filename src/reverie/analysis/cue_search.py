"""Many expressions searched at once: at the words of a text alone, and there only those that can begin so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from typing import Any

__all__ = ["PhraseSearch"]

_WORD = re.compile(r"\b\w")
_LETTERS = 4
"""Letters from a word's beginning on that choose what is searched there."""
_MOST = 50_000
"""Beginnings that are remembered."""

_Compiled = tuple[re.Pattern[str], list[tuple[str, re.Pattern[str]]]]
_AtWords = dict[str, list[tuple[str, str]]]
"""Name and expression by the letters that begin it: four, or fewer where these may be all, or anything may follow."""
_Anywhere = list[tuple[str, frozenset[str] | None, str, Callable[[str], object]]]
"""Name, letters of which one begins it, letters that it holds in this order, what finds it."""


class PhraseSearch:
    """Says which of several named expressions are in a text, as ``re.search`` of each would.

    ``re`` tries each alternative of each expression at each character. Most of ours begin with a word and letters that
    are known, so that at most words none is left. What is not of that form is searched as it is, in texts that hold the
    letters without which it cannot be there.
    """

    def __init__(self, expressions: Mapping[str, str]) -> None:
        self._expressions = dict(expressions)
        #: Made of them when a text has a word that begins so: any of them, and each; None where there are none.
        self._compiled: dict[str, _Compiled | None] = {}
        self._made: dict[tuple[tuple[str, str], ...], _Compiled] = {}

    @cached_property
    def _parts(self) -> tuple[_AtWords, _Anywhere]:
        """What is searched at words, and what anywhere. Made with the first text: no start waits for it."""
        at_words: _AtWords = {}
        anywhere: _Anywhere = []
        for name, expression in self._expressions.items():
            for part in _alternatives(expression):
                parsed = list(_parser.parse(part))
                first = _first(parsed)
                if part.startswith(r"\b") and first is not None and all(char.isalnum() for char in first):
                    for begun in frozenset().union(*_begun(parsed)):
                        at_words.setdefault(begun, []).append((name, part))
                else:
                    pattern = re.compile(part)
                    # What stands at the beginning alone is not looked for at each letter.
                    find = pattern.match if part.startswith("^") else pattern.search
                    anywhere.append((name, first, _held(parsed), find))
        return at_words, anywhere

    def found(self, text: str) -> list[str]:
        """The names of those that are in ``text``, in their order. The text is in small letters."""
        found: set[str] = set()
        for word in _WORD.finditer(text):
            start = word.start()
            begun = text[start : start + _LETTERS]
            made = self._compiled[begun] if begun in self._compiled else self._compile(begun)
            if made is None or made[0].match(text, start) is None:
                continue
            for name, pattern in made[1]:
                if name not in found and pattern.match(text, start) is not None:
                    found.add(name)
        letters = {_digit_or(char) for char in set(text)}
        for name, first, held, find in self._parts[1]:
            if (
                name not in found
                and held in text
                and (first is None or not first.isdisjoint(letters))
                and find(text) is not None
            ):
                found.add(name)
        return [name for name in self._expressions if name in found] if found else []

    def _compile(self, begun: str) -> _Compiled | None:
        letters = "".join(map(_digit_or, begun))
        at_words = self._parts[0]
        found = tuple(part for size in range(1, len(letters) + 1) for part in at_words.get(letters[:size], ()))
        made = self._made.get(found) if found else None
        if found and made is None:
            named: dict[str, list[str]] = {}
            for name, part in found:
                named.setdefault(name, []).append(part)
            joined = {name: "|".join(parts) for name, parts in named.items()}
            each = [(name, re.compile(parts)) for name, parts in joined.items()]
            made = self._made[found] = re.compile("|".join(joined.values())), each
        if len(self._compiled) >= _MOST:
            self._compiled.clear()
        self._compiled[begun] = made
        return made


def _digit_or(char: str) -> str:
    return "0" if char.isdecimal() else char


def _held(items: list[tuple[Any, Any]]) -> str:
    """The longest run of letters that every match of a parsed sequence holds; empty where there is none."""
    runs = [""]
    for kind, value in items:
        if kind is op.LITERAL:
            runs[-1] += chr(value)
        else:
            runs.append("")
    return max(runs, key=len)


def _alternatives(expression: str) -> Iterator[str]:
    """The outermost alternatives of an expression."""
    depth, start, at, in_class = 0, 0, 0, False
    while at < len(expression):
        char = expression[at]
        if char == "\\":
            at += 1
        elif in_class:
            in_class = char != "]"
        elif char == "[":
            in_class = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "|" and not depth:
            yield expression[start:at]
            start = at + 1
        at += 1
    yield expression[start:]


def _first(items: list[tuple[Any, Any]]) -> frozenset[str] | None:
    """With which characters a match of a parsed sequence can begin, "0" for any digit.

    None where that is not told, and for a sequence that can be empty.
    """
    begun: frozenset[str] = frozenset()
    for kind, value in items:
        if kind is op.AT:
            continue
        if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
            least, _, inner = value
            first = _first(list(inner))
        else:
            least, first = 1, _of_one(kind, value)
        if first is None:
            return None
        begun |= first
        if least:
            return begun
    return None


def _begun(items: list[tuple[Any, Any]]) -> tuple[frozenset[str], frozenset[str]]:
    """With which letters a match of a parsed sequence can begin, ``_LETTERS`` at most.

    First those behind which more may follow, then those of matches that end there.
    """
    more: set[str] = set()
    ends = {""}
    for kind, value in items:
        one_more, one_ends = _begun_by(kind, value)
        more.update((before + letters)[:_LETTERS] for before in ends for letters in one_more)
        longer = {before + letters for before in ends for letters in one_ends}
        more.update(letters[:_LETTERS] for letters in longer if len(letters) >= _LETTERS)
        ends = {letters for letters in longer if len(letters) < _LETTERS}
        if not ends:
            break
    return frozenset(more), frozenset(ends)


def _begun_by(kind: Any, value: Any) -> tuple[frozenset[str], frozenset[str]]:
    """``_begun`` of one item."""
    nothing, empty = frozenset[str](), frozenset([""])
    if kind in (op.AT, op.ASSERT, op.ASSERT_NOT):
        return nothing, empty
    if kind is op.SUBPATTERN:
        return _begun(list(value[3]))
    if kind is op.BRANCH:
        every = [_begun(list(branch)) for branch in value[1]]
        return nothing.union(*(more for more, _ in every)), nothing.union(*(ends for _, ends in every))
    if kind in (op.MAX_REPEAT, op.MIN_REPEAT):
        least, most, inner = value
        more, ends = _begun(list(inner))
        if most > 1:
            more, ends = more | ends, nothing
        return more, ends if least else ends | empty
    letters = _of_one(kind, value)
    return (empty, nothing) if letters is None else (nothing, letters)


def _of_one(kind: Any, value: Any) -> frozenset[str] | None:
    if kind is op.LITERAL:
        return frozenset(_digit_or(chr(value)))
    if kind is op.SUBPATTERN:
        return _first(list(value[3]))
    if kind is op.BRANCH:
        firsts = [_first(list(branch)) for branch in value[1]]
        return None if any(first is None for first in firsts) else frozenset().union(*filter(None, firsts))
    if kind is op.IN:
        out: set[str] = set()
        for inner, what in value:
            if inner is op.LITERAL:
                out.add(_digit_or(chr(what)))
            elif inner is op.RANGE:
                out.update(_digit_or(chr(code)) for code in range(what[0], what[1] + 1))
            elif inner is op.CATEGORY and what is op.CATEGORY_DIGIT:
                out.add("0")
            else:
                return None
        return frozenset(out)
    return None
