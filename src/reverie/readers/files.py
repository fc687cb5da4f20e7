"""Which reader a file needs, and the plain formats: jsonl, json, csv, text."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from pathlib import Path

from reverie.errors import InvalidInput, TooLarge
from reverie.readers.base import TEXT_NAMES, Collector, Source
from reverie.readers.discord_package import read_package

__all__ = ["FORMATS", "read_file", "read_memories"]

FORMATS = ("jsonl", "json", "csv", "txt", "zip")

_MOST_BYTES = 512 * 2**20
"""Largest file read into memory, bytes."""

_DATED = re.compile(
    r"^\[?(\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)\]?[\s:,;|-]+(?=\S)"
)

_NAMES = {".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "csv", ".zip": "zip"}


def read_file(path: str | Path, *, format: str | None = None) -> Source:  # noqa: A002 - the word people use
    """Read a file; the format follows from its name and content unless it is given.

    Raises ``InvalidInput`` naming the file and the line when it cannot be read at all; single bad rows are in
    ``Source.rejected``.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir():
            raise InvalidInput(f"{path} is a folder; give a file ({', '.join(FORMATS)})")
        if size > _MOST_BYTES:
            raise TooLarge(f"{path} has {size / 2**20:,.0f} MB; at most {_MOST_BYTES // 2**20} MB are read")
        data = path.read_bytes()
    except FileNotFoundError:
        raise InvalidInput(f"there is no file {path}") from None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror or error}") from None
    return read_memories(data, name=path.name, format=format)


def read_memories(data: bytes, *, name: str = "input", format: str | None = None) -> Source:  # noqa: A002
    """The same for bytes at hand, such as standard input."""
    if format is not None and format not in FORMATS:
        raise InvalidInput(f"unknown format {format!r}; choose from {', '.join(FORMATS)}")
    collector = Collector()
    if format == "zip" or (format is None and data[:4] == b"PK\x03\x04"):
        read_package(data, collector, name=name)
        return collector.finish()
    text = _decode(data, collector, name)
    chosen = format or _NAMES.get(Path(name).suffix.lower()) or _guess(text)
    if chosen == "zip":
        raise InvalidInput(f"{name} is called a zip file but is none")
    {"jsonl": _jsonl, "json": _json, "csv": _csv, "txt": _text}[chosen](text, collector, name)
    return collector.finish()


def _decode(data: bytes, collector: Collector, name: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if b"\x00" in data[:4096]:
            raise InvalidInput(f"{name} is not a text file") from None
        line = data.count(b"\n", 0, error.start) + 1
        collector.note(f"not UTF-8 (line {line}); read as Windows-1252")
        return data.decode("cp1252", "replace")


def _guess(text: str) -> str:
    start = text.lstrip()[:1]
    if start == "[":
        return "json" if not _DATED.match(text.lstrip()) else "txt"
    return "jsonl" if start in ("{", '"') else "txt"


def _jsonl(text: str, collector: Collector, name: str) -> None:
    # Not splitlines(): it also splits at U+2028 and others, which are legal inside JSON texts.
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply"
            collector.reject(f"line {number}", f"not JSON ({reason})")
            continue
        collector.add(f"line {number}", row)


def _json(text: str, collector: Collector, name: str) -> None:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data":  # one object a line, called .json
            return _jsonl(text, collector, name)
        raise InvalidInput(f"{name}, line {error.lineno}: not JSON ({error.msg})") from None
    except RecursionError:
        raise InvalidInput(f"{name}: JSON nested too deeply") from None
    if isinstance(document, dict):
        collector.user(document.get("user_id"))
        rows = next((document[key] for key in ("memories", "messages", "items") if key in document), None)
    else:
        rows = document
    if not isinstance(rows, list):
        raise InvalidInput(f'{name}: expected a list of memories, or {{"memories": [...]}}')
    for number, row in enumerate(rows, 1):
        collector.add(f"item {number}", row)
    return None


def _csv(text: str, collector: Collector, name: str) -> None:
    if not text.strip():
        return
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(",;\t|", key=first.count)
    csv.field_size_limit(10_000_000)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] | None = None
    before = 0
    try:
        for row in reader:
            place = f"line {before + 1}"  # where the row starts; a quoted text may span several lines
            before = reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip() for cell in row]
                if {cell.casefold() for cell in header} & set(TEXT_NAMES):
                    continue
                if len(row) > 1:
                    raise InvalidInput(
                        f"{name}: no column for the text among {', '.join(header)[:200]}; "
                        f"name one of them {' or '.join(TEXT_NAMES[:3])}"
                    )
                header = ["text"]  # one column without a heading
            if len(row) > len(header):
                collector.reject(place, f"has {len(row)} columns where the heading has {len(header)}")
                continue
            _csv_row(dict(zip(header, row, strict=False)), place, collector)
    except csv.Error as error:
        raise InvalidInput(f"{name}, line {reader.line_num}: {error}") from None


def _csv_row(cells: dict[str, str], place: str, collector: Collector) -> None:
    row: dict[str, object] = {key: value for key, value in cells.items() if key != "metadata"}
    count = cells.get("access_count", "").strip()
    if count:
        if not count.isdecimal():
            collector.reject(place, f"access_count: {count[:20]!r} is not a count")
            return
        row["access_count"] = int(count)
    collector.add(place, row)


def _text(text: str, collector: Collector, name: str) -> None:
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        line = line.strip()
        if not line:
            continue
        dated = _DATED.match(line)
        if dated is None:
            collector.add(f"line {number}", line)
        else:
            collector.add(f"line {number}", {"text": line[dated.end() :], "created_at": dated.group(1)})
