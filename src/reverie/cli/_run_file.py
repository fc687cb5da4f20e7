"""What ``cluster FILE`` and ``analyze FILE`` share: reading, submitting, following, showing."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from rich.console import Console

from reverie.cli._follow import board, follow
from reverie.cli._service import Reached, reach, say
from reverie.cli._show import show_rejected
from reverie.client import AsyncReverie, AsyncTask
from reverie.contracts import Memory, Task
from reverie.errors import Conflict, InvalidInput, MissingExtra, ReverieError, WrongSetting
from reverie.readers import Source, read_file, read_handle

__all__ = ["read_source", "run_file", "write_parquet"]

_PATIENCE = 5.0
"""Longest wait for the service to confirm a cancellation, seconds."""

_LARGE = 20 * 2**20
"""Bytes from which it is shown how much of a file is read."""

_SPOOL = 64 * 2**20
"""Bytes of standard input that are kept in memory."""

Submit = Callable[[AsyncReverie, str, list[Memory]], Awaitable[AsyncTask[Any]]]
Show = Callable[[Console, str, list[Memory], Any, Task, float], None]


def read_source(arguments: argparse.Namespace) -> tuple[Source, str]:
    """The memories of the file that the arguments name, and its name."""
    chosen: dict[str, Any] = {"format": arguments.format, "author": arguments.author}
    if arguments.file != "-":
        path = Path(arguments.file)
        with _reading(path.name, quiet=arguments.quiet) as on_read:
            return read_file(path, on_read=on_read, **chosen), path.name
    # Read twice, for the encoding and for the rows; what is large lies on the disk meanwhile.
    with tempfile.SpooledTemporaryFile(_SPOOL) as spool, _reading("stdin", quiet=arguments.quiet) as on_read:
        shutil.copyfileobj(sys.stdin.buffer, spool)
        size = spool.tell()
        return read_handle(cast("BinaryIO", spool), "standard input", size, on_read=on_read, **chosen), "stdin"


@contextlib.contextmanager
def _reading(name: str, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """Shows how much of a large file is read."""
    with board(Console(stderr=True, highlight=False), quiet=quiet) as shown:
        shown_at = 0

        def on_read(done: int, total: int) -> None:
            nonlocal shown_at
            if total >= _LARGE and done - shown_at >= total // 20:
                shown_at = done
                shown.show(shorten_name(name), f"reading the file, {done * 100 // total} %", done / total, "")

        yield on_read


def run_file(arguments: argparse.Namespace, submit: Submit, show: Show, charts: dict[str, Path | None]) -> int:
    """Read a file, submit it, show the result; 1 when the file holds no memory."""
    for kind, path in {**charts, "parquet": arguments.parquet}.items():
        if path is not None and not path.absolute().parent.is_dir():
            raise InvalidInput(f"there is no folder {path.absolute().parent} for {path.name}")
        if path is not None and path.is_dir():
            raise WrongSetting(f"--{kind}: {path} is a folder; give a file to write to")
    # Said before the work, not after it.
    if arguments.parquet is not None and not all(importlib.util.find_spec(name) for name in ("pandas", "pyarrow")):
        raise MissingExtra("pandas", what="--parquet")
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    source, name = read_source(arguments)
    show_rejected(errors, source, name)
    if not source.memories:
        raise InvalidInput(f"{name} holds no memory")
    user = arguments.user or source.user_id or Path(name).stem
    with reach(arguments, quiet=arguments.quiet) as reached:
        return reached.run(_work(reached, arguments, user, source.memories, submit, show, charts))


async def _work(
    reached: Reached,
    arguments: argparse.Namespace,
    user: str,
    memories: list[Memory],
    submit: Submit,
    show: Show,
    charts: dict[str, Path | None],
) -> int:
    started = time.perf_counter()
    progress = Console(stderr=True, highlight=False)
    async with reached.client() as client:
        submitting = asyncio.ensure_future(submit(client, user, memories))
        try:
            # Shielded: a task that the service has accepted is one to cancel, even if its id is still on the way.
            task = await asyncio.shield(submitting)
            with board(progress, quiet=arguments.quiet) as shown:
                await follow(task, shorten_name(user), shown)
            result = await task.result()
        except asyncio.CancelledError:
            await _give_up(submitting, reached)
            raise
        seconds = time.perf_counter() - started
        if arguments.json:
            document = result.model_dump(mode="json")
            json.dump({"task_id": task.id, "user_id": user, **document}, sys.stdout, ensure_ascii=False, indent=2)
            sys.stdout.write("\n")
            sys.stdout.flush()
        else:
            show(Console(highlight=False), user, memories, result, task.task, seconds)
        if arguments.parquet is not None:
            write_parquet(result, memories, arguments.parquet)
            progress.print(f"Table written to {arguments.parquet}", markup=False)
        for kind, path in charts.items():
            if path is not None:
                path.write_bytes(await client.chart(task.id, kind))
                progress.print(f"{kind.capitalize()} written to {path}", markup=False)
    return 0


def write_parquet(result: Any, memories: list[Memory], path: Path) -> None:
    """A row for each memory with its theme or its importance. Raises ``InvalidInput`` where it cannot be written."""
    tables = result.to_pandas()
    rows = tables["assignments"] if "assignments" in tables else tables["importance"]
    texts = {memory.id: memory.text for memory in memories}
    rows.insert(1, "text", [texts.get(memory, "") for memory in rows["memory_id"]])
    try:
        rows.to_parquet(path, index=False)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}") from None


async def _give_up(submitting: asyncio.Future[AsyncTask[Any]], reached: Reached) -> None:
    """Cancel what was begun, and say so; or say that it goes on."""
    task: AsyncTask[Any] | None = None
    try:
        async with asyncio.timeout(_PATIENCE):
            task = await submitting
            await task.cancel()
        say(f"Interrupted; task {task.id} is cancelled.")
    except Conflict:
        say("Interrupted; the task had ended.")
    except (ReverieError, TimeoutError):
        if task is None:
            say(f"Interrupted; whether {reached.url} took the task is not known: see {reached.url}/tasks")
        else:
            say(f"Interrupted, but the task could not be cancelled and goes on: {reached.url}/tasks/{task.id}")


def shorten_name(user: str) -> str:
    """A user's id as it fits before a progress bar."""
    return user if len(user) <= 12 else user[:11] + "…"
