"""The handle on one user's stored memories: ``ai.user("42")``."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from reverie._ids import new_id
from reverie.client._connection import Connection, read_task
from reverie.client._options import listed
from reverie.client._wire import MemoryLike, json_body, ndjson, segment
from reverie.client.task import AsyncTask
from reverie.contracts import (
    Added,
    Context,
    Deleted,
    InsightsView,
    KeptMemory,
    MemoryPage,
    PersonSettings,
    RecallResult,
    Receipt,
    StoredMemory,
    ThemesView,
)
from reverie.errors import InvalidInput

__all__ = ["AsyncUser"]

_BATCH_BYTES = 4 * 2**20
_BATCH = 10_000
"""Most bytes and memories in one request of ``remember_many``; more are sent in several."""

_BULK_SECONDS = 120.0
"""Time that a request with many memories may take more than another one."""


class AsyncUser:
    """What the service keeps on one user. Raises like ``AsyncReverie``; every call may safely be sent again."""

    def __init__(self, client: Connection, user_id: str) -> None:
        self._client = client
        self.id = user_id
        self._path = f"/users/{segment(user_id)}"

    def __repr__(self) -> str:
        return f"AsyncUser({self.id!r})"

    # -- memories --------------------------------------------------------------------------------

    async def remember(
        self,
        text: str,
        *,
        id: str | int | None = None,  # noqa: A002 - the contract's name
        created_at: datetime | str | None = None,
        kind: str | None = None,
        source: str | None = None,
        speaker: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        pinned: bool | None = None,
    ) -> KeptMemory:
        """Keep one memory; durable when this returns.

        Without an ``id`` one is made, and without ``created_at`` too the memory is dated now. With the id of a memory
        that is there it takes that one's place; equal content changes nothing.

        - ``kind``: what sort of memory it is, in your own words ("fact", "event").
        - ``source``: where it came from (a channel, a command).
        - ``speaker``: who said it, where that is not the user.
        - ``metadata``: anything of yours; kept and given back, never read.
        - ``pinned``: whether it is always worth keeping.
        """
        if not isinstance(text, str):
            raise InvalidInput(f"text is of type {type(text).__name__}, not a string")
        if id is None:
            id = new_id("mem_")  # noqa: A001 - the contract's name
            created_at = created_at or datetime.now(UTC)
        body = {
            "text": text,
            "created_at": created_at,
            "kind": kind,
            "source": source,
            "speaker": speaker,
            "metadata": metadata,
            "pinned": pinned,
        }
        return KeptMemory.model_validate_json(await self._send("PUT", self._memory(id), _given(body)))

    async def remember_many(
        self,
        memories: Iterable[MemoryLike] | AsyncIterable[MemoryLike],
        *,
        idempotency_key: str | None = None,
    ) -> Added:
        """Keep many memories; of an asynchronous iterable no more than a request's worth is held at once.

        They are sent 10,000 (or 4 MiB) at a time; each request is kept as a whole, or not at all. A second call with
        the same ``idempotency_key`` and memories adds nothing; one is made for each call unless it is given.
        """
        key = idempotency_key or secrets.token_urlsafe(18)
        total = Added(added=0, updated=0, unchanged=0, ids=[], version=0)
        number = 0
        async for body in _bodies(memories):
            headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": f"{key}-{number}" if number else key}
            answer = await self._client._call(
                "POST", self._path + "/memories", data=body, headers=headers, patience=_BULK_SECONDS
            )
            part = await asyncio.to_thread(Added.model_validate_json, answer)
            total = Added(
                added=total.added + part.added,
                updated=total.updated + part.updated,
                unchanged=total.unchanged + part.unchanged,
                ids=total.ids + part.ids,
                version=part.version,
            )
            number += 1
        return total

    async def memory(self, id: str | int) -> StoredMemory:  # noqa: A002 - the contract's name
        """One memory. Raises ``NotFound``."""
        return StoredMemory.model_validate_json(await self._client._call("GET", self._memory(id)))

    async def memories(
        self,
        *,
        theme: str | None = None,
        q: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> AsyncIterator[StoredMemory]:
        """All memories that match, newest first, page by page.

        - ``theme``: those in the theme with this id.
        - ``q``: those with these words in their text, in any case.
        - ``since``, ``until``: those made (or, without a date, added) then or later, and before.
        """
        wanted = {"theme": theme, "q": q, "since": _moment(since), "until": _moment(until), "limit": "500"}
        cursor: str | None = None
        while True:
            query = {name: value for name, value in {**wanted, "cursor": cursor}.items() if value is not None}
            answer = await self._client._call("GET", self._path + "/memories", params=query)
            page = MemoryPage.model_validate_json(answer)
            for memory in page.memories:
                yield memory
            cursor = page.next_cursor
            if cursor is None:
                return

    async def update(self, id: str | int, **changes: Any) -> KeptMemory:  # noqa: A002 - the contract's name
        """Change members of a memory (``text``, ``kind``, ``pinned``, ``superseded_by``, ...); None unsets one.

        ``accessed=True`` counts an access. Raises ``NotFound``.
        """
        body = {name: _plain(value) for name, value in changes.items()}
        return KeptMemory.model_validate_json(await self._send("PATCH", self._memory(id), body))

    async def forget(self, id: str | int) -> Deleted:  # noqa: A002 - the contract's name
        """Delete one memory; it is in no answer from then on. Of one that is not there the receipt says 0."""
        return Deleted.model_validate_json(await self._client._call("DELETE", self._memory(id)))

    async def forget_many(
        self,
        ids: Iterable[str | int] | None = None,
        *,
        theme: str | None = None,
        before: datetime | str | None = None,
    ) -> Deleted:
        """Delete the memories that all given filters name: ``ids``, those in ``theme``, those made ``before`` a moment.

        Raises ``InvalidInput`` without any.
        """
        filters = [
            (name, value) for name, value in (("theme", theme), ("before", _moment(before))) if value is not None
        ]
        if ids is None and not filters:
            raise InvalidInput("forget_many needs ids, a theme or a date; forget_all deletes everything")
        chosen = [str(one) for one in listed(ids, "ids")] if ids is not None else None
        total = Deleted(deleted=0, vectors=0, version=0)
        # A path and its query have a bounded length.
        for start in range(0, len(chosen) if chosen is not None else 1, 100):
            part = [("ids", one) for one in chosen[start : start + 100]] if chosen is not None else []
            answer = await self._client._call("DELETE", self._path + "/memories", params=[*filters, *part])
            done = Deleted.model_validate_json(answer)
            total = Deleted(
                deleted=total.deleted + done.deleted, vectors=total.vectors + done.vectors, version=done.version
            )
        return total

    async def forget_all(self) -> Deleted:
        """Delete all memories; settings stay. ``erase`` removes everything held on the user."""
        answer = await self._client._call("DELETE", self._path + "/memories", patience=_BULK_SECONDS)
        return Deleted.model_validate_json(answer)

    async def erase(self) -> Receipt:
        """Erase the user everywhere, like ``forget_user`` of the client."""
        return await self._client._forget_user(self.id)

    # -- views -----------------------------------------------------------------------------------

    async def themes(self) -> ThemesView:
        """The current themes, without a worker. Raises ``NotFound`` before there are any; see ``upkeep``."""
        body = await self._client._call("GET", self._path + "/themes")
        return await asyncio.to_thread(ThemesView.model_validate_json, body)

    async def insights(self) -> InsightsView:
        """The current analysis, without a worker. Raises ``NotFound`` before there is one; see ``upkeep``."""
        body = await self._client._call("GET", self._path + "/insights")
        return await asyncio.to_thread(InsightsView.model_validate_json, body)

    async def recall(
        self,
        query: str,
        *,
        top: int | None = None,
        weights: Mapping[str, float] | None = None,
        now: datetime | str | None = None,
        half_life_days: float | None = None,
        diversity: float | None = None,
        min_relevance: float | None = None,
    ) -> RecallResult:
        """The stored memories that bear on a question, the best first.

        - ``top``: most memories to return; 10 without it.
        - ``weights``: weights of "relevance", "importance" and "recency", 0 to 100; others keep theirs.
        - ``now``: the moment to count back from; the present without it.
        - ``half_life_days``: days after which the recency term has halved; 90 without it.
        - ``diversity``: 0 (without it) ranks by score alone; towards 1, memories that say the same are spread out.
        - ``min_relevance``: memories that have less to do with the question than this, 0 to 1, are left out.
        """
        options = {
            "top": top,
            "weights": weights,
            "now": now,
            "half_life_days": half_life_days,
            "diversity": diversity,
            "min_relevance": min_relevance,
        }
        body = {"query": query, "options": _given(options) or None}
        answer = await self._send("POST", self._path + "/recall", _given(body))
        # A task: it takes longer than the service would wait. In a text of a result the quotes would be escaped.
        if b'"task_id":' in answer:
            task: AsyncTask[RecallResult] = AsyncTask(self._client, await read_task(answer))
            return await task.result()
        return RecallResult.model_validate_json(answer)

    async def context(
        self,
        question: str | None = None,
        *,
        max_tokens: int,
        format: str | None = None,  # noqa: A002 - the contract's name
        tokenizer: str | None = None,
        sections: Sequence[str] | None = None,
        min_relevance: float | None = None,
        now: datetime | str | None = None,
    ) -> Context:
        """What a language model should know of the user, and of ``question`` in particular, within a budget.

        - ``max_tokens``: most tokens of the block.
        - ``format``: "text" (without it), "messages" for a chat completion, or "json": the lines with their ids.
        - ``tokenizer``: who counts: "o200k_base" (without it), "cl100k_base", or "utf8-bytes", an upper bound.
        - ``sections``: which parts, of "lasting", "current", "regular", "bearing"; all without it.
        - ``min_relevance``: how surely a memory must bear on the question, 0 to 1.
        - ``now``: the moment by which dates are written; the present without it.
        """
        body = {
            "query": question,
            "max_tokens": max_tokens,
            "format": format,
            "tokenizer": tokenizer,
            "sections": listed(sections, "sections") if sections is not None else None,
            "min_relevance": min_relevance,
            "now": now,
        }
        return Context.model_validate_json(await self._send("POST", self._path + "/context", _given(body)))

    async def upkeep(self) -> AsyncTask[Any]:
        """Bring the views up to date now, or join the upkeep that runs; its task."""
        return AsyncTask(self._client, await read_task(await self._client._call("POST", self._path + "/upkeep")))

    # -- the user --------------------------------------------------------------------------------

    async def settings(self) -> PersonSettings:
        """What is kept on the user besides memories."""
        return PersonSettings.model_validate_json(await self._client._call("GET", self._path + "/settings"))

    async def set_settings(
        self,
        *,
        timezone: str | None = None,
        language: str | None = None,
        upkeep: str | None = None,
        digest: Mapping[str, Any] | None = None,
    ) -> PersonSettings:
        """Replace what is kept on the user besides memories; what is left out is unset.

        - ``timezone``: IANA name; rhythms and digests go by it.
        - ``language``: of the memories, as a BCP 47 tag.
        - ``upkeep``: "auto" or "manual": whether views follow changes by themselves.
        - ``digest``: as ``{"every": "day", "hour": 9}``; no digest without it.
        """
        body = {"timezone": timezone, "language": language, "upkeep": upkeep, "digest": digest}
        return PersonSettings.model_validate_json(await self._send("PUT", self._path + "/settings", _given(body)))

    async def export(self) -> dict[str, Any]:
        """Everything the service holds on the user."""
        return await self._client._export_user(self.id)

    def _memory(self, id: str | int) -> str:  # noqa: A002 - the contract's name
        return f"{self._path}/memories/{segment(id)}"

    async def _send(self, method: str, path: str, body: Mapping[str, Any]) -> bytes:
        data = json_body(body, "the request")
        return await self._client._call(method, path, data=data, headers={"Content-Type": "application/json"})


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in values.items() if value is not None}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _moment(value: datetime | str | None) -> str | None:
    return value.isoformat() if isinstance(value, datetime) else value


async def _bodies(memories: Iterable[MemoryLike] | AsyncIterable[MemoryLike]) -> AsyncIterator[bytes]:
    """Memories as bodies of lines, each a request's worth."""
    lines: list[bytes] = []
    size = number = 0
    async for memory in _each(memories):
        line = ndjson(memory, f"memories[{number}]")
        if lines and (len(lines) >= _BATCH or size + len(line) > _BATCH_BYTES):
            yield b"".join(lines)
            lines, size = [], 0
        lines.append(line)
        size += len(line)
        number += 1
        if number % 500 == 0:
            await asyncio.sleep(0)  # the loop is not ours alone
    if lines:
        yield b"".join(lines)


async def _each(memories: Iterable[MemoryLike] | AsyncIterable[MemoryLike]) -> AsyncIterator[MemoryLike]:
    if isinstance(memories, AsyncIterable):
        async for memory in memories:
            yield memory
    else:
        for memory in listed(memories, "memories"):
            yield memory
