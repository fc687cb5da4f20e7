"""What both clients share, and what the bare install may import."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reverie._breaker import Breaker
from reverie.client import AsyncReverie
from reverie.client._resilience import pauses
from reverie.client._wire import SseParser, default_key, default_url, request_body
from reverie.contracts import Memory, StoredMemory
from reverie.errors import InvalidInput


def test_only_aiohttp_and_pydantic_are_needed() -> None:
    script = """
import sys
from importlib.abc import MetaPathFinder

class Refuse(MetaPathFinder):
    blocked = {"fastapi", "starlette", "uvicorn", "celery", "redis", "psycopg", "numpy", "scipy", "sklearn", "rich",
               "orjson", "zstandard", "pydantic_settings", "httpx", "networkx", "discord", "websockets",
               "prometheus_client"}
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.blocked:
            raise ModuleNotFoundError(f"blocked: {name}", name=name)

sys.meta_path.insert(0, Refuse())
import reverie
for name in reverie.__all__:
    getattr(reverie, name)
import reverie.readers, reverie.demo, reverie.cli
reverie.cli.build_parser()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_server_sent_events_are_read_whatever_the_pieces(size: int) -> None:
    stream = (
        b'retry: 1000\n\nid: 0\nevent: queued\ndata: {"a":1}\n\n: still here\n\ndata: x\r\ndata: y\r\n\r\ndata: lost'
    )
    parser = SseParser()
    found = [data for at in range(0, len(stream), size) for data in parser.feed(stream[at : at + size])]
    assert found == [b'{"a":1}', b"x\ny"]


def test_a_body_is_the_same_json_as_one_call_would_make() -> None:
    body = json.loads(request_body(7, ["ä", {"text": "b", "id": None}], {"seed": 3, "model": None}, cloud=None))
    assert body == {"user_id": "7", "options": {"seed": 3}, "memories": ["ä", {"text": "b"}]}
    assert json.loads(request_body("u", [], {})) == {"user_id": "u", "memories": []}


def test_the_local_key_is_for_the_local_service_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path
    monkeypatch.setenv("REVERIE_DATA_DIR", str(folder))
    monkeypatch.delenv("REVERIE_API_KEY", raising=False)
    monkeypatch.delenv("REVERIE_URL", raising=False)
    (folder / "key").write_text("secret\n")
    assert default_url() == "http://127.0.0.1:8000"
    assert default_key("http://127.0.0.1:8000") == default_key("http://localhost:1") == "secret"
    assert default_key("https://reverie.example.org") is None
    assert default_key("http://127.0.0.1.example.org") == default_key("http://127.0.0.1@example.org") is None
    (folder / "run.json").write_text('{"url": "http://10.0.0.5:8000"}')
    assert default_url() == "http://10.0.0.5:8000"
    assert default_key("http://10.0.0.5:8000") == "secret"
    monkeypatch.setenv("REVERIE_API_KEY", "given")
    assert default_key("https://reverie.example.org") == "given"


def test_the_breaker_opens_lets_one_trial_through_and_closes() -> None:
    now = [0.0]
    breaker = Breaker(failures=2, seconds=5.0, clock=lambda: now[0])
    for _ in range(2):
        assert breaker.enter() == 0
        breaker.leave(alive=False)
    assert breaker.enter() == 5.0
    now[0] = 5.0
    assert breaker.enter() == 0  # the trial
    assert breaker.enter() > 0  # nobody else meanwhile
    breaker.leave(alive=True)
    assert breaker.enter() == 0


def test_pauses_grow_to_a_limit_and_differ() -> None:
    drawn = [pause for pause, _ in zip(pauses(0.1, 5.0), range(12), strict=False)]
    assert 0.05 <= drawn[0] <= 0.1
    assert all(2.5 <= pause <= 5.0 for pause in drawn[7:])
    assert len(set(drawn)) == len(drawn)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("hello", "memories is one text"),
        (b"hello", "memories is one text"),
        ({"id": "1", "text": "I like tea"}, "memories is one mapping ('id', 'text')"),
        ({"results": [{"memory": "I like tea"}]}, "or give the list that it holds"),
        (Memory(id="1", text="I like tea"), "memories is one Memory"),
        (7, "memories is one int"),
    ],
)
async def test_one_thing_in_place_of_a_list_is_refused_before_it_is_sent(value: Any, says: str) -> None:
    async with AsyncReverie("http://127.0.0.1:9", "k") as ai:
        for call in (
            ai.submit_clustering_task("u", value),
            ai.submit_analysis_task("u", value),
            ai.submit_recall_task("u", "tea?", value),
        ):
            with pytest.raises(InvalidInput) as refused:
                await call
            assert says in refused.value.message
        with pytest.raises(InvalidInput, match="texts is one"):
            await ai.embed(value)
        with pytest.raises(InvalidInput, match="sections is one text"):
            await ai.submit_analysis_task("u", ["a"], sections="graph")


def test_the_memory_that_is_not_unicode_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"memories\[1\] is not valid Unicode"):
        request_body("u", ["fine", {"text": "x", "metadata": {"k": "\ud800"}}], {})


def test_a_stored_memory_is_sent_with_all_that_a_memory_has() -> None:
    given = Memory(id="m", text="I like tea", kind="fact", source="chat", speaker="Ada", metadata={"a": 1})
    stored = StoredMemory(**given.model_dump(), added_at=datetime(2026, 5, 1, tzinfo=UTC), version=1)
    body = request_body("u", [stored], {})
    assert json.loads(body)["memories"] == [given.model_dump(mode="json", exclude_none=True)]
