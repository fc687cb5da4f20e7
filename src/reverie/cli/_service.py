"""Finding the service for a command, or starting one for as long as the command runs."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from reverie._paths import data_dir
from reverie.cli._extras import needed
from reverie.client import AsyncReverie
from reverie.client._wire import default_url
from reverie.errors import ServiceUnavailable

if TYPE_CHECKING:
    from reverie.embedded.service import Service

__all__ = ["Reached", "client_of", "reach", "say"]

T = TypeVar("T")


def say(message: str) -> None:
    """Tell the person something that is not the result: on standard error, so that pipes stay clean."""
    print(message, file=sys.stderr, flush=True)


@dataclass(slots=True)
class Reached:
    """A service to talk to."""

    url: str
    #: None lets the client find it: the environment, or the data folder.
    key: str | None
    #: The service started for this command, if it was.
    embedded: Service | None = None

    def client(self) -> AsyncReverie:
        """A client for it, to be used inside an event loop."""
        return AsyncReverie(self.url, self.key, timeout=60.0)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run ``work``; an embedded service's crashed processes are started again meanwhile.

        SIGTERM and a closed terminal cancel the work as Ctrl-C does, and end as ``KeyboardInterrupt`` too.
        """
        try:
            with contextlib.ExitStack() as after:
                return asyncio.run(self._watched(work, after))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None

    async def _watched(self, work: Coroutine[Any, Any, T], after: contextlib.ExitStack) -> T:
        me, loop = asyncio.current_task(), asyncio.get_running_loop()
        if me is not None and threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGTERM, signal.SIGHUP):
                if signal.getsignal(signum) is not signal.SIG_IGN:  # nohup
                    after.callback(
                        signal.signal, signum, signal.signal(signum, lambda *_: loop.call_soon_threadsafe(me.cancel))
                    )
        watcher = asyncio.create_task(self._watch())
        try:
            return await work
        finally:
            watcher.cancel()

    async def _watch(self) -> None:
        supervisor = self.embedded.supervisor if self.embedded is not None else None
        while supervisor is not None:
            supervisor.check()
            await asyncio.sleep(0.2)


def _use_folder(arguments: argparse.Namespace) -> Path:
    if getattr(arguments, "data_dir", None) is not None:
        # The client looks for keys and addresses there too.
        os.environ["REVERIE_DATA_DIR"] = str(arguments.data_dir)
    return data_dir()


async def _ready(url: str) -> bool:
    async with AsyncReverie(url, connect_timeout=1.0, timeout=5.0) as client:
        return await client.ready()


def client_of(arguments: argparse.Namespace) -> Reached:
    """The running service. Raises ``ServiceUnavailable`` with what to do when there is none."""
    _use_folder(arguments)
    url = arguments.url or default_url()
    if not asyncio.run(_ready(url)):
        raise ServiceUnavailable(f"Nothing is ready at {url}. Start it with: reverie up")
    return Reached(url, None)


@contextlib.contextmanager
def reach(arguments: argparse.Namespace, *, quiet: bool = False) -> Iterator[Reached]:
    """The running service, else one embedded for the time of the command.

    An address that was given is never replaced: the data would go elsewhere than the person said.
    """
    folder = _use_folder(arguments)
    named = arguments.url or os.environ.get("REVERIE_URL")
    forced = getattr(arguments, "embedded", False)
    if not forced:
        url = named or default_url()
        if asyncio.run(_ready(url)):
            yield Reached(url, None)
            return
        if named:
            raise ServiceUnavailable(f"Nothing is ready at {named}. Leave the address away to run everything here.")
    with needed("embedded", "No service is running, and starting one"):
        from reverie.embedded.service import Service
    if not quiet:
        say("Starting a service for this command; `reverie up` keeps one running.")
    with _terminable(), Service(folder, port=0, say=say) as service:
        yield Reached(service.url, service.api_key, service)


@contextlib.contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM ends the command the same way as Ctrl-C, so that the embedded servers are stopped in order."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: object) -> NoReturn:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
