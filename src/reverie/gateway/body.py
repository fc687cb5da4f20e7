"""Reads a request's body within the limit, refusing what is not plain JSON."""

from __future__ import annotations

from fastapi import Request

from reverie.errors import InvalidInput, ReverieError, TooLarge

__all__ = ["UnsupportedMediaType", "read_json_body"]


class UnsupportedMediaType(ReverieError):
    """Send the body as application/json."""

    slug = "unsupported-media-type"
    status = 415


async def read_json_body(request: Request, limit: int) -> bytes:
    """The body's bytes.

    Raises ``TooLarge`` beyond ``limit`` bytes, ``UnsupportedMediaType`` for compressed or non-JSON bodies.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType("Compressed bodies are not taken: a few bytes could grow to gigabytes.")
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise UnsupportedMediaType(f"Send the body as application/json, not {kind[:80]}.")
    length = request.headers.get("content-length")
    if length is not None and length.isdigit() and int(length) > limit:
        raise TooLarge(f"The body has {int(length):,} bytes; at most {limit:,} are taken here.")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > limit:
            raise TooLarge(f"The body has more than {limit:,} bytes, the most that is taken here.")
        chunks.append(chunk)
    body = b"".join(chunks)
    if not body:
        raise InvalidInput("The body is empty; send a JSON object.")
    return body
