"""Memories that say nothing: bot commands and stock phrases."""

from __future__ import annotations

import re

from reverie.analysis.texts import normalized

__all__ = ["is_junk"]

# Not "-", ">" or "$": "-buy milk" and "$SPY is up" are what people write down.
_COMMAND = re.compile(r"^(?:[!/][a-z][\w-]*(?:\s+\S+){0,8}|[?;][a-z][\w-]*(?:\s+\S+){0,4})$", re.IGNORECASE)
_MOST_SPACES = 8
_STOCK = frozenset(
    """ok okay k kk yes yeah yep yup no nope nah hi hey hello hiya yo bye goodbye cya gn gm lol lmao rofl haha hahaha
    hehe xd thanks thx ty thank you np welcome please pls sure cool nice great wow omg hmm hm uh um brb gtg afk idk idc
    test testing ping pong good morning night evening same true right alright fine gg wp rip oof bruh huh
    what""".split()  # noqa: SIM905
)


def is_junk(text: str, key: str | None = None) -> bool:
    """Whether a memory is a bot command or a stock phrase such as "lol ok"."""
    if text.count(" ") > _MOST_SPACES:
        return False
    stripped = text.strip()
    if _COMMAND.match(stripped):
        return True
    parts = (normalized(text) if key is None else key).split()
    return 0 < len(parts) <= 4 and all(p in _STOCK for p in parts)
