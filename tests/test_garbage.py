"""The cyclic collector rests in the block, and goes on as it was."""

from __future__ import annotations

import gc
import subprocess
import sys

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


def test_what_is_set_aside_is_looked_through_no_more() -> None:
    code = (
        "import gc\nfrom reverie._garbage import set_aside\n"
        "stays = [[] for _ in range(100_000)]\nset_aside()\n"
        "print(gc.get_freeze_count() > 100_000, len(gc.get_objects()) < 1000, gc.get_threshold()[0])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "20000"]
