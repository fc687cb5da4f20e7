"""Sentiment, language and names: the local method, and the seam behind which a service can stand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from reverie.analysis import Insight, LocalInsight, TextInsight, analyze
from reverie.contracts import AnalyzeResult
from reverie.embedding.base import OnProgress, silent
from reverie.errors import ProviderError
from tests.analysis.people import NOW, embed, memories


class FakeService:
    """A language service of our own: counts its calls, and answers, fails or miscounts as told."""

    name = "fake-language"

    def __init__(self, error: Exception | None = None, missing: int = 0) -> None:
        self.error = error
        self.missing = missing
        self.calls = 0

    def read(self, texts: Sequence[str], *, on_progress: OnProgress = silent) -> list[Insight]:
        self.calls += 1
        on_progress("emotion", 0, len(texts))
        if self.error:
            raise self.error
        return [Insight(-0.5, "de", ("Lena",), ("green tea",)) for _ in texts[self.missing :]]


def _run(texts: Sequence[str], service: TextInsight) -> AnalyzeResult:
    found = memories(texts)
    return analyze(found, embed(texts), now=NOW, insight=service)


def test_a_service_takes_the_place_of_the_local_method() -> None:
    service = FakeService()
    result = _run(["Lena trinkt Tee", "Lena mag grünen Tee", "der Tee ist heiß"], service)
    assert service.calls == 1  # each text is paid for once, however many sections ask
    assert [(e.sentiment, e.language) for e in result.emotion] == [(-0.5, "de")] * 3
    assert result.entities["Lena"] == result.entities["green tea"] == ["m0", "m1", "m2"]
    assert result.stats["insight"] == "fake-language"


@pytest.mark.parametrize(
    ("service", "why"),
    [
        (FakeService(error=ProviderError("quota exceeded")), "quota exceeded"),
        (FakeService(missing=1), "2 answers for 3 texts"),
    ],
    ids=["fails", "miscounts"],
)
def test_the_local_method_steps_in_for_a_failing_service(service: FakeService, why: str) -> None:
    result = _run(["I love my cat", "I hate rain", "The bus is late"], service)
    assert service.calls == 1
    assert f"sentiment and names were read locally: fake-language failed ({why})" in result.notes
    assert result.stats["insight"] == "local"
    assert [e.sentiment is not None and e.sentiment > 0 for e in result.emotion] == [True, False, False]


def test_a_defect_of_a_service_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        _run(["one", "two"], FakeService(error=ZeroDivisionError()))


@pytest.mark.parametrize(
    ("text", "language", "sign"),
    [
        ("I love my cat so much!", "en", 1),
        ("I hate waiting, it is terrible", "en", -1),
        ("The bus leaves at nine", "en", 0),
        ("I do not like this, not good at all", "en", -1),  # VADER's negation
        ("Ich liebe meine Katze und das ist schön", "de", None),
        ("J'adore le fromage, c'est très bon", "fr", None),
        ("Me gusta mucho la playa y el sol", "es", None),
        ("我今天很高兴", "zh", None),
        ("今日はとても楽しい", "ja", None),
        ("오늘 기분이 좋아요", "ko", None),
        ("Я очень люблю кофе", "ru", None),
        ("أحب القهوة كثيرا", "ar", None),
        ("אני אוהב קפה", "he", None),
        ("😀😀", None, None),
        ("12345", None, None),
    ],
)
def test_only_english_is_scored(text: str, language: str | None, sign: int | None) -> None:
    (found,) = LocalInsight().read([text])
    assert found.language == language
    if sign is None:
        assert found.sentiment is None
    else:
        assert found.sentiment is not None
        assert (found.sentiment > 0) - (found.sentiment < 0) == sign


def test_texts_that_are_not_scored_are_counted_in_a_note() -> None:
    found = memories(["Ich gehe heute in die Stadt", "Das ist nicht mein Hund", "I love this"])
    result = analyze(found, embed([m.text for m in found]), now=NOW)
    assert [e.sentiment is None for e in result.emotion] == [True, True, False]
    assert "sentiment was not read in 2 of 3 memories: there is no word list for the language" in result.notes


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("I met Anna and Tom in Berlin", {"Anna", "Tom", "Berlin"}),
        ("We watched Lord of the Rings", {"Lord of the Rings"}),
        ("thanks @sam see #general", {"@sam", "#general"}),
        ("ask <@123456789>", {"<@123456789>"}),
        ('reading "The Left Hand of Darkness" now', {"The Left Hand of Darkness"}),
        ("Today is Monday in March", set()),  # calendar words are no names
        ("THIS IS SO LOUD", set()),  # shouting tells nothing
        ("Anna's dog barks; I like Anna", {"Anna"}),
        ("Nothing here", set()),
    ],
)
def test_names_are_read_by_their_capitals(text: str, names: set[str]) -> None:
    (found,) = LocalInsight().read([text])
    assert set(found.entities) == names


def test_names_are_read_alike_however_many_texts_are_counted_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [
        "Anna called. We met Anna and Tom",
        "berlin is cold",
        "Berlin was warm",
        "we saw Berlin",
        "ALL OF IT SHOUTED",
    ]
    expected = [i.entities for i in LocalInsight().read(texts)]
    assert expected[0] == ("Anna", "Tom")
    monkeypatch.setattr("reverie.analysis.insight._COUNTED", 1)
    assert [i.entities for i in LocalInsight().read(texts)] == expected
