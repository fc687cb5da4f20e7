"""Encryption of what people said to the bot. AES-256-GCM; the owner's id is authenticated with each text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Protocol

from reverie.errors import MissingExtra, StartupError

__all__ = ["Encrypted", "Plain", "Sealer", "make_sealer"]

_PLAIN, _AESGCM = b"\x00", b"\x01"
_ID, _NONCE = 4, 12


class Sealer(Protocol):
    """Turns a text of one owner into bytes for the store, and back."""

    def seal(self, text: str, owner: str) -> bytes:
        """Bytes for the store."""

    def unseal(self, sealed: bytes, owner: str) -> str:
        """The text. Raises ``StartupError`` when it was sealed with a key that is not here."""


class Plain:
    """No encryption: the texts are as readable as the file or the database."""

    def seal(self, text: str, owner: str) -> bytes:
        """UTF-8 behind a marker."""
        return _PLAIN + text.encode("utf-8", "surrogatepass")

    def unseal(self, sealed: bytes, owner: str) -> str:
        """The text."""
        if sealed[:1] != _PLAIN:
            raise StartupError(
                "The bot's memories are encrypted; set REVERIE_BOT_KEY to the key they were written with."
            )
        return sealed[1:].decode("utf-8", "surrogatepass")


class Encrypted:
    """AES-256-GCM (NIST SP 800-38D) with a random nonce. The first key writes, every key reads."""

    def __init__(self, keys: list[bytes]) -> None:
        try:
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ModuleNotFoundError as error:
            raise MissingExtra("crypto", what="REVERIE_BOT_KEY") from error
        self._ciphers = {hashlib.sha256(key).digest()[:_ID]: AESGCM(key) for key in keys}
        self._current = hashlib.sha256(keys[0]).digest()[:_ID]

    def seal(self, text: str, owner: str) -> bytes:
        """Marker, key id, nonce, ciphertext. The owner is authenticated: a row moved to somebody else won't open."""
        nonce = os.urandom(_NONCE)
        content = self._ciphers[self._current].encrypt(nonce, text.encode("utf-8", "surrogatepass"), owner.encode())
        return _AESGCM + self._current + nonce + content

    def unseal(self, sealed: bytes, owner: str) -> str:
        """The text; one that was written before there was a key is read as it is."""
        if sealed[:1] == _PLAIN:
            return Plain().unseal(sealed, owner)
        cipher = self._ciphers.get(sealed[1 : 1 + _ID])
        if cipher is None:
            raise StartupError("A memory was encrypted with a key that REVERIE_BOT_KEY does not list.")
        from cryptography.exceptions import InvalidTag

        body = sealed[1 + _ID :]
        try:
            return cipher.decrypt(body[:_NONCE], body[_NONCE:], owner.encode()).decode("utf-8", "surrogatepass")
        except InvalidTag:
            raise StartupError("A stored memory was changed or belongs to somebody else; it is not shown.") from None


def make_sealer(keys: str | None) -> Sealer:
    """The sealer for ``REVERIE_BOT_KEY``. Raises ``StartupError`` for a key that is not 32 bytes of base64."""
    if not keys or not keys.strip():
        return Plain()
    decoded = []
    for key in keys.split(","):
        try:
            raw = base64.b64decode(key.strip().replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != 32:
            raise StartupError("REVERIE_BOT_KEY: each key is 32 random bytes as base64 (openssl rand -base64 32).")
        decoded.append(raw)
    return Encrypted(decoded)
