"""The SDK against the shipped fake of the service: real HTTP, real WebSockets, no engines."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, get_type_hints

import pytest

from reverie import AsyncReverie, ClusterResult, Memory, Reverie
from reverie.client import AsyncUser, User, _options
from reverie.client._wire import request_body
from reverie.errors import (
    InvalidInput,
    NotFound,
    ResultTimeout,
    ServiceUnavailable,
    TaskCancelled,
    TaskFailed,
    TooManyRequests,
    Unauthorized,
)
from reverie.testing.gateway import FakeGateway

TEXTS = ["climbing with Jule", "climbing alone", "the cat sleeps"]


@pytest.fixture
async def service() -> AsyncIterator[FakeGateway]:
    async with FakeGateway() as running:
        yield running


@pytest.fixture
async def ai(service: FakeGateway) -> AsyncIterator[AsyncReverie]:
    async with AsyncReverie(service.url, service.key) as client:
        yield client


async def test_a_submission_returns_a_task_whose_result_is_typed(ai: AsyncReverie) -> None:
    task = await ai.submit_clustering_task("u1", TEXTS)
    result = await task.result(timeout=10)
    assert isinstance(result, ClusterResult)
    assert [theme.label for theme in result.themes] == ["climbing"]
    assert task.id == task.task_id
    assert task.status == "succeeded"
    assert (await task.result()) is result


async def test_events_come_as_they_happen_and_once_each(ai: AsyncReverie, service: FakeGateway) -> None:
    service.hold()
    task = await ai.submit_clustering_task("u1", TEXTS)
    seen = []
    async for event in task.events():
        seen.append((event.seq, str(event.type)))
        if len(seen) == 1:
            service.push_progress(service.tasks[task.id], "embedding", 0.5)
        elif len(seen) == 2:
            assert task.status == "running"
            service.release()
    assert seen == [(0, "queued"), (1, "progress"), (2, "succeeded")]


@pytest.mark.parametrize(
    ("sockets", "streams", "used"),
    [
        (True, True, "socket"),  # the usual way
        (False, True, "stream"),  # a proxy without WebSockets
        (False, False, "poll"),  # a proxy that buffers everything
    ],
)
async def test_the_result_arrives_whatever_gets_through(
    ai: AsyncReverie, service: FakeGateway, sockets: bool, streams: bool, used: str
) -> None:
    service.sockets_pass, service.streams_pass = sockets, streams
    service.hold()
    task = await ai.submit_clustering_task("u1", TEXTS)
    waiting = asyncio.create_task(task.result(timeout=30))
    async with asyncio.timeout(30):
        while used not in service.asked:
            await asyncio.sleep(0.01)
    service.release()
    assert len((await waiting).themes) == 1


async def test_what_a_stream_told_is_not_told_again_by_asking(ai: AsyncReverie, service: FakeGateway) -> None:
    service.hold()
    task = await ai.submit_clustering_task("u1", TEXTS)
    fake = service.tasks[task.id]
    told: list[tuple[str, float]] = []

    async def listen() -> None:
        async for event in task.events():
            told.append((event.type, event.progress.fraction if event.progress else -1.0))

    listening = asyncio.create_task(listen())
    async with asyncio.timeout(30):
        while "socket" not in service.asked:
            await asyncio.sleep(0.01)
        service.push_progress(fake, "embedding", 0.5)
        while ("progress", 0.5) not in told:
            await asyncio.sleep(0.01)
        # The line breaks, and from then on a proxy lets no stream through.
        service.sockets_pass = service.streams_pass = False
        await service.stop()
        await service.start()
        while service.asked.count("poll") < 2:
            await asyncio.sleep(0.01)
        service.release()
        await listening
    assert told.count(("progress", 0.5)) == 1
    assert told[-1][0] == "succeeded"


async def test_a_broken_connection_is_resumed_without_repeating_events(ai: AsyncReverie, service: FakeGateway) -> None:
    service.hold()
    task = await ai.submit_clustering_task("u1", TEXTS)
    fake = service.tasks[task.id]
    seen: list[int] = []

    async def watch() -> None:
        async for event in task.events():
            seen.append(event.seq)

    watcher = asyncio.create_task(watch())
    await service.followed()
    service.push_progress(fake, "embedding", 0.3)
    await service.drop_connections()
    service.push_progress(fake, "clustering", 0.7)
    service.release()
    async with asyncio.timeout(30):
        await watcher
    assert seen == [0, 1, 2, 3]


async def test_a_service_that_goes_away_and_comes_back_still_delivers(ai: AsyncReverie, service: FakeGateway) -> None:
    service.hold()
    task = await ai.submit_clustering_task("u1", TEXTS)
    waiting = asyncio.create_task(task.result(timeout=30))
    await service.followed()
    await service.stop()
    service.release()
    await service.start()
    assert len((await waiting).themes) == 1


async def test_a_result_that_does_not_come_in_time_can_be_fetched_later(ai: AsyncReverie, service: FakeGateway) -> None:
    service.hold()
    task = await ai.submit_clustering_task("u1", TEXTS)
    with pytest.raises(ResultTimeout):
        await task.result(timeout=0.05)
    service.release()
    assert await (await ai.task(task.id)).result(timeout=10)


async def test_failed_and_cancelled_tasks_raise_their_own_errors(ai: AsyncReverie, service: FakeGateway) -> None:
    service.hold()
    first, second = [await ai.submit_clustering_task(user, TEXTS) for user in ("u1", "u2")]
    service.fail(service.tasks[first.id], "It crashed three times.")
    with pytest.raises(TaskFailed, match="crashed three times"):
        await first.result(timeout=10)
    assert (await second.cancel()).status == "cancelled"
    with pytest.raises(TaskCancelled):
        await second.result(timeout=10)


async def test_a_problem_document_becomes_its_exception_with_the_items(ai: AsyncReverie, service: FakeGateway) -> None:
    items = [{"item": "memories[1].text", "message": "text is blank"}]
    service.refuse_next.append((422, {"title": "The input is not valid.", "detail": "blank", "errors": items}))
    with pytest.raises(InvalidInput, match="blank") as caught:
        await ai.submit_clustering_task("u1", TEXTS)
    assert caught.value.extra["errors"] == items


async def test_a_long_retry_after_is_handed_to_the_caller(ai: AsyncReverie, service: FakeGateway) -> None:
    service.refuse_next.append((429, {"title": "Too many requests."}))
    with pytest.raises(TooManyRequests) as caught:
        await ai.submit_clustering_task("u1", TEXTS)
    assert caught.value.retry_after == 30


async def test_a_wrong_key_and_an_unknown_task_are_said_at_once(service: FakeGateway, ai: AsyncReverie) -> None:
    task = await ai.submit_clustering_task("u1", TEXTS)
    async with AsyncReverie(service.url, "wrong") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.submit_clustering_task("u1", TEXTS)
        task.task = task.task.model_copy(update={"status": "queued"})
        task._client = stranger
        with pytest.raises(Unauthorized):
            await task.result(timeout=10)
    with pytest.raises(NotFound):
        await ai.task("tsk_none")


async def test_a_service_that_is_away_raises_opens_the_breaker_and_leaves_the_last_known_answer(
    service: FakeGateway,
) -> None:
    async with AsyncReverie(service.url, service.key, tries=1) as ai:
        known = await (await ai.submit_clustering_task("u1", TEXTS)).result(timeout=10)
        await service.stop()
        messages = []
        for _ in range(6):
            with pytest.raises(ServiceUnavailable) as caught:
                await ai.submit_clustering_task("u1", TEXTS)
            messages.append(caught.value.message)
        assert "Nothing answers" in messages[0]
        assert "not asked again yet" in messages[-1]
        assert ai.last_known("u1", "cluster") == known
        assert await ai.ready() is False


async def test_a_refused_connection_is_tried_again_at_once_and_not_for_long(
    ai: AsyncReverie, service: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 2:
            await service.start()  # a restart under the client's feet

    await service.stop()
    monkeypatch.setattr("reverie.client.aio.asyncio.sleep", sleep)
    task = await ai.submit_clustering_task("u1", TEXTS)
    assert task.status
    assert len(pauses) == 2
    assert sum(pauses) < 0.5


async def test_a_silent_service_is_given_up_after_one_try() -> None:
    connections = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, AsyncReverie(f"http://127.0.0.1:{port}", "key", timeout=0.2) as ai:
        with pytest.raises(ServiceUnavailable, match="Nothing answers"):
            await ai.submit_clustering_task("u1", TEXTS)
    assert connections == 1


async def test_what_was_known_survives_a_restart_in_a_folder_and_goes_with_its_user(
    service: FakeGateway, tmp_path: Any
) -> None:
    folder = tmp_path / "known"
    async with AsyncReverie(service.url, service.key, remember_in=folder) as ai:
        known = await (await ai.submit_clustering_task("u/1", TEXTS)).result(timeout=10)
    async with AsyncReverie(service.url, service.key, remember_in=folder) as ai:
        assert ai.last_known("u/1", "cluster") == known
        late = await ai.submit_clustering_task("u/1", [*TEXTS, "one more"])
        receipt = await ai.forget_user("u/1")
        assert receipt.tasks == 2
        await late.result(timeout=10)  # an answer that was under way must not bring the user back
        assert ai.last_known("u/1", "cluster") is None
    assert list(folder.iterdir()) == []


async def test_memories_may_be_texts_mappings_models_or_any_object_with_a_text(
    ai: AsyncReverie, service: FakeGateway
) -> None:
    moment = datetime(2026, 5, 1, 9, tzinfo=UTC)

    @dataclass
    class Note:
        text: str
        created_at: datetime
        id: int = 7

    kinds = [
        "a text",
        {"text": "a mapping", "created_at": moment},
        Memory(id="m", text="a model"),
        Note("😀 文", moment),
    ]
    await ai.submit_clustering_task(42, kinds, granularity="fine")
    body = next(iter(service.tasks.values())).body
    assert [memory["text"] for memory in body["memories"]] == ["a text", "a mapping", "a model", "😀 文"]
    assert body["memories"][3] == {"id": 7, "text": "😀 文", "created_at": "2026-05-01T09:00:00+00:00"}
    assert body["user_id"] == "42"
    assert body["options"] == {"granularity": "fine"}


async def test_tasks_are_listed_over_all_pages(ai: AsyncReverie) -> None:
    made = [await ai.submit_clustering_task(user, [*TEXTS, str(n)]) for n, user in enumerate("abaca")]
    newest_first = [task.id for task in reversed(made)]
    assert [task.id async for task in ai.tasks()] == newest_first
    assert [task.id async for task in ai.tasks(user_id="a")] == newest_first[::2]


async def test_a_large_submission_is_encoded_off_the_event_loop(
    ai: AsyncReverie, service: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads = []

    def encode(*arguments: Any, **more: Any) -> bytes:
        threads.append(threading.get_ident())
        return request_body(*arguments, **more)

    monkeypatch.setattr("reverie.client.aio.request_body", encode)
    await ai.submit_clustering_task("u1", TEXTS)
    await ai.submit_clustering_task("u1", (f"memory number {i}" for i in range(5_000)))
    assert [ident == threading.get_ident() for ident in threads] == [True, False]
    assert [len(task.body["memories"]) for task in service.tasks.values()] == [3, 5_000]


def test_the_synchronous_client_does_the_same(fake_service: FakeGateway) -> None:
    with Reverie(fake_service.url, fake_service.key) as ai:
        task = ai.submit_clustering_task("u1", TEXTS, max_themes=3)
        assert [str(event.type) for event in task.events()][-1] == "succeeded"
        assert len(task.result(timeout=10).themes) == 1
        assert ai.ready() is True
        assert [found.id for found in ai.tasks()] == [task.id]
        assert ai.forget_user("u1").tasks == 1
    with pytest.raises(RuntimeError, match="closed"):
        ai.ready()


@pytest.mark.parametrize(
    ("method", "typed"),
    [
        ("__init__", _options.ClientArguments),
        ("submit_clustering_task", _options.ClusterArguments),
        ("submit_analysis_task", _options.AnalyzeArguments),
        ("submit_recall_task", _options.RecallArguments),
        ("embed", _options.EmbedArguments),
        ("user.remember", _options.RememberArguments),
        ("user.recall", _options.StoredRecallArguments),
        ("user.context", _options.ContextArguments),
        ("user.set_settings", _options.SettingsArguments),
    ],
)
def test_both_clients_take_the_same_arguments(method: str, typed: type) -> None:
    kind: type = AsyncUser if method.startswith("user.") else AsyncReverie
    parameters = inspect.signature(getattr(kind, method.removeprefix("user."))).parameters.values()
    asynchronous = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY} - {"session", "max_tokens"}
    assert set(get_type_hints(typed)) == asynchronous


def test_both_clients_have_the_same_methods() -> None:
    def public(kind: type) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert public(AsyncReverie) <= public(Reverie) | {"url"}
    assert public(AsyncUser) | {"id"} == public(User)
