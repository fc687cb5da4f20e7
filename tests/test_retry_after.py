"""Retry-After is read in one way, whoever sends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from reverie._retry_after import retry_after
from reverie.client._wire import error_of


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("30", 30.0),
        ("1.5", 1.5),
        ("-3", 0.0),  # a moment that has passed
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_a_number_of_seconds_or_a_date_is_read_and_nonsense_is_none(value: str | None, seconds: float | None) -> None:
    assert retry_after(value) == seconds


def test_a_date_is_told_in_seconds_from_now_also_by_the_client() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    found = retry_after(date)
    assert found is not None
    assert 0 < found <= 3600
    error = error_of(503, b"{}", date)
    assert 0 < error.retry_after <= 3600  # type: ignore[attr-defined]
