"""A text as the tokens that carry its meaning: what two writings of one claim have in common.

Case, width, spaces, quotes and most punctuation are ways of writing. Numbers with their signs, symbols, emoji, links,
mentions and question marks are not: "C" and "C++", "-3" and "3", a tick and a cross say different things.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from sys import intern

from reverie.analysis.texts import NEGATIONS
from reverie.analysis.writing import CONTRACTED, SHORT_FORMS, SMILES, as_number, spelled

__all__ = ["LONGEST", "Reading", "read"]

LONGEST = 4000
"""Characters of a text that are read into tokens; longer texts are the same only letter for letter."""

_MARKS = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06ed\u0900-\u0903"
    "\u093a-\u094f\u0951-\u0957\u0962\u0963\u0981-\u0983\u09bc-\u09cd\u0a01-\u0a03\u0a3c-\u0a51\u0abc-\u0acd"
    "\u0b3c-\u0b57\u0bbe-\u0bcd\u0c3e-\u0c56\u0cbc-\u0cd6\u0d3b-\u0d4d\u0dca-\u0ddf\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84\u102b-\u103e\u1056-\u1059\u17b4-\u17d3\u1dc0-\u1dff\u3099\u309a"
)
_LETTER = f"(?:[^\\W_]|[{_MARKS}])"
# Every alternative either ends at once or runs on to its own end: reading takes time by the length of the text.
_TOKEN = re.compile(
    rf"""(?P<link>(?:https?://|www\.)\S+)
    |(?P<tag><a?:\w{{1,40}}:\d{{1,24}}>|<[@\#][!&]?\d{{1,24}}>|[@\#](?=[^\W\d_])\w{{1,64}})
    |(?P<smile>(?<!\w)[:;=]-?[)(D/\\PpOo|*]{{1,8}}(?!\w)|<3(?!\d)|</3|\^_?\^)
    |(?P<number>(?:(?<![A-Za-z0-9_)\u00c0-\u024f\u0370-\u052f])[-+\u2212])?\d+(?:[.,:/\-\u2013]\d+)*)
    |(?P<word>[^\W\d_]{_LETTER}*(?:['\u2019]{_LETTER}+)*)
    |(?P<line>\n)
    |(?P<mark>[^\s])""",
    re.VERBOSE,
)
# Scripts without spaces: a character is the smallest unit that means something.
_UNSPACED = re.compile(
    "[\u3005\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
)
_DRESSING = frozenset(
    f"<{form}>"
    for form in "wide narrow compat font initial medial final isolated noBreak vertical small square".split()  # noqa: SIM905
)
"""Compatibility forms that are ways of writing. Not super- and subscripts, fractions and circled signs."""
_SAYS_SOMETHING = frozenset("%&@#*/\\§¶†‡‰‱")
"""Punctuation, as Unicode has it, that carries meaning."""
_ENDS = frozenset('.!?…。！？:;\n"“”«»「」()')
_QUESTION = frozenset("?¿؟？⸮;")
_DASHES = frozenset("-\u2010\u2011\u2012\u2013\u2014\u2015\u2212")
_WRAPPED = re.compile(r"(?<![*\w])(\*{1,3})(?=[^\s*])([^*\n]{1,300})(?<=[^\s*])\1(?![*\w])")

_INITIAL = re.compile(r"(?<![\w-])([^\W\d_])-(?=[^\W\d_]{2})")
"""The dash of "e-mail" and "t-shirt"."""


class Reading:
    """The tokens of one text. A large set has one of each: equal tokens are one string, and lists are short."""

    __slots__ = ("case", "commas", "emoji", "keys", "kinds", "plain_case", "questions", "raws", "whole")

    def __init__(self) -> None:
        #: What is compared: folded words, numbers, signs.
        self.keys: list[str] = []
        #: Of each token: "w" word, "n" number, "s" sign or emoji, "l" link, mention or tag.
        self.kinds = ""
        #: Words as written.
        self.raws: list[str] = []
        #: Of each token: "l" small, "T" first letter capital, "U" capitals, "M" capitals inside, "-" where the case
        #: tells nothing.
        self.case = ""
        #: Whether all is small, all capital, or written as a title: then the case of a word tells nothing.
        self.plain_case = False
        self.questions = 0
        #: Places (in tokens) after which a comma or another pause stands.
        self.commas: frozenset[int] = frozenset()
        self.emoji = 0
        #: False for a text that is longer than what was read.
        self.whole = True

    @property
    def key(self) -> str:
        """What texts have in common whose tokens and questions are the same; empty for a text without tokens."""
        if not self.keys:
            return ""
        return "\x1f".join(self.keys) + "\x1f?" * bool(self.questions) + "\x1f," * self.held

    @property
    def held(self) -> int:
        """Pauses right after a negation: "no, stop" and "no stop" differ."""
        return sum(self.keys[at - 1] in NEGATIONS for at in self.commas if 0 < at < len(self.keys))


def read(text: str) -> Reading:
    """The tokens of ``text``."""
    out = _Draft()
    out.whole = len(text) <= LONGEST
    text = _undressed(text[:LONGEST])
    if "*" in text:
        text = _WRAPPED.sub(r"\2", text)
    if "-" in text:
        text = _INITIAL.sub(r"\1", text)
    if not text.isascii() or "\n" in text:
        _tokens(out, text, 0, len(text), True)
        return out.reading(text)
    starts, end = True, 0
    for piece in text.split():
        start = text.index(piece, end)
        end = start + len(piece)
        starts = not out.took(piece, starts) and _tokens(out, text, start, end, starts)
    return out.reading(text)


def _tokens(out: _Draft, text: str, start: int, end: int, starts: bool) -> bool:
    """Read a part of ``text``; answers whether what comes next starts a sentence."""
    for match in _TOKEN.finditer(text, start, end):
        kind, token = match.lastgroup, match.group()
        if kind == "word":
            if not out.took(token, starts):
                _word(out, token, starts)
            starts = False
        elif kind == "number":
            out.add("n", _number(token), token)
            starts = False
        elif kind in ("link", "tag"):
            out.add("l", token.rstrip(".,;:!?)\"'") if kind == "link" else token.casefold(), token)
        elif kind == "line":
            starts = True
        elif kind == "smile":
            out.add("s", SMILES.get(token[0] + token[-1], token), token)
            out.emoji += 1
        elif _counts(token, text, match.start()):
            out.add("s", token, token)
            out.emoji += ord(token) > 0x2000
        else:
            starts = starts or token in _ENDS or token in _DASHES
            out.questions += token in _QUESTION
            if token in ",，、،.。;:":
                out.commas.add(len(out.keys))
    return starts


class _Draft:
    """A reading while its tokens are read."""

    __slots__ = ("cases", "commas", "emoji", "keys", "kinds", "questions", "raws", "whole")

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.raws: list[str] = []
        self.kinds: list[str] = []
        self.cases: list[str] = []
        self.commas: set[int] = set()
        self.questions = self.emoji = 0
        self.whole = True

    def add(self, kind: str, key: str, raw: str, case: str = "-") -> None:
        self.keys.append(intern(key))
        self.raws.append(intern(raw))
        self.kinds.append(kind)
        self.cases.append(case)

    def took(self, token: str, starts: bool) -> bool:
        """Add a word that is known and stands for itself; most words come again."""
        plain = _PLAIN.get(token)
        if plain is None or (self.keys and (self.kinds[-1] == "n" or self.keys[-1] == "its")):
            return False
        self.keys.append(plain[0])
        self.raws.append(plain[1])
        self.kinds.append("w")
        self.cases.append("-" if starts else plain[2])
        return True

    def reading(self, text: str) -> Reading:
        out = Reading()
        out.keys, out.raws, out.kinds, out.case = self.keys, self.raws, "".join(self.kinds), "".join(self.cases)
        out.commas, out.questions, out.emoji, out.whole = (
            frozenset(self.commas),
            self.questions,
            self.emoji,
            self.whole,
        )
        titled = out.case.count("T") > 3 and "l" not in out.case
        out.plain_case = titled or text in (text.lower(), text.upper())
        return out


_PLAIN: dict[str, tuple[str, str, str]] = {}
"""Of a word that stands for itself: key, as written, case."""
_MOST_PLAIN, _USUAL = 20_000, 40
"""Words that are remembered, and their letters at most."""


def _word(out: _Draft, token: str, starts: bool) -> None:
    token = token.replace("\u2019", "'")
    folded, case, parts, kind, key = (_form if len(token) <= _USUAL else _formed)(token)
    if not folded:
        for character in token:
            out.add("w", character, character)
        return
    if parts is None and kind == "w" and len(token) <= _USUAL:
        if len(_PLAIN) >= _MOST_PLAIN:
            _PLAIN.clear()
        _PLAIN[intern(token)] = intern(key), intern(token), case
    if starts:
        case = "-"
    if len(token) <= 2 and folded != token and out.kinds and out.kinds[-1] == "n" and folded not in _UNITS:
        folded = token  # "5 mg" and "5 Mg"
        parts, kind, key = _meaning(folded)
    if parts is None and out.keys and out.keys[-1] == "its" and folded in _AFTER_IS:
        out.keys[-1] = "it"
        out.add("w", "is", "is")
    if parts is None:
        out.add(kind, key, token, case)
        return
    for part in parts:
        out.add("w", part, part, case if part == parts[0] else "-")


_Form = tuple[str, str, tuple[str, ...] | None, str, str]


def _formed(token: str) -> _Form:
    """Of a word as written inside a sentence: folded (empty in a script without spaces), case, parts, kind, key."""
    if _UNSPACED.search(token):
        return "", "", None, "", ""
    folded = token.lower() if "ß" in token else token.casefold()
    case = "-"
    if folded != "i" and not folded.startswith("i'") and token != token.swapcase():
        case = "l" if token == token.lower() else "U" if token == token.upper() else "M" if _mixed(token) else "T"
    parts, kind, key = _meaning(folded)
    if case == "l" and token not in CONTRACTED:
        parts = SHORT_FORMS.get(token) or parts
    return folded, case, parts, kind, key


_form = lru_cache(maxsize=_MOST_PLAIN)(_formed)


def _meaning(folded: str) -> tuple[tuple[str, ...] | None, str, str]:
    """The words that a short form stands for, or None; kind and key of one that stands for itself."""
    parts = CONTRACTED.get(folded)
    if parts is None and folded.endswith("n't") and len(folded) > 4:
        parts = (folded[:-3], "not")
    if parts is None and folded[-3:] in _ENDINGS and len(folded) > 3:
        parts = (folded[:-3], _ENDINGS[folded[-3:]])
    number = as_number(folded)
    return parts, "n" if number else "w", number or spelled(folded)


def _mixed(token: str) -> bool:
    """Whether capitals stand inside a word, as in "iPhone" and in passwords."""
    return token[1:] != token[1:].lower()


_AFTER_IS = frozenset("a an the not so too very been my".split())  # noqa: SIM905
"""Words before which "its" is "it's"."""
_ENDINGS = {"'re": "are", "'ve": "have", "'ll": "will"}
_UNITS = frozenset("am pm km kg cm mm kmh mph usd eur gbp euro euros h min uhr percent".split())  # noqa: SIM905
"""Words after a number whose case tells nothing."""


def _number(token: str) -> str:
    token = token.replace("\u2212", "-").replace("\u2013", "-").lstrip("+")
    # 1,000 and 1000 are one number wherever a comma parts groups of three; "1.000" may be one.
    return token.replace(",", "") if re.fullmatch(r"-?\d{1,3}(?:,\d{3})+", token) else token


def _counts(sign: str, text: str, at: int) -> bool:
    """Whether a sign that is no letter or digit carries meaning where it stands."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    if sign in _DASHES:
        if after.isdigit() or before.isdigit():
            # 5-3, x-5; in "covid-19" and "5-year" the dash only joins.
            return not (text[max(0, at - 2) : at].isalpha() and at > 1 if after.isdigit() else after.isalpha())
        if after.isspace() and before.isspace():
            near = text[max(0, at - 2) : at - 1], text[at + 2 : at + 3]
            return all(c.isdigit() for c in near)
        # The grade "A-".
        return before.isalpha() and not after.isalnum() and not text[max(0, at - 2) : at - 1].isalnum()
    if sign == "!":
        return bool(after) and (after == "=" or after.isalnum()) and not before.isalnum()
    if sign == "?":
        return bool(before) and bool(after) and not before.isspace() and after.isalnum()
    if sign == "." or sign in _QUESTION:
        return False
    if unicodedata.category(sign) == "Pc":
        # The line of "a_b.txt" and the mouth of "ಠ‿ಠ"; round "_words_" it is dress.
        return before.isalnum() and after.isalnum() if sign == "_" else bool(before.strip() and after.strip())
    if sign in "`´" or (sign == "*" and before in ("", "\n") and after.isspace()):
        return False
    if sign in _SAYS_SOMETHING:
        return True
    return unicodedata.category(sign)[0] not in "PZC" or sign in "{}"


def _undressed(text: str) -> str:
    """Without forms that are only ways of writing: width, ligatures, skin tones, signs that are not seen."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", "".join(map(_plain, text)))


@lru_cache(maxsize=20_000)
def _plain(character: str) -> str:
    code = ord(character)
    if code < 0x80:
        return character
    if unicodedata.category(character) == "Cf" or 0xFE00 <= code <= 0xFE0F or 0x1F3FB <= code <= 0x1F3FF:
        return ""
    if code == 0x0640:  # a line that stretches Arabic words
        return ""
    form = unicodedata.decomposition(character).partition(" ")[0]
    return unicodedata.normalize("NFKC", character) if form in _DRESSING else character
