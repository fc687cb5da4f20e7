"""One version, wherever it is said."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from reverie.cli import main

ROOT = Path(__file__).resolve().parents[2]


def test_the_command_and_the_npm_package_tell_the_version_of_the_distribution(
    capsys: pytest.CaptureFixture[str],
) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"reverie {version}\n"
    package = json.loads((ROOT / "clients" / "typescript" / "package.json").read_text(encoding="utf-8"))
    assert package["version"] == version
