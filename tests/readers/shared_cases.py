"""What every file of ``data/`` must come to, on the command line and in the dashboard alike."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

from reverie.errors import InvalidInput
from reverie.readers import read_file

__all__ = ["DATA", "EXPECTED", "SCRIPT", "cases", "read", "script"]

DATA = Path(__file__).parent / "data"
EXPECTED = Path(__file__).parent / "expected.json"

AUTHORS: dict[str, list[str | None]] = {
    "dce_export.json": [None, "200", "300", "Mira", "nobody"],
    "dce_export_new.csv": [None, "200", "ana"],
    "honcho_messages.json": [None, "mira"],
    "telegram_all_chats.json": [None, "Mira"],
    "whatsapp_android_us.txt": [None, "mira", "Ana"],
}
"""Files that are read more than once."""


def cases() -> list[tuple[str, str | None]]:
    """``(file, author)`` of everything in the folder."""
    names = sorted(path.name for path in DATA.iterdir())
    return [(name, author) for name in names for author in AUTHORS.get(name, [None])]


def read(name: str, author: str | None) -> dict[str, Any]:
    """What the command line's reader makes of it, as JSON."""
    try:
        source = read_file(DATA / name, author=author)
    except InvalidInput as error:
        authors = [who["id"] for who in error.extra.get("authors", [])]
        return {"refused": error.message, "authors": authors}
    created = [memory.created_at for memory in source.memories]
    undated = (re.match(r"dates left out.*?: (\d+)", note) for note in source.notes)
    return {
        "texts": [memory.text for memory in source.memories],
        "created": [date and date.isoformat(timespec="milliseconds")[:23] for date in created],
        "sources": sorted({memory.source for memory in source.memories if memory.source}),
        "rejected": [row.place for row in source.rejected],
        "left": sorted(note for note in source.notes if re.search(r", left out: \d+$", note)),
        "undated": sum(int(found[1]) for found in undated if found),
    }


TABLE = files("reverie.readers") / "formats.json"
SCRIPT = Path(str(files("reverie.gateway"))) / "static" / "js" / "formats.js"


def script() -> str:
    """The table of formats as the dashboard has it."""
    table = TABLE.read_text(encoding="utf-8").strip()
    head = "// Written from reverie/readers/formats.json by python -m tests.readers.shared_cases."
    return f"{head}\n\nexport const TABLE = {table};\n"


if __name__ == "__main__":
    SCRIPT.write_text(script(), encoding="utf-8")
    told = [{"file": name, "author": author, **read(name, author)} for name, author in cases()]
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in told)
    EXPECTED.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
