"""Bodies at rest: zstd-compressed, and encrypted when a key is configured, behind a byte that says how to read them.

``01`` zstd · ``02`` AES-256-GCM: 4 bytes of key id, 12 of nonce, then the sealed ``01`` body and its 16-byte tag.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import threading
from collections.abc import Sequence
from typing import Any

import zstandard

from reverie.errors import MissingExtra, ServiceUnavailable, StartupError

__all__ = ["Codec"]

_ZSTD = b"\x01"
_SEALED = b"\x02"
_MAX_BODY = 2**31
_ID, _NONCE = 4, 12


class Codec:
    """Encodes payloads and results for storage. Thread-safe.

    ``keys`` are base64 of 32 bytes each, separated by commas: the first encrypts, all of them decrypt. Without keys
    nothing is encrypted. Raises ``StartupError`` for a key of another form, ``MissingExtra`` without ``cryptography``.
    """

    def __init__(self, level: int = 3, keys: str | None = None) -> None:
        self._level = level
        self._local = threading.local()
        self._keys: dict[bytes, Any] = {}
        self._first: bytes | None = None
        for text in filter(None, (part.strip() for part in (keys or "").split(","))):
            raw = _key_of(text)
            name = hashlib.sha256(b"reverie encryption key\x00" + raw).digest()[:_ID]
            self._first = self._first or name
            self._keys[name] = _aes_gcm(raw)

    @property
    def encrypts(self) -> bool:
        """Whether new bodies are encrypted."""
        return self._first is not None

    def encode(self, body: bytes) -> bytes:
        """Compress ``body``, and encrypt it when there is a key."""
        return self.seal(_ZSTD + bytes(self._compressor().compress(body)))

    def encode_many(self, bodies: Sequence[bytes]) -> list[bytes]:
        """``encode`` each; other threads run meanwhile."""
        compressor = self._compressor()
        together = getattr(compressor, "multi_compress_to_buffer", None)  # of the extension in C alone
        if together is None:
            return [self.encode(body) for body in bodies]
        # One call, which lets go of the interpreter once and not for each body.
        return [self.seal(_ZSTD + packed.tobytes()) for packed in together(list(bodies), threads=1)]

    def seal(self, encoded: bytes) -> bytes:
        """Encrypt a body that a codec without keys has encoded; without a key it stays as it is."""
        if self._first is None:
            return encoded
        nonce = os.urandom(_NONCE)
        head = _SEALED + self._first
        return head + nonce + bytes(self._keys[self._first].encrypt(nonce, encoded, head))

    def _compressor(self) -> Any:
        compressor = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = zstandard.ZstdCompressor(level=self._level)
        return compressor

    def needs_sealing(self, stored: bytes) -> bool:
        """Whether a stored body is not under the first key yet."""
        return self._first is not None and stored[: 1 + _ID] != _SEALED + self._first

    def open(self, stored: bytes) -> bytes:
        """A stored body decrypted, still compressed."""
        if stored[:1] != _SEALED:
            return stored
        head, nonce, sealed = stored[: 1 + _ID], stored[1 + _ID : 1 + _ID + _NONCE], stored[1 + _ID + _NONCE :]
        cipher = self._keys.get(head[1:])
        if cipher is None:
            raise ServiceUnavailable(
                f"This was stored under encryption key {head[1:].hex()}, which REVERIE_ENCRYPTION_KEY lacks here.",
                retry_after=60.0,
            )
        from cryptography.exceptions import InvalidTag

        try:
            return bytes(cipher.decrypt(nonce, sealed, head))
        except InvalidTag:
            raise ValueError("a stored body was changed, or is damaged") from None

    def decode(self, stored: bytes) -> bytes:
        """The body that ``encode`` was given.

        Raises ``ValueError`` when the bytes were not written by a codec like this one or were changed since,
        ``ServiceUnavailable`` when their key is not configured here.
        """
        encoded = self.open(stored)
        if encoded[:1] != _ZSTD:
            raise ValueError("unknown encoding of a stored body")
        decompressor = getattr(self._local, "decompressor", None)
        if decompressor is None:
            decompressor = self._local.decompressor = zstandard.ZstdDecompressor()
        return bytes(decompressor.decompress(memoryview(encoded)[1:], max_output_size=_MAX_BODY))


def _key_of(text: str) -> bytes:
    try:
        raw = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != 32:
        raise StartupError(
            "REVERIE_ENCRYPTION_KEY: each key is base64 of 32 random bytes; make one with: openssl rand -base64 32"
        )
    return raw


def _aes_gcm(raw: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError as error:
        raise MissingExtra("crypto", what="REVERIE_ENCRYPTION_KEY") from error
    return AESGCM(raw)
