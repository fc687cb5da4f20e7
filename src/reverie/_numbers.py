"""Numbers as a language writes them."""

from __future__ import annotations

__all__ = ["decimal", "grouped"]

_THOUSANDS = {"de": ".", "es": ".", "fr": "\u202f"}
"""What stands between thousands, where it is no comma. In these languages the comma is the decimal point."""
_DECIMAL = {language: str.maketrans({",": mark, ".": ","}) for language, mark in _THOUSANDS.items()}


def grouped(number: int, language: str) -> str:
    """ "12,345"."""
    return f"{number:,}".replace(",", _THOUSANDS.get(language, ","))


def decimal(number: float, language: str) -> str:
    """One place: "1,234.5"."""
    return f"{number:,.1f}".translate(_DECIMAL.get(language, {}))
