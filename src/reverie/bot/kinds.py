"""The four questions people can ask: what is submitted for each, and how its result is shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reverie import AsyncReverie, AsyncTask
from reverie.bot import cards
from reverie.bot.cards import Card
from reverie.bot.settings import BotSettings
from reverie.bot.store import Remembered
from reverie.bot.texts import Texts
from reverie.contracts import AnalyzeResult, ClusterResult, RecallResult

__all__ = ["KINDS", "Kind", "cluster_result", "for_service"]

Details = Mapping[str, str]
Memories = Mapping[str, Remembered]
Submit = Callable[[AsyncReverie, str, Sequence[Remembered], Details, BotSettings], Awaitable[AsyncTask]]
Render = Callable[[Any, Memories, Texts, Details], Card]


@dataclass(frozen=True, slots=True)
class Kind:
    """A question. ``keep`` names the stored answer, ``chart`` the picture that is asked for with it."""

    submit: Submit
    parse: Callable[[Any], Any]
    render: Render
    keep: str | None = None
    chart: str | None = None


def for_service(memories: Sequence[Remembered]) -> list[dict[str, Any]]:
    """What the service needs of memories, and nothing else: no names, no servers, no channels."""
    return [{"id": m.id, "text": m.full_text, "created_at": m.created_at, "kind": m.source} for m in memories]


async def _cluster(
    ai: AsyncReverie, user: str, memories: Sequence[Remembered], details: Details, settings: BotSettings
) -> AsyncTask:
    return await ai.submit_clustering_task(user, for_service(memories))


async def _analyze(
    ai: AsyncReverie, user: str, memories: Sequence[Remembered], details: Details, settings: BotSettings
) -> AsyncTask:
    # /insights and /important ask for the same, so that the second is answered from the service's cache.
    return await ai.submit_analysis_task(user, for_service(memories), timezone=settings.timezone, edges=False)


async def _recall(
    ai: AsyncReverie, user: str, memories: Sequence[Remembered], details: Details, settings: BotSettings
) -> AsyncTask:
    return await ai.submit_recall_task(user, details["query"], for_service(memories), top=8)


def cluster_result(value: Any) -> ClusterResult:
    """A stored or fresh result as its type."""
    return ClusterResult.model_validate(value)


KINDS: Mapping[str, Kind] = {
    "themes": Kind(
        submit=_cluster,
        parse=cluster_result,
        render=lambda result, memories, texts, details: cards.themes_card(result, memories, texts),
        keep="cluster",
        chart="map",
    ),
    "insights": Kind(
        submit=_analyze,
        parse=AnalyzeResult.model_validate,
        render=lambda result, memories, texts, details: cards.insights_card(result, texts),
        keep="analyze",
        chart="timeline",
    ),
    "important": Kind(
        submit=_analyze,
        parse=AnalyzeResult.model_validate,
        render=lambda result, memories, texts, details: cards.important_card(result, memories, texts),
        keep="analyze",
    ),
    "recall": Kind(
        submit=_recall,
        parse=RecallResult.model_validate,
        render=lambda result, memories, texts, details: cards.recall_card(details["query"], result, memories, texts),
    ),
}
