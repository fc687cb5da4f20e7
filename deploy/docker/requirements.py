"""Prints what the given extras need, one requirement a line, so that an image installs them before the sources.

A layer of packages then stays valid while only our own code changes.
"""

import sys
import tomllib
from pathlib import Path


def requirements(project: dict[str, object], extras: list[str]) -> list[str]:
    """The bare install's requirements and those of ``extras``, with ``reverie[...]`` taken apart."""
    optional: dict[str, list[str]] = project["optional-dependencies"]  # type: ignore[assignment]
    found: dict[str, None] = dict.fromkeys(project["dependencies"])  # type: ignore[call-overload]
    waiting, seen = list(extras), set()
    while waiting:
        extra = waiting.pop(0)
        if extra in seen:
            continue
        seen.add(extra)
        for line in optional[extra]:
            if line.startswith("reverie["):
                waiting += line.removeprefix("reverie[").rstrip("]").split(",")
            else:
                found[line] = None
    return list(found)


if __name__ == "__main__":
    print("\n".join(requirements(tomllib.loads(Path("pyproject.toml").read_text())["project"], sys.argv[1:])))
