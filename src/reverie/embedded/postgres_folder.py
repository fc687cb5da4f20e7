"""PostgreSQL's data folder: made at the first start, and reached by the user that PostgreSQL runs as."""

from __future__ import annotations

import contextlib
import logging
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from reverie.embedded import logs
from reverie.embedded.binaries import Postgres
from reverie.embedded.children import Identity, environment
from reverie.errors import StartupError

__all__ = ["initializing", "let_through"]

log = logging.getLogger(__name__)


@contextlib.contextmanager
def initializing(postgres: Postgres, folder: Path, log: Path, identity: Identity) -> Iterator[None]:
    """Make PostgreSQL's data folder beside the block; whole when the block is left."""
    # Into a folder beside it and then renamed: a start that is killed half-way leaves nothing that looks whole.
    fresh = folder.with_name("postgres.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    identity.own(fresh)
    argv = [postgres.bin / "initdb", "-D", fresh, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync",
            "--no-instructions", "--locale=C.UTF-8" if sys.platform == "linux" else "--locale=C"]  # fmt: skip
    with open(log, "ab") as out:
        process = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(),
            cwd="/",
            **identity.popen(),
        )
    try:
        yield
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.wait() != 0:
        raise StartupError(f"PostgreSQL could not make its data folder; the end of {log}:\n{logs.tail(log)}")
    fresh.replace(folder)


def let_through(folder: Path) -> None:
    """Let the user ``nobody`` pass through (not list) the folders above PostgreSQL's own."""
    for part in (folder, *folder.parents):
        mode = part.stat().st_mode
        if not mode & 0o001:
            try:
                part.chmod(mode | 0o011)
                if part != folder:
                    log.warning("root's PostgreSQL runs as nobody: let others pass through %s (not list it)", part)
            except OSError as error:
                raise StartupError(
                    f"PostgreSQL runs as the user nobody, who cannot pass through {part} ({error.strerror}). "
                    "Give another --data-dir, or run as a normal user."
                ) from None
