"""The questions people can ask of what Reverie keeps: how each is read, and how its answer is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reverie import AsyncReverie, AsyncTask
from reverie.bot import cards
from reverie.bot.cards import Card
from reverie.bot.settings import BotSettings
from reverie.bot.store import Remembered
from reverie.bot.texts import Texts
from reverie.client.user import AsyncUser
from reverie.contracts import StoredMemory
from reverie.errors import NotFound

__all__ = ["KINDS", "Kind", "memories_of", "remembered"]

Details = Mapping[str, str]
Memories = Mapping[str, Remembered]


@dataclass(frozen=True, slots=True)
class Kind:
    """A question. ``read`` raises ``NotFound`` before the first view; ``names`` are the memories that its card quotes.

    ``chart`` is the picture that follows the words, and ``draw`` the task that it is drawn from.
    """

    read: Callable[[AsyncUser, Details, BotSettings], Awaitable[Any]]
    names: Callable[[Any], Sequence[str]]
    render: Callable[[Any, Memories, Texts, Details], Card]
    keep: bool = True
    chart: str | None = None
    draw: Callable[[AsyncReverie, str, BotSettings], Awaitable[AsyncTask[Any]]] | None = None


def remembered(stored: StoredMemory) -> Remembered:
    """A memory of Reverie as the bot shows it."""
    note = str(stored.metadata.get("note") or "")
    text = stored.text.removesuffix(f"\n({note})") if note else stored.text
    return Remembered(stored.id, text, stored.created_at or stored.added_at, note, stored.kind or "command")


async def memories_of(user: AsyncUser, ids: Sequence[str]) -> dict[str, Remembered]:
    """These memories by id; those that are gone are left out."""

    async def one(memory_id: str) -> Remembered | None:
        try:
            return remembered(await user.memory(memory_id))
        except NotFound:
            return None

    found = await asyncio.gather(*(one(memory_id) for memory_id in dict.fromkeys(ids)))
    return {memory.id: memory for memory in found if memory is not None}


KINDS: Mapping[str, Kind] = {
    "themes": Kind(
        read=lambda user, details, settings: user.themes(),
        names=cards.theme_examples,
        render=lambda view, memories, texts, details: cards.themes_card(view, memories, texts),
        chart="map",
        draw=lambda ai, user_id, settings: ai.submit_clustering_task(user_id),
    ),
    "insights": Kind(
        read=lambda user, details, settings: user.insights(),
        names=lambda view: (),
        render=lambda view, memories, texts, details: cards.insights_card(view, texts),
        chart="timeline",
        draw=lambda ai, user_id, settings: ai.submit_analysis_task(user_id, timezone=settings.timezone, edges=False),
    ),
    "important": Kind(
        read=lambda user, details, settings: user.insights(),
        names=cards.important_examples,
        render=lambda view, memories, texts, details: cards.important_card(view, memories, texts),
    ),
    "recall": Kind(
        read=lambda user, details, settings: user.recall(details["query"], top=8, min_relevance=settings.min_relevance),
        names=lambda found: [hit.memory_id for hit in found.memories],
        render=lambda found, memories, texts, details: cards.recall_card(details["query"], found, memories, texts),
        keep=False,
    ),
}
