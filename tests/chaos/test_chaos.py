"""The short run of the chaos suite: one fault of each kind, and the account must balance."""

from __future__ import annotations

import pytest

from tests.chaos.run import SHORT, run
from tests.chaos.upkeep import bursts


@pytest.mark.chaos
def test_nothing_accepted_is_lost_or_visible_twice_whatever_dies() -> None:
    account, text = run(seed=20, seconds=60, rate=1.0, names=SHORT, quick=True, concurrency=1)
    print(text)
    assert not account.broken, text
    assert account.numbers["lost"] == account.numbers["visible twice"] == 0
    assert set(account.recovered) == set(SHORT)
    ends = ("completed", "failed", "cancelled", "dead-lettered")
    assert account.numbers["accepted"] == sum(account.numbers[end] for end in ends) > len(SHORT)


@pytest.mark.parametrize(
    ("times", "most"),
    [
        ([], 0),
        ([0.0, 1.0, 1.5], 1),
        ([0.0, 1.0, 4.0], 2),  # quiet in between
        ([n * 1.0 for n in range(25)], 3),  # never quiet: looked at whenever the oldest change is ten seconds old
    ],
)
def test_a_burst_of_changes_may_lead_to_one_upkeep(times: list[float], most: int) -> None:
    assert bursts(times, 2.0, 10.0) == most
