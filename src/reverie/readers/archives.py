"""Archives: Discord's data package, and the zip files that ChatGPT, Claude and WhatsApp hand out."""

from __future__ import annotations

import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast

from reverie.errors import InvalidInput, TooLarge
from reverie.readers.base import Collector
from reverie.readers.formats import TABLE
from reverie.readers.inputs import Input
from reverie.readers.json_stream import JsonReader
from reverie.readers.tables import rows_of

__all__ = ["read_archive"]

# Folder names are translated with the account's language, so only the shape is matched.
_CHANNEL = re.compile(TABLE["archives"]["package"].replace("(?<", "(?P<"), re.IGNORECASE)
_INDEX = re.compile(TABLE["archives"]["index"], re.IGNORECASE)
_KNOWN = re.compile(TABLE["archives"]["known"], re.IGNORECASE)

_MOST_BYTES = 4 * 2**30
"""Most bytes unpacked from one archive; an archive can be made to unpack to far more than its size."""

_MOST_INDEX = 16 * 2**20
"""Most bytes of a list of channel names."""

_BROKEN = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, OSError)
"""What a damaged or encrypted member raises, at its start or in the middle."""

ReadText = Callable[[Input, Collector, "str | None"], None]


def read_archive(source: Input, collector: Collector, read_text: ReadText) -> None:
    """Every message with text becomes a memory; a Discord channel's name becomes the source."""
    try:
        archive = zipfile.ZipFile(source.handle)
    except (zipfile.BadZipFile, OSError, ValueError):
        raise InvalidInput(f"{source.name} is not a readable zip archive") from None
    with archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        channels = [info for info in infos if _CHANNEL.search(info.filename)]
        known = channels or [info for info in infos if _KNOWN.search(info.filename)]
        if not known:
            raise InvalidInput(
                f"{source.name} is not a Discord data package: it has no messages/c<id>/messages.json (or .csv); "
                "nor has it conversations.json (ChatGPT, Claude) or a chat of WhatsApp"
            )
        total = sum(info.file_size for info in known)
        if total > _MOST_BYTES:
            raise TooLarge(
                f"{source.name} unpacks to {total / 2**20:,.0f} MB; at most {_MOST_BYTES // 2**20:,} MB are read"
            )
        titles = _titles(archive, infos, collector) if channels else {}
        for info in known:
            try:
                with archive.open(info) as member:
                    opened = Input(cast("BinaryIO", member), info.filename, info.file_size)
                    if channels:
                        _channel(opened, collector, titles)
                    else:
                        read_text(opened, collector, None)
            except InvalidInput as error:
                if len(known) == 1:
                    raise
                collector.reject(info.filename, error.message.removeprefix(info.filename).lstrip(":, "))
            except _BROKEN as error:
                collector.reject(info.filename, f"cannot be unpacked ({str(error)[:80]})")


def _channel(member: Input, collector: Collector, titles: dict[str, str]) -> None:
    found = _CHANNEL.search(member.name)
    assert found is not None
    source = titles.get(found["channel"])
    text = io.TextIOWrapper(member.handle, encoding="utf-8-sig", errors="replace", newline="")
    if found["kind"].lower() == "json":
        reader = JsonReader(text, member.name)
        rows = reader.rows()
    else:
        rows = rows_of(text, collector, member.name)
    for number, row in rows:
        place = f"{member.name}, message {number}"
        if not isinstance(row, dict):
            collector.reject(place, "is not an object")
            continue
        folded = {str(key).casefold(): value for key, value in row.items()}
        content = folded.get("contents")
        if not isinstance(content, str) or not content.strip():
            collector.leave("no text")  # pictures, stickers, calls
            continue
        collector.add(
            place,
            {
                "id": folded.get("id"),
                "text": content,
                "created_at": folded.get("timestamp"),
                "source": source,
            },
        )


def _titles(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo], collector: Collector) -> dict[str, str]:
    """Channel names by id; the archive has several index.json, the one of messages maps ids to names."""
    titles: dict[str, str] = {}
    left = _MOST_INDEX
    for info in infos:
        if not _INDEX.search(info.filename):
            continue
        if info.file_size > left:
            collector.note(f"{info.filename} is too large for a list of channels; channels may lack their names")
            continue
        left -= info.file_size
        try:
            document = json.loads(archive.read(info).decode("utf-8-sig", "replace"))
        except (ValueError, RecursionError, *_BROKEN):
            continue
        if isinstance(document, dict):
            titles.update({k: v[:256] for k, v in document.items() if k.isdecimal() and isinstance(v, str)})
    return titles
