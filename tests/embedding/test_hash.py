"""The fake embedder and the keys of texts."""

from __future__ import annotations

import numpy as np

from reverie.embedding import HashEmbedder, text_key


def test_the_fake_is_deterministic_and_of_unit_length() -> None:
    texts = ["my cat Miso sleeps", "", "🎉", "日本語のテキスト", "my cat Miso sleeps"]
    first, second = HashEmbedder(64).embed(texts).vectors, HashEmbedder(64).embed(texts).vectors
    assert first.dtype == np.float32
    assert first.shape == (5, 64)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(np.linalg.norm(first, axis=1), 1, atol=1e-5)
    np.testing.assert_array_equal(first[0], first[4])


def test_texts_that_share_words_are_nearer_to_each_other_in_the_fake() -> None:
    cat, cat_again, hills = (
        HashEmbedder().embed(["my cat Miso sleeps", "a cat called Miso", "we hiked the hills"]).vectors
    )
    assert cat @ cat_again > 0.5 > abs(cat @ hills)


def test_no_texts_give_an_empty_array() -> None:
    assert HashEmbedder(32).embed([]).vectors.shape == (0, 32)


def test_a_text_key_depends_on_text_and_kind_alone() -> None:
    assert text_key("tea", "document") == text_key("tea")
    assert len({text_key("tea"), text_key("tea", "query"), text_key("Tea")}) == 3
    assert len(text_key("\ud800 lone surrogate")) == 16
