"""A worker of the fast queue has the table that contexts are counted by before the first one comes."""

from __future__ import annotations

import threading

import pytest

from reverie.errors import MissingExtra
from reverie.tokens import tokenizer_named
from reverie.worker import app


def test_the_default_table_is_read_beside_the_work() -> None:
    tokenizer_named.cache_clear()
    thread = app._load_for_questions()
    thread.join(60)
    assert not thread.is_alive()
    assert tokenizer_named.cache_info().currsize == 1
    assert tokenizer_named().count("warm-up") > 0
    assert tokenizer_named.cache_info().hits == 1


def test_without_its_package_a_worker_starts_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    failed: list[object] = []

    def missing() -> None:
        raise MissingExtra("worker", what="Counting tokens")

    monkeypatch.setattr(app, "tokenizer_named", missing)
    monkeypatch.setattr(threading, "excepthook", failed.append)
    app._load_for_questions().join(60)
    assert failed == []
