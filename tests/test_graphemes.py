"""No cut is seen in what a reader takes for one character."""

from __future__ import annotations

import pytest

from reverie._graphemes import beginning

WHOLE = [
    "👨\u200d👩\u200d👧",  # a family is three emoji and two joiners
    "👍🏽",  # a skin tone
    "❤\ufe0f",  # an emoji by its selector
    "🇩🇪",  # a flag is two letters
    "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",  # and this one is seven
    "e\u0301",  # an accent apart
    "न\u093fश\u094dच",  # Hindi: a vowel sign, and a consonant under another
    "เก\u0e47บ",  # Thai: a vowel before, and a sign above
    "ก\u0e33",  # Thai: a vowel that counts as a letter
    "\u1112\u1161\u11ab",  # Korean letters of one syllable
    "שָׁ",  # Hebrew points
]


@pytest.mark.parametrize("whole", WHOLE)
def test_what_is_one_character_to_a_reader_is_never_cut(whole: str) -> None:
    text = f"ab{whole}cd"
    # The pieces that a reader would part the examples into, where they hold more than one.
    ends = {"न\u093fश\u094dच": [2, 4, 7], "เก\u0e47บ": [2, 5, 6]}.get(whole, [2, 2 + len(whole)])
    for limit in range(2, len(text)):
        kept = beginning(text, limit)
        assert text.startswith(kept)
        assert len(kept) <= limit
        assert len(kept) in ends or len(kept) > 2 + len(whole), (limit, kept)
        assert len(kept) == max(end for end in [*ends, 3 + len(whole)] if end <= limit)


def test_flags_in_a_row_go_by_twos() -> None:
    assert [len(beginning("🇩🇪🇫🇷🇪🇸", limit)) for limit in range(7)] == [0, 0, 2, 2, 4, 4, 6]


def test_plain_texts_are_cut_where_they_should_be_and_heaps_of_marks_somewhere() -> None:
    assert beginning("plain", 3) == "pla"
    assert beginning("plain", 9) == "plain"
    assert beginning("日本語", 2) == "日本"
    assert len(beginning("a" + "\u0301" * 500, 200)) == 200
    assert beginning("a" + "\u0301" * 500, 10) == ""
