"""The engines for the CPU on tiny random models: vectors against the textbook forward pass, and behaviour."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from reverie.embedding import Embedder, create_embedder
from reverie.embedding.batching import MAX_WINDOWS, excerpts, make_batches, windows
from reverie.embedding.local import LocalEmbedder

from . import tiny_model

TEXTS = [
    "the cat sleeps",
    "we drink green tea while rain falls",
    "a dog runs on the hill at night",
    "tea",
    "🎉 日本 مرحبا",
    "",
]


@pytest.fixture(params=["ctranslate2", "openvino"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    pytest.importorskip(name)
    return name


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def tiny(tmp_path: Path, data_dir: Path, engine: str) -> Iterator[Embedder]:
    tiny_model.build(tmp_path / "tiny-bert")
    embedder = create_embedder(engine, str(tmp_path / "tiny-bert"), threads=2, data_dir=data_dir)
    yield embedder
    embedder.close()


@pytest.mark.parametrize(
    ("family", "pooling", "offset", "activation"),
    [
        ("bert", "mean", 0, "gelu"),  # MiniLM and most others
        ("bert", "cls", 0, "gelu"),  # BGE
        ("bert", "mean", 0, "gelu_new"),  # its approximation by a hyperbolic tangent
        ("bert", "mean", 0, "relu"),
        ("xlm-roberta", "mean", 2, "gelu"),  # the multilingual ones: positions start after the padding row
    ],
)
def test_vectors_equal_the_textbook_forward_pass(
    tmp_path: Path, data_dir: Path, engine: str, family: str, pooling: str, offset: int, activation: str
) -> None:
    folder = tmp_path / "tiny"
    weights = tiny_model.build(folder, family=family, pooling=pooling, activation=activation)
    embedder = create_embedder(engine, str(folder), data_dir=data_dir)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    found = embedder.embed(TEXTS)
    assert found.tokens == sum(len(tokenizer.encode(text).ids) for text in TEXTS)
    for text, vector in zip(TEXTS, found.vectors, strict=True):
        hidden = tiny_model.forward(weights, tokenizer.encode(text).ids, offset=offset, activation=activation)
        expected = tiny_model.unit(hidden[0] if pooling == "cls" else hidden.mean(0))
        np.testing.assert_allclose(vector, expected, atol=2e-5)
    embedder.close()


def test_order_is_restored_and_a_text_does_not_depend_on_its_neighbours(tiny: Embedder) -> None:
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(tiny_model.WORDS, size)) for size in rng.integers(1, 20, 300)]
    together = tiny.embed(texts).vectors
    alone = np.concatenate([tiny.embed([text]).vectors for text in texts[:40]])
    np.testing.assert_allclose(together[:40], alone, atol=1e-5)
    np.testing.assert_array_equal(together, tiny.embed(texts).vectors)
    np.testing.assert_allclose(tiny.embed(texts[::-1]).vectors[::-1], together, atol=1e-5)


def test_no_texts_give_an_empty_array(tiny: Embedder) -> None:
    assert tiny.embed([]).vectors.shape == (0, tiny_model.HIDDEN)


def test_identical_texts_are_read_once_and_get_the_same_vector(tiny: Embedder) -> None:
    found = tiny.embed(["the cat", "green tea", "the cat"])
    np.testing.assert_array_equal(found.vectors[0], found.vectors[2])
    assert found.tokens == 8


def test_a_long_text_is_the_average_of_its_windows_and_is_counted(tmp_path: Path, data_dir: Path, engine: str) -> None:
    weights = tiny_model.build(tmp_path / "tiny")
    embedder = create_embedder(engine, str(tmp_path / "tiny"), data_dir=data_dir)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tiny" / "tokenizer.json"))
    text = " ".join(tiny_model.WORDS * 3)
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    first, last = tokenizer.encode("").ids
    total = np.zeros(tiny_model.HIDDEN, dtype=np.float32)
    for start, end in windows(len(ids), tiny_model.WINDOW - 2):
        total += (end - start) * tiny_model.forward(weights, [first, *ids[start:end], last]).mean(0)
    found = embedder.embed([text, "tea"])
    assert found.truncated == 1
    np.testing.assert_allclose(found.vectors[0], tiny_model.unit(total), atol=2e-5)
    embedder.close()


def test_a_huge_text_costs_a_bounded_number_of_windows(tiny: Embedder) -> None:
    found = tiny.embed(["tea cat " * 12_500])
    assert found.truncated == 1
    assert found.tokens <= MAX_WINDOWS * tiny_model.WINDOW


def test_windows_cover_a_text_without_gaps_and_spread_evenly_beyond_the_cap() -> None:
    assert windows(0, 10) == [(0, 0)]
    assert windows(10, 10) == [(0, 10)]
    assert windows(21, 10) == [(0, 7), (7, 14), (14, 21)]
    capped = windows(10_000, 10, most=4)
    assert len(capped) == 4
    assert capped[0][0] == 0
    assert capped[-1][1] == 10_000


def test_batches_hold_every_row_once_within_the_budget() -> None:
    lengths = [int(n) for n in np.random.default_rng(0).integers(1, 60, 500)] + [900]
    batches = make_batches(lengths, 512)
    assert sorted(row for batch in batches for row in batch) == list(range(501))
    assert all(len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= 512 for batch in batches)


def test_the_last_batches_are_small_where_several_take_them() -> None:
    lengths = [16] * 1000
    batches = make_batches(lengths, 512, takers=2, least=128)
    assert sorted(row for batch in batches for row in batch) == list(range(1000))
    sizes = [16 * len(batch) for batch in batches]
    assert sizes[0] == 512
    assert sizes[-2] == 128
    left = [sum(sizes[place:]) for place in range(len(sizes))]
    assert all(size <= max(128, rest // 4) for size, rest in zip(sizes, left, strict=True))


def test_a_replica_that_is_held_up_leaves_all_other_batches_to_the_rest(
    tiny: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = tiny_model.WORDS
    texts = [" ".join(words[n // 18**k % 18] for k in range(4)) for n in range(400)]
    expected = tiny.embed(texts).vectors
    assert isinstance(tiny, LocalEmbedder)
    forward, lock, all_others = tiny._forward, threading.Lock(), threading.Event()
    began: list[int] = []
    done: list[int] = []

    def held_up(ids: list[list[int]]) -> Any:
        with lock:
            began.append(len(ids))
            first = len(began) == 1
        if first:
            assert all_others.wait(60), "they waited for this one"
        vectors = forward(ids)
        with lock:
            done.append(len(ids))
            if sum(done) + began[0] == len(texts):
                all_others.set()
        return vectors

    monkeypatch.setattr(tiny, "_forward", held_up)
    np.testing.assert_allclose(tiny.embed(texts).vectors, expected, atol=1e-6)
    assert len(done) > 5


def test_progress_ends_at_the_number_of_texts_and_may_stop_the_work(tiny: Embedder) -> None:
    seen: list[tuple[str, int, int]] = []
    texts = [f"the cat {'runs ' * (n % 15)}{n}" for n in range(600)]
    tiny.embed(texts, on_progress=lambda *step: seen.append(step))
    assert seen[-1] == ("embedding", 600, 600)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert len(seen) > 10

    class Cancelled(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        if done:
            raise Cancelled

    with pytest.raises(Cancelled):
        tiny.embed(texts, on_progress=stop)
    assert tiny.embed(["tea"]).vectors.shape == (1, tiny_model.HIDDEN)


def test_a_query_gets_the_models_own_prompt(tmp_path: Path, data_dir: Path, engine: str) -> None:
    prompts = {"config_sentence_transformers.json": {"prompts": {"query": "green tea ", "document": ""}}}
    tiny_model.build(tmp_path / "tiny", **prompts)
    embedder = create_embedder(engine, str(tmp_path / "tiny"), data_dir=data_dir)
    query = embedder.embed(["the cat"], kind="query").vectors
    np.testing.assert_array_equal(query, embedder.embed(["green tea the cat"]).vectors)
    assert not np.allclose(query, embedder.embed(["the cat"]).vectors, atol=1e-3)
    embedder.close()


def test_precisions_have_different_keys_and_nearly_the_same_vectors(tmp_path: Path, data_dir: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    exact, small = (
        create_embedder("ctranslate2", str(tmp_path / "tiny"), precision, data_dir=data_dir)
        for precision in ("float32", "int8")
    )
    assert exact.model.key != small.model.key
    assert (exact.model.precision, small.model.precision) == ("float32", "int8")
    cosines = (exact.embed(TEXTS).vectors * small.embed(TEXTS).vectors).sum(1)
    assert 0.97 < cosines.mean() < 0.9999999
    exact.close()
    small.close()


def test_only_excerpts_of_an_endless_text_are_read(tiny: Embedder) -> None:
    ours, theirs = "tea cat " * 1_000_000, "night " * 1_000_000
    found = tiny.embed([ours, theirs, ours + theirs, "tea"])
    assert found.truncated == 3
    assert found.tokens <= 3 * MAX_WINDOWS * tiny_model.WINDOW + 3
    # From the beginning to the end: what is half this and half that lies between the two.
    first, second, both, _ = found.vectors
    assert min(both @ first, both @ second) > first @ second
    assert len(excerpts("tea", 22)) == 1
    parts = excerpts(ours, 22)
    assert len(parts) == MAX_WINDOWS
    assert ours.startswith(parts[0])
    assert ours.endswith(parts[-1])
