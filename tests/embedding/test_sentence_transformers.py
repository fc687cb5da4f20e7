"""Our side of the SentenceTransformers backend, on a fake network; `./dev bench embedding` runs the real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from reverie.embedding import HashEmbedder, ModelSpec
from reverie.embedding.torch_backend import SentenceTransformersEmbedder


class FakeNet:
    """**A fake** with the members of a SentenceTransformer that we use; no weights, no torch."""

    max_seq_length = 100
    prompts = {"query": "query: ", "document": "passage: "}
    tokenizer = object()  # one of its own, as static models have

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.go = threading.Event()
        self.go.set()
        self.began = threading.Event()

    def encode(self, texts: list[str], **options: Any) -> Any:
        assert options["prompt"] == ""  # ours is in the text already
        self.calls.append(texts)
        self.began.set()
        assert self.go.wait(30)
        return 3 * HashEmbedder(32).embed(texts).vectors


@pytest.fixture
def net() -> FakeNet:
    return FakeNet()


@pytest.fixture
def embedder(net: FakeNet) -> Iterator[SentenceTransformersEmbedder]:
    spec = ModelSpec("fake", "1", 32, "sentence-transformers")
    embedder = SentenceTransformersEmbedder(net, spec, device="cuda")
    yield embedder
    embedder.close()


def test_vectors_are_of_unit_length_in_order_and_prefixed_by_kind(embedder: SentenceTransformersEmbedder) -> None:
    texts = ["tea", "a much longer text about green tea", "tea"]
    found = embedder.embed(texts, kind="query")
    expected = HashEmbedder(32).embed(["query: " + text for text in texts]).vectors
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)
    assert embedder.embed([]).vectors.shape == (0, 32)


def test_tasks_that_wait_for_the_gpu_share_its_next_batch(embedder: SentenceTransformersEmbedder, net: FakeNet) -> None:
    net.go.clear()
    results: dict[int, Any] = {}
    threads = [
        threading.Thread(target=lambda n=n: results.update({n: embedder.embed([f"tea {n}"]).vectors})) for n in range(9)
    ]
    threads[0].start()
    assert net.began.wait(30)
    for thread in threads[1:]:
        thread.start()
    while len(embedder.merger._calls) < 8:
        assert threads[1].is_alive()
    net.go.set()
    for thread in threads:
        thread.join(30)
    for n, vectors in results.items():
        np.testing.assert_allclose(vectors, HashEmbedder(32).embed([f"passage: tea {n}"]).vectors, atol=1e-6)
    assert [len(call) for call in net.calls] == [1, 8]
    assert embedder.merger.shared == 1


def test_a_text_beyond_the_window_is_counted_and_a_huge_one_is_cut_before_it_is_read(
    embedder: SentenceTransformersEmbedder, net: FakeNet
) -> None:
    found = embedder.embed(["tea", "tea " * 200, "tea " * 1_000_000, "tea " * 200])
    assert found.truncated == 3
    assert max(len(text) for call in net.calls for text in call) < 10_000
