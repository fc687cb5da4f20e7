"""Bodies at rest: zstd-compressed, and encrypted when a key is configured, behind a byte that says how to read them.

``01`` zstd · ``03`` AES-256-GCM: 4 bytes of key id, 12 of nonce, then the sealed ``01`` body and its 16-byte tag, with
its ``Place`` as additional data, so that it opens nowhere else · ``02`` the same without a place, of older versions.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import zstandard

from reverie.errors import MissingExtra, SealBroken, ServiceUnavailable, StartupError

__all__ = ["Codec", "Compressed", "Place", "compressed", "decompressed"]

_ZSTD = b"\x01"
_UNBOUND = b"\x02"
_BOUND = b"\x03"
_MAX_BODY = 2**31
_ID, _NONCE = 4, 12


class Place(NamedTuple):
    """Where a value is stored: what it is, whose, and which of them. Sealed values open at their own place alone."""

    kind: str
    tenant: str
    #: What names the row within the tenant.
    row: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {' '.join(self.row)}".rstrip()

    def data(self) -> bytes:
        """The same place gives the same bytes, another place others: each part goes behind its length."""
        parts = [part.encode("utf-8", "surrogatepass") for part in (self.kind, self.tenant, *self.row)]
        return b"".join(len(part).to_bytes(4) + part for part in parts)


class Compressed(bytes):
    """A value that is compressed already: by a process that parses, which has no key."""


class Codec:
    """Turns values into what is stored, and back: the one place that encrypts. Thread-safe.

    ``keys`` are base64 of 32 bytes each, separated by commas: the first encrypts, all of them decrypt. Without keys
    nothing is encrypted. Raises ``StartupError`` for a key of another form, ``MissingExtra`` without ``cryptography``.
    """

    def __init__(self, level: int = 3, keys: str | None = None) -> None:
        self._level = level
        self._local = threading.local()
        self._keys: dict[bytes, Any] = {}
        self._naming: list[bytes] = []
        self._first: bytes | None = None
        for text in filter(None, (part.strip() for part in (keys or "").split(","))):
            raw = _key_of(text)
            name = hashlib.sha256(b"reverie encryption key\x00" + raw).digest()[:_ID]
            self._first = self._first or name
            self._keys[name] = _aes_gcm(raw)
            self._naming.append(hashlib.sha256(b"reverie name\x00" + raw).digest())

    @property
    def seals(self) -> bool:
        """Whether what is saved is encrypted."""
        return self._first is not None

    def save(self, plain: bytes, place: Place) -> bytes:
        """``plain`` as it is stored at ``place``: compressed, unless that is done, and sealed if there is a key."""
        if not isinstance(plain, Compressed):
            plain = self.compress(plain)
        return self._seal(plain, place)

    def compress(self, plain: bytes) -> Compressed:
        """``plain`` compressed, and not sealed."""
        return Compressed(_ZSTD + bytes(self._compressor().compress(plain)))

    def save_many(self, plains: Sequence[bytes], places: Sequence[Place]) -> list[bytes]:
        """``save`` each; other threads run meanwhile."""
        together = getattr(self._compressor(), "multi_compress_to_buffer", None)  # of the extension in C alone
        loose = [plain for plain in plains if not isinstance(plain, Compressed)]
        if together is None or len(loose) < 2:
            return [self.save(plain, place) for plain, place in zip(plains, places, strict=True)]
        # One call, which lets go of the interpreter once and not for each body.
        packed = iter(together(loose, threads=1))
        encoded = (
            plain if isinstance(plain, Compressed) else _ZSTD + bytes(next(packed).tobytes()) for plain in plains
        )
        return [self._seal(one, place) for one, place in zip(encoded, places, strict=True)]

    def load(self, stored: bytes, place: Place) -> bytes:
        """The value that ``save`` was given for this place.

        Raises ``SealBroken`` naming the place when the bytes are damaged, or were sealed for another one;
        ``ServiceUnavailable`` when their key is not configured here.
        """
        encoded = self._open(stored, place)
        if encoded[:1] != _ZSTD:
            raise SealBroken(f"The stored {place} begins with a byte that this version does not know.")
        decompressor = getattr(self._local, "decompressor", None)
        if decompressor is None:
            decompressor = self._local.decompressor = zstandard.ZstdDecompressor()
        return bytes(decompressor.decompress(memoryview(encoded)[1:], max_output_size=_MAX_BODY))

    def is_current(self, stored: bytes) -> bool:
        """Whether a stored value is as ``save`` would write it now: bound to its place, under the first key."""
        return self._first is None or stored[: 1 + _ID] == _BOUND + self._first

    def again(self, stored: bytes, place: Place, new_place: Place | None = None) -> bytes:
        """A stored value as it would be saved now, without compressing it anew."""
        return self._seal(self._open(stored, place), new_place or place)

    def names(self, text: str, place: Place) -> list[bytes]:
        """Hashes, 32 bytes each, by which ``text`` is found where only its sealed form is stored.

        The first is the one to store; under the others older keys, or none, have stored it. Without the key nobody
        can try out texts against them.
        """
        placed = place.data() + text.encode("utf-8", "surrogatepass")
        return [hmac.digest(key, placed, "sha256") for key in self._naming] + [hashlib.sha256(placed).digest()]

    def _seal(self, encoded: bytes, place: Place) -> bytes:
        if self._first is None:
            return bytes(encoded)
        nonce = os.urandom(_NONCE)
        head = _BOUND + self._first
        return head + nonce + bytes(self._keys[self._first].encrypt(nonce, encoded, head + place.data()))

    def _open(self, stored: bytes, place: Place) -> bytes:
        """A stored body decrypted, still compressed."""
        if stored[:1] not in (_UNBOUND, _BOUND):
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
            return bytes(cipher.decrypt(nonce, sealed, head if head[:1] == _UNBOUND else head + place.data()))
        except InvalidTag:
            raise SealBroken(f"The stored {place} was changed, is damaged, or belongs to another row.") from None

    def _compressor(self) -> Any:
        compressor = getattr(self._local, "compressor", None)
        if compressor is None:
            compressor = self._local.compressor = zstandard.ZstdCompressor(level=self._level)
        return compressor


_without_key = Codec(level=1)


def compressed(plain: bytes) -> Compressed:
    """What ``Codec.save`` need not compress any more."""
    return _without_key.compress(plain)


def decompressed(body: bytes) -> bytes:
    """What ``compressed`` was given. Raises ``ValueError`` or ``ZstdError`` for anything else."""
    if body[:1] != _ZSTD:
        raise ValueError("not a compressed body")
    return _without_key.load(body, Place("body", "", ()))


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
