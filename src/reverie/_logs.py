"""Logs as lines for people, or as JSON for machines. Neither holds a memory: code logs ids, counts and types."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

__all__ = ["JsonFormatter", "configure_logs"]

_TASK = re.compile(r"\btsk_[0-9a-z]{26}\b")


class JsonFormatter(logging.Formatter):
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
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
