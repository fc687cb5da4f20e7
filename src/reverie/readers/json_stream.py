"""JSON read element by element, so that a file of hundreds of megabytes needs the memory of its largest element."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from reverie.errors import InvalidInput
from reverie.readers.formats import TABLE
from reverie.readers.inputs import LONGEST_LINE

__all__ = ["JsonReader", "looks_like_json", "parse"]

_CHUNK = 2**20
_LARGEST = 64 * 2**20
"""Largest element that is read, characters."""

_MOST_HEAD = 64 * 2**20
"""Characters of a document beside its lists of rows that are kept."""

_BLANKS = " \t\n\r"
_BEGINS = frozenset('{["-0123456789tfnNI')
"""What a value can begin with; Python reads NaN and Infinity too."""
_SPACE = re.compile(f"[{_BLANKS}]*")
_DIGITS = 400
"""Digits of an integer after which it is kept as text. Python refuses those of more than 4,300."""


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= _DIGITS else text


_DECODER = json.JSONDecoder(parse_int=_integer)

_ROWS = frozenset(TABLE["arrays"])


def _ways() -> tuple[frozenset[str], frozenset[str]]:
    """The lists and the objects that are gone through on the way to rows."""
    lists, objects = set(_ROWS), {""}
    for path in _ROWS:
        at = ""
        for step in path.split(".") if path else []:
            objects.add(at)
            at = f"{at}.{step}" if at else step
            if step.endswith("[]"):
                lists.add(at.removesuffix("[]"))
    return frozenset(lists), frozenset(objects)


_ARRAYS, _OBJECTS = _ways()


def parse(line: str) -> Any:
    """One JSON value. Raises ``ValueError`` with a short reason."""
    try:
        # json.loads would make a decoder for each line
        start = len(line) - len(line.lstrip(_BLANKS)) if line[:1] in _BLANKS else 0
        if line[start : start + 1] not in _BEGINS:  # said at once: to find the place of an error takes longer
            raise ValueError("not JSON (Expecting value)")
        value, end = _DECODER.raw_decode(line, start)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON ({error.msg})") from None
    except RecursionError:
        raise ValueError("not JSON (nested too deeply)") from None
    if end < len(line) and line[end:].strip(_BLANKS):
        raise ValueError("not JSON (Extra data)")
    return value


def looks_like_json(sample: str) -> bool:
    """Whether a file that should hold an object a line is one document instead; ``sample`` is its beginning."""
    text = sample.lstrip("\ufeff \t\r\n")
    if text[:1] not in ("[", "{"):
        return False
    first, _, rest = text.partition("\n")
    if _complete(first):
        return text[0] == "[" and not rest.strip()
    if _complete(rest.lstrip().partition("\n")[0]) and rest.lstrip()[:1] == "{":
        return False
    try:
        _DECODER.raw_decode(text)
    except json.JSONDecodeError as error:
        # Broken in its first line, or only further down and so perhaps by the end of the sample alone.
        return error.pos > len(first) or (not rest and text[0] == "[" and error.pos > len(text) - 12)
    except (ValueError, RecursionError):
        return True
    return True


def _complete(line: str) -> bool:
    try:
        return isinstance(json.loads(line, parse_int=_integer), list | dict)
    except (ValueError, RecursionError):
        return False


class JsonReader:
    """The rows of a JSON document; ``head`` holds, by path, what stands beside them."""

    def __init__(self, text: io.TextIOBase, name: str) -> None:
        self._text = text
        self._name = name
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._kept = 0
        self.head: dict[str, Any] = {}
        #: Whether a list of rows was found.
        self.found = False
        #: Whether the document is one object.
        self.is_object = False

    def rows(self) -> Iterator[tuple[int, Any]]:
        """``(number in its list, row)`` of every list of the table's places. Raises ``InvalidInput`` by line."""
        try:
            start = self._peek()
            self.is_object = start == "{"
            if start == "[" or start == "{":
                yield from self._container("")
            else:
                self._value()
        except RecursionError:
            raise InvalidInput(f"{self._name}: JSON nested too deeply") from None

    def more(self) -> bool:
        """Whether something follows the document: another one in the next line."""
        return self._peek() != ""

    def lines(self) -> Iterator[tuple[int, str | None]]:
        """What follows, as numbered lines; None for a line that is too long."""
        self._line += self._buffer.count("\n", 0, self._at)
        while True:
            end = self._buffer.find("\n", self._at)
            if end < 0 and not self._ended:
                if len(self._buffer) - self._at > LONGEST_LINE:
                    yield self._line, None
                    while end < 0 and not self._ended:
                        self._at = len(self._buffer)
                        self._read()
                        end = self._buffer.find("\n", self._at)
                    self._at = end + 1 if end >= 0 else len(self._buffer)
                    self._line += end >= 0
                else:
                    self._read(keep_line=True)
                continue
            if end < 0:
                if self._at < len(self._buffer):
                    yield self._line, self._buffer[self._at :]
                return
            line = self._buffer[self._at : end]
            number = self._line
            self._at = end + 1
            self._line += 1
            yield number, line

    # -- pieces --------------------------------------------------------------------------------------------------------
    def _read(self, size: int = _CHUNK, *, keep_line: bool = False) -> None:
        chunk = self._text.read(size)
        self._ended = not chunk
        if not keep_line:
            self._line += self._buffer.count("\n", 0, self._at)
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0

    def _peek(self) -> str:
        while True:
            found = _SPACE.match(self._buffer, self._at)
            at = found.end() if found is not None else self._at
            if at < len(self._buffer):
                # Lines are counted when a piece is dropped, so that place and count always belong together.
                self._at = at
                return self._buffer[at]
            self._at = at
            if self._ended:
                return ""
            self._read()

    def _fail(self, reason: str, at: int | None = None) -> InvalidInput:
        line = self._line + self._buffer.count("\n", 0, self._at if at is None else at)
        return InvalidInput(f"{self._name}, line {line}: not JSON ({reason})")

    def _value(self) -> Any:
        if self._at >= len(self._buffer) or self._buffer[self._at] in _BLANKS:
            self._peek()
        size = _CHUNK
        while True:
            try:
                value, end = _DECODER.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                open_end = error.msg.startswith("Unterminated string") or error.pos >= len(self._buffer) - 12
                if self._ended or not open_end:
                    raise self._fail(error.msg, error.pos) from None
            else:
                if end < len(self._buffer) or self._ended:
                    self._at = end
                    return value
            if len(self._buffer) - self._at > _LARGEST:
                raise self._fail(f"one element has more than {_LARGEST // 2**20} million characters")
            self._read(size)
            size *= 2

    def _mark(self, wanted: str) -> str:
        found = self._peek()
        if not found or found not in wanted:
            raise self._fail(f"expecting {' or '.join(wanted)}")
        self._at += 1
        return found

    def _container(self, path: str) -> Iterator[tuple[int, Any]]:
        start = self._peek()
        if start == "[" and path in _ARRAYS:
            self.found |= path in _ROWS
            yield from self._array(path)
        elif start == "{" and path in _OBJECTS:
            yield from self._object(path)
        else:
            value = self._value()
            self._kept += len(value) if isinstance(value, str | list | dict) else 1
            if self._kept <= _MOST_HEAD and (not path.count(".") or not isinstance(value, list | dict)):
                self.head[path] = value

    def _array(self, path: str) -> Iterator[tuple[int, Any]]:
        self._mark("[")
        if self._peek() == "]":
            self._at += 1
            return
        number, child = 0, f"{path}[]"
        while True:
            number += 1
            if child in _OBJECTS and self._peek() == "{":
                yield from self._object(child)
            else:
                yield number, self._value()
            # What mostly follows, without the way through what may: an array of numbers has half a million in 1 MB.
            if self._at < len(self._buffer) and self._buffer[self._at] == ",":
                self._at += 1
            elif self._mark(",]") == "]":
                return

    def _object(self, path: str) -> Iterator[tuple[int, Any]]:
        self._mark("{")
        if self._peek() == "}":
            self._at += 1
            return
        while True:
            if self._peek() != '"':
                raise self._fail("expecting a name in double quotes")
            name = self._value()
            self._mark(":")
            yield from self._container(f"{path}.{name}" if path else str(name))
            if self._mark(",}") == "}":
                return
