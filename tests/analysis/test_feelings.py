"""The score of feelings is the library's, to the last digit."""

from __future__ import annotations

import random

import pytest
from vaderSentiment.vaderSentiment import BOOSTER_DICT, NEGATE, SPECIAL_CASES, SentimentIntensityAnalyzer

from reverie.analysis.feelings import feelings

LIBRARY = SentimentIntensityAnalyzer()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tables and chairs",
        "I love it but the end is not great",
        "never so good, never this bad, without a doubt the best",
        "no love, no or little hate, the least helpful and at least nice",
        "this is the bomb, kind of a GREAT bad ass idea to die for",
        "VERY SAD today!!!! really? really?? AWFUL",
        "a lovely 😀day ❤ 💔",
        "kind of nice, sort of nice, just enough love",
        '"good." (bad), :) :-( it isn\'t ok',
    ],
)
def test_known_turns_score_as_in_the_library(text: str) -> None:
    assert feelings().score(text) == LIBRARY.polarity_scores(text)["compound"]


def test_any_words_score_as_in_the_library() -> None:
    rng = random.Random(5)
    words = rng.sample(sorted(LIBRARY.lexicon), 60) + sorted(BOOSTER_DICT) + list(NEGATE)
    words += [word for idiom in SPECIAL_CASES for word in idiom.split()] * 2
    words += "no no or nor so this doubt least at very but kind of the a house ! ?? :) 😀".split()  # noqa: SIM905
    texts = [" ".join(rng.choices(words, k=rng.randint(1, 9))) for _ in range(4000)]
    texts = [text.upper() if n % 9 == 0 else text.title() if n % 7 == 0 else text for n, text in enumerate(texts)]
    wrong = [text for text in texts if feelings().score(text) != LIBRARY.polarity_scores(text)["compound"]]
    assert wrong == []
