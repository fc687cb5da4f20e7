"""What a model cannot read is told by characters, and never called alike because it is unread."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from reverie.analysis import analyze, recall
from reverie.clustering import cluster
from reverie.contracts import Memory
from reverie.embedding import Embedder, create_embedder
from reverie.embedding.alphabet import by_characters, legible, unread

NOW = datetime(2026, 6, 1, tzinfo=UTC)
EMOJI = ["👍", "👎", "🎉🎉", "😭😭😭", "🇩🇪", "🇫🇷", "✅", "❤️‍🔥"]


@pytest.fixture(scope="module")
def minilm(tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    return create_embedder("auto", "all-MiniLM-L6-v2", data_dir=Path(tmp_path_factory.mktemp("models")))


def memories(texts: list[str]) -> list[Memory]:
    return [Memory(id=f"m{i}", text=text) for i, text in enumerate(texts)]


@pytest.mark.parametrize("text", [*EMOJI, "እኔ ቡና እወዳለሁ", "ខ្ញុំចូលចិត្តកាហ្វេ", "ကျွန်တော် ကော်ဖီ ကြိုက်တယ်", "🎉 🎉 ok", "ab" * 60])
def test_a_text_of_unknown_tokens_is_unread(minilm: Embedder, text: str) -> None:
    assert unread([text], minilm.model.alphabet).tolist() == [True]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "I like tea",
            "vote: 👍",
            "Ça va très bien",
            "Я живу в Москве",
            "私は猫が好きです",
            "אני גר בחיפה",
            "!!!",
            "3",
            "أحب القهوة",
        ),
        *("Tôi thích cà phê", "ÄRGER", "ﬁsh", "word " * 90),
    ],
)
def test_a_text_with_known_words_is_read(minilm: Embedder, text: str) -> None:
    assert unread([text], minilm.model.alphabet).tolist() == [False]


def test_what_is_told_by_characters_is_what_the_tokenizer_does_not_know(minilm: Embedder) -> None:
    # Texts of one number of unknown words have one and the same vector: that is what unread means.
    one, two = minilm.embed(["እኔ ቡና እወዳለሁ", "🎉 👎 🇩🇪"]).vectors
    assert float(one @ two) > 0.999


def test_a_model_that_says_nothing_of_its_alphabet_reads_everything() -> None:
    vectors = np.eye(3, dtype=np.float32)
    same, lost = legible(["👍", "a", "b"], vectors, None)
    assert same is vectors
    assert not lost.any()


def test_vectors_from_characters_tell_texts_apart_and_find_equal_ones() -> None:
    x = by_characters(["👍", "👎", "👍👍", "እኔ ቡና እወዳለሁ", "እኔ ቡና እወዳለሁ!", "", "👍"], 384)
    np.testing.assert_allclose(np.linalg.norm(x, axis=1), 1, atol=1e-6)
    assert float(x[0] @ x[1]) < 0.2
    assert float(x[0] @ x[6]) > 0.999
    assert float(x[3] @ x[4]) > 0.8
    assert float(x[0] @ x[3]) < 0.2


def test_emoji_alone_are_no_duplicates_and_no_theme_and_are_named_in_the_notes(minilm: Embedder) -> None:
    found = memories(EMOJI)
    vectors = minilm.embed(EMOJI).vectors
    result = analyze(found, vectors, now=NOW, alphabet=minilm.model.alphabet)
    assert result.duplicates == []
    assert any("8 memories" in note and "m0" in note for note in result.notes)
    assert result.stats["unread"] == 8
    themes = cluster(found, vectors, alphabet=minilm.model.alphabet).result
    assert themes.themes == []
    assert any("8 memories" in note for note in themes.notes)


def test_sixty_emoji_are_not_one_theme(minilm: Embedder) -> None:
    texts = [chr(0x1F400 + i) for i in range(60)]
    themes = cluster(memories(texts), minilm.embed(texts).vectors, alphabet=minilm.model.alphabet).result
    assert max([theme.size for theme in themes.themes], default=0) < 6


def test_recall_does_not_find_strangers_by_what_is_unread(minilm: Embedder) -> None:
    texts = ["👎", "እኔ ቡና እወዳለሁ", "I like tea", "👍"]
    vectors = minilm.embed([*texts, "👍"]).vectors
    result = recall("👍", vectors[4], memories(texts), vectors[:4], now=NOW, alphabet=minilm.model.alphabet)
    relevance = {hit.memory_id: hit.terms.relevance for hit in result.memories}
    assert max(relevance["m0"], relevance["m1"], relevance["m2"]) < 0.2
    assert relevance["m3"] > 0.7
