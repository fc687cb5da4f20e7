"""A view that is read while an upkeep ends: never newer than the version that it is told with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from reverie.gateway.views.current import CurrentViews, NoViewYet
from reverie.settings import UpkeepSettings
from reverie.store.view_store import Since, StoredView, ViewFacts


class _Plain:
    """Stands in for the codec."""

    def load(self, body: bytes, place: Any) -> bytes:
        return body


class _Views:
    """A store in which another upkeep ends after the facts were read, as often as ``versions`` says."""

    def __init__(self, *versions: int) -> None:
        self._versions = list(versions)
        self._now = self._versions.pop(0)

    async def facts(self, tenant: str, user_id: str, kind: str) -> ViewFacts:
        return ViewFacts(
            person=1, version=9, memories=3, changes=0, first_change_at=None, last_change_at=None, not_before=None,
            upkeep=None, placed=0, view_version=self._now, as_of=datetime(2026, 1, 1, tzinfo=UTC), etag=str(self._now),
        )  # fmt: skip

    async def view(self, person: int, kind: str) -> StoredView | None:
        if self._versions:
            self._now = self._versions.pop(0)
        return StoredView(self._now, orjson.dumps({"of": self._now}), None) if self._now else None

    async def since(self, person: int, version: int) -> Since:
        return Since(frozenset(), {})


@pytest.mark.parametrize("versions", [(4,), (4, 5), (4, 5, 6, 7)])
async def test_a_view_is_told_with_the_version_that_it_is_of(versions: tuple[int, ...]) -> None:
    views = CurrentViews(_Views(*versions), _Plain(), None, UpkeepSettings())  # type: ignore[arg-type]
    shown = await views.get("t", "u", "themes")
    assert shown.body is not None
    told = orjson.loads(shown.body)
    assert told["of"] == told["version"] == shown.facts.view_version == versions[-1]


async def test_who_is_erased_while_a_view_is_read_has_none() -> None:
    views = CurrentViews(_Views(4, 0), _Plain(), None, UpkeepSettings())  # type: ignore[arg-type]
    with pytest.raises(NoViewYet):
        await views.get("t", "u", "themes")
