"""Dates: what is a point in time for certain is read, everything else is refused, by the API and by files alike."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from reverie.contracts import Memory, RecallOptions


@pytest.mark.parametrize(
    "value", [20260329, 1772000000.5, "20260329", "2026", "1772000000", "1772000000.5", " 17 ", "-1", "+5", "5.", "1e9"]
)
def test_digits_are_no_date_in_quotes_either(value: object) -> None:
    # As a Unix time, "20260329" would be a day in August 1970.
    for model, member in ((Memory, "created_at"), (Memory, "last_accessed_at"), (RecallOptions, "now")):
        with pytest.raises(ValidationError, match="not a number"):
            model.model_validate({"id": "1", "text": "x", member: value} if model is Memory else {member: value})
