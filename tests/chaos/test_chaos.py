"""The short run of the chaos suite: one fault of each kind, and the account must balance."""

from __future__ import annotations

import pytest

from tests.chaos.run import SHORT, run


@pytest.mark.chaos
def test_nothing_accepted_is_lost_or_visible_twice_whatever_dies() -> None:
    account, text = run(seed=20, seconds=60, rate=1.0, names=SHORT, quick=True, concurrency=1)
    print(text)
    assert not account.broken, text
    assert account.numbers["lost"] == account.numbers["visible twice"] == 0
    assert set(account.recovered) == set(SHORT)
    ends = ("completed", "failed", "cancelled", "dead-lettered")
    assert account.numbers["accepted"] == sum(account.numbers[end] for end in ends) > len(SHORT)
