"""Three invented people and what they told their bots over two years: 300 memories to try things on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files

from reverie.contracts import Memory

__all__ = ["PEOPLE", "Person", "load"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who does not exist."""

    id: str
    name: str
    about: str


PEOPLE = (
    Person("mara", "Mara", "a nurse who climbs on Tuesdays and bakes at weekends"),
    Person("tomas", "Tomás", "a cook in Hamburg who writes Spanish about his family"),
    Person("ines", "Ines", "a student who runs, makes games and shares a dog"),
)


def load(person_id: str) -> list[Memory]:
    """A person's memories, oldest first. Raises ``FileNotFoundError`` for somebody else."""
    text = (files("reverie.demo") / "people" / f"{person_id}.jsonl").read_text(encoding="utf-8")
    return [Memory.model_validate_json(line) for line in text.splitlines() if line]
