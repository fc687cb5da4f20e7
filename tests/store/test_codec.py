"""Stored bodies: compressed, sealed under the first key, opened with any, and never taken when they were changed."""

from __future__ import annotations

import base64

import pytest

from reverie.errors import ServiceUnavailable, StartupError
from reverie.store import Codec

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
BODY = '{"memories": ["größer", "🎉"]}'.encode()


def test_what_was_sealed_under_an_old_key_opens_beside_the_new_one() -> None:
    sealed = Codec(keys=OLD).encode(BODY)
    rotated = Codec(keys=f"{NEW}, {OLD}")
    assert rotated.decode(sealed) == BODY
    assert rotated.needs_sealing(sealed)
    assert not rotated.needs_sealing(rotated.seal(rotated.open(sealed)))
    assert rotated.decode(Codec().encode(BODY)) == BODY  # from before encryption was switched on


def test_without_its_key_a_body_stays_shut_and_says_which_key_it_needs() -> None:
    for codec in (Codec(), Codec(keys=NEW)):
        with pytest.raises(ServiceUnavailable, match="REVERIE_ENCRYPTION_KEY"):
            codec.decode(Codec(keys=OLD).encode(BODY))


@pytest.mark.parametrize("place", [1, 6, 20, -1])
def test_a_changed_body_is_refused(place: int) -> None:
    sealed = bytearray(Codec(keys=OLD).encode(BODY))
    sealed[place] ^= 1
    with pytest.raises((ValueError, ServiceUnavailable)):
        Codec(keys=OLD).decode(bytes(sealed))


def test_equal_bodies_are_sealed_differently() -> None:
    codec = Codec(keys=OLD)
    assert codec.encode(BODY) != codec.encode(BODY)


@pytest.mark.parametrize("key", ["short", "!" * 44, base64.b64encode(b"x" * 16).decode()])
def test_a_key_of_another_form_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(StartupError, match="openssl rand"):
        Codec(keys=key)
