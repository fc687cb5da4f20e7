"""Chats that were exported as plain text: WhatsApp, and DiscordChatExporter's txt."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

from reverie.readers.base import Collector
from reverie.readers.dates import choose_order
from reverie.readers.formats import TABLE, compiled
from reverie.readers.inputs import lines

__all__ = ["chat_of", "prepare_order", "read_discord_txt", "read_whatsapp"]

_WHATSAPP = {name: compiled(pattern) for name, pattern in TABLE["whatsapp"].items()}
_DISCORD = {name: compiled(pattern) for name, pattern in TABLE["discord_txt"].items()}
_MARKS = str.maketrans({"\u202f": " ", "\u00a0": " ", "\u200f": None, "\ufeff": None, "\u202a": None, "\u202c": None})


def chat_of(sample: str) -> str | None:
    """``whatsapp`` or ``discord_txt`` when the beginning of a text is one of them."""
    start = re.sub(r"\r\n?", "\n", sample.lstrip("\ufeff")[:20_000])
    if _DISCORD["top"].match(start):
        return "discord_txt"
    names: list[str] = []
    first = True
    dated = 0
    for line in start.split("\n")[:60]:
        if not line.strip():
            continue
        found = _whatsapp_line(line)
        if found is None and first:
            return None
        first = False
        if found is not None:
            dated += 1
            said = _WHATSAPP["said"].match(found["rest"])
            if said is not None:
                names.append(said["name"])
    # Notes with dates may have a colon too; in a chat somebody speaks again, or nobody else speaks.
    speaks = len(names) >= max(1, dated / 2) and (len(set(names)) <= 2 or len(set(names)) <= 0.6 * len(names))
    return "whatsapp" if speaks else None


def prepare_order(sample: str, collector: Collector) -> None:
    """Decide from the beginning of a chat whether days or months come first, and say so."""
    collector.order, example = choose_order(sample.translate(_MARKS))
    if example is not None:
        words = "day/month" if collector.order == "dmy" else "month/day"
        collector.note(f"dates such as {example} are read as {words}")


def _whatsapp_line(line: str) -> re.Match[str] | None:
    return _WHATSAPP["line"].match(line.translate(_MARKS).lstrip("\u200e").rstrip("\r\n"))


def read_whatsapp(text: io.TextIOBase, collector: Collector) -> None:
    """Messages of several lines are joined; media and the app's own lines are counted."""
    for place, found, rest in _blocks(text, collector, _whatsapp_line):
        said = _WHATSAPP["said"].match(found["rest"])
        if said is None:
            collector.leave("service")
            continue
        first = _WHATSAPP["edited"].sub("", said["text"])
        if _WHATSAPP["no_text"].match(first):
            collector.leave("no text")
            continue
        collector.say(place, said["name"].strip("\u200e "), "\n".join([first, *rest]).strip(), found["date"])


def read_discord_txt(text: io.TextIOBase, collector: Collector) -> None:
    """Messages between the two bars; what hangs on them (files, embeds) is left out."""

    def begins(line: str) -> re.Match[str] | None:
        found = _DISCORD["line"].match(line.rstrip("\r\n"))
        return found if found is not None and re.match(r".*[0-9].*[0-9:]", found["date"]) else None

    for place, found, rest in _blocks(text, collector, begins, end=_DISCORD["end"]):
        own = []
        for line in rest:
            if _DISCORD["extra"].match(line):
                break
            own.append(line)
        said = "\n".join(own).strip()
        if said:
            collector.say(place, found["name"], said, found["date"])
        else:
            collector.leave("no text")


def _blocks(
    text: io.TextIOBase,
    collector: Collector,
    begins: object,
    *,
    end: re.Pattern[str] | None = None,
) -> Iterator[tuple[str, re.Match[str], list[str]]]:
    """``(place, first line, lines that follow it)`` of each message."""
    assert callable(begins)
    place, head = "", None
    rest: list[str] = []
    for number, line in lines(text):
        if line is None:
            collector.reject(f"line {number}", "is too long")
            continue
        found = begins(line)
        ends = end is not None and head is not None and end.match(line.rstrip("\r\n")) is not None
        if found is None and not ends:
            rest.append(line.rstrip("\r\n"))
            continue
        if head is not None:
            yield place, head, rest
        if ends:
            return
        place, head, rest = f"line {number}", found, []
    if head is not None:
        yield place, head, rest
