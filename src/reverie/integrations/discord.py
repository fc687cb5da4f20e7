"""A deferred reply that follows a task: for discord.py, py-cord, nextcord, disnake and hikari.

    async with thinking(interaction) as reply:
        task = await ai.submit_clustering_task(interaction.user.id, memories)
        await reply.answer(task, lambda themes: {"content": f"{len(themes.themes)} themes"})

The interaction is acknowledged at once, progress is edited in, the pushed result takes its place, and a service that
is away becomes a sentence instead of "The application did not respond". None of the libraries is imported here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

from reverie.contracts import Event, EventType, Progress
from reverie.errors import ResultTimeout, ReverieError, ServiceUnavailable, TaskCancelled, TooManyRequests

__all__ = ["Reply", "Task", "acknowledge", "editor_of", "thinking"]

_log = logging.getLogger(__name__)

Edit = Callable[..., Awaitable[Any]]
"""Changes the reply; takes the keyword arguments of the library's own edit, such as ``content`` and ``embed``."""

PROGRESS_SECONDS = 2.0
"""Shortest time between two edits of progress; Discord allows about five edits in five seconds."""


class Task(Protocol):
    """What is needed of a task: ``reverie.AsyncTask`` has it."""

    def events(self) -> AsyncIterator[Event]:
        """Events until the end."""

    async def result(self, timeout: float | None = None) -> Any:
        """The typed result, or a ``ReverieError``."""


def bar(progress: Progress) -> str:
    """The default line of progress."""
    filled = round(max(0.0, min(1.0, progress.fraction)) * 10)
    return f"{'▰' * filled}{'▱' * (10 - filled)} {progress.fraction:.0%}, {progress.stage} …"


def excuse(error: ReverieError) -> str:
    """The default sentence for an error."""
    if isinstance(error, TooManyRequests):
        return "Very busy just now. Please try again in a minute."
    if isinstance(error, ServiceUnavailable):
        return "The thinking part of me does not answer right now. Please try again later."
    if isinstance(error, TaskCancelled):
        return "That was stopped."
    return "That did not work out. Please try again."


class Reply:
    """A reply that is edited while a task runs. Edits never overtake each other: the answer is always the last."""

    def __init__(
        self,
        edit: Edit,
        *,
        every: float = PROGRESS_SECONDS,
        show: Callable[[Progress], Mapping[str, Any]] | None = None,
    ) -> None:
        self._edit = edit
        self._every = every
        self._show = show or (lambda progress: {"content": bar(progress)})
        self._latest: Progress | None = None
        self._news = asyncio.Event()
        self._order = asyncio.Lock()

    async def answer(
        self, task: Task, render: Callable[[Any], Mapping[str, Any]], *, timeout: float | None = None
    ) -> Any:
        """Follow the task, show its result, and return it. ``render`` gives the arguments of the library's edit.

        Raises what ``task.result`` raises; inside ``thinking`` that becomes a sentence.
        """
        result = await self.follow(task, timeout=timeout)
        await self.edit(**render(result))
        return result

    async def follow(self, task: Task, *, timeout: float | None = None) -> Any:
        """Show progress until the end, then return the result without showing it."""
        editor = asyncio.create_task(self._edit_progress())
        try:
            async with asyncio.timeout(timeout):
                async for event in task.events():
                    if event.type is EventType.PROGRESS and event.progress is not None:
                        self._latest = event.progress
                        self._news.set()
            return await task.result()
        except TimeoutError as error:
            raise error if isinstance(error, ReverieError) else ResultTimeout() from None
        finally:
            # An edit on its way is waited for: cut off, it could still arrive after the answer.
            async with self._order:
                editor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await editor

    async def edit(self, **message: Any) -> None:
        """Change the reply now."""
        async with self._order:
            await self._edit(**message)

    async def _edit_progress(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            async with self._order:
                if self._latest is not None:
                    try:
                        await self._edit(**self._show(self._latest))
                    except Exception:
                        # Progress is a courtesy; the answer is still to come.
                        _log.debug("progress could not be shown", exc_info=True)
            await asyncio.sleep(self._every)


@asynccontextmanager
async def thinking(source: Any, *, ephemeral: bool = True, every: float = PROGRESS_SECONDS,
                   excuse: Callable[[ReverieError], str] = excuse) -> AsyncIterator[Reply]:  # fmt: skip
    """Acknowledge at once, give a ``Reply``, and turn a ``ReverieError`` into a sentence for the person.

    ``source`` is the library's interaction or context of a slash command.
    """
    await acknowledge(source, ephemeral=ephemeral)
    reply = Reply(editor_of(source), every=every)
    try:
        yield reply
    except ReverieError as error:
        _log.warning("a reply could not be given: %s", error)
        await reply.edit(content=excuse(error))


async def acknowledge(source: Any, *, ephemeral: bool = True) -> None:
    """Send "thinking" now: Discord waits three seconds, no longer. Chosen by what the object can do."""
    if hasattr(source, "create_initial_response"):  # hikari: DEFERRED_MESSAGE_CREATE is 5, EPHEMERAL is 64
        await source.create_initial_response(5, flags=64 if ephemeral else 0)
        return
    defer = source.response.defer if hasattr(source, "response") else source.defer
    accepted = inspect.signature(defer).parameters
    # For a command "thinking" is implied; from a button it must be asked for, under each library's own name.
    options = {name: True for name in ("thinking", "with_message") if name in accepted}
    await defer(ephemeral=ephemeral, **options)


def editor_of(source: Any) -> Edit:
    """The library's function that edits the original reply."""
    for owner in (source, getattr(source, "interaction", None)):
        for name in ("edit_original_response", "edit_initial_response", "edit_original_message"):
            found: Edit | None = getattr(owner, name, None)
            if found is not None:
                return found
    raise TypeError(f"{type(source).__name__} is no interaction of a library that is known here")
