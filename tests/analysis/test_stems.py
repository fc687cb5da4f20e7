"""Words of a question are found in memories in every form, in the question's language."""

from __future__ import annotations

import pytest

from reverie.analysis import recall
from reverie.analysis.stems import search_terms
from reverie.contracts import Memory, RecallOptions
from reverie.embedding import HashEmbedder
from tests.analysis.people import NOW


@pytest.mark.parametrize(
    ("query", "memory"),
    [
        ("Wo sind meine Wohnungen und die Schlüssel?", "ich habe eine neue Wohnung in Berlin"),  # plural, small letter
        ("Сколько стоила моя собака?", "я купил собаку в приюте"),  # case endings
        ("¿Dónde están mis amigas de la escuela?", "mi amiga vive lejos"),
        ("Quelles maisons avons-nous visitées ensemble ?", "la maison était trop chère"),
        ("我的猫在哪里睡觉", "猫喜欢在窗台上睡觉"),  # no spaces: pairs of characters
        ("मेरी बिल्ली कहाँ सोती है", "बिल्ली खिड़की पर है"),  # vowel marks are no ends of words
        ("What did I say about gardening?", "the gardens were full of roses"),
    ],
)
def test_another_form_of_the_word_is_found(query: str, memory: str) -> None:
    others = [Memory(id=str(i), text=text) for i, text in enumerate(("zzz qqq", "nothing of it", "ппп ввв", "其他"))]
    memories = [*others, Memory(id="it", text=memory)]
    texts = [m.text for m in memories]
    blind = HashEmbedder(64)
    # The fake knows no forms, and every vector here is the same: only the words can tell.
    vectors = blind.embed(["same"] * len(texts)).vectors
    found = recall(query, vectors[0], memories, vectors, RecallOptions(top=5, weights={"importance": 0}), now=NOW)
    best = found.memories[0]
    assert best.memory_id == "it"
    assert best.terms.relevance > found.memories[1].terms.relevance


def test_terms_are_beginnings_and_short_words_stay_whole() -> None:
    assert search_terms("Meine Häuser und der Zoo sind nicht schön") == {"häus": True, "zoo": True, "schön": True}
    assert search_terms("") == {}
    assert search_terms("what is it?") == {}
    assert search_terms("gardening with Ben", {"ben"}) == {"garden": True}


@pytest.mark.parametrize("query", ["\ud800", "ि" * 500, "a" * 5000, "क्" * 2000, "猫" * 3000, "'" * 50])
def test_odd_questions_end(query: str) -> None:
    assert all(len(term) <= 40 for term in search_terms(query))
