"""What the toys must do: tests that run in a copy of the sources that has them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from reverie import AsyncReverie
from reverie.analysis.budget import TimeBudget
from reverie.analysis.patterns import find_patterns
from reverie.bot.patterns import pattern_sentence
from reverie.bot.texts import texts_for
from reverie.contracts import CLOUD_PROVIDERS, Memory, Pattern
from reverie.embedding.providers import create_provider
from reverie.gateway import create_app
from reverie.settings import EmbeddingSettings, Limits, Settings
from reverie.testing.gateway import FakeGateway
from reverie.worker.operations import RUNNERS

SOURCES = Path(__file__).parent.parent / "src" / "reverie"


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch) -> Any:
    # Nothing connects before the lifespan.
    monkeypatch.setenv("REVERIE_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("REVERIE_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("REVERIE_LIMIT_TOYS", "5")
    return create_app(Settings.load())


def test_the_operation_has_a_route_a_function_and_a_method(app: Any) -> None:
    assert "Count words." in str(app.openapi()["paths"]["/count/submit"])
    nothing: Any = None
    assert RUNNERS["count"](nothing, nothing, b'{"texts": ["two words"]}', nothing).body == b'{"words":2}'

    async def ask() -> int:
        async with FakeGateway() as gateway, AsyncReverie(gateway.url, gateway.key) as ai:
            return int(await ai.count(["two words", "three"]))

    assert asyncio.run(ask()) == 3


def test_the_provider_embeds_and_may_be_chosen() -> None:
    done = create_provider("toy").embed(["a", "bcd"])
    assert done.vectors.shape == (2, 2)
    assert EmbeddingSettings(embedder="toy").embedder == "toy"
    assert "toy" in CLOUD_PROVIDERS


def test_the_pattern_is_found_and_the_bot_says_it_in_each_language() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    memories = [Memory(id=f"m{i}", text=f"memory {i}", created_at=start + timedelta(days=i)) for i in range(40)]
    found, _, _ = find_patterns(memories, np.full(40, -1), [], zone=ZoneInfo("UTC"), budget=TimeBudget())
    toy = next(pattern for pattern in found if pattern.kind == "toy")
    shown = Pattern.model_validate(toy.model_dump())
    assert {pattern_sentence(shown, texts_for(language)) for language in ("en", "de", "es-ES", "fr")} == {"7 toys."}


def test_the_setting_is_read_described_and_used(app: Any) -> None:
    assert Settings.load().limits.toys == 5
    assert Limits.model_fields["toys"].description
    assert "/toys" in app.openapi()["paths"]


def test_the_page_stands_in_the_menu() -> None:
    script = (SOURCES / "gateway" / "static" / "js" / "main.js").read_text(encoding="utf-8")
    assert 'toy: ["Toys", toy.mount]' in script
