"""Prints what the given extras need, one requirement a line, so that an image installs them before the sources.

A layer of packages then stays valid while only our own code changes. With ``--hashed REPORT`` instead: what pip's
report lists, pinned, with the hashes of ``hashes.txt``.
"""

import json
import re
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


def hashed(report: dict[str, object], hashes: str) -> list[str]:
    """What the report would install, as pip checks it. Raises ``SystemExit`` naming what has no hash here."""
    known = {}
    for entry in re.split(r"^(?=[^\s#])", hashes, flags=re.MULTILINE)[1:]:
        name, version = re.match(r"([\w.-]+)==([^\s;]+)", entry).groups()  # type: ignore[union-attr]
        known[_plain(name), version] = re.findall(r"--hash=sha256:[0-9a-f]{64}", entry)
    out = []
    for item in report["install"]:  # type: ignore[attr-defined]
        name, version = _plain(item["metadata"]["name"]), item["metadata"]["version"]
        if (name, version) not in known:
            raise SystemExit(f"{name}=={version} has no hash in requirements/hashes.txt")
        out.append(" ".join([f"{name}=={version}", *known[name, version]]))
    return out


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__" and sys.argv[1] == "--hashed":
    print("\n".join(hashed(json.loads(Path(sys.argv[2]).read_text()), Path("hashes.txt").read_text())))
elif __name__ == "__main__":
    print("\n".join(requirements(tomllib.loads(Path("pyproject.toml").read_text())["project"], sys.argv[1:])))
