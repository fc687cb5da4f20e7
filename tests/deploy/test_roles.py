"""A role's extra brings all that the role imports: here everything is installed, in its image nothing else is."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

# Refuses to import what no wanted distribution carries, as if it were not installed.
CHECK = """
import importlib, json, sys
refused, modules = json.loads(sys.argv[1]), sys.argv[2:]
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
for module in modules:
    importlib.import_module(module)
"""


def closure(extra: str) -> set[str]:
    """Names of the distributions that ``pip install reverie[extra]`` brings."""
    wanted = [Requirement(f"reverie[{extra}]")]
    seen: set[tuple[str, str]] = set()
    while wanted:
        requirement = wanted.pop()
        name = canonicalize_name(requirement.name)
        for chosen in (*requirement.extras, ""):
            if (name, chosen) in seen:
                continue
            seen.add((name, chosen))
            try:
                further = distribution(name).requires or []
            except PackageNotFoundError:
                continue
            for line in map(Requirement, further):
                if line.marker is None or line.marker.evaluate({"extra": chosen}):
                    wanted.append(line)
    return {name for name, _ in seen}


@pytest.mark.parametrize(
    ("extra", "modules"),
    [
        ("client", ["reverie", "reverie.client"]),
        ("gateway", ["reverie.gateway.serve", "kombu.transport.redis", "kombu.transport.pyamqp"]),
        ("worker", ["reverie.worker.app", "reverie.worker.run", "kombu.transport.redis", "reverie.charts"]),
        ("sklearn", ["reverie.sklearn"]),
    ],
)
def test_a_role_imports_only_what_its_extra_brings(extra: str, modules: list[str]) -> None:
    brought = closure(extra)
    refused = [
        module
        for module, owners in packages_distributions().items()
        if not brought & {canonicalize_name(owner) for owner in owners}
    ]
    assert "pytest" in refused
    command = [sys.executable, "-c", CHECK, json.dumps(refused), *modules]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
