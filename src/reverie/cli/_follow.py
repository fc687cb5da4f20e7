"""Following tasks on the terminal: a bar for each, or plain lines where there is no terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from reverie.client import AsyncTask
from reverie.contracts import Event

__all__ = ["Board", "board", "follow"]

_WORDS = {
    "queued": "waiting for a worker",
    "running": "starting",
    "embedding": "reading",
    "clustering": "grouping",
    "labelling": "naming",
    "mapping": "drawing the map",
    "succeeded": "done",
}


class Board(Protocol):
    """Shows how far tasks are."""

    def show(self, name: str, stage: str, fraction: float, detail: str) -> None:
        """A task's present stage, 0 to 1 of the whole, and how much of the stage is done."""


class _Bars:
    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._rows: dict[str, Any] = {}

    def show(self, name: str, stage: str, fraction: float, detail: str) -> None:
        if name not in self._rows:
            self._rows[name] = self._progress.add_task(name, total=1.0, stage="")
        text = f"{stage} {detail}".strip()
        self._progress.update(self._rows[name], completed=fraction, stage=text)


class _Lines:
    def __init__(self, console: Console) -> None:
        self._console = console
        self._last: dict[str, str] = {}

    def show(self, name: str, stage: str, fraction: float, detail: str) -> None:
        if self._last.get(name) != stage:
            self._last[name] = stage
            self._console.print(f"{name}: {stage}", highlight=False, markup=False)


class _Nothing:
    def show(self, name: str, stage: str, fraction: float, detail: str) -> None:
        pass


@contextlib.contextmanager
def board(console: Console, *, quiet: bool = False) -> Iterator[Board]:
    """Where progress is shown; ``console`` writes to standard error."""
    if quiet:
        yield _Nothing()
    elif not console.is_terminal:
        yield _Lines(console)
    else:
        columns = (
            TextColumn("  {task.description:<8}", markup=False),
            BarColumn(bar_width=24),
            TaskProgressColumn(),
            TextColumn("{task.fields[stage]:<24}", markup=False, style="dim"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=console, transient=True) as progress:
            yield _Bars(progress)


async def follow(task: AsyncTask[Any], name: str, on: Board) -> Event | None:
    """Show a task until it ends; returns its last event."""
    last: Event | None = None
    furthest = 0.0
    async for event in task.events():
        last = event
        progress = event.progress
        stage = progress.stage if progress is not None and event.type == "progress" else str(event.type)
        if progress is not None:
            furthest = max(furthest, progress.fraction)
        if event.type == "succeeded":
            furthest = 1.0
        counted = progress is not None and event.type == "progress" and progress.total > 1
        detail = f"{progress.done:,}/{progress.total:,}" if progress is not None and counted else ""
        on.show(name, _WORDS.get(stage, stage), furthest, detail)
    return last
