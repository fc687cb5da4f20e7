"""A large store moves to the multilingual model in the background, by the part, and nobody waits for it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from reverie._models import ENGLISH, MULTILINGUAL
from reverie.embedding import HashEmbedder, ModelSpec
from reverie.embedding.base import Embeddings
from reverie.embedding.measuring import sentences
from reverie.settings import EmbeddingSettings, ServerSettings, Settings, UpkeepSettings
from reverie.store import Codec
from reverie.worker import models, reembedding
from reverie.worker.run import run_next
from reverie.worker.runtime import Runtime
from tests.live import LiveService

ENGLISH_TEXTS, GERMAN_TEXTS = sentences("en")[:40], sentences("de")[:3]
QUESTION = "Wie heißt noch mein kleiner Hund?"


class Named(HashEmbedder):
    """A fake under a model's name, which tells which of the memories it was given."""

    def __init__(self, name: str) -> None:
        super().__init__(64)
        self._name = name
        self.read: list[str] = []
        #: Pages after which the database is away.
        self.pages_left: int | None = None

    @property
    def model(self) -> ModelSpec:
        return replace(super().model, name=self._name)

    def embed(self, texts: Sequence[str], **options: Any) -> Embeddings:
        memories = [text for text in texts if text in ENGLISH_TEXTS + GERMAN_TEXTS]
        if memories and self.pages_left is not None:
            if self.pages_left == 0:
                raise psycopg.OperationalError("the server went away")
            self.pages_left -= 1
        self.read += memories
        return super().embed(texts, **options)


class Bench:
    """A gateway, and one worker's runtime in this process."""

    def __init__(self, live: LiveService, database_url: str) -> None:
        self.live = live
        self.runtime = Runtime(
            Settings(
                server=ServerSettings(database_url=SecretStr(database_url)),
                embedding=EmbeddingSettings(embedder="hash"),
                upkeep=UpkeepSettings(),
            ),
            drain_at=lambda: float("inf"),
        )
        self.runtime.both_models = True
        self._asked = 0
        self.models = {name: Named(name) for name in (ENGLISH, MULTILINGUAL)}
        self.runtime.embedder = lambda model=None: self.models[model or ENGLISH]  # type: ignore[method-assign]

    def run(self, queue: str) -> str:
        """Run the queue's next task. The gateway may hold its row for a moment, and then it is passed over."""
        end = time.monotonic() + 60
        while (ran := run_next(self.runtime, queue)) is None:
            assert time.monotonic() < end, f"nothing waits in {queue}"
            time.sleep(0.01)
        return ran

    def ask(self, user: str) -> str:
        """The name of the model that a question of the user's is answered with."""
        self._asked += 1  # an answer that is there already would be given again
        query = f"{QUESTION} {'?' * self._asked}"
        with self.live.client(prefer="respond-async") as client:
            task = client.post("/recall/submit", json={"user_id": user, "query": query}).json()
            # Of one tenant the oldest is first: what is added may have a placing before it, also of another test.
            while self.run("fast") != task["id"]:
                pass
            told = client.get(f"/tasks/{task['id']}").json()
        assert told["status"] == "succeeded", told
        return str(told["result"]["model"]["name"])

    def upkeep(self, user: str) -> str:
        """Run what upkeep there is, and tell the task's status."""
        ran = self.run("upkeep")
        (row,) = self.live.rows("SELECT user_id, status, attempts FROM tasks WHERE id = %s", ran)
        assert row["user_id"] == user
        return str(row["status"])

    def grouped(self, user: str) -> dict[str, str]:
        """Themes of the memories of the user's view."""
        with self.live.client() as client:
            return dict(client.get(f"/users/{user}/themes").json()["assignments"])


@pytest.fixture(scope="module")
def live(database_url: str, redis_url: str) -> Iterator[LiveService]:
    quiet = {"REVERIE_UPKEEP_QUIET": "3600", "REVERIE_UPKEEP_MAX_WAIT": "3600"}
    with LiveService(database_url, redis_url, environment=quiet, workers={}) as live:
        yield live
        live.check_invariants()


@pytest.fixture
def bench(live: LiveService, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name, value in (("_AT_ONCE", 10), ("_A_RUN", 16), ("_PAGE", 8)):
        monkeypatch.setattr(models, name, value)
    bench = Bench(live, database_url)
    yield bench
    bench.runtime.close()


def kept(bench: Bench, user: str) -> None:
    with bench.live.client() as client:
        memories = [{"id": f"m{i:02}", "text": text} for i, text in enumerate(ENGLISH_TEXTS)]
        assert client.post(f"/users/{user}/memories", json={"memories": memories}).status_code == 200
        client.post(f"/users/{user}/upkeep", headers={"prefer": "respond-async"})
    assert bench.upkeep(user) == "succeeded"
    assert bench.models[MULTILINGUAL].read == []


def test_no_question_waits_for_a_large_store_that_moves_and_a_stopped_move_goes_on(bench: Bench) -> None:
    kept(bench, "large")
    before = bench.grouped("large")
    bench.models[ENGLISH].read.clear()
    other = bench.models[MULTILINGUAL]

    assert bench.ask("large") == ENGLISH
    assert other.read == []
    own = "SELECT model, moved FROM user_models WHERE user_id = 'large'"
    assert bench.live.rows(own) == [{"model": MULTILINGUAL, "moved": False}]
    assert bench.ask("large") == ENGLISH
    waiting = "SELECT count(*) AS n FROM tasks WHERE user_id = 'large' AND operation = 'upkeep' AND status = 'queued'"
    assert bench.live.rows(waiting) == [{"n": 1}], "once, though two questions asked for it"

    assert bench.upkeep("large") == "queued", "a part, and others have their turn"
    assert len(other.read) == 16
    assert bench.ask("large") == ENGLISH, "until all are there"
    other.pages_left = 1
    assert bench.upkeep("large") == "queued", "handed back"
    assert len(other.read) == 24
    other.pages_left = None
    assert bench.upkeep("large") == "succeeded"
    assert sorted(other.read) == sorted(ENGLISH_TEXTS), "each once"
    assert bench.live.rows(own) == [{"model": MULTILINGUAL, "moved": True}]

    assert bench.ask("large") == MULTILINGUAL
    assert len(other.read) == len(ENGLISH_TEXTS), "the question found all vectors there"
    after = bench.grouped("large")
    same = sum(after[memory] == theme for memory, theme in before.items() if theme)
    assert same >= 0.9 * sum(theme is not None for theme in before.values())
    assert bench.models[ENGLISH].read == []


def test_a_few_new_memories_in_another_language_are_no_share_of_a_large_store(bench: Bench) -> None:
    kept(bench, "mostly")
    with bench.live.client(prefer="respond-async") as client:
        memories = [{"id": f"d{i}", "text": text} for i, text in enumerate(GERMAN_TEXTS)]
        client.post("/users/mostly/memories", json={"memories": memories})
        while run_next(bench.runtime, "fast") is not None:  # they are placed
            pass
        client.post("/users/mostly/upkeep")
    assert bench.upkeep("mostly") == "succeeded"
    assert bench.live.rows("SELECT 1 FROM user_models WHERE user_id = 'mostly'") == []


def test_a_user_who_keeps_up_by_hand_is_moved_by_their_own_upkeep(bench: Bench) -> None:
    with bench.live.client() as client:
        client.put("/users/manual/settings", json={"upkeep": "manual"})
    kept(bench, "manual")
    assert bench.ask("manual") == ENGLISH
    assert (
        bench.live.rows("SELECT 1 FROM tasks WHERE user_id = 'manual' AND operation = 'upkeep' AND status = 'queued'")
        == []
    )
    with bench.live.client(prefer="respond-async") as client:
        client.post("/users/manual/upkeep")
    assert [bench.upkeep("manual") for _ in range(3)] == ["queued", "queued", "succeeded"]
    assert bench.ask("manual") == MULTILINGUAL


def test_a_reembedding_that_was_killed_goes_on_where_it_was(
    bench: Bench, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reembedding, "_BITE", 16)
    kept(bench, "by-hand")
    other = bench.models[MULTILINGUAL]

    def moving() -> Iterator[reembedding.Moved]:
        return reembedding.reembed(database_url, Codec(), other, MULTILINGUAL, tenant=None, user_id="by-hand")

    told = next(moving())
    assert (told.texts, told.done) == (16, False)  # and here it is killed
    assert bench.ask("by-hand") == ENGLISH
    assert [(step.texts, step.done) for step in moving()] == [(16, False), (24, False), (24, True)]
    assert sorted(other.read) == sorted(ENGLISH_TEXTS), "each once"
    assert bench.ask("by-hand") == MULTILINGUAL
    assert len(other.read) == len(ENGLISH_TEXTS)
