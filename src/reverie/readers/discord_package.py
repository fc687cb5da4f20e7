"""The archive Discord sends to people who ask for their data: what they wrote, by channel."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from reverie.errors import InvalidInput, TooLarge
from reverie.readers.base import Collector

__all__ = ["read_package"]

# Folder names are translated with the account's language, so only the shape is matched.
_CHANNEL = re.compile(r"(?:^|.*/)c?(?P<channel>\d{5,25})/messages\.(?P<kind>json|csv)$", re.IGNORECASE)
_INDEX = re.compile(r"(?:^|.*/)[^/]+/index\.json$", re.IGNORECASE)

_MOST_BYTES = 1024 * 2**20
"""Most bytes unpacked from one archive; an archive can be made to unpack to far more than its size."""


def read_package(data: bytes, collector: Collector, *, name: str) -> None:
    """Every message with text becomes a memory; its channel's name becomes the source."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except zipfile.BadZipFile:
        raise InvalidInput(f"{name} is not a readable zip archive") from None
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        channels = [(info, found) for info in infos if (found := _CHANNEL.match(info.filename))]
        if not channels:
            raise InvalidInput(
                f"{name} is not a Discord data package: it has no messages/c<id>/messages.json (or .csv)"
            )
        total = sum(info.file_size for info, _ in channels)
        if total > _MOST_BYTES:
            raise TooLarge(f"{name} unpacks to {total / 2**20:,.0f} MB; at most {_MOST_BYTES // 2**20} MB are read")
        titles = _titles(archive, infos)
        empty = 0
        for info, found in channels:
            try:
                text = archive.read(info).decode("utf-8-sig", "replace")
            except (zipfile.BadZipFile, RuntimeError, NotImplementedError, OSError) as error:
                collector.reject(info.filename, f"cannot be unpacked ({error})")
                continue
            source = titles.get(found["channel"])
            rows = _json_rows if found["kind"].lower() == "json" else _csv_rows
            try:
                for number, row in rows(text):
                    if not isinstance(row, Mapping):
                        collector.reject(f"{info.filename}, message {number}", "is not an object")
                        continue
                    folded = {str(key).casefold(): value for key, value in row.items()}
                    content = folded.get("contents")
                    if not isinstance(content, str) or not content.strip():
                        empty += 1  # pictures, stickers, calls
                        continue
                    collector.add(
                        f"{info.filename}, message {number}",
                        {
                            "id": folded.get("id"),
                            "text": content,
                            "created_at": folded.get("timestamp"),
                            "source": source[:256] if source else None,
                        },
                    )
            except (ValueError, RecursionError, csv.Error) as error:
                collector.reject(info.filename, f"not readable ({str(error)[:80]})")
        if empty:
            collector.note(f"messages without text (pictures, stickers), left out: {empty:,}")


def _titles(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> dict[str, str]:
    """Channel names by id; the archive has several index.json, the one of messages maps ids to names."""
    titles: dict[str, str] = {}
    for info in infos:
        if _INDEX.match(info.filename) and info.file_size < 50 * 2**20:
            try:
                document = json.loads(archive.read(info).decode("utf-8-sig", "replace"))
            except (ValueError, RecursionError, zipfile.BadZipFile, RuntimeError):
                continue
            if isinstance(document, dict):
                titles.update({k: v for k, v in document.items() if k.isdecimal() and isinstance(v, str)})
    return titles


def _json_rows(text: str) -> Iterator[tuple[int, Any]]:
    rows = json.loads(text)
    if not isinstance(rows, list):
        raise ValueError("expected a list of messages")
    yield from enumerate(rows, 1)


def _csv_rows(text: str) -> Iterator[tuple[int, Any]]:
    csv.field_size_limit(10_000_000)
    yield from enumerate(csv.DictReader(io.StringIO(text, newline="")), 1)
