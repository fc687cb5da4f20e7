"""Writes the reference pages from the code: settings, commands, HTTP API, metrics, errors.

``python -m scripts.docs_reference FOLDER`` copies docs/ into FOLDER, adds the pages and writes mkdocs.yml beside it.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import AliasChoices, SecretStr
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

import reverie.bot.settings
import reverie.embedding.providers.settings
import reverie.settings
from reverie import errors
from reverie.cli import build_parser
from reverie.gateway import create_app
from reverie.settings import Group, ServerSettings, Settings

ROOT = Path(__file__).resolve().parent.parent

# The order of the site. A page that is not named here appears under "More", so that none is lost.
NAV: list[tuple[str, list[str]]] = [
    ("Start", ["index.md", "how-to/add-to-your-bot.md"]),
    ("Run it", ["docker.md", "many-hosts.md", "kubernetes.md", "scaling.md", "upgrades.md", "release.md"]),
    (
        "How to",
        [f"how-to/{n}.md" for n in ("memories", "import", "http", "gpu", "openai", "proxy", "back-up", "erase-a-user")],
    ),
    ("Reference", [f"reference/{n}.md" for n in ("settings", "commands", "api", "metrics", "errors")]),
    ("Explanation", ["explanation/row-and-lease.md", "explanation/important-is-not-central.md"]),
    ("Measured", ["reliability.md", "benchmarks.md"]),
]
_FOLDERS = {"benchmarks": "Measured", "decisions": "Decisions"}


_SETTINGS = """# Settings

Read from the environment when a process starts; flags of a command come first. A secret may come from a file instead:
`REVERIE_API_KEY_FILE=/run/secrets/api_key` (*file* below).
"""
_API = """# HTTP API

JSON in and out; `Authorization: Bearer KEY`; errors are RFC 9457 problem documents ([errors](errors.md)). Every path
but `/v1/*`, health, metrics and docs is also served under `/v1`. The service shows this page live at `/docs`.

| call | what it does |
|---|---|"""
_SOCKETS = """
WebSockets: `/results/{task_id}` (one task, until its end) and `/results` (all of a tenant, filtered by `?user_id=` and
`?operation=`).

## Models
"""
_METRICS = """# Metrics

`GET /metrics` of a gateway, in Prometheus' text format.

| metric | kind | labels | meaning |
|---|---|---|---|"""
_ERRORS = """# Errors

An exception of the SDK and the problem document of the HTTP API are the same thing by two names.

| exception | problem type | status | meaning |
|---|---|---|---|"""


def setting_groups() -> list[type[BaseSettings]]:
    """Every group of settings there is."""
    found: list[type[BaseSettings]] = []
    for module in (reverie.settings, reverie.embedding.providers.settings, reverie.bot.settings):
        for value in vars(module).values():
            is_group = isinstance(value, type) and issubclass(value, BaseSettings) and value is not Group
            if is_group and value.__module__ == module.__name__:
                found.append(value)
    return found


def variables(group: type[BaseSettings]) -> Iterator[tuple[str, Any, bool, str]]:
    """``(variable, default, secret, description)`` of a group's fields."""
    prefix = group.model_config.get("env_prefix", "")
    for name, field in group.model_fields.items():
        alias = field.validation_alias
        variable = f"{prefix}{name}".upper()
        if isinstance(alias, AliasChoices):
            variable = next(str(choice) for choice in alias.choices if str(choice).isupper())
        if field.default_factory is not None:
            default: Any = "the user's data folder" if name == "data_dir" else "computed"
        else:
            default = None if field.default is PydanticUndefined else field.default
        yield variable, default, SecretStr.__name__ in str(field.annotation), field.description or ""


def settings_page() -> str:
    """All settings."""
    lines = [_SETTINGS]
    for group in setting_groups():
        title = group.__name__.removesuffix("Settings") or group.__name__
        lines += [f"## {title}", "", (group.__doc__ or "").strip().split("\n\n")[0], ""]
        lines += ["| variable | default | meaning |", "|---|---|---|"]
        for variable, default, secret, description in variables(group):
            shown = "" if default is None else f"`{default}`" if default != "" else ""
            name = f"`{variable}`" + (" *(file)*" if secret else "")
            lines.append(f"| {name} | {shown} | {description.replace('|', '/')} |")
        lines.append("")
    return "\n".join(lines)


def commands() -> dict[str, argparse.ArgumentParser]:
    """Every command by its words, sub-commands included."""
    found: dict[str, argparse.ArgumentParser] = {}

    def walk(parser: argparse.ArgumentParser, words: str) -> None:
        found[words] = parser
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                for name, child in action.choices.items():
                    walk(child, f"{words} {name}")

    walk(build_parser(), "reverie")
    return found


def commands_page() -> str:
    """All commands, as their own help pages."""
    os.environ["COLUMNS"] = "100"
    lines = ["# Commands", "", "What `--help` says.", ""]
    for words, parser in commands().items():
        lines += [f"## `{words}`", "", "```text", parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def openapi() -> dict[str, Any]:
    """The service's own description of itself."""
    nowhere = {"database_url": SecretStr("postgresql://nowhere/x"), "redis_url": SecretStr("redis://nowhere/0")}
    server = ServerSettings(**nowhere)  # type: ignore[arg-type]
    document: dict[str, Any] = create_app(Settings(server=server)).openapi()
    return document


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return f"[{schema['$ref'].rsplit('/', 1)[-1]}](#{schema['$ref'].rsplit('/', 1)[-1].lower()})"
    for key in ("anyOf", "oneOf"):
        if key in schema:
            return " or ".join(_type(s) for s in schema[key])
    if "const" in schema:
        return f"`{schema['const']!r}`"
    if "enum" in schema:
        return " ".join(f"`{v}`" for v in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def api_page() -> str:
    """All calls and all models."""
    document = openapi()
    lines = [_API]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            text = (operation.get("description") or operation.get("summary") or "").split("\n\n")[0].replace("\n", " ")
            lines.append(f"| `{method.upper()} {path}` | {text.replace('|', '/')} |")
    lines += [_SOCKETS]
    for name, schema in sorted(document["components"]["schemas"].items()):
        lines += [f"### {name}", "", (schema.get("description") or "").split("\n\n")[0], ""]
        if schema.get("enum"):
            lines += [" ".join(f"`{v}`" for v in schema["enum"]), ""]
        if properties := schema.get("properties"):
            lines += ["| field | type | meaning |", "|---|---|---|"]
            for field, value in properties.items():
                needed = " **(needed)**" if field in schema.get("required", ()) else ""
                text = (value.get("description") or "").replace("\n", " ").replace("|", "/")
                lines.append(f"| `{field}`{needed} | {_type(value)} | {text} |")
            lines.append("")
    return "\n".join(lines)


def metric_families() -> dict[str, tuple[str, str, list[str]]]:
    """``{name: (kind, meaning, labels)}`` of every metric that the code makes, found where it is made."""
    kinds = {"GaugeMetricFamily": "gauge", "CounterMetricFamily": "counter", "HistogramMetricFamily": "histogram",
             "Gauge": "gauge", "Counter": "counter", "Histogram": "histogram",
             "_gauge": "gauge", "_counter": "counter"}  # fmt: skip
    found: dict[str, tuple[str, str, list[str]]] = {}
    for path in sorted((ROOT / "src" / "reverie").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            texts = [a.value for a in node.args[:2] if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if called not in kinds or len(texts) != 2 or not texts[0].startswith("reverie_"):
                continue
            labels: list[str] = []
            for value in [*node.args[2:], *(k.value for k in node.keywords if k.arg in ("labels", "labelnames"))]:
                if isinstance(value, ast.List | ast.Tuple):
                    labels = [e.value for e in value.elts if isinstance(e, ast.Constant)]
                elif isinstance(value, ast.Constant) and isinstance(value.value, str):
                    labels = value.value.split()
            name = texts[0] + ("_total" if kinds[called] == "counter" and not texts[0].endswith("_total") else "")
            found[name] = (kinds[called], texts[1], labels)
    return found


def metrics_page() -> str:
    """All metrics."""
    lines = [_METRICS]
    for name, (kind, text, labels) in sorted(metric_families().items()):
        lines.append(f"| `{name}` | {kind} | {', '.join(labels)} | {text} |")
    return "\n".join([*lines, ""])


def errors_page() -> str:
    """All errors of the SDK and their problem documents."""
    lines = [_ERRORS]
    for name in sorted(n for n in errors.__all__ if isinstance(getattr(errors, n), type)):
        kind = getattr(errors, name)
        if issubclass(kind, errors.ReverieError):
            text = (kind.__doc__ or "").strip().splitlines()[0]
            lines.append(f"| `{name}` | `https://reverie.dev/problems/{kind.slug}` | {kind.status} | {text} |")
    return "\n".join([*lines, ""])


def pages() -> dict[str, str]:
    """Every generated page by its path."""
    return {
        "reference/settings.md": settings_page(),
        "reference/commands.md": commands_page(),
        "reference/api.md": api_page(),
        "reference/metrics.md": metrics_page(),
        "reference/errors.md": errors_page(),
    }


def navigation(folder: Path) -> list[dict[str, list[str]]]:
    """The site's menu: named pages in order, then whatever else there is."""
    present = {str(p.relative_to(folder)) for p in folder.rglob("*.md")}
    sections = {title: [page for page in wanted if page in present] for title, wanted in NAV}
    placed = {page for wanted in sections.values() for page in wanted}
    for page in sorted(present - placed):
        sections.setdefault(_FOLDERS.get(page.split("/")[0], "More"), []).append(page)
    return [{title: listed} for title, listed in sections.items() if listed]


def main() -> int:
    """Assemble the sources of the site."""
    folder = Path(sys.argv[1])
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder)
    for name, text in pages().items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    config |= {"docs_dir": folder.name, "site_dir": str(ROOT / "site"), "nav": navigation(folder)}
    (folder.parent / "mkdocs.yml").write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
