"""All benchmarks, one after the other, into docs/benchmarks.md: with the machine, the date and their tables."""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

from benchmarks._report import machine

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "benchmarks.md"

# Shorter runs, for CI and for the curious; a benchmark that is not named here has no long form.
SMALL = {
    "main": ["--rounds", "1", "--pushes", "20"],
    "scaling": ["--tasks", "4", "--memories", "40"],
    "dashboard": ["--rounds", "1", "--seconds", "1"],
    "million": ["--sizes", "3000", "--texts", "2000"],
    "stealing": ["--texts", "60", "--rounds", "1"],
    "store": ["--sizes", "2000", "5000", "--times", "20"],
    "precision": ["--texts", "300", "--turns", "1", "--rounds", "2"],
    "memories": ["--adds", "20", "--bulk", "5000", "--stored", "300", "--rounds", "3"],
}
HEAD = """# Benchmarks

`./dev bench all` writes this page; `./dev bench NAME` runs one part. {machine}.
Ratios within one run say more than times: they move less from machine to machine. Nothing here is a test, and none
fails for being slow.

What was tried, and what falls short: {pages}.
"""


def names() -> list[str]:
    """Every benchmark there is."""
    return sorted(p.stem for p in (ROOT / "benchmarks").glob("[a-z]*.py") if p.stem != "all")


def run(name: str, small: bool) -> tuple[bool, str, float]:
    """``(worked, what it printed, seconds)``."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *(SMALL.get(name, []) if small else [])]
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    return done.returncode == 0, done.stdout.strip(), time.monotonic() - began


def section(name: str, text: str, seconds: float) -> str:
    """A part of the page: tables stay tables."""
    lines = [f"## {name}", "", f"`./dev bench {name}`, {seconds:.0f} s.", ""]
    for line in text.splitlines():
        if line.startswith("## "):  # a heading of the part's own
            line = "#" + line
        # A table needs an empty line before it, and none within.
        if line.startswith("|") and lines[-1] and not lines[-1].startswith("|"):
            lines.append("")
        lines.append(line)
    return "\n".join([*lines, ""])


def pages() -> str:
    """Links to the pages that explain a benchmark each."""
    found = sorted((PAGE.parent / "benchmarks").glob("*.md"))
    links = [f"[{page.stem}](benchmarks/{page.name})" for page in found]
    return ", ".join([*links, "[scaling](scaling.md)", "[reliability](reliability.md)"])


def main() -> int:
    """Run, print, write; 1 when a benchmark failed (never for its figures)."""
    parser = argparse.ArgumentParser(prog="./dev bench all", description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="short runs that only show that each works; nothing is written"
    )
    parser.add_argument("--only", nargs="+", choices=names(), default=names(), help="these alone")
    options = parser.parse_args()
    parts, failed = [], []
    for name in options.only:
        print(f"--- {name}", flush=True)
        worked, text, seconds = run(name, options.small)
        print(text, flush=True)
        if worked:
            parts.append(section(name, text, seconds))
        else:
            failed.append(name)
            parts.append(f"## {name}\n\nDid not run to its end here.\n")
        if not options.small:  # after each: an hour of measuring is not lost with the last part
            PAGE.write_text("\n".join([HEAD.format(machine=machine(), pages=pages()), *parts]), encoding="utf-8")
    if not options.small:
        print(f"wrote {PAGE.relative_to(ROOT)}")
    if failed:
        print("failed: " + ", ".join(failed), file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
