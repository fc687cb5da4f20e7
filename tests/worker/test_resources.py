"""Operations need what their protocol says and nothing else: they run on a fake that has no more than that."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from reverie.clustering.reference import steps_named
from reverie.contracts import OPERATIONS, AnalyzeResult, ClusterResult, EmbedResult, Lane, RecallResult
from reverie.embedding.base import silent
from reverie.embedding.hashed import HashEmbedder
from reverie.embedding.measuring import Scales
from reverie.errors import InvalidInput
from reverie.settings import EmbeddingSettings, ServerSettings, Settings
from reverie.worker import resources
from reverie.worker.anchors import Anchors
from reverie.worker.operations import WITHOUT_DATABASE

MEMORIES = [
    "I went climbing at the rock gym",
    "The rock gym has a new climbing wall",
    "Climbing at the gym on Tuesday",
    "My cat Miso slept all day",
    "Miso the cat caught a mouse",
    "The cat Miso needs a vet",
]


@dataclass(frozen=True, slots=True)
class Task:
    """What ``resources.Task`` asks for."""

    operation: str
    id: str = "tsk_1"
    tenant: str = "t"
    user_id: str = "u"
    token: int = 1
    lane: str = Lane.FAST
    created_at: datetime = datetime(2026, 1, 1, tzinfo=UTC)
    deadline_at: datetime | None = None
    lease_until: datetime | None = None


class Store:
    """What ``resources.TaskStore`` asks for, in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[bytes, tuple[bytes, int]] = {}

    def vectors(self, task: Task, model: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def put_vectors(
        self,
        task: Task,
        model: str,
        keys: Sequence[bytes],
        vectors: Sequence[bytes],
        tokens: Sequence[int],
        *,
        person: int | None = None,
    ) -> bool:
        self.kept.update(zip(keys, zip(vectors, tokens, strict=True), strict=True))
        return True

    def themes(self, task: Task, model: str) -> bytes | None:
        return None

    def themes_of_another_model(self, task: Task, key: str) -> bytes | None:
        return None


class NoCache:
    """What ``resources.VectorsByUser`` asks for."""

    configured = False

    def get(self, *_: object) -> dict[bytes, tuple[bytes, int]]:
        return {}

    def put(self, *_: object) -> None:
        """Keeps nothing."""

    def forget_answers(self, *_: object) -> None:
        """Keeps none."""


class Fake:
    """What ``resources.Resources`` asks for."""

    cloud = database = user_models = None

    def __init__(self, folder: Path) -> None:
        self.settings = Settings(server=ServerSettings(data_dir=folder), embedding=EmbeddingSettings(embedder="hash"))
        self.bill = resources.Bill()
        self.steps = steps_named("own")
        self.scales = Scales(folder)
        self.anchors = Anchors(folder)
        self.store = Store()
        self.vectors = NoCache()
        self._embedder = HashEmbedder()

    def embedder(self, model: str | None = None) -> HashEmbedder:
        return self._embedder


def members(protocol: type) -> set[str]:
    """Names that a protocol and those before it ask for."""
    return {
        name
        for one in protocol.__mro__
        if getattr(one, "_is_protocol", False) and one.__module__.startswith("reverie")
        for name in vars(one)
        if not name.startswith("_")
    }


@pytest.fixture
def fake(tmp_path: Path) -> Fake:
    return Fake(tmp_path)


def run(fake: Fake, operation: str, **request: Any) -> Any:
    return WITHOUT_DATABASE[operation](fake, Task(operation), orjson.dumps(request), silent)


def test_the_fake_has_what_the_protocols_ask_for_and_nothing_else(fake: Fake) -> None:
    for mine, protocol in (
        (fake, resources.Resources),
        (fake.store, resources.TaskStore),
        (fake.vectors, resources.VectorsByUser),
        (Task("embed"), resources.Task),
    ):
        assert {name for name in dir(mine) if not name.startswith("_")} - {"kept"} == members(protocol)


def test_every_operation_on_what_a_request_brings_runs_on_it(fake: Fake) -> None:
    clustered = ClusterResult.model_validate_json(run(fake, "cluster", user_id="u", memories=MEMORIES).body)
    assert [theme.size for theme in clustered.themes] == [3, 3]
    assert len(fake.store.kept) == len(MEMORIES)

    analyzed = AnalyzeResult.model_validate_json(run(fake, "analyze", user_id="u", memories=MEMORIES).body)
    assert {row.memory_id for row in analyzed.importance} == {str(number) for number in range(len(MEMORIES))}

    recalled = RecallResult.model_validate_json(run(fake, "recall", user_id="u", query="cat", memories=MEMORIES).body)
    assert MEMORIES[int(recalled.memories[0].memory_id)].count("cat") == 1

    embedded = EmbedResult.model_validate_json(run(fake, "embed", texts=["a b", "b a"]).body)
    vectors = np.frombuffer(base64.b64decode(embedded.vectors), "<f4").reshape(2, -1)
    assert np.allclose(vectors[0], vectors[1])


def test_all_public_operations_are_among_them() -> None:
    assert set(WITHOUT_DATABASE) == {name for name, row in OPERATIONS.items() if row.public and row.request}


@pytest.mark.parametrize("operation", ["cluster", "analyze", "recall"])
def test_without_memories_and_without_a_database_nothing_is_stored(fake: Fake, operation: str) -> None:
    more = {"query": "cat"} if operation == "recall" else {}
    with pytest.raises(InvalidInput, match="nothing is stored for this user"):
        run(fake, operation, user_id="u", **more)
