"""After an erasure nothing holds the user's words: no row, no key, no line of a file."""

from __future__ import annotations

import asyncio

from reverie.embedded import RunningServers
from tests.gateway.holding import cached, dump, files, holds, rewrite_append_only_file
from tests.live import LiveService

WORD = "xylothermic"
USER = "the-erased-one"
MEMORIES = [f"the {WORD} greenhouse, visit {i}" for i in range(8)]


def submissions() -> list[tuple[str, dict]]:
    return [
        ("cluster", {"user_id": USER, "memories": MEMORIES}),
        ("analyze", {"user_id": USER, "memories": MEMORIES}),
        ("recall", {"user_id": USER, "memories": MEMORIES, "query": f"the {WORD} house"}),
        ("embed", {"user_id": USER, "texts": MEMORIES}),
    ]


async def test_an_erasure_leaves_no_word_of_the_user_anywhere(service: LiveService, servers: RunningServers) -> None:
    async with service.session(prefer="wait=60") as session:
        for _ in range(2):  # the second time from the cache, which is thereby filled
            for operation, body in submissions():
                async with session.post(
                    f"/{operation}/submit", json=body, headers={"idempotency-key": f"{operation}-1"}
                ) as answer:
                    assert answer.status == 200, await answer.text()
                async with session.post(f"/{operation}/submit", json=body) as answer:
                    task = await answer.json()
                    assert answer.status == 200
        async with session.get(f"/tasks/{task['id']}") as answer:
            assert answer.status == 200
        # One more that is still running, and one that has not begun.
        long = [f"{i} {WORD} {'word ' * 40}{i % 13}" for i in range(8_000)]
        running = []
        for i in range(4):
            more = {"user_id": USER, "memories": long[i:]}
            async with session.post("/cluster/submit", json=more, headers={"prefer": "respond-async"}) as answer:
                running.append(await answer.json())
        assert {task["status"] for task in running} == {"queued"}
        # All the places that are searched below do hold it now.
        assert holds(dump(service.database_url), WORD)
        assert holds(dump(service.database_url), USER)
        assert holds(cached(service.redis_url), WORD)
        async with session.delete(f"/users/{USER}") as answer:
            receipt = await answer.json()
        assert receipt["tasks"] == 8
        assert receipt["stopped"] == 4
        assert receipt["results"] == 4
        assert receipt["vectors"] >= 8, "of texts; those of questions stay in Redis"
        assert receipt["themes"] >= 1
        assert receipt["cache_keys"] == 2
        # The workers are free again, and what they were at has written nothing.
        async with session.post("/cluster/submit", json={"user_id": "next", "memories": ["a", "b"]}) as answer:
            assert (await answer.json())["status"] == "succeeded"
        for task in running:
            async with session.get(f"/tasks/{task['id']}") as answer:
                assert answer.status == 404
    await asyncio.to_thread(rewrite_append_only_file, service.redis_url)
    assert not holds(dump(service.database_url), WORD, USER)
    assert not holds(cached(service.redis_url), WORD, USER)
    logs = files(servers.data_dir / "valkey", service.data_dir)
    assert [path.name for path, raw in logs if holds([raw], WORD, USER)] == []
