"""The process that embeds for all workers of a machine: the same vectors, batches across tasks, and its death."""

from __future__ import annotations

import os
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Listener
from pathlib import Path

import numpy as np
import pytest

from reverie.embedding import Embedder, HashEmbedder
from reverie.embedding.host import HostedEmbedder, listen, serve
from reverie.errors import ServiceUnavailable
from reverie.settings import EmbeddingSettings, ServerSettings, Settings
from reverie.worker.embed_host import EmbedHost, start_host

from . import tiny_model

Serve = Callable[[Embedder], str]


@pytest.fixture
def served() -> Iterator[Serve]:
    """Serves an embedder from a thread of this process and gives the address."""
    listeners: list[Listener] = []

    def start(embedder: Embedder) -> str:
        listeners.append(listen(f"{folder}/host{len(listeners)}"))
        threading.Thread(target=serve, args=(embedder, listeners[-1]), daemon=True).start()
        return str(listeners[-1].address)

    # Not in pytest's own folder: a Unix socket's path may have about a hundred characters.
    with tempfile.TemporaryDirectory(prefix="reverie-test-") as folder:
        yield start
        for listener in listeners:
            listener.close()


def settings(folder: Path, **embedding: str) -> Settings:
    return Settings(ServerSettings(data_dir=folder), EmbeddingSettings(**embedding))  # type: ignore[arg-type, call-arg]


def test_the_host_gives_the_vectors_of_its_embedder_with_progress(served: Serve) -> None:
    direct = HashEmbedder()
    hosted = HostedEmbedder(served(direct))
    texts = [f"green tea {number}" for number in range(700)] + ["", "🎉 日本"]
    seen: list[tuple[str, int, int]] = []
    found = hosted.embed(texts, kind="query", on_progress=lambda *step: seen.append(step))
    expected = direct.embed(texts, kind="query")
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    assert (found.tokens, hosted.model) == (expected.tokens, direct.model)
    assert seen[-1] == ("embedding", 702, 702)
    assert hosted.embed([]).vectors.shape == (0, 256)
    hosted.close()


def test_a_cancelled_call_does_not_disturb_the_next(served: Serve) -> None:
    class Cancelled(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        raise Cancelled

    hosted = HostedEmbedder(served(HashEmbedder()))
    for _ in range(3):
        with pytest.raises(Cancelled):
            hosted.embed(["tea"] * 1000, on_progress=stop)
        np.testing.assert_array_equal(hosted.embed(["cat"]).vectors, HashEmbedder().embed(["cat"]).vectors)
    hosted.close()


def test_what_fails_in_the_host_is_told_without_a_word_of_the_texts(served: Serve) -> None:
    class Broken(HashEmbedder):
        def embed(self, texts, **_):  # type: ignore[no-untyped-def]
            raise ValueError(texts[0])

    hosted = HostedEmbedder(served(Broken()))
    with pytest.raises(ServiceUnavailable, match="ValueError") as caught:
        hosted.embed(["a secret"])
    assert "secret" not in str(caught.value)
    hosted.close()


def test_a_killed_host_is_started_again_and_a_waiting_call_gets_its_answer(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    host = EmbedHost(settings(tmp_path, embedder="ctranslate2", model=str(tmp_path / "tiny")))
    try:
        hosted = HostedEmbedder(host.address)
        before = hosted.embed(["the cat drinks tea"]).vectors
        first = host.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        with ThreadPoolExecutor(3) as pool:  # also threads that never had a connection
            for found in pool.map(lambda _: hosted.embed(["the cat drinks tea"]).vectors, range(6)):
                np.testing.assert_array_equal(found, before)
        assert host.pid != first
        hosted.close()
    finally:
        host.stop()


def test_without_a_gpu_every_worker_process_has_its_own_model(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    wish = settings(tmp_path, embedder="ctranslate2", model=str(tmp_path / "tiny"))
    assert start_host(wish) is None
    assert wish.embedding.embed_host is None


def test_sharing_can_be_asked_for(tmp_path: Path) -> None:
    wish = settings(tmp_path, embedder="hash", embed_shared="on")
    host = start_host(wish)
    assert host is not None
    try:
        assert wish.embedding.embed_host == host.address
        assert HostedEmbedder(host.address).model == HashEmbedder().model
    finally:
        host.stop()
