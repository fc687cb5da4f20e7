"""An accepted task, as the asynchronous client holds it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any, Generic

from typing_extensions import TypeVar

from reverie.client._connection import Connection
from reverie.client._stream import follow
from reverie.client._wire import event_of_task, failure_of, parse_result
from reverie.contracts import TERMINAL, Event, Status, Task
from reverie.errors import ResultTimeout

__all__ = ["AsyncTask", "R"]

R = TypeVar("R", default=Any)
"""The typed result of a task: ClusterResult, AnalyzeResult, RecallResult or EmbedResult."""


class AsyncTask(Generic[R]):
    """An accepted task."""

    def __init__(self, client: Connection, task: Task) -> None:
        self._client = client
        self._since = time.monotonic()
        self._result: R | None = None
        #: The task as last seen; ``refresh`` asks again.
        self.task = task

    def __repr__(self) -> str:
        return f"<AsyncTask {self.id} {self.task.operation} {self.task.status}>"

    @property
    def id(self) -> str:
        """The task's id."""
        return self.task.id

    @property
    def task_id(self) -> str:
        """The same as ``id``."""
        return self.task.id

    @property
    def status(self) -> str:
        """The status as last seen."""
        return str(self.task.status)

    @property
    def cached(self) -> bool:
        """Whether the answer came from the cache."""
        return self.task.cached

    async def refresh(self) -> Task:
        """Ask for the present state."""
        self.task = await self._client._read_task(self.id)
        return self.task

    async def cancel(self) -> Task:
        """Stop the task. Raises ``Conflict`` when it has ended."""
        self.task = await self._client._cancel_task(self.id)
        return self.task

    async def events(self) -> AsyncIterator[Event]:
        """Events until the end, each once; reconnects by itself, and asks where no stream gets through."""
        if self.task.status in TERMINAL:
            yield event_of_task(self.task, -1)
            return
        async for event in follow(self._client, self.id):
            self._note(event)
            yield event

    def _note(self, event: Event) -> None:
        update: dict[str, Any] = {"progress": event.progress} if event.progress is not None else {}
        if event.type in TERMINAL:
            update |= {"result": event.result, "error": event.error, "finished_at": event.at}
        if event.type != "progress":
            update["status"] = Status(event.type.value)
        elif self.task.status == "queued":
            update["status"] = Status.RUNNING
        self.task = self.task.model_copy(update=update)

    async def result(self, timeout: float | None = None) -> R:
        """The typed result: ClusterResult, AnalyzeResult, RecallResult or EmbedResult.

        Raises ``TaskFailed`` or ``TaskCancelled`` when there will be none, ``ResultTimeout`` after ``timeout``
        seconds; the task goes on all the same.
        """
        if self._result is not None:
            return self._result
        try:
            async with asyncio.timeout(timeout):
                if self.task.status not in TERMINAL:
                    async for _ in self.events():
                        pass
                if self.task.status == "succeeded" and self.task.result is None:
                    await self.refresh()
        except TimeoutError:
            waited = "" if timeout is None else f" after {timeout:g} s"
            raise ResultTimeout(f"Task {self.id} is not done{waited}; it goes on.") from None
        if self.task.status != "succeeded":
            raise failure_of(self.task)
        operation = str(self.task.operation)
        result: Any = await asyncio.to_thread(parse_result, operation, self.task.result)
        self._result = result
        await self._client._remember(self.task.user_id, operation, result, self._since)
        return result  # type: ignore[no-any-return]
