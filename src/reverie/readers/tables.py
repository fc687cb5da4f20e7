"""CSV: any separator, quoted texts over several lines, and a name for every row whose quotes are wrong."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

from reverie.errors import InvalidInput
from reverie.readers.base import TEXT_NAMES, Collector
from reverie.readers.inputs import lines

__all__ = ["read_table", "rows_of"]

_SEPARATOR = re.compile(r"sep=(.)\s*", re.IGNORECASE)

_LONGEST_ROW = 400_000
"""Characters after which a quote counts as never closed."""

_MOST_OPEN = 100
"""Quotes that are never closed, after which the file is refused."""

_NAMED = 5


def read_table(text: io.TextIOBase, collector: Collector, name: str) -> None:
    """Rows with a heading that names a column of texts, or one column without a heading."""
    header: list[str] | None = None
    joined: list[int] = []
    bare = False
    for number, row, whole in _rows(text, collector, name):
        place = f"line {number}"
        if header is None:
            header = [cell.strip() for cell in row]
            folded = {cell.casefold() for cell in header}
            # A file of one column is a file of texts, whose rows have no names to be looked for.
            bare = len(header) == 1
            if folded & set(TEXT_NAMES) or {"authorid", "content"} <= folded:
                continue
            header = _without_heading(row, header, name)
        if len(header) == 1 and len(row) > 1 and '"' not in whole:
            # A file of one column has no separator: the commas are the text's own.
            row = [whole.strip()]
            joined.append(number)
        if len(row) > len(header):
            collector.reject(place, f"has {len(row)} columns where the heading has {len(header)}")
            continue
        if bare:
            collector.add(place, row[0])
            continue
        _take(dict(zip(header, row, strict=False)), place, collector)
    if joined:
        shown = ", ".join(map(str, joined[:_NAMED])) + (", ..." if len(joined) > _NAMED else "")
        collector.note(f"separators in the only column, taken as part of the text: {len(joined):,} (lines {shown})")


def _without_heading(row: list[str], header: list[str], name: str) -> list[str]:
    """Names for the columns of a file whose first row is data: its longest cell is the text."""
    if len(row) == 1:
        return ["text"]
    if not any(cell.isascii() and cell.isdecimal() for cell in header):
        raise InvalidInput(
            f"{name}: no column for the text among {', '.join(header)[:200]}; "
            f"name one of them {' or '.join(TEXT_NAMES[:3])}"
        )
    longest = max(range(len(row)), key=lambda i: len(row[i]))
    return ["text" if i == longest else f"column {i + 1}" for i in range(len(row))]


def rows_of(text: io.TextIOBase, collector: Collector, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """``(number, cells by the heading)`` of every row after the first."""
    header: list[str] | None = None
    for number, (_, row, _whole) in enumerate(_rows(text, collector, name)):
        if header is None:
            header = [cell.strip() for cell in row]
        else:
            yield number, dict(zip(header, row, strict=False))


def _rows(text: io.TextIOBase, collector: Collector, name: str) -> Iterator[tuple[int, list[str], str]]:
    """``(line where it starts, cells, the row as it stands)``; blank rows are left out, wrong quotes are rejected."""
    source = lines(text)
    #: Lines that were read for a quote that never closed, to be read again.
    again: list[tuple[int, str | None]] = []
    delimiter, opened = "", 0

    def following() -> tuple[int, str | None] | None:
        return again.pop() if again else next(source, None)

    while (got := again.pop() if again else next(source, None)) is not None:
        number, line = got
        if line is None:
            collector.reject(f"line {number}", "is too long")
            continue
        if not line.strip():
            continue
        if not delimiter:
            if (said := _SEPARATOR.fullmatch(line)) is not None:
                delimiter = said[1]
                continue
            delimiter = max(",;\t|", key=line.count)
        cells = _cells(line, delimiter)
        if isinstance(cells, list):
            if cells[0].strip() or any(cell.strip() for cell in cells):
                yield number, cells, line
            continue
        taken = [(number, line)]
        quotes, size = line.count('"'), len(line)
        while cells is None and size < _LONGEST_ROW and (more := following()) is not None:
            if more[1] is None:
                again.append(more)
                break
            taken.append((more[0], more[1]))
            quotes, size = quotes + more[1].count('"'), size + len(more[1])
            # While they are odd a quote is open: to parse at every line would take the square of a row's length.
            if quotes % 2 == 0:
                cells = _cells("".join(piece for _, piece in taken), delimiter)
        if isinstance(cells, list):
            if any(cell.strip() for cell in cells):
                yield number, cells, line
            continue
        wrong = "that opens here is never closed" if cells is None else "inside a quoted text is not doubled"
        collector.reject(f"line {number}", f"a quote {wrong}")
        again.extend(reversed(taken[1:]))
        opened += 1
        if opened > _MOST_OPEN:
            raise InvalidInput(f"{name}: wrong quotes in more than {_MOST_OPEN} rows, the last in line {number}")


def _cells(row: str, delimiter: str) -> list[str] | bool | None:
    """The cells of a row; None while a quote is open, False where text follows a closed one."""
    if '"' not in row:
        return row.rstrip("\r\n").split(delimiter)
    try:
        read = list(csv.reader([row], delimiter=delimiter, strict=True))
    except csv.Error as error:
        return None if "end of data" in str(error) else False
    return read[0] if len(read) == 1 else False


def _take(cells: dict[str, str], place: str, collector: Collector) -> None:
    row: dict[str, object] = {key: value for key, value in cells.items() if key != "metadata"}
    count = cells.get("access_count", "").strip()
    if count:
        if not (count.isascii() and count.isdecimal() and len(count) < 12):
            collector.reject(place, f"access_count: {count[:20]!r} is not a count")
            return
        row["access_count"] = int(count)
    collector.take(place, row)


csv.field_size_limit(10_000_000)
