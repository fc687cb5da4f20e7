"""Texts as the analysis sees them: normal forms, words, negation, language."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

__all__ = [
    "NEGATIONS",
    "STOPWORDS",
    "content_words",
    "detect_language",
    "detect_languages",
    "has_spaces",
    "normalized",
    "words",
]

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
# Scripts without spaces: a character is the smallest unit that means something.
_NO_SPACES = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_NOT_WORD = re.compile(r"[^\w\s]|_", re.UNICODE)
_SPACE = re.compile(r"\s+")

_SAMPLE = 2000
"""Characters of a text that tell its language."""

_BY_LANGUAGE: dict[str, frozenset[str]] = {
    language: frozenset(text.split())
    for language, text in {
        "en": """a about after again all also am an and any are as at be because been before being but by can could did
        do does doing don't down each every for from get got had has have having he her here hers him his how i i'm i've
        if in into is it it's its just like me more most my myself no not now of off on once one only or other our out
        over own really she so some such than that the their them then there these they this those through to too under
        until up us very was we were what when where which while who why will with would you your""",
        "de": """aber als am an auch auf aus bei bin bis das dass dem den der des die doch du ein eine einem einen einer
        er es für habe haben hat hatte ich ihr im in ist ja jetzt kann mein meine mich mir mit nach nicht noch nur oder
        schon sehr sein sich sie sind so über um und uns vom von vor war was wenn wie wir wird zu zum zur""",
        "fr": """ai alors au aussi avec avoir c'est ce cette dans de des du elle elles en est et être eu il ils j'ai je
        la le les leur lui ma mais me mes moi mon ne nous on ou par pas plus pour qu'il que qui sa se ses son sont sur
        très tu un une vous y été""",
        "es": """al algo como con cuando de del desde donde el ella en entre era es esta este está fue ha han hay la las
        le les lo los mi muy más me mucho ni no nos o para pero por porque que se ser si sin sobre soy su sus también
        tiene todo tu un una uno y ya yo""",
        "it": """ai al alla anche che chi ci come con così da dal del della di dove e ed è era gli ha hanno ho i il in
        io la le lei lo loro lui ma mi mia mio molto ne nel nella noi non per perché più quando questo sono su sua suo
        tra un una uno""",
        "pt": """ao aos às com como da das de dela dele do dos e ela ele em era eu foi isso já mais mas me meu minha
        muito na nas no nos não o os ou para pela pelo por que se sem ser sua são também tem um uma você""",
        "nl": """aan als bij dat de die dit door een en er geen had heb hebben heeft het hij hoe ik in is je kan maar
        met mijn naar niet nog nu of om ook op over te toch tot uit van veel voor was wat we wel wij zijn zo""",
        "sv": """att av den det där du efter ett från för ha han har hon i inte jag kan med men mig min mycket när och
        om på sig ska som så till var vi vill är över""",
        "pl": """ale bardzo bez co czy dla do gdy go i ich ja jak jako jest już mi mnie na nie o od po się są tak tego
        ten to tylko w we z za ze że""",
        "tr": """ama ben bir bu çok da daha de en gibi için ile kadar ki ne o olan olarak sen şey ve var ya yok""",
    }.items()
}
_LANGUAGES_OF: dict[str, tuple[str, ...]] = {
    word: tuple(language for language, common in _BY_LANGUAGE.items() if word in common)
    for word in frozenset().union(*_BY_LANGUAGE.values())
}
STOPWORDS: frozenset[str] = frozenset().union(*_BY_LANGUAGE.values())
"""Words of ten languages that say nothing on their own."""

NEGATIONS = frozenset(
    """no not never none nobody nothing neither nor without cannot can't don't doesn't didn't won't wouldn't isn't
    aren't wasn't weren't hasn't haven't hadn't shouldn't couldn't ain't longer stopped quit nicht kein keine nie ne pas
    jamais non mai ni nunca jamás não geen niet nie inte""".split()  # noqa: SIM905
)
"""Words that turn a claim round."""

_SCRIPTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (language, re.compile(pattern))
    for language, pattern in (
        ("ja", "[\u3040-\u30ff]"),
        ("ko", "[\uac00-\ud7af\u1100-\u11ff]"),
        ("zh", "[\u3400-\u4dbf\u4e00-\u9fff]"),
        ("ar", "[\u0600-\u06ff]"),
        ("he", "[\u0590-\u05ff]"),
        ("el", "[\u0370-\u03ff]"),
        ("hi", "[\u0900-\u097f]"),
        ("th", "[\u0e00-\u0e7f]"),
        ("uk", "[іїєґІЇЄҐ]"),
        ("ru", "[\u0400-\u04ff]"),
    )
)


def words(text: str) -> list[str]:
    """Lower-case words; scripts without spaces give single characters."""
    folded = text.lower().replace("’", "'") if text.isascii() else _folded(text)
    found = _WORD.findall(folded)
    if text.isascii() or not _NO_SPACES.search(folded):
        return found
    out: list[str] = []
    for word in found:
        out.extend(word if _NO_SPACES.search(word) else (word,))
    return out


def has_spaces(word: str) -> bool:
    """Whether words of this one's script have spaces between them."""
    return _NO_SPACES.search(word) is None


def content_words(text: str) -> list[str]:
    """``words`` without stop words, at least two characters long unless the script has no spaces."""
    return [w for w in words(text) if w not in STOPWORDS and (len(w) > 1 or not w.isascii())]


def normalized(text: str) -> str:
    """Compatibility form, case, punctuation and space folded away; a text of symbols alone keeps its symbols."""
    folded = _folded(text)
    plain = _SPACE.sub(" ", _NOT_WORD.sub(" ", folded.replace("'", ""))).strip()
    return plain or _SPACE.sub(" ", folded).strip()


def detect_language(text: str) -> str | None:
    """ISO 639-1 by script, else by the share of common words; None when nothing tells.

    A light method for short texts (Grefenstette 1995, "Comparing two language identification schemes"); of a long one
    the beginning tells.
    """
    text = text[:_SAMPLE]
    if not text.isascii():
        letters = sum(c.isalpha() for c in text)
        for language, pattern in _SCRIPTS:
            found = len(pattern.findall(text))
            # Japanese mixes two scripts with Chinese signs, Ukrainian is known by a few letters.
            if found and (found >= 0.3 * letters or (language in ("ja", "uk") and found >= 0.08 * letters)):
                return language
    tokens = _WORD.findall(text.lower().replace("’", "'"))
    scores = dict.fromkeys(_BY_LANGUAGE, 0)
    for token in tokens:
        for language in _LANGUAGES_OF.get(token, ()):
            scores[language] += 1
    best = max(scores.values())
    if best == 0:
        return None
    leaders = [language for language, score in scores.items() if score == best]
    return leaders[0] if len(leaders) == 1 or (leaders[0] == "en" and text.isascii() and best > 1) else None


def detect_languages(texts: Sequence[str]) -> list[str | None]:
    """``detect_language`` of each; a text in Latin letters that tells nothing takes the most common language of all.

    Without any evidence in the whole set, plain ASCII words are taken as English.
    """
    found = [detect_language(text) for text in texts]
    latin = Counter(language for language in found if language in _BY_LANGUAGE)
    usual = latin.most_common(1)[0][0] if latin else "en"
    return [
        language or (usual if any(c.isalpha() for c in text[:_SAMPLE]) and _latin(text[:_SAMPLE]) else None)
        for text, language in zip(texts, found, strict=True)
    ]


def _latin(text: str) -> bool:
    return text.isascii() or all(not c.isalpha() or ord(c) < 0x250 for c in text)


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'")
