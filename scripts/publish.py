"""Publishes what ``./dev release`` made: the wheel and the source archive on PyPI, the tarball on npm.

``./dev publish --dry-run`` checks all of it and sends nothing. What is sent must be of the version in the source, and
of a clean tree. The keys are twine's (``TWINE_PASSWORD``) and npm's (``npm login``) own.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"


class Unready(Exception):
    """What stands in the way of publishing, and the cure."""


def artifacts(folder: Path, version: str) -> list[Path]:
    """Wheel, source archive and npm tarball of ``version``, and nothing else that could be sent. Raises ``Unready``."""
    wanted = [f"reverie-{version}-py3-none-any.whl", f"reverie-{version}.tar.gz", f"reverie-{version}.tgz"]
    missing = [name for name in wanted if not (folder / name).is_file()]
    if missing:
        raise Unready(f"not in dist/: {', '.join(missing)}; make them: ./dev release")
    others = [p.name for kind in ("*.whl", "*.tar.gz", "*.tgz") for p in folder.glob(kind) if p.name not in wanted]
    if others:
        raise Unready(f"of another version in dist/: {', '.join(sorted(others))}; make it anew: ./dev release")
    return [folder / name for name in wanted]


def steps(files: Sequence[Path], *, dry: bool) -> list[list[str]]:
    """The commands, in order: all that can be checked is checked before anything is sent."""
    wheel, archive, tarball = map(str, files)
    twine = [sys.executable, "-m", "twine"]
    npm = ["npm", "publish", "--access", "public", tarball]
    checks = [[*twine, "check", "--strict", wheel, archive], [*npm, "--dry-run"]]
    return checks if dry else [*checks, [*twine, "upload", "--non-interactive", wheel, archive], npm]


def clean(root: Path) -> None:
    """Raises ``Unready`` where the tree holds what is not committed."""
    done = subprocess.run(["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True)
    if done.stdout.strip():
        raise Unready("the tree holds changes that are not committed")


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, then send, unless it is a dry run."""
    parser = argparse.ArgumentParser(prog="./dev publish", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--dry-run", action="store_true", help="check everything, send nothing")
    options = parser.parse_args(arguments)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    try:
        files = artifacts(DIST, version)
        if not options.dry_run:
            clean(ROOT)
    except Unready as why:
        print(f"not published: {why}", file=sys.stderr)
        return 1
    for command in steps(files, dry=options.dry_run):
        print("+", *command, flush=True)
        if code := subprocess.run(command, cwd=ROOT).returncode:
            print("stopped there: what stands above it is done, nothing below it", file=sys.stderr)
            return code
    print(f"{'checked' if options.dry_run else 'published'}: {', '.join(path.name for path in files)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
