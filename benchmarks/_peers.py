"""Environments of their own for what we are compared with: their packages never meet the product's."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

__all__ = ["environment", "run_json"]

ROOT = Path(__file__).resolve().parent.parent


def environment(name: str) -> Path:
    """The Python of ``.bench/NAME``, made on first use from ``requirements/bench-NAME.txt``.

    Lines that begin with ``#nodeps `` are installed without what they declare.
    """
    wanted = ROOT / "requirements" / f"bench-{name}.txt"
    folder = ROOT / ".bench" / name
    python = folder / "bin" / "python"
    stamp = folder / ".installed"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text() == digest:
        return python
    print(f"installing the packages of {wanted.name} into {folder.relative_to(ROOT)} (once)", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-r", str(wanted)], check=True)
    bare = [line.removeprefix("#nodeps ") for line in wanted.read_text().splitlines() if line.startswith("#nodeps ")]
    if bare:
        subprocess.run([*pip, "--no-deps", *bare], check=True)
    stamp.write_text(digest)
    return python


def command(python: Path, script: str, *arguments: str) -> list[str]:
    """``benchmarks/SCRIPT`` under another Python."""
    # -P: the benchmarks have names that packages have, too (kernels).
    return [str(python), "-P", str(ROOT / "benchmarks" / script), *arguments]


def unlimited() -> dict[str, str]:
    """The environment without the thread limits of our own workers: a peer runs as its users run it, and offline."""
    clean = {k: v for k, v in os.environ.items() if not k.endswith("_NUM_THREADS")}
    return {**clean, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "true"}


def run_json(python: Path, script: str, *arguments: str, stdin: bytes = b"") -> Any:
    """Run ``benchmarks/SCRIPT`` under another Python and read the JSON of its last line."""
    done = subprocess.run(
        command(python, script, *arguments), input=stdin, stdout=subprocess.PIPE, check=True, env=unlimited()
    )
    return json.loads(done.stdout.decode().strip().splitlines()[-1])
