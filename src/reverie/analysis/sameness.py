"""Whether two texts say the same: every token that differs must be explained as a harmless way of writing.

The question is asked of texts that are near by vector, and answered "no" when nothing explains a difference. Likeness
of letters explains none: Maria and Marina, Tokyo and Kyoto, hydroxyzine and hydralazine are as alike as typing errors.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from enum import IntEnum

from rapidfuzz.distance import OSA, Levenshtein

from reverie.analysis.texts import NEGATIONS, STOPWORDS, detect_language
from reverie.analysis.wording import Reading
from reverie.analysis.writing import ADDED, decorates

__all__ = ["EXPLAINED", "MOST_CHANGES", "Verdict", "case_agrees", "compare"]


class Verdict(IntEnum):
    """How two texts stand to each other."""

    OTHER = 0
    #: They may well say the same; a person should look.
    ALIKE = 1
    SAME = 2


_LONGEST = 400
"""Tokens up to which two texts are compared one by one."""
MOST_CHANGES = 8
"""Tokens that may differ between two texts that say the same."""
_AND = frozenset("and or und oder y et ou e o и или と や & i czy of en ve".split())  # noqa: SIM905
_PEOPLE = frozenset(
    """i me my mine you your yours he him his she her hers we us our ours they them their theirs it its who this these
    those""".split()  # noqa: SIM905
)
_TURNS = frozenset(
    """to from in out on off up down before after with without over under for against only all some none most few
    more less never always no not was were will would can could may might must if unless until but""".split()  # noqa: SIM905
)
"""Little words that turn a claim, so that not even a look is advised."""
EXPLAINED = STOPWORDS | ADDED | _AND
"""Words that one of two texts may have alone; all others need a word like them in the other."""
_DETERMINERS = _PEOPLE | frozenset("the a an my there".split())  # noqa: SIM905
_ASKING = frozenset(
    """who what when where why how which whose is are am was were do does did can could will would should have has had
    may wer was wann wo warum wie welche ist sind hat kann qué quién cuándo dónde cómo que où quand pourquoi comment
    кто что где когда как почему""".split()  # noqa: SIM905
)
_PAST = frozenset(
    "was had went got bought saw met ate made took found lost came gave left slept forgot broke".split()  # noqa: SIM905
)
_VIETNAMESE = re.compile("[ăđơưẠ-ỹ]", re.IGNORECASE)
_ENGLISH_ENDING = re.compile(
    r"(?:ic|tion|sion|ment|ly|able|ible|ous|ful|ness|ity|al|ally|ary|ance|ence|ed|ing|less|ion|ions|ments)$"
)
_BEFORE_ENDING = re.compile(r"(.)\1(?:ed|er|ers|es|ing|ings|y|ies|ier|s)$")
_OTHER_WORDS = frozenset({"form", "dose", "three", "whit", "desert", "deserts", "deserted"})
"""Words that a slip of the finger makes of another usual word."""


def compare(a: Reading, b: Reading, used: Container[str] = frozenset()) -> Verdict:
    """How two texts stand to each other. ``used``: words that more than one text of the store has, so no slips."""
    if not (a.whole and b.whole) or max(len(a.keys), len(b.keys)) > _LONGEST or not (a.keys and b.keys):
        return Verdict.OTHER
    if abs(len(a.keys) - len(b.keys)) > MOST_CHANGES or len(set(a.keys) ^ set(b.keys)) > 2 * MOST_CHANGES:
        return Verdict.OTHER
    verdict = min(_asked(a, b), Verdict.SAME if a.held == b.held else Verdict.ALIKE)
    if verdict is not Verdict.OTHER and (a.keys == b.keys or _swapped(a, b)):
        return min(verdict, Verdict.SAME if a.keys != b.keys or case_agrees(a, b) else Verdict.ALIKE)
    changes = 0
    for equal, one, two in _stretches(a, b):
        if equal:
            if verdict is Verdict.SAME and not _same_case(a, b, one.start, two.start, len(one)):
                verdict = Verdict.ALIKE
            continue
        changes += max(len(one), len(two))
        if changes > MOST_CHANGES:
            return Verdict.OTHER
        verdict = min(verdict, _explained(a, one, b, two, used))
        if verdict is Verdict.OTHER:
            return verdict
    if verdict is Verdict.SAME and changes > max(2, min(len(a.keys), len(b.keys)) // 2):
        return Verdict.ALIKE
    return verdict


def _stretches(a: Reading, b: Reading) -> list[tuple[bool, range, range]]:
    """Runs of equal and of changed tokens, in turn."""
    out: list[tuple[bool, range, range]] = []
    for op in Levenshtein.opcodes(a.keys, b.keys):
        equal, one, two = op.tag == "equal", range(op.src_start, op.src_end), range(op.dest_start, op.dest_end)
        if out and not equal and not out[-1][0]:
            _, before, other = out.pop()
            one, two = range(before.start, one.stop), range(other.start, two.stop)
        out.append((equal, one, two))
    return out


def case_agrees(a: Reading, b: Reading) -> bool:
    """Whether the capitals of two texts with the same tokens tell nothing apart ("Polish" and "polish" do)."""
    return _same_case(a, b, 0, 0, len(a.case))


def _same_case(a: Reading, b: Reading, at: int, other: int, count: int) -> bool:
    if a.plain_case or b.plain_case:
        return True
    for i, j in zip(range(at, at + count), range(other, other + count), strict=True):
        one, two, raw = a.case[i], b.case[j], a.raws[i]
        if one == two == "M" and raw != b.raws[j]:
            return False  # "aBC" and "AbC" are two passwords
        # All small or all large is a careless way to write "iPhone".
        if one == two or "-" in (one, two) or ("M" in (one, two) and "T" not in (one, two)):
            continue
        # Capitals throughout stress a word of four letters, and may be the name of one of two ("IT", "US").
        if "U" not in (one, two) or (len(raw) < 4 and "l" in (one, two)):
            return False
    return True


def _asked(a: Reading, b: Reading) -> Verdict:
    """A question and a statement differ; a question whose mark was left out is still one."""
    if bool(a.questions) == bool(b.questions):
        return Verdict.SAME
    return Verdict.SAME if a.keys[0] in _ASKING or "か" in a.keys[-2:] or "吗" in a.keys[-2:] else Verdict.ALIKE


def _swapped(a: Reading, b: Reading) -> bool:
    """ "tea and coffee" and "coffee and tea": two words around an "and" changed places, and nothing else."""
    if len(a.keys) != len(b.keys):
        return False
    other = [i for i, (x, y) in enumerate(zip(a.keys, b.keys, strict=True)) if x != y]
    if len(other) != 2 or other[1] - other[0] != 2 or a.keys[other[0] + 1] not in _AND:
        return False
    first, second = other
    if not all(a.kinds[i] == "w" and a.keys[i] not in STOPWORDS for i in other):
        return False
    return a.keys[first] == b.keys[second] and a.keys[second] == b.keys[first]


def _explained(a: Reading, one: range, b: Reading, two: range, used: Container[str]) -> Verdict:
    """What a changed stretch of tokens does to the claim."""
    if not one:
        return _extra(b, two, a)
    if not two:
        return _extra(a, one, b)
    if len(one) == len(two):
        return min(_word(a, i, b, j, used) for i, j in zip(one, two, strict=True))
    if all(r.kinds[i] == "w" for r, run in ((a, one), (b, two)) for i in run):
        joined = ["".join(r.keys[i] for i in run).replace("'", "") for r, run in ((a, one), (b, two))]
        if joined[0] == joined[1]:  # "nowhere" and "now here"
            return Verdict.ALIKE
    return Verdict.OTHER


def _extra(long: Reading, run: range, short: Reading) -> Verdict:
    """Tokens that only ``long`` has."""
    verdict = Verdict.SAME
    skip = 0
    for i in run:
        if skip:
            skip -= 1
            continue
        key, kind = long.keys[i], long.kinds[i]
        if kind == "s":
            # A sign of joy, or a picture, behind or before a whole sentence that has none.
            outer = all(k == "s" for k in long.kinds[i:]) or all(k == "s" for k in long.kinds[: i + 1])
            if not (outer and decorates(key) and not short.emoji and len(short.keys) >= 2):
                return Verdict.OTHER
            continue
        if kind != "w" or key in NEGATIONS or (key in _TURNS and not _perfect(long, i)):
            return Verdict.OTHER
        following = long.keys[i + 1] if i + 1 < len(long.keys) else ""
        if key in ("that", "who", "which") and following in ("is", "are") and _participle(long, i + 2):
            skip = 1
            if i + 1 not in run:
                return Verdict.ALIKE
            continue
        if _left_out(long, i, following):
            continue
        if long.case[i] in "TU" or key not in STOPWORDS:
            return Verdict.OTHER
        verdict = Verdict.ALIKE
    return verdict


def _left_out(r: Reading, i: int, following: str) -> bool:
    """Whether the claim is the same without word ``i``."""
    key = r.keys[i]
    if key in ADDED:
        return len(r.keys) > 3
    if key in ("a", "an"):  # "I have a cold" is another thing than "I have cold"
        return i > 0 and r.keys[i - 1] == "as" and bool(following)
    if key == "the":
        return bool(following) and following not in ("few", "little", "lot", "number") and r.kinds[i + 1] == "w"
    if key in ("der", "die", "das", "den", "dem"):  # not the pronouns
        return i + 1 < len(r.case) and r.case[i + 1] == "T"
    if key in ("el", "il", "yo", "io"):
        return bool(following)
    if key == "i":  # "moved to Austin"; "call mum" may be a reminder
        return i == 0 and (following.endswith("ed") or following in _PAST)
    if key in "私は" and r.keys[:2] == ["私", "は"]:
        return i < 2 and len(r.keys) > 4
    if key == "that":
        return i > 0 and following in _DETERMINERS
    if key in ("very", "really"):
        return bool(following) and not any(k in NEGATIONS for k in r.keys)
    return _perfect(r, i)


def _perfect(r: Reading, i: int) -> bool:
    """ "we have moved" for "we moved"; not with "for ten years", where it goes on."""
    return (
        r.keys[i] == "have"
        and i > 0
        and r.keys[i - 1] in ("i", "you", "we", "they")
        and i + 1 < len(r.keys)
        and r.keys[i + 1].endswith("ed")
        and not {"for", "since", "always", "ever"} & set(r.keys)
    )


def _participle(r: Reading, i: int) -> bool:
    return i < len(r.keys) and r.keys[i].endswith(("ed", "ing"))


def _word(a: Reading, i: int, b: Reading, j: int, used: Container[str]) -> Verdict:
    """What becomes of the claim when one token takes the place of the other."""
    one, two = a.keys[i], b.keys[j]
    if one == two:
        return Verdict.SAME if _same_case(a, b, i, j, 1) else Verdict.ALIKE
    kinds = {a.kinds[i], b.kinds[j]}
    if kinds == {"s", "w"} and "&" in (one, two):
        return Verdict.SAME if {one, two} & _AND - {"&"} else Verdict.OTHER
    if kinds != {"w"} or any(c.isdigit() for c in one + two):
        return Verdict.OTHER
    if (marks := _marks(a, i, b, j)) is not None:
        return marks
    if len(one) == 1 or len(two) == 1 or NEGATIONS & {one, two} or _PEOPLE & {one, two}:
        return Verdict.OTHER
    if _drawn(one, two) or _transcribed(one, two):
        return Verdict.SAME
    if one.replace("'", "") == two.replace("'", ""):
        return Verdict.ALIKE
    # The beginning of a sentence hides whether a word is a name; all that can be one counts as one.
    for r, k in ((a, i), (b, j)):
        if not r.plain_case and (r.case[k] in "TU" or r.raws[k][:1].isupper()):
            return Verdict.OTHER
    if {one, two} <= STOPWORDS:
        return Verdict.OTHER if {one, two} & _TURNS else Verdict.ALIKE
    if _slip(a, i, b, j, used):
        return Verdict.SAME
    near = 1 if min(len(one), len(two)) < 9 else 2
    alike = min(len(one), len(two)) > 3 and one[0] == two[0] and OSA.distance(one, two, score_cutoff=near) <= near
    return Verdict.ALIKE if alike or _forms(one, two) else Verdict.OTHER


def _drawn(one: str, two: str) -> bool:
    """ "sooo" for "so"."""
    if not (re.search(r"([^\W\d_])\1\1", one) or re.search(r"([^\W\d_])\1\1", two)):
        return False
    short = [re.sub(r"([^\W\d_])\1{2,}", r"\1\1", w) for w in (one, two)]
    return short[0] == short[1] or one in _squeezed(two) or two in _squeezed(one)


def _squeezed(word: str) -> set[str]:
    return {re.sub(r"([^\W\d_])\1{2,}", by, word) for by in (r"\1", r"\1\1")} - {word}


_UMLAUTS = {"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"}
_OWN_SS = frozenset("maß maße maßen buße bußen floß flöße".split())  # noqa: SIM905
"""Words that are other words with ss."""


def _transcribed(one: str, two: str) -> bool:
    """ä and ae, ß and ss."""
    if {one, two} & _OWN_SS:
        return False
    for sign, plain in _UMLAUTS.items():
        one, two = one.replace(sign, plain), two.replace(sign, plain)
    return one == two


def _marks(a: Reading, i: int, b: Reading, j: int) -> Verdict | None:
    """Accents that one writer leaves out everywhere; None when more than accents differ.

    One word alone tells nothing: "año" and "ano", "si" and "sí", "schon" and "schön" are words.
    """
    one, two = a.keys[i], b.keys[j]
    bare = _bare(one)
    if bare != _bare(two):
        return None
    for plain, marked, k in ((a, b, j), (b, a, i)):
        if any(_bare(w) != w for w in plain.keys) or marked.keys[k] == bare:
            continue
        with_marks = [w for w in marked.keys if _bare(w) != w]
        if any(_VIETNAMESE.search(w) or set(w) & set("äöüÄÖÜй") for w in with_marks):
            continue
        return Verdict.SAME if len(with_marks) > 1 else Verdict.ALIKE
    return Verdict.ALIKE


def _bare(word: str) -> str:
    if word.isascii():
        return word
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def _slip(a: Reading, i: int, b: Reading, j: int, used: Container[str]) -> bool:
    """A slip of the finger in English that makes no other word, as far as letters alone can tell.

    Two letters swapped in a usual word, in one of nine and more, or "ie" in one of seven; a letter doubled or not, in
    a word of seven and more with an ending of the language, and not right before it ("hoping"). Only in small letters,
    and never where both are used.
    """
    one, two = a.keys[i], b.keys[j]
    if (one in used and two in used) or not (one.isascii() and two.isascii() and one.isalpha() and two.isalpha()):
        return False
    if a.raws[i] != a.raws[i].lower() or b.raws[j] != b.raws[j].lower() or {one, two} & _OTHER_WORDS:
        return False
    if not (_english(a) and _english(b)):
        return False
    if len(one) == len(two):
        place = next(k for k in range(len(one)) if one[k] != two[k])
        swapped = one[:place] + one[place : place + 2][::-1] + one[place + 2 :] == two
        usual = len(one) > 3 and (one in STOPWORDS) != (two in STOPWORDS)
        ei = len(one) >= 7 and one[place : place + 2] in ("ie", "ei")
        return swapped and (usual or ei or len(one) >= 9)
    short, long = sorted((one, two), key=len)
    if len(long) - len(short) != 1 or len(short) < 7 or not _ENGLISH_ENDING.search(long):
        return False
    if any(_BEFORE_ENDING.search(w) for w in (long, short)):
        return False
    return any(long[k] == long[k - 1] and long[:k] + long[k + 1 :] == short for k in range(1, len(long)))


def _english(r: Reading) -> bool:
    return detect_language(" ".join(r.raws)) == "en"


def _forms(one: str, two: str) -> bool:
    """Forms of one word, by their endings: "walk" and "walked"."""
    short, long = sorted((one, two), key=len)
    return (
        len(short) > 3
        and long.startswith(short)
        and long[len(short) :] in ("s", "es", "ed", "d", "ing", "en", "e", "n")
    )
