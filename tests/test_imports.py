"""The imports of the tree are what ARCHITECTURE.md draws, and go round in no circle."""

from __future__ import annotations

import functools
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import grimp
import pytest

ARCHITECTURE = (Path(__file__).parents[1] / "ARCHITECTURE.md").read_text(encoding="utf-8")
ARROWS = re.search(r"^## Layers.*?```\n(.*?)```", ARCHITECTURE, re.MULTILINE | re.DOTALL)
assert ARROWS is not None
DRAWN = {
    name.strip(): {one.strip() for one in told.split(",")}
    for name, _, told in (line.partition("→") for line in ARROWS[1].splitlines() if "→" in line)
}

COMMON = {"contracts", "errors", "settings", "reverie"}
"""What every part may import: the drawing leaves them out, as it does modules whose name begins with _."""


@functools.cache
def imports() -> dict[str, frozenset[str]]:
    """What each module imports, also where only a type checker looks or inside a function."""
    graph = grimp.build_graph("reverie", cache_dir=None)
    return {module: frozenset(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def test_no_module_imports_itself_by_way_of_others() -> None:
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        pytest.fail("a circle of imports: " + " <- ".join(error.args[1]), pytrace=False)


def part(module: str) -> str:
    """The folder below ``reverie`` (or the module in it) that a module belongs to."""
    return [*module.split("."), "reverie"][1]


PARTS = sorted({part(module) for module in imports()} - COMMON - {"cli", "__main__"})


@pytest.mark.parametrize("name", [name for name in PARTS if not name.startswith("_")])
def test_a_part_imports_what_the_architecture_draws_and_nothing_else(name: str) -> None:
    used = {part(found) for module, all_found in imports().items() if part(module) == name for found in all_found}
    used = {one for one in used - COMMON - {name} if not one.startswith("_")}
    assert used == DRAWN.get(name, set()), f"ARCHITECTURE.md draws other arrows from {name}"
