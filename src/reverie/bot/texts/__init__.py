"""What the bot says: one JSON file a language, picked by the locale of the interaction."""

from __future__ import annotations

import json
from functools import lru_cache
from importlib.resources import files
from typing import Any

from reverie._numbers import decimal, grouped

__all__ = ["LANGUAGES", "Texts", "texts_for"]

LANGUAGES = ("en", "de", "es", "fr")
"""The first is the one that others fall back to."""


class Texts:
    """The texts of a language; a text that is missing is taken from English."""

    def __init__(self, language: str, texts: dict[str, str], fallback: dict[str, str]) -> None:
        self.language = language
        self._texts = {**fallback, **texts}

    def __call__(self, key: str, **values: Any) -> str:
        """The text with its places filled in. Raises ``KeyError`` for a key that no language has."""
        return self._texts[key].format_map(values)

    def count(self, key: str, number: int, **values: Any) -> str:
        """The text for a number: ``key.one`` or ``key.other``, with ``{n}`` filled in."""
        single = number in (0, 1) if self.language == "fr" else number == 1
        return self(f"{key}.{'one' if single else 'other'}", n=self.number(number), **values)

    def number(self, number: int) -> str:
        """A number as the language writes it."""
        return grouped(number, self.language)

    def decimal(self, number: float) -> str:
        """A number with one place after the point, or after what the language writes there."""
        return decimal(number, self.language)

    def get(self, key: str, default: str) -> str:
        """The text as it is, or ``default``."""
        return self._texts.get(key, default)


@lru_cache
def read(language: str) -> dict[str, str]:
    """The texts of a language as they stand in its file."""
    texts: dict[str, str] = json.loads(files(__name__).joinpath(f"{language}.json").read_text(encoding="utf-8"))
    return texts


@lru_cache
def texts_for(locale: object) -> Texts:
    """The texts for one of Discord's locales, such as ``de`` or ``en-GB``."""
    language = str(locale).split("-")[0]
    chosen = language if language in LANGUAGES else LANGUAGES[0]
    return Texts(chosen, read(chosen), read(LANGUAGES[0]))
