"""``scripts/gpu-check`` where nothing but the card is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from tests.embedding import tiny_model

ROOT = Path(__file__).resolve().parents[2]


def test_a_dry_run_makes_every_table(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    command = [str(ROOT / "scripts" / "gpu-check"), "--dry-run", "--model", str(tmp_path / "tiny")]
    command += ["--texts", "40", "--rounds", "1", "--tasks", "3", "--task-texts", "5", "--data-dir", str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "a dry run on the CPU" in done.stdout
    tables = [line.split("|")[1].strip() for line in done.stdout.split("\n\n") if line.startswith("|")]
    assert tables == ["", "texts/s", "cosine to the first", "3 tasks of 5 texts at once"]
    assert "1.000000" in done.stdout, "both sides compute the same"


def test_without_a_card_it_says_what_is_missing(tmp_path: Path) -> None:
    command = [str(ROOT / "scripts" / "gpu-check"), "--model", str(tmp_path)]
    environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    has_torch = importlib.util.find_spec("sentence_transformers") is not None
    assert ("sees no card" if has_torch else "needs PyTorch") in done.stderr
