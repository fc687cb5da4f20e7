"""Logs as lines for people, or as JSON for machines. Neither holds a memory: code logs ids, counts and types.

An exception's message may quote what it failed on, a text or a row, so tracebacks show types and places. Messages are
shown of the system's errors and of our own, which name an item and do not quote it.
"""

from __future__ import annotations

import json
import logging
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from reverie.errors import ReverieError

__all__ = ["JsonFormatter", "TextFormatter", "configure_logs", "quieten"]

_TASK = re.compile(r"\btsk_[0-9a-z]{26}\b")


_CHATTY = ("azure", "boto3", "botocore", "google", "httpcore", "httpx", "openai", "urllib3")
"""Libraries whose DEBUG lines hold whole requests."""


class TextFormatter(logging.Formatter):
    """A line for people; tracebacks without the messages of exceptions."""

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's name
        """The traceback, causes first, without what messages quote."""
        return "".join(_told(ei[1])).rstrip("\n") if ei[1] is not None else ""


def _told(error: BaseException, depth: int = 0) -> Iterator[str]:
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None and depth < 10:
        yield from _told(before, depth + 1)
        yield "\nwhich led to:\n\n"
    yield "Traceback (most recent call last):\n"
    yield from traceback.format_tb(error.__traceback__)
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    yield f"{name}: {error}\n" if isinstance(error, OSError | ReverieError) else f"{name}\n"


class JsonFormatter(TextFormatter):
    """One JSON object a line: time, level, logger, message, and the task it is about."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        entry = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": message,
        }
        task = _TASK.search(message)
        if task is not None:
            entry["task_id"] = task[0]
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False)


def configure_logs(level: str, form: str) -> None:
    """Send everything to standard error at ``level``, as ``text`` or ``json``."""
    handler = logging.StreamHandler()
    if form == "json":
        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(TextFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    quieten(*_CHATTY)


def quieten(*loggers: str) -> None:
    """Keep a client library from logging requests: at DEBUG they hold the texts and the credentials."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.WARNING)
