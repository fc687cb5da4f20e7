"""Memories as data within a prompt: written so that none can end the fence, forge a line or speak as somebody else.

A memory is one line: ``- "text"``, with a speaker before it and a date after it where they are known. The text is a
JSON string, so that a reader knows where it ends, whatever stands in it. Escaped as ``\\u....``, beyond what JSON asks
for, is all that could be taken for something else:

- control characters, line and paragraph separators, direction overrides, tags and other characters without a shape
  (joiners stay: they hold emoji together);
- ``<`` before a letter, ``/``, ``|``, ``!`` or ``<``, and its lookalikes: tags, the fence's end, ``<|im_start|>``;
- ``[`` before capitals and ``]``: ``[INST]``; and runs of three backticks.

``parse_block`` reads a block back.
"""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass

__all__ = ["FENCE", "Line", "memory_line", "parse_block", "plain_line", "quoted"]

FENCE = ("<notes>", "</notes>")

_KEPT = "\u200c\u200d"
_TAGS = re.compile(r"<(?=[a-zA-Z/|!<?])|[\uff1c\ufe64]|\[(?=/?[A-Z_]{2,}\])|`{3,}")
_ODD = re.compile("[^\x20-\x7e\u00a0-\u00ac\u00ae-\u05ff\u0e00-\u17ff\u2010-\u2027\u2030-\u205e\u3000-\ud7ff]")
"""Everything outside of blocks that are known to hold nothing odd; looked at one by one."""
_NAME = re.compile(r"[^\W_](?:[\w .'\u2019-]{0,38}[^\W_])?\.?")
_ROLES = frozenset(["system", "assistant", "developer", "user", "human", "tool", "function", "ai", "model", "bot"])
_DATE = re.compile(r"[\w .,'\u2019:-]{1,48}")
_MEMORY = re.compile(
    r'- (?:(?P<name>[^":\n]{1,40}|"(?:[^"\\\n]|\\.)*"): )?(?P<text>"(?:[^"\\\n]|\\.)*")'
    r"(?P<cut> …)?(?: \((?P<when>[^()\n]*)\))?"
)


@dataclass(frozen=True, slots=True)
class Line:
    """One memory, as a block tells it."""

    section: str
    text: str
    speaker: str | None = None
    when: str | None = None
    #: Only the beginning of the text.
    cut: bool = False


def quoted(text: str) -> str:
    """``text`` as a JSON string in which nothing can be taken for markup, a role or another line."""
    out = json.dumps(text, ensure_ascii=False)
    if text.isascii() and text.isprintable():
        return _TAGS.sub(_escaped, out)
    return _TAGS.sub(_escaped, _ODD.sub(_seen, out))


def _escaped(match: re.Match[str]) -> str:
    return "".join(_unit(c) for c in match.group())


def _seen(match: re.Match[str]) -> str:
    character = match.group()
    kind = unicodedata.category(character)
    hidden = kind in ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp") or 0xE0100 <= ord(character) <= 0xE01EF
    return _unit(character) if hidden and character not in _KEPT else character


def _unit(character: str) -> str:
    raw = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{raw[i]:02x}{raw[i + 1]:02x}" for i in range(0, len(raw), 2))


def memory_line(text: str, *, speaker: str | None = None, when: str | None = None, cut: bool = False) -> str:
    """The line of a memory, without its newline."""
    said = ""
    if speaker:
        plain = _NAME.fullmatch(speaker) and speaker.lower() not in _ROLES
        said = f"{speaker if plain else quoted(speaker)}: "
    date = f" ({when})" if when and _DATE.fullmatch(when) else ""
    return f"- {said}{quoted(text)}{' …' if cut else ''}{date}"


def plain_line(name: str, rest: str) -> str:
    """A line that tells no memory: a theme's name or a pattern in quotes, and what we say of it."""
    return f"* {quoted(name)}{': ' if rest else ''}{rest}"


def parse_block(text: str) -> list[Line]:
    """The memories of a block, in its order.

    Raises ``ValueError`` for a line that is none, and for a block that does not begin and end with the fence once.
    """
    if not text:
        return []
    if text.count(FENCE[0]) != 1 or text.count(FENCE[1]) != 1:
        raise ValueError("the fence must begin and end once")
    inside = text.split(FENCE[0] + "\n", 1)[1].rsplit(FENCE[1], 1)[0]
    section, out = "", []
    for line in inside.removesuffix("\n").split("\n"):
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line.startswith("* "):
            continue
        elif match := _MEMORY.fullmatch(line):
            name = match["name"]
            speaker = json.loads(name) if name and name.startswith('"') else name
            out.append(Line(section, json.loads(match["text"]), speaker, match["when"], match["cut"] is not None))
        elif line:
            raise ValueError(f"no memory: {line[:80]!r}")
    return out
