"""A worker that was at it when its user was erased writes nothing any more.

In a file of its own: no worker runs beside it, which could take the task first.
"""

from __future__ import annotations

import pytest

from reverie.errors import LeaseLost
from reverie.queue.cache import VectorCache
from reverie.store import WorkerStore
from tests.live import LiveService

MEMORIES = ["I drink tea in the morning", "Tea again, with my cat", "The cat sleeps"]


def test_a_late_attempt_writes_nothing_for_an_erased_user(database_url: str, redis_url: str) -> None:
    """The worker's own calls, in the order in which a slow attempt would make them."""
    with LiveService(database_url, redis_url, workers={}) as live:
        with live.client() as client:
            task = client.post("/cluster/submit", json={"user_id": "late", "memories": MEMORIES}).json()
            store = WorkerStore(database_url)
            row = store.claim("fast" if task["lane"] == "fast" else "clustering", "slow", 600.0)
            assert row is not None
            assert row.id == task["id"]
            assert client.delete("/users/late").json()["stopped"] == 1
        vector = b"\x00" * 16
        assert not store.heartbeat(row, 600.0, row.seq + 1, ("embedding", 1, 2, 0.5))
        assert not store.put_vectors(row, "00" * 8, [b"k" * 16], [vector], [1])
        cost = {"tokens": 0, "cached_tokens": 0, "usd": 0.0, "compute_ms": 0.0}
        with pytest.raises(LeaseLost):
            store.finish(row, b"{}", cost=cost, lane=row.lane, themes=("m", b"x", 1))
        with pytest.raises(LeaseLost):
            store.fail(row, {"title": "x"})
        cache = VectorCache(redis_url)
        cache.put(row.tenant, "late", "00" * 8, int(row.created_at.timestamp() * 1000), [b"k" * 16], [vector], [1])
        assert cache.get(row.tenant, "late", "00" * 8, [b"k" * 16]) == {}
        assert live.rows("SELECT 1 FROM themes WHERE user_id = 'late'") == []
        assert live.rows("SELECT 1 FROM vectors WHERE user_id = 'late'") == []
        store.close()
        cache.close()
