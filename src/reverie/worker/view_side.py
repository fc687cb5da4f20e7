"""What the gateway must know, beside a view, to show it without memories that have gone since: dates and supporters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reverie.contracts import AnalyzeResult, ClusterResult, Memory

__all__ = ["insights_side", "themes_side"]

_SUPPORTERS = 8
"""Members that are noted for a keyword. Once all of these have gone the keyword goes, whoever else used it."""


def themes_side(result: ClusterResult, memories: Sequence[Memory]) -> dict[str, Any]:
    """``{"at": {memory id: seconds since 1970}, "words": {theme id: {keyword: supporters}}}``."""
    texts = {m.id: m.text.casefold() for m in memories}
    groups = [(t.id, t.keywords, t.memory_ids) for t in result.themes]
    groups += [(part.id, part.keywords, part.memory_ids) for theme in result.themes for part in theme.subthemes]
    return {
        "at": {m.id: m.created_at.timestamp() for m in memories if m.created_at is not None},
        "words": {name: _supporters(keywords, members, texts) for name, keywords, members in groups},
    }


def insights_side(result: AnalyzeResult, memories: Sequence[Memory], days: Mapping[str, str]) -> dict[str, Any]:
    """``{"day": {memory id: its day in the timeline}, "words": {community id: {keyword: supporters}}}``."""
    texts = {m.id: m.text.casefold() for m in memories}
    communities = result.graph.communities if result.graph else []
    return {
        "day": {m.id: days.get(m.id) for m in memories},
        "words": {one.id: _supporters(one.keywords, one.memory_ids, texts) for one in communities},
    }


def _supporters(words: Sequence[str], members: Iterable[str], texts: Mapping[str, str]) -> dict[str, list[str]]:
    """The first members whose text holds each word."""
    found: dict[str, list[str]] = {word: [] for word in words}
    wanted = {word: word.casefold() for word in words}
    for member in members:
        if not wanted:
            break
        text = texts[member]
        for word, folded in list(wanted.items()):
            if folded in text:
                found[word].append(member)
                if len(found[word]) == _SUPPORTERS:
                    del wanted[word]
    # A word that no text holds as it is written (inflected, joined by punctuation) is held by all the words in it.
    for word in [word for word, own in found.items() if not own]:
        parts = word.casefold().split()
        found[word] = [m for m in members if all(part in texts[m] for part in parts)][:_SUPPORTERS]
    return found
