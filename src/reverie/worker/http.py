"""One HTTP request of a worker: to the address that was set, and an answer of bounded size and time."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

from reverie.embedding.providers.calls import CallFailed
from reverie.embedding.providers.guard import Guard

__all__ = ["post"]

_CHUNK = 2**16


class _Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an error: followed, it would take texts and the key to an address that nobody has set."""

    def redirect_request(self, *_: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay)


def post(url: str, body: bytes, headers: Mapping[str, str], *, timeout: float, most: int) -> bytes:
    """The body of the answer, at most ``most`` bytes of it, within ``timeout`` seconds.

    Raises ``urllib.error.HTTPError`` for any status but a success, ``OSError``, ``http.client.HTTPException``, or
    ``CallFailed`` for an answer that is too large, takes too long or breaks off.
    """
    guard = Guard()
    request = urllib.request.Request(url, body, dict(headers), method="POST")
    with guard.call(most, timeout), _opener.open(request, timeout=timeout) as response:
        raw = guard.read(_chunks(response))
        if (length := response.headers.get("content-length")) and len(raw) < int(length):
            raise CallFailed("outage", "an answer that broke off", paid=True)
        return raw


def _chunks(response: Any) -> Iterator[bytes]:
    while chunk := response.read1(_CHUNK):  # what has come, without waiting for the chunk to be full
        yield chunk
