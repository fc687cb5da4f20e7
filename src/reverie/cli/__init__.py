"""The command line. Each subcommand is a module of its own, imported when it is used."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pkgutil import iter_modules

from reverie._release import release
from reverie.errors import ReverieError, WrongSetting

__all__ = ["main"]

# Order of the help page; every other module of this package that has `add_parser` follows by name.
_FIRST = (
    "up",
    "demo",
    "cluster",
    "analyze",
    "gateway",
    "worker",
    "bot",
    "keys",
    "doctor",
    "compare",
    "remember",
    "import_file",
    "themes",
    "recall",
    "context",
    "users",
    "export",
    "erase",
)


def _modules() -> list[str]:
    found = {m.name for m in iter_modules(__path__) if not m.name.startswith("_")}
    return [name for name in _FIRST if name in found] + sorted(found - set(_FIRST))


def _module_of(word: str) -> str | None:
    """The module of the subcommand called ``word``; None when there is none."""
    name = {"import": "import_file"}.get(word, word.replace("-", "_"))
    return name if "_" not in word and name in _modules() else None


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The whole parser, every subcommand included; with ``only``, that subcommand alone."""
    parser = argparse.ArgumentParser(
        prog="reverie", description="The part of your bot that thinks in the background.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"reverie {release()}")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in [only] if only else _modules():
        module = importlib.import_module(f"reverie.cli.{name}")
        if hasattr(module, "add_parser"):
            module.add_parser(subparsers)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status: 0 done, 1 failed, 2 used wrongly, 130 interrupted."""
    words = sys.argv[1:] if argv is None else argv
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a letter must not cost the answer after all the work.
        if isinstance(stream, TextIOWrapper) and stream.errors in ("strict", "surrogateescape"):
            stream.reconfigure(errors="replace")
    if not words:
        build_parser().print_help()
        return 0
    # No command loads what the others need: a health check runs every few seconds, and a service starts five processes.
    arguments = build_parser(_module_of(words[0])).parse_args(words)
    try:
        return int(arguments.run(arguments))
    except ReverieError as error:
        print(f"reverie: {error.message if hasattr(error, 'message') else error}", file=sys.stderr)
        return 2 if isinstance(error, WrongSetting) else 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has seen enough; Python must not complain about it at exit either.
        sys.stderr.close()
        return 0
