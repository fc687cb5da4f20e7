"""One owner per data folder."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import IO

from reverie.errors import StartupError

__all__ = ["FolderLock"]


class FolderLock:
    """An exclusive lock on a folder, gone with its process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises ``StartupError`` naming the owner when another process has it.
        """
        import fcntl

        try:
            file = open(self._folder / "owner.lock", "a+", encoding="utf-8")  # noqa: SIM115 - held while we live
        except OSError as error:
            raise StartupError(
                f"The data folder {self._folder} cannot be used: {error.strerror}. Does another user own it? "
                "Give another --data-dir."
            ) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = _owner(file.read())
            file.close()
            raise StartupError(
                f"The data folder {self._folder} is in use by {owner}{_address(self._folder)}. "
                "Stop that process, or give another --data-dir; clients find the running service by themselves."
            ) from None
        except OSError as error:
            file.close()
            raise StartupError(
                f"The data folder {self._folder} cannot be locked ({error.strerror}); put --data-dir on a local disk."
            ) from None
        file.truncate(0)
        json.dump({"pid": os.getpid(), "since": int(time.time())}, file)
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _owner(text: str) -> str:
    try:
        data = json.loads(text)
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(data["since"]))
        return f"process {data['pid']} since {since}"
    except (ValueError, KeyError, TypeError):
        return "another process"


def _address(folder: Path) -> str:
    try:
        return f", answering at {json.loads((folder / 'run.json').read_text(encoding='utf-8'))['url']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
