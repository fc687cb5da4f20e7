"""What both clients share: building requests, reading answers. Pure, no I/O but two small files."""

from __future__ import annotations

import ipaddress
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeAlias
from urllib.parse import quote, urlsplit

from pydantic import BaseModel

from reverie import _retry_after, errors
from reverie._paths import data_dir
from reverie._secrets import read_secret
from reverie.contracts import (
    OPERATIONS,
    TERMINAL,
    AnalyzeResult,
    ClusterResult,
    EmbedResult,
    Event,
    Memory,
    Problem,
    RecallResult,
    Response,
    StoredMemory,
    Task,
)

__all__ = [
    "RESULTS",
    "MemoryLike",
    "Result",
    "SseParser",
    "default_key",
    "default_url",
    "error_of",
    "event_of_task",
    "failure_of",
    "json_body",
    "ndjson",
    "parse_result",
    "request_body",
    "segment",
]

MemoryLike: TypeAlias = "str | Memory | Mapping[str, Any] | Any"
"""A text, a Memory, a mapping, or any object with ``text`` (and perhaps ``id``, ``created_at``, ...)."""

Result: TypeAlias = ClusterResult | AnalyzeResult | RecallResult | EmbedResult

RESULTS: dict[str, type[Response]] = {name: row.result for name, row in OPERATIONS.items() if row.result and row.public}

_DEFAULT_URL = "http://127.0.0.1:8000"


def default_url() -> str:
    """``REVERIE_URL``, else the service that runs on this machine for this user, else the standard address."""
    given = os.environ.get("REVERIE_URL")
    if given:
        return given.rstrip("/")
    return _running_url() or _DEFAULT_URL


def _running_url() -> str | None:
    try:
        return str(json.loads((data_dir() / "run.json").read_text(encoding="utf-8"))["url"]).rstrip("/")
    except (OSError, ValueError, KeyError, TypeError):
        return None


def default_key(url: str) -> str | None:
    """``REVERIE_API_KEY`` or the file that ``REVERIE_API_KEY_FILE`` names, else the key that ``reverie up`` wrote for
    this user, for services on this machine alone. Raises ``StartupError`` when that file cannot be read."""
    given = read_secret("REVERIE_API_KEY")
    if given:
        return given
    # The local service's key opens the local service: it is not for whatever address somebody configured.
    if not _is_loopback(url) and url.rstrip("/") != _running_url():
        return None
    try:
        return (data_dir() / "key").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _is_loopback(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:  # a name: "127.0.0.1.example.org" is one too
        return False


_MEMBERS = ("id", "text", "created_at", "last_accessed_at", "access_count", "kind", "source", "speaker", "metadata")


def _memory(item: MemoryLike) -> Any:
    if isinstance(item, str):
        return item
    if isinstance(item, StoredMemory):  # what the service adds to a memory is not sent back
        item = {name: getattr(item, name) for name in _MEMBERS}
    if isinstance(item, BaseModel):
        return item.model_dump(mode="json", exclude_defaults=True)
    if not isinstance(item, Mapping):
        item = {name: getattr(item, name) for name in _MEMBERS if getattr(item, name, None) is not None}
    return {name: _plain(value) for name, value in item.items() if value is not None}


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def segment(text: str | int) -> str:
    """An id as a part of a path: whatever it holds stays one part, and is no step up or down."""
    quoted = quote(str(text), safe="")
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def ndjson(memory: MemoryLike, what: str) -> bytes:
    """A memory as one line. Raises ``InvalidInput`` naming ``what`` when it is not valid Unicode, or no memory."""
    if isinstance(memory, bytes | bytearray | int | float) or memory is None:
        raise errors.InvalidInput(f"{what} is of type {type(memory).__name__}, not a memory")
    return json_body(_memory(memory), what) + b"\n"


def json_body(document: Any, what: str) -> bytes:
    """A document as JSON. Raises ``InvalidInput`` naming ``what`` when it is not valid Unicode."""
    return _utf8(_encode(document), what)


def request_body(
    user_id: str | int,
    memories: Iterable[MemoryLike] | None,
    options: Mapping[str, Any],
    **more: Any,
) -> bytes:
    """The JSON of a submission. Options that are None are left to the service.

    Raises ``InvalidInput`` naming the memory that is not valid Unicode.
    """
    body: dict[str, Any] = {"user_id": str(user_id)}
    chosen = {name: _plain(value) for name, value in options.items() if value is not None}
    if chosen:
        body["options"] = chosen
    body.update({name: value for name, value in more.items() if value is not None})
    head = _utf8(_encode(body), "the request")
    if memories is None:
        return head
    # One by one: a single call for all of them would hold the interpreter, and with it every event loop.
    items = [_utf8(_encode(_memory(item)), f"memories[{i}]") for i, item in enumerate(memories)]
    return b"".join((head[:-1], b',"memories":[', b",".join(items), b"]}"))


def _utf8(text: str, what: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        # The service could only refuse the whole body, by the place of a byte.
        raise errors.InvalidInput(f"{what} is not valid Unicode (a lone surrogate)") from None


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode


def error_of(status: int, body: bytes, retry_after: str | None = None) -> errors.ReverieError:
    """The exception for an HTTP answer of 4xx or 5xx."""
    try:
        document = json.loads(body)
        if not isinstance(document, dict):
            document = {}
    except ValueError:
        document = {}
    message = document.get("detail") or document.get("title") or f"the service answered {status}"
    extra = {name: document[name] for name in ("errors", "instance", "type") if name in document}
    asked = _retry_after.retry_after(retry_after)
    wait = 1.0 if asked is None else asked
    if status == 429:
        return errors.TooManyRequests(message, retry_after=wait, **extra)
    if status >= 500:
        return errors.ServiceUnavailable(message, retry_after=wait, **extra)
    slug = str(document.get("type", "")).rsplit("/", 1)[-1]
    for kind in (errors.UnsupportedModel, errors.TooLarge):
        if slug == kind.slug:
            return kind(message, **extra)
    by_status: dict[int, type[errors.ReverieError]] = {
        401: errors.Unauthorized,
        403: errors.Forbidden,
        404: errors.NotFound,
        409: errors.Conflict,
        413: errors.TooLarge,
    }
    return by_status.get(status, errors.InvalidInput)(message, **extra)


def parse_result(operation: str, result: Any) -> Any:
    """The typed result of an operation, from plain JSON values or from the bytes of a document."""
    model = RESULTS[operation]
    return model.model_validate_json(result) if isinstance(result, bytes) else model.model_validate(result)


def event_of_task(task: Task, last: int) -> Event:
    """A task's stored state as an event: what a stream would have sent. ``last`` is the last number seen."""
    ended = task.status in TERMINAL
    kind = task.status.value if ended or task.status == "queued" else "progress"
    return Event.model_validate(
        {
            "seq": max(last, 0) + ended,
            "type": kind,
            "task_id": task.id,
            "at": task.finished_at or task.started_at or task.created_at,
            "operation": task.operation,
            "user_id": task.user_id,
            "progress": task.progress,
            "result": task.result,
            "error": task.error,
        }
    )


class SseParser:
    """The data of server-sent events out of arbitrary pieces (WHATWG HTML, 9.2); names and ids are in the data."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._data: list[bytes] = []

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The events that ``chunk`` completes."""
        *lines, rest = chunk.split(b"\n")
        for line in lines:
            if self._pieces:
                line = b"".join((*self._pieces, line))
                self._pieces.clear()
            line = line.removesuffix(b"\r")
            if line.startswith(b"data:"):
                self._data.append(line[5:].removeprefix(b" "))
            elif not line and self._data:
                data, self._data = b"\n".join(self._data), []
                yield data
        if rest:
            self._pieces.append(rest)


def failure_of(task: Task) -> errors.TaskFailed:
    """The exception for a task that ended without a result."""
    if task.error is not None and task.error.type.endswith(errors.TaskErased.slug):
        return errors.TaskErased(f"Task {task.id} was erased with everything of its user.", task_id=task.id)
    if task.status == "cancelled":
        return errors.TaskCancelled(f"Task {task.id} was cancelled.", task_id=task.id)
    problem = task.error or Problem(title="The task failed.")
    return errors.TaskFailed(problem.detail or problem.title, task_id=task.id, type=problem.type)
