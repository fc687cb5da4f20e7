"""Writes ``clustering/english.txt``, the words that are no nouns, from the lexicon in the wheel of textblob (MIT).

    pip download --no-deps -d /tmp/textblob textblob==0.20.1
    python scripts/english_words.py /tmp/textblob/textblob-0.20.1-py3-none-any.whl

The lexicon is Eric Brill's (MIT licence, 1993) with words of the Twitter part-of-speech data of Carnegie Mellon
University (CC BY 3.0); NOTICE names both. Words of other kinds than these are taken as nouns.
"""

from __future__ import annotations

import re
import sys
import textwrap
import zipfile
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src" / "reverie" / "clustering" / "english.txt"

_PLAIN = re.compile(r"[a-z]{2,14}")
_LY = re.compile(r".{3,}ly")
"""Adverbs that the reader knows by their ending."""


def main(wheel: str) -> None:
    """Read the lexicon, write the list."""
    lexicon = zipfile.ZipFile(wheel).read("textblob/en/en-lexicon.txt").decode()
    kinds: dict[str, set[str]] = {"adjective": set(), "participle": set(), "other": set()}
    for line in lexicon.splitlines():
        if line.startswith(";;;") or not line.strip():
            continue
        word, *tags = line.split(" ")
        if not _PLAIN.fullmatch(word) or not tags or tags[0].startswith("NN") or _LY.fullmatch(word):
            continue
        if tags[0].startswith("JJ"):
            kinds["adjective"].add(word)
        elif tags[0] in ("VBN", "VBG"):
            kinds["participle"].add(word)
        else:
            kinds["other"].add(word)
    parts = [
        "# English words that are no nouns, from the lexicon of Brill's tagger (see NOTICE); written by",
        "# scripts/english_words.py.",
    ]
    for kind, words in kinds.items():
        parts += [f"[{kind}]", *textwrap.wrap(" ".join(sorted(words)), 120)]
    TARGET.write_text("\n".join(parts) + "\n", "utf-8")
    print(f"{TARGET.name}: {sum(map(len, kinds.values())):,} words, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
