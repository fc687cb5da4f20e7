"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path

from reverie._cpus import processors

__all__ = ["add_file_options", "add_service_options", "add_source_options", "count", "count_or_auto", "port"]


def port(text: str) -> int:
    """The type of ``--port``."""
    return _within(text, 0, 65535, "a port")


def count(text: str) -> int:
    """The type of options that say how many processes."""
    return _within(text, 1, 1024, "a number of processes")


def count_or_auto(text: str) -> int:
    """The same, or ``auto``: one for each processor that this process may use."""
    return processors() if text == "auto" else count(text)


def _within(text: str, least: int, most: int, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is not {what}; give {least} to {most}")
    return int(text)


def add_service_options(parser: argparse.ArgumentParser) -> None:
    """``--url`` and ``--data-dir``."""
    parser.add_argument("--url", help="address of the service (REVERIE_URL; else the one running on this machine)")
    parser.add_argument("--data-dir", type=Path, help="folder of data, keys and logs (REVERIE_DATA_DIR)")


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """The file, and how it is read."""
    parser.add_argument(
        "file", metavar="FILE", help="jsonl, json, csv, txt, parquet, an export (chat, data package), or - (stdin)"
    )
    parser.add_argument("--format", choices=("jsonl", "json", "csv", "txt", "zip"), help="when the name misleads")
    parser.add_argument("--author", metavar="WHO", help="whose messages are taken from a chat: an id or a name")


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """The file, whose it is, and how the answer is given."""
    add_source_options(parser)
    parser.add_argument("--user", help="whose memories these are; themes keep their ids per user (default: the file)")
    parser.add_argument("--model", help="embedding model (REVERIE_MODEL of the service)")
    parser.add_argument("--json", action="store_true", help="print the whole result as JSON")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="write a row for each memory to this file")
    parser.add_argument("--quiet", action="store_true", help="no progress")
    parser.add_argument("--embedded", action="store_true", help="run everything here even if a service is running")
    add_service_options(parser)
