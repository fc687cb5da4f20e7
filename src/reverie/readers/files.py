"""Which reader a file needs, and the plain formats: jsonl, json, text."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from reverie.errors import InvalidInput, TooLarge
from reverie.readers.archives import read_archive
from reverie.readers.base import Collector, Source
from reverie.readers.chats import chat_of, prepare_order, read_discord_txt, read_whatsapp
from reverie.readers.inputs import Input, OnRead, lines
from reverie.readers.json_stream import JsonReader, looks_like_json, parse
from reverie.readers.parquet import MAGIC, read_parquet
from reverie.readers.tables import read_table

__all__ = ["FORMATS", "read_file", "read_handle", "read_memories"]

FORMATS = ("jsonl", "json", "csv", "txt", "zip")

_MOST_BYTES = 4 * 2**30
"""Largest file that is read, bytes; it is read as a stream."""

_SAMPLE = 2**20
"""Bytes from which the sort of a file is recognised."""

_DATED = re.compile(
    r"^\[?(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)\]?[\s:,;|-]+(?=\S)"
)

_NAMES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv", ".zip": "zip"}


def read_file(
    path: str | Path,
    *,
    format: str | None = None,  # noqa: A002 - the word people use
    author: str | None = None,
    on_read: OnRead | None = None,
) -> Source:
    """Read a file; the format follows from its name and content unless it is given.

    ``author`` is the id or name of the only person whose texts are taken; ``on_read`` is called with the bytes read
    so far and all bytes. Raises ``InvalidInput`` naming the file and the line when it cannot be read at all, and with
    the authors when several people wrote and none was chosen; single bad rows are in ``Source.rejected``.
    """
    path = Path(path)
    try:
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder; give a file ({', '.join(FORMATS)})")
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise TooLarge(f"{path} has {size / 2**20:,.0f} MB; at most {_MOST_BYTES // 2**20:,} MB are read")
        with path.open("rb") as handle:
            return read_handle(handle, path.name, size, format=format, author=author, on_read=on_read)
    except FileNotFoundError:
        raise InvalidInput(f"there is no file {path}") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None


def read_memories(
    data: bytes,
    *,
    name: str = "input",
    format: str | None = None,  # noqa: A002
    author: str | None = None,
) -> Source:
    """The same for bytes at hand."""
    return read_handle(io.BytesIO(data), name, len(data), format=format, author=author)


def read_handle(
    handle: BinaryIO,
    name: str,
    size: int,
    *,
    format: str | None = None,  # noqa: A002
    author: str | None = None,
    on_read: OnRead | None = None,
) -> Source:
    """The same for an open file that can be read again from its beginning."""
    if format is not None and format not in FORMATS:
        raise InvalidInput(f"unknown format {format!r}; choose from {', '.join(FORMATS)}")
    collector = Collector(author)
    source = Input(handle, name, size, on_read)
    if format == "zip" or (format is None and source.head(4) == b"PK\x03\x04"):
        read_archive(source, collector, read_text)
    elif format is None and source.head(4) == MAGIC:
        read_parquet(source, collector)
    elif format is None and Path(name).suffix.lower() == ".zip":
        raise InvalidInput(f"{name} is called a zip file but is none")
    else:
        read_text(source, collector, format)
    return collector.finish(name)


def read_text(source: Input, collector: Collector, format: str | None = None) -> None:  # noqa: A002
    """Read one text file into ``collector``."""
    encoding, broken = source.encoding()
    if broken is not None:
        collector.note(f"not UTF-8 (line {broken}); read as Windows-1252")
    sample = source.text(encoding).read(_SAMPLE)
    suffix = Path(source.name).suffix.lower()
    chosen = format or _NAMES.get(suffix) or _guess(sample, suffix)
    if chosen == "jsonl" and looks_like_json(sample):
        chosen = "json"
    if chosen == "json":
        _json(source.text(encoding), collector, source.name)
    elif chosen == "jsonl":
        _lines(JsonReader(source.text(encoding), source.name).lines(), collector)
    elif chosen == "csv":
        if "AuthorID" in sample[:200]:
            prepare_order(sample, collector)
        read_table(source.text(encoding), collector, source.name)
    elif chosen == "html":
        raise InvalidInput(f"{source.name} is a page (HTML); export the chat as JSON instead")
    else:
        chat = chat_of(sample)
        if chat is None:
            return _text(source.text(encoding, newline=None), collector)
        prepare_order(sample, collector)
        read = read_whatsapp if chat == "whatsapp" else read_discord_txt
        read(source.text(encoding, newline=None), collector)
    return None


def _guess(sample: str, suffix: str) -> str:
    text = sample.lstrip("\ufeff \t\r\n")
    if suffix in (".html", ".htm") or text[:15].lower() in ("<!doctype html>", "<!doctype html "):
        return "html"
    if suffix == ".txt":
        return "txt"
    if text[:1] == "[":
        return "txt" if _DATED.match(text) or chat_of(sample) else "json"
    return "jsonl" if text[:1] in ("{", '"') else "txt"


def _lines(rows: Iterable[tuple[int, str | None]], collector: Collector) -> None:
    for number, line in rows:
        if line is None:
            collector.reject(f"line {number}", "is too long")
        elif line.strip():
            try:
                row = parse(line)
            except ValueError as error:
                collector.reject(f"line {number}", str(error))
            else:
                collector.take(f"line {number}", row)


def _json(text: io.TextIOBase, collector: Collector, name: str) -> None:
    reader = JsonReader(text, name)
    for number, row in reader.rows():
        channel = reader.head.get("channel")
        title = channel.get("name") if isinstance(channel, dict) else None
        collector.take(f"item {number}", row, source=title if isinstance(title, str) else None)
    more = reader.more()
    if reader.is_object and not reader.found:
        _object(reader, collector, name, more=more)
    elif not reader.found and not more:
        raise InvalidInput(f'{name}: expected a list of memories, or {{"memories": [...]}}')
    collector.user(reader.head.get("user_id") if reader.is_object else None)
    if more:  # one value a line, called .json
        _lines(reader.lines(), collector)


def _object(reader: JsonReader, collector: Collector, name: str, *, more: bool) -> None:
    """A document that is one row, or the first of several."""
    if more:
        collector.take("line 1", reader.head)
        return
    before = len(collector)
    collector.take("the document", reader.head)
    if len(collector) == before:
        keys = ", ".join(list(reader.head)[:6])
        raise InvalidInput(f'{name}: expected a list of memories, or {{"memories": [...]}}, not an object of {keys}')


def _text(text: io.TextIOBase, collector: Collector) -> None:
    for number, line in lines(text):
        if line is None:
            collector.reject(f"line {number}", "is too long")
            continue
        line = line.strip()
        if not line:
            continue
        dated = _DATED.match(line) if line[0] == "[" or line[0].isdecimal() else None
        if dated is None:
            collector.add(f"line {number}", line)
        else:
            collector.add_dated(f"line {number}", line[dated.end() :], dated.group(1))
