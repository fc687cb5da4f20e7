"""Bodies at rest: zstd-compressed bytes behind a one-byte header that says how to read them back."""

from __future__ import annotations

import threading

import zstandard

__all__ = ["Codec"]

_ZSTD = b"\x01"
_MAX_BODY = 2**31


class Codec:
    """Encodes payloads and results for storage. Thread-safe."""

    def __init__(self, level: int = 3) -> None:
        self._level = level
        self._local = threading.local()

    def encode(self, body: bytes) -> bytes:
        """Compress ``body``."""
        compressor = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = zstandard.ZstdCompressor(level=self._level)
        return _ZSTD + bytes(compressor.compress(body))

    def decode(self, stored: bytes) -> bytes:
        """The body that ``encode`` was given.

        Raises ``ValueError`` when the bytes were not written by a codec like this one.
        """
        if stored[:1] != _ZSTD:
            raise ValueError("unknown encoding of a stored body")
        decompressor = getattr(self._local, "decompressor", None)
        if decompressor is None:
            decompressor = self._local.decompressor = zstandard.ZstdDecompressor()
        return bytes(decompressor.decompress(stored[1:], max_output_size=_MAX_BODY))
