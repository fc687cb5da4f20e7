"""The cyclic collector rests in the block, and goes on as it was."""

from __future__ import annotations

import gc

import pytest

from reverie._garbage import uncollected


def test_the_collector_rests_in_the_block_even_when_it_fails_and_one_block_may_be_in_another() -> None:
    assert gc.isenabled()

    def fail() -> None:
        with uncollected():
            with uncollected():
                assert not gc.isenabled()
            assert not gc.isenabled()
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert gc.isenabled()
