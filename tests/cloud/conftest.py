"""A fake cloud over a real socket, and adapters that give up soon."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reverie.embedding import providers
from reverie.testing.cloud import FakeCloud

SECRET = "sk-live-4f9a0c7e2b"


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer has set must not reach a test, nor a test their account."""
    for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_ENDPOINT", "GOOGLE_API_KEY", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _breakers_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process keeps a breaker for each provider; what one test broke is not the next one's."""
    monkeypatch.setattr(providers, "_breakers", {})


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with FakeCloud(key=SECRET) as running:
        yield running
