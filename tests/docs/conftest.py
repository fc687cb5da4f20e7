"""The service that the docs' examples run against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.live import LiveService


@pytest.fixture(scope="module")
def service(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A gateway, which may send webhooks to this machine, and a worker."""
    allowed = {"REVERIE_WEBHOOK_ALLOW": "127.0.0.1/32"}
    with LiveService(database_url, redis_url, environment=allowed) as live:
        with live.client() as client:
            # The worker has loaded everything once this is done; the docs' own waiting is meant for a running service.
            task = client.post("/cluster/submit", json={"user_id": "first", "memories": ["a first", "a second"]}).json()
            with client.stream("GET", f"/results/{task['id']}", timeout=240) as events:
                assert '"succeeded"' in "".join(events.iter_text())
        yield live
        live.check_invariants()
