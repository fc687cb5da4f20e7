"""The asynchronous client."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp

from reverie import _tracing
from reverie.client._connection import Connection, read_task
from reverie.client._options import listed
from reverie.client._resilience import pauses
from reverie.client._stream import read_event, refusal
from reverie.client._vectors import EmbeddedTexts
from reverie.client._wire import MemoryLike, request_body, segment
from reverie.client.task import AsyncTask
from reverie.client.user import AsyncUser
from reverie.contracts import (
    AnalyzeResult,
    ClusterResult,
    Event,
    RecallResult,
    Receipt,
    Task,
    UserPage,
    UserSummary,
)

__all__ = ["AsyncReverie"]

_OFF_LOOP_ITEMS = 200
"""Submissions with more memories than this are put into JSON in a thread."""


class AsyncReverie(Connection):
    """A client of the service; use it as an asynchronous context manager.

    Every call raises a ``ReverieError`` when it fails: ``ServiceUnavailable`` within ``connect_timeout`` seconds when
    nothing answers, and at once while the breaker is open.

    - ``url``, ``api_key``: the service and its key; from the environment, or those of the service on this machine.
    - ``connect_timeout``: most seconds until a connection is there.
    - ``timeout``: most seconds of one try from its start to the end of the answer, unless the call itself waits longer.
    - ``tries``: how often a call is sent at most, after a failure that may pass; nothing is done twice by that.
    - ``session``: an aiohttp session of yours, which stays yours to close; one of its own without it.
    - ``remember_in``: a folder in which ``last_known`` survives a restart; in memory alone without it.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        connect_timeout: float = 2.0,
        timeout: float = 30.0,
        tries: int = 3,
        session: aiohttp.ClientSession | None = None,
        remember_in: Path | None = None,
    ) -> None:
        super().__init__(
            url,
            api_key,
            connect_timeout=connect_timeout,
            timeout=timeout,
            tries=tries,
            session=session,
            remember_in=remember_in,
        )

    async def __aenter__(self) -> AsyncReverie:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # -- submitting ------------------------------------------------------------------------------

    async def submit_clustering_task(
        self,
        user_id: str | int,
        memories: Iterable[MemoryLike] | None = None,
        *,
        granularity: str | float | None = None,
        min_cluster_size: int | None = None,
        max_themes: int | None = None,
        stopwords_language: str | None = None,
        seed: int | None = None,
        map: bool | None = None,  # noqa: A002 - the contract's name
        model: str | None = None,
        cloud: Mapping[str, Any] | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
        wait: float | None = None,
        deadline: float | None = None,
    ) -> AsyncTask[ClusterResult]:
        """Group a user's memories into themes (without any: the stored ones); returns once the service has accepted it.

        - ``granularity``: "coarse", "medium" (without it), "fine", or a number from 0 (few broad themes) to 1.
        - ``min_cluster_size``: fewest memories that make a theme; chosen from the data without it.
        - ``max_themes``: most themes in the result.
        - ``stopwords_language``: two letters; the language whose stop words no label has. Detected without it.
        - ``seed``: the same seed and content give the same themes; 0 without it.
        - ``map``: whether places on the map are computed; they are without it.
        - ``model``: name of the embedding model; the one that is served without it.

        How it is sent, as for every submission: ``cloud`` says whether it may use the cloud (``{"allowed": True}``);
        ``callback_url`` gets a signed webhook at the end; ``wait`` asks the service to answer with the result within so
        many seconds if it can; after ``deadline`` seconds nobody needs the answer any more, and work that has not begun
        is dropped. A call is sent again after a failure without being done twice: ``idempotency_key`` is made for each
        call unless it is given.
        """
        options = {
            "granularity": granularity,
            "min_cluster_size": min_cluster_size,
            "max_themes": max_themes,
            "stopwords_language": stopwords_language,
            "seed": seed,
            "map": map,
            "model": model,
        }
        more = {"cloud": cloud, "callback_url": callback_url}
        return await self._submit("cluster", user_id, memories, options, more, idempotency_key, wait, deadline)

    async def submit_analysis_task(
        self,
        user_id: str | int,
        memories: Iterable[MemoryLike] | None = None,
        *,
        now: datetime | str | None = None,
        timezone: str | None = None,
        top: int | None = None,
        sections: Sequence[str] | None = None,
        weights: Mapping[str, float] | None = None,
        half_life_days: float | None = None,
        time_budget: float | None = None,
        edges: bool | None = None,
        seed: int | None = None,
        model: str | None = None,
        cloud: Mapping[str, Any] | None = None,
        callback_url: str | None = None,
        idempotency_key: str | None = None,
        wait: float | None = None,
        deadline: float | None = None,
    ) -> AsyncTask[AnalyzeResult]:
        """Find what matters in a user's memories (without any: the stored ones) and what changes.

        - ``now``: the moment to count back from, which makes a run repeatable; that of the submission without it.
        - ``timezone``: IANA name of the user's time zone, for rhythms and the timeline; UTC without it.
        - ``top``: most entries of the importance ranking.
        - ``sections``: what to compute, of "importance", "graph", "patterns", "duplicates", "advice", "emotion".
        - ``weights``: weights of importance factors by name, 0 to 100; others keep theirs.
        - ``half_life_days``: days after which the recency factor has halved; 90 without it.
        - ``time_budget``: seconds after which unfinished sections are dropped and named in ``notes``.
        - ``edges``: whether the graph's edges are listed; they are without it.
        - ``seed``: the same seed and content give the same result; 0 without it.
        - ``model``: name of the embedding model; the one that is served without it.

        ``cloud``, ``callback_url``, ``idempotency_key``, ``wait`` and ``deadline`` as for ``submit_clustering_task``.
        """
        options = {
            "now": now,
            "timezone": timezone,
            "top": top,
            "sections": listed(sections, "sections") if sections is not None else None,
            "weights": weights,
            "half_life_days": half_life_days,
            "time_budget": time_budget,
            "edges": edges,
            "seed": seed,
            "model": model,
        }
        more = {"cloud": cloud, "callback_url": callback_url}
        return await self._submit("analyze", user_id, memories, options, more, idempotency_key, wait, deadline)

    async def submit_recall_task(
        self,
        user_id: str | int,
        query: str,
        memories: Iterable[MemoryLike],
        *,
        top: int | None = None,
        weights: Mapping[str, float] | None = None,
        now: datetime | str | None = None,
        half_life_days: float | None = None,
        diversity: float | None = None,
        model: str | None = None,
        idempotency_key: str | None = None,
        wait: float | None = None,
        deadline: float | None = None,
    ) -> AsyncTask[RecallResult]:
        """Rank a user's memories for a question.

        - ``top``: most memories to return; 10 without it.
        - ``weights``: weights of "relevance", "importance" and "recency", 0 to 100; others keep theirs.
        - ``now``: the moment to count back from, which makes a run repeatable; that of the submission without it.
        - ``half_life_days``: days after which the recency term has halved; 90 without it.
        - ``diversity``: 0 (without it) ranks by score alone; towards 1, memories that say the same are spread out.
        - ``model``: name of the embedding model; the one that is served without it.

        ``idempotency_key``, ``wait`` and ``deadline`` as for ``submit_clustering_task``.
        """
        options = {
            "top": top,
            "weights": weights,
            "now": now,
            "half_life_days": half_life_days,
            "diversity": diversity,
            "model": model,
        }
        return await self._submit(
            "recall", user_id, memories, options, {"query": query}, idempotency_key, wait, deadline
        )

    async def embed(
        self,
        texts: Sequence[str],
        *,
        user_id: str | int = "-",
        kind: str | None = None,
        dimensions: int | None = None,
        model: str | None = None,
        timeout: float = 60.0,
    ) -> EmbeddedTexts:
        """Vectors of texts, one memoryview of float32 a text (``numpy.asarray(view)`` costs nothing).

        - ``user_id``: whose texts these are, so that erasing the user erases the vectors; "-" is nobody.
        - ``kind``: "document" (without it) or "query", which adds the prefix of the model's card, where it has one.
        - ``dimensions``: shortens the vectors, where the model was trained for it.
        - ``model``: name of the embedding model; the one that is served without it.
        - ``timeout``: most seconds until the vectors are there.

        ``.model`` of what comes back says by which model they were made, and in which precision.
        """
        options = {"kind": kind, "dimensions": dimensions, "model": model}
        task = await self._submit(
            "embed", user_id, None, options, {"texts": listed(texts, "texts")}, None, min(timeout, 30.0), timeout
        )
        return EmbeddedTexts(await task.result(timeout=timeout))

    async def _submit(
        self,
        operation: str,
        user_id: str | int,
        memories: Iterable[MemoryLike] | None,
        options: Mapping[str, Any],
        more: Mapping[str, Any],
        idempotency_key: str | None,
        wait: float | None,
        deadline: float | None,
    ) -> AsyncTask:
        items = listed(memories, "memories") if memories is not None else None
        if items is not None and len(items) > _OFF_LOOP_ITEMS:
            body = await asyncio.to_thread(request_body, user_id, items, options, **more)
        else:
            body = request_body(user_id, items, options, **more)
        headers = {
            "Content-Type": "application/json",
            # Makes every retry of this call safe: the service answers with the task it made the first time.
            "Idempotency-Key": idempotency_key or secrets.token_urlsafe(18),
        }
        if wait is not None:
            headers["Prefer"] = f"wait={wait:g}"
        if deadline is not None:
            headers["Reverie-Deadline"] = f"{deadline:g}"
        with _tracing.span(f"submit {operation}", "client", operation=operation):
            headers.update(_tracing.headers())
            answer = await self._call("POST", f"/{operation}/submit", data=body, headers=headers, patience=wait or 0.0)
        return AsyncTask(self, await read_task(answer))

    # -- tasks and users -------------------------------------------------------------------------

    async def task(self, task_id: str) -> AsyncTask:
        """A task by its id. Raises ``NotFound``."""
        return AsyncTask(self, await self._read_task(task_id))

    async def cancel(self, task_id: str) -> Task:
        """Stop a task. Raises ``Conflict`` when it has ended."""
        return await self._cancel_task(task_id)

    async def tasks(
        self, *, user_id: str | int | None = None, status: str | None = None, operation: str | None = None
    ) -> AsyncIterator[Task]:
        """All tasks that match, newest first, page by page.

        ``user_id``, ``status`` (as "running") and ``operation`` (as "cluster") each leave the others out.
        """
        cursor: str | None = None
        while True:
            wanted = {"user_id": user_id, "status": status, "operation": operation, "cursor": cursor, "limit": 100}
            query = {name: str(value) for name, value in wanted.items() if value is not None}
            page = json.loads(await self._call("GET", "/tasks", params=query))
            for item in page["tasks"]:
                yield Task.model_validate(item)
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def chart(
        self, task_id: str, kind: str = "map", *, dark: bool = False, width: int = 1000, scale: float = 1.0
    ) -> bytes:
        """A PNG of a finished task: ``map``, ``timeline`` or ``graph``.

        It is laid out for ``width`` pixels and drawn with ``scale`` times as many: 480 and 2 suit chats and phones.
        ``dark`` draws it for a dark background.
        """
        query = {"theme": "dark" if dark else "light", "width": str(width), "scale": f"{scale:g}"}
        return await self._call("GET", f"/tasks/{segment(task_id)}/{kind}.png", params=query, patience=25.0)

    async def forget_user(self, user_id: str | int) -> Receipt:
        """Erase a user everywhere; also what this client remembers."""
        return await self._forget_user(str(user_id))

    async def export_user(self, user_id: str | int) -> dict[str, Any]:
        """Everything the service holds on a user."""
        return await self._export_user(str(user_id))

    def user(self, user_id: str | int) -> AsyncUser:
        """The handle on one user's stored memories. Nothing is asked of the service yet."""
        return AsyncUser(self, str(user_id))

    async def users(self, *, stale: bool = False) -> AsyncIterator[UserSummary]:
        """All users who keep memories, by id; only those whose views do not know all changes if ``stale``."""
        cursor: str | None = None
        while True:
            query = {"limit": "500", "stale": str(stale).lower(), **({"cursor": cursor} if cursor else {})}
            page = UserPage.model_validate_json(await self._call("GET", "/users", params=query))
            for one in page.users:
                yield one
            cursor = page.next_cursor
            if cursor is None:
                return

    async def status(self) -> dict[str, Any]:
        """The service's own summary: queues, cache, recovery."""
        summary: dict[str, Any] = json.loads(await self._call("GET", "/status"))
        return summary

    async def health(self) -> dict[str, Any]:
        """What the service says of itself and its dependencies; empty when it does not answer. Never raises."""
        try:
            async with self._http().get(self.url + "/readyz", timeout=self._timeout, allow_redirects=False) as answer:
                said = await answer.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
            return {}
        return said if isinstance(said, dict) and "status" in said else {}

    async def ready(self) -> bool:
        """Whether the service accepts work now. Never raises."""
        return (await self.health()).get("status") == "ready"

    async def events(self, *, user_id: str | int | None = None, operation: str | None = None) -> AsyncIterator[Event]:
        """All events of the tenant, for as long as the caller listens; reconnects by itself.

        ``user_id`` and ``operation`` each leave the others out.

        Raises ``Unauthorized``, ``Forbidden``, or ``NotFound`` for an unknown operation.
        """
        query = {k: str(v) for k, v in {"user_id": user_id, "operation": operation}.items() if v is not None}
        waits = pauses()
        while True:
            refused = None
            try:
                async with self._open_socket("/results", query) as socket:
                    async for message in socket:
                        if message.type is aiohttp.WSMsgType.TEXT:
                            waits = pauses()
                            yield await read_event(message.data)
                    refused = refusal(socket.close_code, "such results")
            except (aiohttp.ClientError, OSError, TimeoutError):
                pass
            if refused is not None:
                raise refused
            await asyncio.sleep(next(waits))

    def last_known(self, user_id: str | int, operation: str) -> Any | None:
        """The latest result this client saw for a user, for times when the service does not answer."""
        return self._known.get(str(user_id), operation)
