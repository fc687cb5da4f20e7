"""Constructed pairs of statements: updates, and what only looks like one. English, German, Spanish."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reverie.analysis.supersession import find_superseded
from reverie.contracts import Memory

_FILLS: tuple[dict[str, str], ...] = (
    {
        "city": "Lyon", "town": "Porto", "firm": "Siemens", "firm2": "Bosch", "thing": "band", "a": "Muse", "b": "Wilco", "age": "28",
        "num": "445566", "name": "Anna", "name2": "Tessa", "pet": "Miso", "car": "Golf", "car2": "Tesla", "subject": "law", "game": "chess",
        "app": "Notion", "app2": "Obsidian", "food": "olives", "lang": "Welsh", "book": "Dune", "book2": "Emma", "small": "4",
        "farbe": "blau", "farbe2": "grün", "fach": "Jura", "essen": "Ananas", "sprache": "Polnisch", "color": "azul", "color2": "verde",
        "materia": "derecho", "comida": "mango", "idioma": "polaco",
    },
    {
        "city": "Graz", "town": "Oslo", "firm": "Lufthansa", "firm2": "Spotify", "thing": "colour", "a": "teal", "b": "orange", "age": "41",
        "num": "778899", "name": "Jonas", "name2": "Mirko", "pet": "Pixel", "car": "Fiesta", "car2": "Volvo", "subject": "physics", "game": "Tetris",
        "app": "Evernote", "app2": "Joplin", "food": "cilantro", "lang": "Korean", "book": "Ulysses", "book2": "Hamlet", "small": "7",
        "farbe": "rot", "farbe2": "gelb", "fach": "Physik", "essen": "Rosenkohl", "sprache": "Koreanisch", "color": "rojo", "color2": "negro",
        "materia": "física", "comida": "cilantro", "idioma": "coreano",
    },
)  # fmt: skip


@dataclass(frozen=True)
class Pair:
    """An earlier and a later statement of one person."""

    language: str
    update: bool
    #: Whether its line was looked at while the rules were written.
    seen: bool
    earlier: str
    later: str

    @property
    def linked(self) -> bool:
        """Whether the rules say that the later one holds."""
        memories = [
            Memory(id=name, text=text, created_at=datetime(2025, month, 1, tzinfo=UTC))
            for name, text, month in (("earlier", self.earlier, 1), ("later", self.later, 6))
        ]
        return bool(find_superseded(memories))


def pairs() -> list[Pair]:
    """All pairs, each line filled twice."""
    out: list[Pair] = []
    language, kind, number = "", "", 0
    for line in (Path(__file__).with_name("supersession.txt")).read_text().splitlines():
        if line.startswith("="):
            language, kind, number = *line[2:].split(), 0
        elif line and not line.startswith("#"):
            number += 1
            for fill in _FILLS:
                earlier, later = (_filled(part.strip(), fill) for part in line.split("|"))
                out.append(Pair(language, kind == "update", number % 2 == 1, earlier, later))
    return out


def _filled(text: str, fill: dict[str, str]) -> str:
    def value(match: re.Match[str]) -> str:
        name = match[1].removesuffix("+")
        return str(int(fill[name]) + 1) if match[1].endswith("+") else fill[name]

    return re.sub(r"\{([a-z0-9]+\+?)\}", value, text)


def measure(chosen: list[Pair]) -> tuple[float, float]:
    """Precision and recall of the rules."""
    right = sum(pair.linked for pair in chosen if pair.update)
    wrong = sum(pair.linked for pair in chosen if not pair.update)
    return right / max(1, right + wrong), right / max(1, sum(pair.update for pair in chosen))
