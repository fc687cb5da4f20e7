"""Names for texts: the part of a vector's cache key that the text decides. Shared by gateway and workers."""

from __future__ import annotations

import hashlib

__all__ = ["text_key"]


def text_key(text: str, kind: str = "document") -> bytes:
    """16 bytes (BLAKE2b) that stand for a text embedded as ``kind``.

    A query and a document with the same words have different keys, since a model may prefix them differently.
    """
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16, person=kind.encode()).digest()
