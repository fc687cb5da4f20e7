"""The TypeScript client, built and packed as it is published, and installed into an empty folder."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "clients" / "typescript"
MODULES = CLIENT / "node_modules"


def node(command: list[str], folder: Path, **environment: str) -> str:
    """What a command prints; an error when it fails."""
    path = f"{MODULES / '.bin'}:{os.environ['PATH']}:{ROOT / '.venv/bin'}"
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PATH": path, **environment}, capture_output=True, text=True,
        timeout=180, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-4000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but the packed client in it."""
    if not MODULES.is_dir():
        pytest.fail("no node_modules for the TypeScript client: run ./dev test, which installs them", pytrace=False)
    folder = tmp_path_factory.mktemp("installed")
    (packed,) = json.loads(node(["npm", "pack", "--json", "--pack-destination", str(folder)], CLIENT))
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    node(["npm", "install", "--offline", "--no-audit", "--no-fund", f"./{packed['filename']}"], folder)
    return folder
