"""The last results a client saw, for times when the service does not answer. Bounded; kept in a folder if wanted."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any

from reverie.client._wire import RESULTS, Result, parse_result

__all__ = ["LastKnown"]


class LastKnown:
    """Latest results by user and operation: at most ``most`` in memory, and as many files in ``folder``."""

    # Counted by hand: the bare install is this client, which needs no package beside aiohttp and pydantic.

    def __init__(self, folder: Path | None = None, most: int = 1000) -> None:
        self._folder = folder
        self._most = most
        self._results: OrderedDict[tuple[str, str], Any] = OrderedDict()
        self._forgotten: OrderedDict[str, float] = OrderedDict()

    def get(self, user_id: str, operation: str) -> Any | None:
        """The latest result, None when there is none."""
        found = self._results.get((user_id, operation))
        if found is None and self._folder is not None and operation in RESULTS:
            try:
                found = parse_result(operation, self._path(self._folder, user_id, operation).read_bytes())
            except (OSError, ValueError):
                return None
            self._keep(user_id, operation, found)
        return found

    def put(self, user_id: str, operation: str, result: Result, since: float) -> None:
        """Keep a result, unless the user was forgotten after ``since`` (``time.monotonic()`` of its submission)."""
        if self._forgotten.get(user_id, -1.0) >= since:
            return
        self._keep(user_id, operation, result)

    def _keep(self, user_id: str, operation: str, result: Any) -> None:
        self._results[user_id, operation] = result
        self._results.move_to_end((user_id, operation))
        while len(self._results) > self._most:
            self._results.popitem(last=False)

    @property
    def on_disk(self) -> bool:
        """Whether results are kept in files too."""
        return self._folder is not None

    def write(self, user_id: str, operation: str) -> None:
        """Put the present result into its file, for its owner's eyes only; call it off the event loop."""
        result = self._results.get((user_id, operation))
        if self._folder is None or result is None:
            return
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self._path(self._folder, user_id, operation)
        fresh = path.with_name(f".{secrets.token_hex(4)}.new")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(result.model_dump_json().encode())
        fresh.replace(path)
        if (user_id, operation) not in self._results:  # forgotten while it was being written
            path.unlink(missing_ok=True)
        files = sorted(self._folder.glob("*.json"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in files[self._most :]:
            old.unlink(missing_ok=True)

    def forget(self, user_id: str) -> None:
        """Remove a user from memory and disk; results of tasks submitted before now are not kept any more."""
        self._forgotten[user_id] = time.monotonic()
        self._forgotten.move_to_end(user_id)
        while len(self._forgotten) > 10 * self._most:
            self._forgotten.popitem(last=False)
        for operation in RESULTS:
            self._results.pop((user_id, operation), None)
            if self._folder is not None:
                self._path(self._folder, user_id, operation).unlink(missing_ok=True)

    @staticmethod
    def _path(folder: Path, user_id: str, operation: str) -> Path:
        # A user's id may hold anything, and need not be legible in a folder listing.
        return folder / f"{hashlib.blake2b(user_id.encode(), digest_size=16).hexdigest()}-{operation}.json"
