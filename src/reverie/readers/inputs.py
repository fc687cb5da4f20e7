"""Bytes as text, piece by piece: encodings, progress, lines of bounded length."""

from __future__ import annotations

import codecs
import io
from collections.abc import Callable, Iterator
from typing import BinaryIO

from reverie.errors import InvalidInput

__all__ = ["LONGEST_LINE", "Input", "OnRead", "lines"]

LONGEST_LINE = 16 * 2**20
"""Longest line that is read, characters."""

_CHUNK = 2**20

OnRead = Callable[[int, int], None]
"""Called with the bytes read so far and all bytes."""


class Input:
    """Something that can be read from its beginning, more than once."""

    def __init__(self, handle: BinaryIO, name: str, size: int, on_read: OnRead | None = None) -> None:
        self.handle = handle
        self.name = name
        self.size = size
        self._on_read = on_read or (lambda done, total: None)

    def head(self, count: int = _CHUNK) -> bytes:
        """The first bytes."""
        self.handle.seek(0)
        return self.handle.read(count)

    def encoding(self) -> tuple[str, int | None]:
        """Its encoding, and the line where it stops to be UTF-8. Raises ``InvalidInput`` for what is no text."""
        head = self.head(4096)
        if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            return "utf-16", None
        self.handle.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        line = 1
        while chunk := self.handle.read(_CHUNK):
            try:
                decoder.decode(chunk)
            except UnicodeDecodeError as error:
                if b"\x00" in head:
                    raise InvalidInput(f"{self.name} is not a text file") from None
                return "cp1252", line + error.object.count(b"\n", 0, error.start)
            line += chunk.count(b"\n")
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return "cp1252", line
        return "utf-8-sig", None

    def text(self, encoding: str, newline: str | None = "") -> io.TextIOWrapper:
        """The text from the beginning."""
        self.handle.seek(0)
        counted = io.BufferedReader(_Counted(self.handle, self.size, self._on_read), _CHUNK)
        return io.TextIOWrapper(counted, encoding=encoding, errors="replace", newline=newline)


class _Counted(io.RawIOBase):
    """Tells how much was read, and leaves the file open when it goes."""

    def __init__(self, handle: BinaryIO, size: int, on_read: OnRead) -> None:
        self._handle, self._size, self._tell, self._done = handle, size, on_read, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._handle.read(len(buffer))
        buffer[: len(data)] = data
        self._done += len(data)
        self._tell(self._done, self._size)
        return len(data)


def lines(text: io.TextIOBase) -> Iterator[tuple[int, str | None]]:
    """Numbered lines with their ends; None for one that is longer than ``LONGEST_LINE``."""
    number = 0
    while line := text.readline(LONGEST_LINE):
        number += 1
        if len(line) < LONGEST_LINE or line.endswith("\n"):
            yield number, line
            continue
        while (rest := text.readline(LONGEST_LINE)) and not rest.endswith(("\n", "\r")):
            pass
        yield number, None
