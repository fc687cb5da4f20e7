"""Bounds what parsing a body may cost before it is parsed.

Forty bytes of JSON such as ``[{},{},{},{}]`` become a kilobyte of objects: a body within the limit of bytes could take
gigabytes. So the values of a large body are counted first, outside of its strings, a window at a time.
"""

from __future__ import annotations

from reverie.errors import TooLarge

__all__ = ["check_structure"]

_FREE_BYTES = 256 * 1024
"""Smaller bodies are not worth a look."""

_PER_MEMORY = 12
"""Values that one memory may have on average; it has eight members, and metadata of its own."""

_WINDOW = 256 * 1024


def check_structure(body: bytes, memories: int) -> None:
    """Raises ``TooLarge`` when a body has more values than ``memories`` memories can have."""
    if len(body) <= _FREE_BYTES:
        return
    most = memories * _PER_MEMORY + 1000
    # A first look that also counts what stands in strings: most bodies pass it, at the speed of memory.
    if body.count(b",") + body.count(b"{") + body.count(b"[") <= most:
        return
    count = start = 0
    inside = 0
    while start < len(body):
        end = min(start + _WINDOW, len(body))
        # Never between a backslash and what it escapes.
        while end < len(body) and body[end - 1] == 0x5C:
            end += 1
        window = body[start:end].replace(b"\\\\", b"").replace(b'\\"', b"")
        parts = window.split(b'"')
        plain = b"".join(parts[inside::2])
        inside = (inside + len(parts) - 1) % 2
        opened = plain.count(b"{") + plain.count(b"[")
        count += plain.count(b",") + opened
        if count > most:
            raise TooLarge(f"The body has more than {most:,} values, the most that {memories:,} memories can have.")
        start = end
