"""The examples in README and docs, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.live import LiveService

__all__ = ["ROOT", "Example", "commands_of", "examples", "on_page", "run_shell"]

ROOT = Path(__file__).resolve().parents[2]
ADDRESS = "http://127.0.0.1:8000"
"""What the docs call the service; a test puts its own in place."""

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Example:
    """A fenced block: its page, as a path from the root, the line it begins at, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    def at(self, service: LiveService) -> str:
        """The text, with the address of a running service."""
        return self.text.replace(ADDRESS, service.url)


def examples() -> list[Example]:
    """All fenced blocks."""
    found = []
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        text = path.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append(Example(str(path.relative_to(ROOT)), line, match[1], match[2]))
    return found


def on_page(page: str, language: str) -> list[Example]:
    """The blocks of one language on one page, in order; an error when there are none."""
    found = [example for example in examples() if (example.page, example.language) == (page, language)]
    assert found, f"{page} has no {language} example"
    return found


def commands_of(text: str) -> list[str]:
    """The commands of a shell block: each begins at the margin, what is indented goes on with it."""
    commands: list[str] = []
    for line in text.splitlines():
        if line.startswith((" ", "\t")):
            commands[-1] += "\n" + line
        elif line and not line.startswith("#"):
            commands.append(line)
    return commands


def run_shell(
    commands: list[str], service: LiveService, folder: Path, *, more: dict[str, str] | None = None
) -> list[str]:
    """What each command printed, run one after the other in one bash; the first that fails fails the test.

    The home folder holds the key where `reverie up` writes it.
    """
    home = folder / "home"
    key = home / ".local/share/reverie/key"
    key.parent.mkdir(parents=True, exist_ok=True)
    key.write_text(service.key + "\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("REVERIE_", "XDG_"))}
    path = f"{ROOT / '.venv/bin'}:{kept.get('PATH', '')}"
    script = "set -euo pipefail\n" + "".join(f"{command}\nprintf '\\036'\n" for command in commands)
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder, env={**kept, "HOME": str(home), "PATH": path, **(more or {})},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    outputs = done.stdout.split("\036")
    assert done.returncode == 0, f"{commands[len(outputs) - 1]}\n{outputs[-1]}\n{done.stderr[-3000:]}"
    return outputs[:-1]
