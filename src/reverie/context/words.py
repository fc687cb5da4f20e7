"""The few words of a block that are ours, in the user's language."""

from __future__ import annotations

from reverie.context.dates import short_tag

__all__ = ["notes_said"]

_NOTES = {
    "en": ("{n} note", "{n} notes", ", last in {month}"),
    "de": ("{n} Notiz", "{n} Notizen", ", zuletzt {month}"),
    "es": ("{n} nota", "{n} notas", ", la última de {month}"),
    "fr": ("{n} note", "{n} notes", ", la dernière en {month}"),
}


def notes_said(count: int, last: str | None, language: str = "en") -> str:
    """ "12 notes, last in May 2026"."""
    one, many, month = _NOTES.get(short_tag(language), _NOTES["en"])
    return (one if count == 1 else many).format(n=count) + (month.format(month=last) if last else "")
