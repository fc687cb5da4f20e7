"""The synchronous client: the asynchronous one on a loop of its own, in a background thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterable, Iterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, TypeVar, Unpack, cast

from reverie.client._options import (
    AnalyzeArguments,
    ClientArguments,
    ClusterArguments,
    ContextArguments,
    EmbedArguments,
    RecallArguments,
    RememberArguments,
    SettingsArguments,
    StoredRecallArguments,
)
from reverie.client._vectors import EmbeddedTexts
from reverie.client._wire import MemoryLike
from reverie.client.aio import AsyncReverie
from reverie.client.task import AsyncTask, R
from reverie.client.user import AsyncUser
from reverie.contracts import (
    Added,
    AnalyzeResult,
    ClusterResult,
    Context,
    Deleted,
    Event,
    InsightsView,
    KeptMemory,
    PersonSettings,
    RecallResult,
    Receipt,
    StoredMemory,
    Task,
    ThemesView,
    UserSummary,
)

__all__ = ["Reverie", "SyncTask", "User"]

T = TypeVar("T")
_END: Any = object()


class Reverie:
    """The same as ``AsyncReverie`` for programs without an event loop; thread-safe, a context manager."""

    def __init__(self, url: str | None = None, api_key: str | None = None, **options: Unpack[ClientArguments]) -> None:
        self._client = AsyncReverie(url, api_key, **options)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="reverie-client", daemon=True)
        self._thread.start()

    def __enter__(self) -> Reverie:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._loop.is_closed():
            return
        self._run(self._client.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._client.url

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("this client is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()  # Ctrl-C in the caller also ends the work in the thread
            raise

    def _iterate(self, events: AsyncGenerator[T, None]) -> Iterator[T]:
        async def upcoming() -> T:
            return await anext(events, _END)

        try:
            while (item := self._run(upcoming())) is not _END:
                yield item
        finally:
            self._run(events.aclose())

    def submit_clustering_task(
        self, user_id: str | int, memories: Iterable[MemoryLike] | None = None, **options: Unpack[ClusterArguments]
    ) -> SyncTask[ClusterResult]:
        """See ``AsyncReverie.submit_clustering_task``."""
        return SyncTask(self, self._run(self._client.submit_clustering_task(user_id, memories, **options)))

    def submit_analysis_task(
        self, user_id: str | int, memories: Iterable[MemoryLike] | None = None, **options: Unpack[AnalyzeArguments]
    ) -> SyncTask[AnalyzeResult]:
        """See ``AsyncReverie.submit_analysis_task``."""
        return SyncTask(self, self._run(self._client.submit_analysis_task(user_id, memories, **options)))

    def submit_recall_task(
        self, user_id: str | int, query: str, memories: Iterable[MemoryLike], **options: Unpack[RecallArguments]
    ) -> SyncTask[RecallResult]:
        """See ``AsyncReverie.submit_recall_task``."""
        return SyncTask(self, self._run(self._client.submit_recall_task(user_id, query, memories, **options)))

    def embed(self, texts: Sequence[str], **options: Unpack[EmbedArguments]) -> EmbeddedTexts:
        """See ``AsyncReverie.embed``."""
        return self._run(self._client.embed(texts, **options))

    def task(self, task_id: str) -> SyncTask[Any]:
        """See ``AsyncReverie.task``."""
        return SyncTask(self, self._run(self._client.task(task_id)))

    def cancel(self, task_id: str) -> Task:
        """See ``AsyncReverie.cancel``."""
        return self._run(self._client.cancel(task_id))

    def tasks(
        self, *, user_id: str | int | None = None, status: str | None = None, operation: str | None = None
    ) -> Iterator[Task]:
        """See ``AsyncReverie.tasks``."""
        found = self._client.tasks(user_id=user_id, status=status, operation=operation)
        return self._iterate(cast("AsyncGenerator[Task, None]", found))

    def events(self, *, user_id: str | int | None = None, operation: str | None = None) -> Iterator[Event]:
        """See ``AsyncReverie.events``."""
        events = self._client.events(user_id=user_id, operation=operation)
        return self._iterate(cast("AsyncGenerator[Event, None]", events))

    def chart(
        self, task_id: str, kind: str = "map", *, dark: bool = False, width: int = 1000, scale: float = 1.0
    ) -> bytes:
        """See ``AsyncReverie.chart``."""
        return self._run(self._client.chart(task_id, kind, dark=dark, width=width, scale=scale))

    def forget_user(self, user_id: str | int) -> Receipt:
        """See ``AsyncReverie.forget_user``."""
        return self._run(self._client.forget_user(user_id))

    def export_user(self, user_id: str | int) -> dict[str, Any]:
        """See ``AsyncReverie.export_user``."""
        return self._run(self._client.export_user(user_id))

    def user(self, user_id: str | int) -> User:
        """See ``AsyncReverie.user``."""
        return User(self, self._client.user(user_id))

    def users(self, *, stale: bool = False) -> Iterator[UserSummary]:
        """See ``AsyncReverie.users``."""
        return self._iterate(cast("AsyncGenerator[UserSummary, None]", self._client.users(stale=stale)))

    def status(self) -> dict[str, Any]:
        """See ``AsyncReverie.status``."""
        return self._run(self._client.status())

    def health(self) -> dict[str, Any]:
        """See ``AsyncReverie.health``."""
        return self._run(self._client.health())

    def ready(self) -> bool:
        """See ``AsyncReverie.ready``."""
        return self._run(self._client.ready())

    def last_known(self, user_id: str | int, operation: str) -> Any | None:
        """See ``AsyncReverie.last_known``."""
        return self._client.last_known(user_id, operation)


class SyncTask(Generic[R]):
    """The same as ``AsyncTask``, waiting for each answer."""

    def __init__(self, client: Reverie, task: AsyncTask[R]) -> None:
        self._client = client
        self._task = task

    def __repr__(self) -> str:
        return repr(self._task).replace("AsyncTask", "SyncTask")

    @property
    def id(self) -> str:
        """The task's id."""
        return self._task.id

    @property
    def task_id(self) -> str:
        """The same as ``id``."""
        return self._task.id

    @property
    def task(self) -> Task:
        """The task as last seen."""
        return self._task.task

    @property
    def status(self) -> str:
        """The status as last seen."""
        return self._task.status

    @property
    def cached(self) -> bool:
        """Whether the answer came from the cache."""
        return self._task.cached

    def refresh(self) -> Task:
        """Ask for the present state."""
        return self._client._run(self._task.refresh())

    def cancel(self) -> Task:
        """Stop the task. Raises ``Conflict`` when it has ended."""
        return self._client._run(self._task.cancel())

    def events(self) -> Iterator[Event]:
        """Events until the end, each once."""
        return self._client._iterate(cast("AsyncGenerator[Event, None]", self._task.events()))

    def result(self, timeout: float | None = None) -> R:
        """See ``AsyncTask.result``."""
        return self._client._run(self._task.result(timeout))


class User:
    """The same as ``AsyncUser``, waiting for each answer."""

    def __init__(self, client: Reverie, user: AsyncUser) -> None:
        self._client = client
        self._user = user

    def __repr__(self) -> str:
        return repr(self._user).replace("AsyncUser", "User")

    @property
    def id(self) -> str:
        """The user's id."""
        return self._user.id

    def remember(self, text: str, **members: Unpack[RememberArguments]) -> KeptMemory:
        """See ``AsyncUser.remember``."""
        return self._client._run(self._user.remember(text, **members))

    def remember_many(self, memories: Iterable[MemoryLike], *, idempotency_key: str | None = None) -> Added:
        """See ``AsyncUser.remember_many``."""
        return self._client._run(self._user.remember_many(memories, idempotency_key=idempotency_key))

    def memory(self, id: str | int) -> StoredMemory:  # noqa: A002 - the contract's name
        """See ``AsyncUser.memory``."""
        return self._client._run(self._user.memory(id))

    def memories(
        self,
        *,
        theme: str | None = None,
        q: str | None = None,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
    ) -> Iterator[StoredMemory]:
        """See ``AsyncUser.memories``."""
        found = self._user.memories(theme=theme, q=q, since=since, until=until)
        return self._client._iterate(cast("AsyncGenerator[StoredMemory, None]", found))

    def update(self, id: str | int, **changes: Any) -> KeptMemory:  # noqa: A002 - the contract's name
        """See ``AsyncUser.update``."""
        return self._client._run(self._user.update(id, **changes))

    def forget(self, id: str | int) -> Deleted:  # noqa: A002 - the contract's name
        """See ``AsyncUser.forget``."""
        return self._client._run(self._user.forget(id))

    def forget_many(
        self,
        ids: Iterable[str | int] | None = None,
        *,
        theme: str | None = None,
        before: datetime | str | None = None,
    ) -> Deleted:
        """See ``AsyncUser.forget_many``."""
        return self._client._run(self._user.forget_many(ids, theme=theme, before=before))

    def forget_all(self) -> Deleted:
        """See ``AsyncUser.forget_all``."""
        return self._client._run(self._user.forget_all())

    def erase(self) -> Receipt:
        """See ``AsyncUser.erase``."""
        return self._client._run(self._user.erase())

    def themes(self) -> ThemesView:
        """See ``AsyncUser.themes``."""
        return self._client._run(self._user.themes())

    def insights(self) -> InsightsView:
        """See ``AsyncUser.insights``."""
        return self._client._run(self._user.insights())

    def recall(self, query: str, **options: Unpack[StoredRecallArguments]) -> RecallResult:
        """See ``AsyncUser.recall``."""
        return self._client._run(self._user.recall(query, **options))

    def context(self, question: str | None = None, *, max_tokens: int, **options: Unpack[ContextArguments]) -> Context:
        """See ``AsyncUser.context``."""
        return self._client._run(self._user.context(question, max_tokens=max_tokens, **options))

    def upkeep(self) -> SyncTask[Any]:
        """See ``AsyncUser.upkeep``."""
        return SyncTask(self._client, self._client._run(self._user.upkeep()))

    def settings(self) -> PersonSettings:
        """See ``AsyncUser.settings``."""
        return self._client._run(self._user.settings())

    def set_settings(self, **settings: Unpack[SettingsArguments]) -> PersonSettings:
        """See ``AsyncUser.set_settings``."""
        return self._client._run(self._user.set_settings(**settings))

    def export(self) -> dict[str, Any]:
        """See ``AsyncUser.export``."""
        return self._client._run(self._user.export())
