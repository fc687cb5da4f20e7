"""Stored values: compressed, sealed for their place under the first key, opened with any, never taken when changed."""

from __future__ import annotations

import base64
import itertools
import os

import pytest

from reverie.errors import SealBroken, ServiceUnavailable, StartupError
from reverie.store import Codec, Place, compressed, places

OLD, NEW = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))
BODY = '{"memories": ["größer", "🎉"]}'.encode()
HERE = places.payload("tenant", "tsk_1")


def as_older_versions_sealed(body: bytes, key: str = OLD) -> bytes:
    """``02``: sealed without a place."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    head = b"\x02" + Codec(keys=key).save(b"", HERE)[1:5]
    nonce = os.urandom(12)
    return head + nonce + AESGCM(base64.b64decode(key)).encrypt(nonce, bytes(compressed(body)), head)


def every_place(tenant: str, row: str) -> list[Place]:
    """One place of each kind."""
    ids = {"task_id": row, "user_id": row, "memory_id": row, "model": row, "kind": row, "key": row, "about": row,
           "key_hash": row, "content_hash": row.encode(), "url_hash": row.encode(), "etag": row}  # fmt: skip
    out = []
    for name in places.__all__:
        of = getattr(places, name)
        asked = of.__code__.co_varnames[: of.__code__.co_argcount]
        out.append(of(tenant, *(ids[one] for one in asked[1:])))
    return out


def test_what_was_sealed_under_an_old_key_opens_beside_the_new_one() -> None:
    sealed = Codec(keys=OLD).save(BODY, HERE)
    rotated = Codec(keys=f"{NEW}, {OLD}")
    assert rotated.load(sealed, HERE) == BODY
    assert not rotated.is_current(sealed)
    assert rotated.is_current(rotated.again(sealed, HERE))
    assert rotated.load(Codec().save(BODY, HERE), HERE) == BODY  # from before encryption was switched on


def test_no_kind_of_sealed_value_opens_in_another_tenant_row_or_kind_and_the_refusal_names_the_place() -> None:
    codec = Codec(keys=OLD)
    found = [*every_place("a", "1"), *every_place("b", "1"), *every_place("a", "2")]
    assert len({place.kind for place in found}) == len(places.__all__)
    assert len({place.data() for place in found}) == len(set(found)), "one place's bytes are no other's"
    for own, other in itertools.permutations(set(found), 2):
        sealed = codec.save(BODY, own)
        assert codec.load(sealed, own) == BODY
        with pytest.raises(SealBroken, match=f"The stored {other} was changed, is damaged, or belongs to another row"):
            codec.load(sealed, other)


def test_parts_of_a_place_cannot_be_moved_into_one_another() -> None:
    moved = [("memory", "t", ("ab", "c")), ("memory", "t", ("a", "bc")), ("memory", "ta", ("b", "c"))]
    assert len({Place(*parts).data() for parts in moved}) == 3


def test_values_of_older_versions_open_and_are_bound_by_sealing_them_again() -> None:
    codec = Codec(keys=OLD)
    before = as_older_versions_sealed(BODY)
    assert codec.load(before, HERE) == BODY
    assert not codec.is_current(before)
    after = codec.again(before, HERE)
    assert after[:1] == b"\x03"
    with pytest.raises(SealBroken):
        codec.load(after, places.payload("tenant", "tsk_2"))


def test_compressed_values_are_not_compressed_twice_and_many_are_sealed_like_one() -> None:
    there = [places.payload("tenant", f"tsk_{number}") for number in range(4)]
    for codec in (Codec(), Codec(keys=OLD)):
        sealed = codec.save_many([BODY, compressed(BODY), b"", BODY * 50], there)
        assert [codec.load(one, at) for one, at in zip(sealed, there, strict=True)] == [BODY, BODY, b"", BODY * 50]
        assert {type(one) for one in sealed} == {bytes}


def test_names_find_a_text_under_each_key_and_nobody_without_one_can_make_them() -> None:
    where = places.idempotency_key("tenant", "")
    old, both, none = (Codec(keys=key) for key in (OLD, f"{NEW},{OLD}", None))
    assert old.names("order-1", where)[0] in both.names("order-1", where)
    assert none.names("order-1", where)[0] in both.names("order-1", where), "from before encryption was switched on"
    assert both.names("order-1", where)[0] != none.names("order-1", where)[0]
    assert old.names("order-1", where)[0] != old.names("order-1", places.idempotency_key("other", ""))[0]


def test_without_its_key_a_body_stays_shut_and_says_which_key_it_needs() -> None:
    for codec in (Codec(), Codec(keys=NEW)):
        with pytest.raises(ServiceUnavailable, match="REVERIE_ENCRYPTION_KEY"):
            codec.load(Codec(keys=OLD).save(BODY, HERE), HERE)


@pytest.mark.parametrize("place", [1, 6, 20, -1])
def test_a_changed_body_is_refused(place: int) -> None:
    sealed = bytearray(Codec(keys=OLD).save(BODY, HERE))
    sealed[place] ^= 1
    with pytest.raises((SealBroken, ServiceUnavailable)):
        Codec(keys=OLD).load(bytes(sealed), HERE)


def test_equal_bodies_are_sealed_differently() -> None:
    codec = Codec(keys=OLD)
    assert codec.save(BODY, HERE) != codec.save(BODY, HERE)


@pytest.mark.parametrize("key", ["short", "!" * 44, base64.b64encode(b"x" * 16).decode()])
def test_a_key_of_another_form_is_refused_at_the_start(key: str) -> None:
    with pytest.raises(StartupError, match="openssl rand"):
        Codec(keys=key)
