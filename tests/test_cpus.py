"""How many processors a container's quota pays for."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverie import _cpus
from reverie._cpus import processors
from reverie.cli import build_parser


@pytest.fixture(autouse=True)
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight."""
    monkeypatch.setattr(_cpus.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)


def machine(root: Path, group: str, **files: str) -> Path:
    """A folder that looks like ``/``: groups, and files by their path (two underscores for a slash)."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/cgroup").write_text(group)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("cpu_max", "cpu.max").replace("cfs", "cpu.cfs")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("group", "files", "expected"),
    [
        ("0::/\n", {"cpu_max": "200000 100000\n"}, 2),  # a container sees its own group as the root
        ("0::/\n", {"cpu_max": "150000 100000\n"}, 2),  # a part counts as one
        ("0::/\n", {"cpu_max": "20000 100000\n"}, 1),
        ("0::/\n", {"cpu_max": "max 100000\n"}, 8),
        ("0::/\n", {"cpu_max": "1600000 100000\n"}, 8),  # no more than there are
        ("0::/a/b\n", {"a__cpu_max": "300000 100000", "a__b__cpu_max": "max 100000"}, 3),  # a group above has it
        ("4:cpu,cpuacct:/x\n1:name=systemd:/\n", {"cpu__cfs_quota_us": "400000", "cpu__cfs_period_us": "100000"}, 4),
        ("4:cpu:/\n", {"cpu__cfs_quota_us": "-1", "cpu__cfs_period_us": "100000"}, 8),
        ("0::/\n", {"cpu_max": "nonsense"}, 8),
        ("0::/\n", {}, 8),
    ],
)
def test_a_quota_counts_in_whole_processors(tmp_path: Path, group: str, files: dict[str, str], expected: int) -> None:
    assert processors(machine(tmp_path, group, **files)) == expected


def test_without_control_groups_the_affinity_counts(tmp_path: Path) -> None:
    assert processors(tmp_path) == 8


def test_a_worker_takes_one_process_a_processor_when_asked_for_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reverie.cli._arguments.processors", lambda: 3)
    assert build_parser("worker").parse_args(["worker", "--concurrency", "auto"]).concurrency == 3
