"""Memories that say nothing: commands, stock phrases, links, code, embeds, mentions and reactions."""

from __future__ import annotations

import re
from typing import Literal

from reverie.analysis.texts import normalized

__all__ = ["Noise", "is_junk", "noise"]

Noise = Literal["command", "phrase", "link", "code", "embed", "mention", "reaction"]

_READ = 4000
"""Characters that decide. What is longer has said something by then, or is code."""

# Not "-", ">" or "$": "-buy milk" and "$SPY is up" are what people write down.
_COMMAND = re.compile(r"^(?:[!/][^\W\d_][\w-]*(?:\s+\S+){0,8}|[?;][^\W\d_][\w-]*(?:\s+\S+){0,4})$")
_MOST_SPACES = 8
_LONGEST = 400
"""Characters of the longest command or stock phrase."""
_STOCK = frozenset(
    """ok okay k kk yes yeah yep yup no nope nah hi hey hello hiya yo bye goodbye cya gn gm lol lmao rofl haha hahaha
    hehe xd thanks thx ty thank you np welcome please pls sure cool nice great wow omg hmm hm uh um brb gtg afk idk idc
    test testing ping pong good morning night evening same true right alright fine gg wp rip oof bruh huh
    what ja nein danke hallo moin jo nö sí si vale hola gracias jaja jajaja jajajaja adiós oui ouais non merci salut mdr
    ptdr coucou sim não valeu beleza obrigado obrigada kkk kkkk kkkkk rsrs oi tchau да нет ага ок ладно привет спасибо
    пока ахах ахаха ахахах хаха хахаха""".split()  # noqa: SIM905
)
_FENCE = re.compile(r"```[^`]*(?:```|$)|`[^`\n]{1,400}`")
_VOTE = re.compile(r"[+-]1\W{0,3}")
_EMBED = re.compile(r"\W{0,4}\[embed\]", re.IGNORECASE)
_LINK = re.compile(r"(?:https?://|www\.)\S{1,2000}")
_MENTION = re.compile(r"<[@#][!&]?\d{1,24}>|(?<![\w@])@[\w.]{2,32}")
_EMOTE = re.compile(r"<a?:\w{1,40}:\d{1,24}>|:[a-z0-9_+-]{2,40}:")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]{2}")
_KEYED = re.compile(r"[\"'][\w-]{1,40}[\"']\s{0,3}:")
_CODE = re.compile(
    r"[;{}]\s*$|^\s*(?:def |class |import |from \w+ import|const |let |var |function |public |#include|SELECT |return )"
    r"|=>|\w\(.{0,80}\)\s*[;{:]?\s*$|^\s*(?:\$ |>>> )",
    re.MULTILINE,
)
_SIGNS = re.compile(r"[{}\[\]();=<>_|\\]")


def is_junk(text: str, key: str | None = None) -> bool:
    """Whether a memory is a bot command or a stock phrase such as "lol ok": what advice may call superfluous."""
    if len(text) > _LONGEST or text.count(" ") > _MOST_SPACES:
        return False
    stripped = text.strip()
    if _COMMAND.match(stripped):
        return True
    parts = (normalized(text) if key is None else key).split()
    return 0 < len(parts) <= 4 and all(p in _STOCK for p in parts)


def noise(text: str) -> Noise | None:
    """What kind of text says nothing of the person who wrote it; None for all others.

    Words beside a link, a mention or a piece of code count as usual: three of them are something said.
    """
    if is_junk(text):
        return "command" if text.strip()[:1] in "!/?;" else "phrase"
    read = text[:_READ]
    if _EMBED.match(read) or (read.lstrip()[:1] in ("{", "[") and len(_KEYED.findall(read)) >= 2):
        return "embed"
    if _VOTE.fullmatch(read.strip()):
        return "reaction"
    rest = _FENCE.sub(" ", read)
    if rest != read and _says_little(rest):
        return "code"
    linked = _LINK.sub(" ", rest)
    if linked != rest and _says_little(linked):
        return "link"
    rest = linked
    without = _EMOTE.sub(" ", _MENTION.sub(" ", rest))
    if without != rest and _says_little(without):
        return "mention" if _MENTION.search(rest) else "reaction"
    if not _WORD.search(without) and not any(c.isalnum() for c in without):
        return "reaction"
    if len(_SIGNS.findall(without)) * 12 >= len(without.strip()) and _CODE.search(without):
        return "code"
    return None


def _says_little(text: str) -> bool:
    return len(_WORD.findall(text)) < 3 and not _NO_SPACES.search(text)
