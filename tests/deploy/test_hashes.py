"""Images install what the lock names, and only files whose hash is known."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HASHES = (ROOT / "requirements" / "hashes.txt").read_text(encoding="utf-8")
SCRIPT = runpy.run_path(str(ROOT / "deploy" / "docker" / "requirements.py"))


def report(*packages: tuple[str, str]) -> dict[str, Any]:
    return {"install": [{"metadata": {"name": name, "version": version}} for name, version in packages]}


def test_every_version_of_the_lock_has_its_hashes_and_no_other() -> None:
    pins = r"^([\w.-]+==[^\s;\\]+)"
    lock = (ROOT / "requirements" / "lock.txt").read_text(encoding="utf-8")
    locked, hashed = (
        {re.sub(r"[-_.](?=.*==)", "-", pin) for pin in re.findall(pins, text, re.MULTILINE)} for text in (lock, HASHES)
    )
    assert hashed == locked, "renew requirements/hashes.txt as it says at its top"
    for entry in re.split(r"^(?=[^\s#])", HASHES, flags=re.MULTILINE)[1:]:
        assert "--hash=sha256:" in entry, entry[:60]


def test_pip_is_told_the_hashes_of_what_it_would_install_under_any_spelling_of_a_name() -> None:
    version = re.search(r"^typing-extensions==(\S+)", HASHES, re.MULTILINE)
    assert version is not None
    [line] = SCRIPT["hashed"](report(("Typing_Extensions", version[1])), HASHES)
    assert re.fullmatch(rf"typing-extensions=={re.escape(version[1])}( --hash=sha256:[0-9a-f]{{64}})+", line)


@pytest.mark.parametrize("package", [("typing-extensions", "0.0.1"), ("unheard-of", "1.0")])
def test_what_has_no_hash_stops_the_build_and_is_named(package: tuple[str, str]) -> None:
    with pytest.raises(SystemExit, match=f"{package[0]}=={package[1]} has no hash"):
        SCRIPT["hashed"](report(package), HASHES)


def test_no_image_but_the_gpus_installs_around_the_check() -> None:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", "")
    for stage in re.split(r"^(?=FROM )", text, flags=re.MULTILINE):
        if " AS gpu-environment" in stage:
            continue
        for command in re.findall(r"pip install[^&\n]*", stage):
            assert "--no-deps /dist/" in command or "hatchling" in command, command
