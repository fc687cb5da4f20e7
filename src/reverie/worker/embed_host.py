"""Starts the process that owns the GPU, for the worker's children to share; and starts it again when it dies."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from reverie.embedding.factory import wants_host
from reverie.settings import Settings

__all__ = ["EmbedHost", "start_host"]

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds between a host's end and its next start."""


def start_host(settings: Settings) -> EmbedHost | None:
    """The host of this worker, when its settings ask for one; they then name its socket.

    ``auto`` shares the model where it runs on a GPU. Call it before the worker forks.
    """
    embedding = settings.embedding
    if embedding.embed_host is not None or embedding.embed_shared == "off":
        return None
    if embedding.embed_shared == "auto" and not wants_host(
        embedding.embedder, embedding.model, embedding.precision, data_dir=settings.server.data_dir
    ):
        return None
    host = EmbedHost(settings)
    settings.embedding = embedding.model_copy(update={"embed_host": host.address})
    return host


class EmbedHost:
    """A child process with the model, restarted until ``stop``."""

    def __init__(self, settings: Settings) -> None:
        # A short path of our own: a socket's may have about 100 characters, and only we may connect (mode 700).
        self._folder = tempfile.TemporaryDirectory(prefix="reverie-embed-")
        self.address = str(Path(self._folder.name) / "host")
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        # The kernel ends the child with the thread that started it, so one thread starts all and stays.
        self._thread = threading.Thread(target=self._keep, name="embed-host", daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        """The running host's process id."""
        return self._process.pid if self._process is not None else None

    def stop(self) -> None:
        """End the host."""
        self._stopping.set()
        if self._process is not None:
            self._process.terminate()
        self._thread.join()
        self._folder.cleanup()

    def _keep(self) -> None:
        # Imported here: a worker without a GPU needs nothing of the embedded servers' package.
        from reverie.embedded.children import spawn

        embedding = self._settings.embedding
        argv = [sys.executable, "-m", "reverie.embedding.host", self.address]
        argv += ["--embedder", embedding.embedder, "--model", embedding.model, "--precision", embedding.precision]
        argv += ["--threads", str(embedding.embed_threads), "--data-dir", str(self._settings.server.data_dir)]
        while not self._stopping.is_set():
            self._process = spawn(argv, log=None, env=os.environ, death_signal=signal.SIGKILL, cwd=Path.cwd())
            if self._stopping.is_set():
                self._process.terminate()
            status = self._process.wait()
            if not self._stopping.wait(_PAUSE):
                log.error("the embedding process ended with status %s and starts anew", status)
