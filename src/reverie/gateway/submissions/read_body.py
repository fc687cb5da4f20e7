"""Reads a request's body within the limit, refusing what is not plain JSON."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Set
from typing import ClassVar

from fastapi import Request

from reverie.errors import InvalidInput, RequestTimeout, ServiceUnavailable, TooLarge, UnsupportedMediaType

__all__ = [
    "SECONDS",
    "SpooledBody",
    "check_headers",
    "joined",
    "late",
    "media_type",
    "read_json_body",
    "spool_json_body",
]


SECONDS = 60.0
"""Seconds in which a body must have arrived."""

SPOOL_BYTES = 1024 * 1024
"""Larger bodies are spooled."""

SPOOL_TOTAL = 512 * 1024 * 1024
"""Most bytes of spooled bodies at one time, or two bodies of the largest size if that is more."""


class SpooledBody:
    """A large body in a memory file, which another process reads without its being sent there."""

    #: Bytes in all memory files of this process.
    total: ClassVar[int] = 0

    def __init__(self) -> None:
        self._fd = os.memfd_create("reverie-body")
        self.path = f"/proc/{os.getpid()}/fd/{self._fd}"
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Append."""
        self.size += len(chunk)
        SpooledBody.total += len(chunk)
        while chunk:
            chunk = chunk[os.write(self._fd, chunk) :]

    def close(self) -> None:
        """Give the memory back; safe to call twice."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            SpooledBody.total -= self.size


async def spool_json_body(request: Request, limit: int, also: Set[str] = frozenset()) -> bytes | SpooledBody:
    """Like ``read_json_body``, but where the system has memory files a large body is left in one; close it.

    ``also``: further media types to take.
    """
    check_headers(request.headers, limit, also)
    chunks: list[bytes] = []
    size = 0
    spool: SpooledBody | None = None
    try:
        async for chunk in _chunks(request, limit):
            size += len(chunk)
            if spool is None and size > SPOOL_BYTES and hasattr(os, "memfd_create"):
                spool = SpooledBody()
                for piece in chunks:
                    spool.write(piece)
                chunks.clear()
            if spool is None:
                chunks.append(chunk)
            elif SpooledBody.total + len(chunk) > max(SPOOL_TOTAL, 2 * limit):
                raise ServiceUnavailable("Many large bodies are arriving at this moment.", retry_after=5.0)
            else:
                spool.write(chunk)
    except BaseException:
        if spool is not None:
            spool.close()
        raise
    return spool or joined(chunks)


async def read_json_body(request: Request, limit: int) -> bytes:
    """The body's bytes.

    Raises ``TooLarge`` beyond ``limit`` bytes, ``UnsupportedMediaType`` for compressed or non-JSON bodies,
    ``RequestTimeout`` for a body that comes too slowly.
    """
    check_headers(request.headers, limit)
    return joined([chunk async for chunk in _chunks(request, limit)])


def late() -> RequestTimeout:
    """The refusal of a body that did not come in time."""
    return RequestTimeout(f"The body did not arrive within {SECONDS:g} s.")


def media_type(headers: Mapping[str, str]) -> str:
    """The body's media type, in lower case and without parameters; empty when there is none."""
    return headers.get("content-type", "").split(";")[0].strip().lower()


def check_headers(headers: Mapping[str, str], limit: int, also: Set[str] = frozenset()) -> None:
    """Refuse what the headers say of a body; raises like ``read_json_body``."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Compressed bodies are not taken: a few bytes could grow to gigabytes.")
    kind = media_type(headers)
    if kind and kind != "application/json" and not kind.endswith("+json") and kind not in also:
        raise UnsupportedMediaType(f"Send the body as application/json, not {kind[:80]}.")
    length = headers.get("content-length")
    if length is not None and length.isascii() and length.isdigit() and int(length) > limit:
        raise TooLarge(f"The body has {int(length):,} bytes; at most {limit:,} are taken here.")


async def _chunks(request: Request, limit: int) -> AsyncIterator[bytes]:
    size = 0
    try:
        # The whole body, not the next piece: a client that sends a byte now and then must not hold a request open.
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise TooLarge(f"The body has more than {limit:,} bytes, the most that is taken here.")
                yield chunk
    except TimeoutError:
        raise late() from None


def joined(chunks: list[bytes]) -> bytes:
    """A body's pieces as one. Raises ``InvalidInput`` when there is nothing."""
    body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
    if not body:
        raise InvalidInput("The body is empty; send a JSON object.")
    return body
