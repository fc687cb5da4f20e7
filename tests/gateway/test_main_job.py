"""The main job, end to end: real gateway, real workers, real PostgreSQL and Valkey."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
import redis

from tests.live import LiveService

MEMORIES = [
    "I went climbing at the rock gym",
    "The rock gym has a new climbing wall",
    "Climbing at the gym on Tuesday",
    "My cat Miso slept all day",
    "Miso the cat caught a mouse",
    "The cat Miso needs a vet",
]


async def submit(session, path="/cluster/submit", **body):
    async with session.post(path, json=body) as answer:
        return answer.status, await answer.json()


async def test_a_submission_is_queued_and_its_result_is_pushed(service: LiveService) -> None:
    async with service.session() as session:
        status, task = await submit(session, user_id="seed", memories=MEMORIES)
        assert (status, task["status"]) == (202, "queued")
        assert task["task_id"] == task["id"]
        events = await service.follow(session, task["task_id"])
    assert events[-1]["type"] == "succeeded"
    seqs = [event["seq"] for event in events]
    assert seqs == sorted(set(seqs))
    result = events[-1]["result"]
    groups = {tuple(sorted(theme["memory_ids"])) for theme in result["themes"]}
    assert groups == {("0", "1", "2"), ("3", "4", "5")}
    assert set(result["assignments"]) == {str(i) for i in range(6)}
    assert {point["id"] for point in result["map"]} == {str(i) for i in range(6)}


async def test_a_late_and_a_second_listener_get_the_stored_result(service: LiveService) -> None:
    async with service.session() as session:
        _, task = await submit(session, user_id="late", memories=["one thing", "another thing"])
        first = await service.follow(session, task["id"])
        second = await service.follow(session, task["id"])
    assert len(second) == 1
    assert second[0]["type"] == "succeeded"
    assert second[0]["result"] == first[-1]["result"]


async def test_an_identical_request_is_answered_from_the_cache_with_its_result(service: LiveService) -> None:
    async with service.session() as session:
        body = {"user_id": "cached", "memories": MEMORIES}
        _, task = await submit(session, **body)
        await service.follow(session, task["id"])
        for _ in range(3):  # from PostgreSQL first, from Valkey afterwards
            status, again = await submit(session, **body)
            assert status == 200
            assert again["cached"] is True
            assert again["id"] == task["id"]
            assert again["result"]["themes"]
        status, other_user = await submit(session, **{**body, "user_id": "somebody else"})
        assert status == 202
        assert other_user["id"] != task["id"]
        await service.follow(session, other_user["id"])


async def test_an_answer_that_only_the_database_has_is_found_whatever_the_body_looks_like(service: LiveService) -> None:
    async with service.session() as session:
        body = {"user_id": "elsewhere", "memories": MEMORIES}
        _, task = await submit(session, **body)
        result = (await service.follow(session, task["id"]))[-1]["result"]
        with redis.Redis.from_url(service.redis_url) as client:
            for spaces, more in (
                (1, {}),
                (2, {"Idempotency-Key": "found"}),
                (3, {}),
                (4, {"Idempotency-Key": "found"}),
            ):
                # Bytes that this gateway never saw, as if another one had taken the first.
                for kept in client.keys("reverie:c:*"):
                    client.delete(kept)
                raw = json.dumps(body, indent=spaces)
                headers = {"Content-Type": "application/json", **more}
                async with session.post("/cluster/submit", data=raw, headers=headers) as answer:
                    again = await answer.json()
                assert (answer.status, again["id"], again["result"]) == (200, task["id"], result)
                assert again["cached"] == (spaces < 4), "the last is the replay of the second"
        async with session.get("/tasks", params={"user_id": "elsewhere"}) as answer:
            assert [row["id"] for row in (await answer.json())["tasks"]] == [task["id"]]


async def test_identical_requests_in_flight_share_one_task(service: LiveService) -> None:
    async with service.session() as session:
        body = {"user_id": "flight", "memories": [f"memory number {i} about {i % 7}" for i in range(400)]}
        answers = await asyncio.gather(*(submit(session, **body) for _ in range(12)))
        assert {status for status, _ in answers} <= {200, 202}
        ids = {task["id"] for _, task in answers}
        assert len(ids) == 1
        await service.follow(session, ids.pop())
    assert service.rows("SELECT count(*) AS n FROM tasks WHERE user_id = 'flight'")[0]["n"] == 1


async def test_theme_ids_stay_when_memories_are_added(service: LiveService) -> None:
    async with service.session() as session:
        _, task = await submit(session, user_id="stable", memories=MEMORIES)
        first = (await service.follow(session, task["id"]))[-1]["result"]
        _, task = await submit(session, user_id="stable", memories=[*MEMORIES, "A climbing course at the rock gym"])
        second = (await service.follow(session, task["id"]))[-1]["result"]
    assert {t["id"] for t in second["themes"]} == {t["id"] for t in first["themes"]}
    assert second["born"] == second["gone"] == []


async def test_progress_is_reported_by_stage(service: LiveService) -> None:
    async with service.session() as session:
        _, task = await submit(session, user_id="stages", memories=[f"note {i} on subject {i % 9}" for i in range(300)])
        events = await service.follow(session, task["id"])
    stages = [event["progress"]["stage"] for event in events]
    for stage in ("embedding", "clustering", "labelling", "mapping"):
        assert stage in stages
    fractions = [event["progress"]["fraction"] for event in events]
    assert fractions == sorted(fractions)


@pytest.mark.parametrize(
    "memories",
    [
        [],  # nobody yet
        ["only one"],
        ["one", "two"],
        ["the same"] * 30,  # all identical
        ["🎉", "🎂", "🎈", "🎉🎉", "😀"],  # emoji only
        ["私は猫が好きです", "猫は可愛い", "東京へ旅行した", "旅行は楽しい"],  # no spaces between words
        ["أحب القهوة", "القهوة في الصباح", "שלום עולם"],  # right to left
        ["a\u0301 combining", "zero\u200bwidth", "\ufeffbom"],
        [{"id": "x" * 256, "text": "long id"}, {"id": "naïve", "text": "unicode id"}],
    ],
    ids=["none", "one", "two", "identical", "emoji", "cjk", "rtl", "marks", "ids"],
)
async def test_unusual_memories_get_a_sensible_answer(service: LiveService, memories: list) -> None:
    async with service.session() as session:
        _, task = await submit(session, user_id="unusual", memories=memories)
        last = (await service.follow(session, task["id"]))[-1] if task["status"] != "succeeded" else task
    result = last["result"]
    placed = [m for theme in result["themes"] for m in theme["memory_ids"]] + result["unclustered"]
    assert len(placed) == len(set(placed)) == len(memories)
    assert all(theme["label"].strip() for theme in result["themes"])


async def test_a_cancelled_task_stops_and_tells_its_listener(service: LiveService) -> None:
    async with service.session() as session:
        memories = [f"{i} {'word ' * 40}{i % 13}" for i in range(20_000)]
        _, task = await submit(session, user_id="cancel", memories=memories)
        following = asyncio.create_task(service.follow(session, task["id"]))
        async with session.ws_connect("/results?user_id=cancel") as socket:
            while (await socket.receive_json(timeout=30))["type"] != "progress":
                pass
        async with session.delete(f"/tasks/{task['id']}") as answer:
            assert answer.status == 200
            assert (await answer.json())["status"] == "cancelled"
        assert (await following)[-1]["type"] == "cancelled"
        async with session.delete(f"/tasks/{task['id']}") as answer:
            assert answer.status == 409
        # The worker is free again: the next task does not wait for the cancelled one's hour.
        _, task = await submit(session, user_id="cancel", memories=["a", "b"])
        assert (await service.follow(session, task["id"]))[-1]["type"] == "succeeded"


async def test_work_survives_the_death_of_its_worker_and_is_answered_once(service: LiveService) -> None:
    async with service.session() as session:
        memories = [f"{i} {'word ' * 40}{i % 13}" for i in range(5_000)]
        _, task = await submit(session, user_id="killed", memories=memories)
        following = asyncio.create_task(service.follow(session, task["id"], seconds=120))
        async with session.ws_connect("/results?user_id=killed") as socket:
            while (await socket.receive_json(timeout=30))["type"] != "progress":
                pass
        service.kill("worker")
        service.start_worker()
        events = await following
    assert events[-1]["type"] == "succeeded"
    assert [e["type"] for e in events].count("succeeded") == 1
    row = service.rows("SELECT attempts, status FROM tasks WHERE id = %s", task["id"])[0]
    assert row["attempts"] >= 2


async def test_submissions_are_accepted_while_redis_is_flushed_and_complete(service: LiveService) -> None:
    import redis

    async with service.session() as session:
        service.kill("worker")
        answers = [await submit(session, user_id="flushed", memories=[f"text {i}", "b"]) for i in range(5)]
        with redis.Redis.from_url(service.redis_url) as client:
            client.flushall()
        service.start_worker()
        assert {status for status, _ in answers} == {202}
        for _, task in answers:
            assert (await service.follow(session, task["id"]))[-1]["type"] == "succeeded"


async def test_server_sent_events_resume_after_the_last_seen_event(service: LiveService) -> None:
    async with service.session() as session:
        _, task = await submit(session, user_id="sse", memories=["a cat", "a dog"])
        async with session.get(f"/results/{task['id']}") as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            body = (await answer.content.read()).decode()
        assert "event: succeeded" in body
        last = [line.removeprefix("id: ") for line in body.splitlines() if line.startswith("id: ")][-1]
        async with session.get(f"/results/{task['id']}", headers={"Last-Event-ID": str(int(last) - 1)}) as answer:
            again = (await answer.content.read()).decode()
        assert again.count("event: ") == 1


async def test_prefer_wait_answers_with_the_result(service: LiveService) -> None:
    async with service.session(Prefer="wait=30") as session:
        started = time.monotonic()
        status, task = await submit(session, user_id="wait", memories=["red apple", "green apple", "blue sky"])
    assert (status, task["status"]) == (200, "succeeded")
    assert task["result"]["assignments"].keys() == {"0", "1", "2"}
    assert time.monotonic() - started < 30


async def test_an_embedding_is_the_same_through_both_doors(service: LiveService) -> None:
    import base64

    async with service.session() as session:
        wish = {"model": "all-MiniLM-L6-v2", "input": ["hello world", "bye"], "encoding_format": "base64"}
        async with session.post("/v1/embeddings", json=wish) as answer:
            assert answer.status == 200, await answer.text()
            openai = await answer.json()
        status, task = await submit(session, "/embed/submit", texts=["hello world", "bye"])
        if status == 202:
            task = (await service.follow(session, task["id"]))[-1]
    rows = b"".join(base64.b64decode(item["embedding"]) for item in openai["data"])
    assert rows == base64.b64decode(task["result"]["vectors"])
    async with service.session() as session:
        # Token ids are turned back into their text; what is no token's number is refused.
        async with session.post("/v1/embeddings", json={**wish, "input": [[15339, 1917], [29474]]}) as answer:
            assert answer.status == 200, await answer.text()
            assert (await answer.json())["data"] == openai["data"]
        async with session.post("/v1/embeddings", json={**wish, "input": [1, 10**6]}) as answer:
            assert answer.status == 422
            assert "token" in (await answer.json())["detail"]
