"""What is published is what was released: checked first, of one version, and nothing in a dry run."""

from __future__ import annotations

from pathlib import Path

import pytest
from scripts import publish

NAMES = ("reverie-1.2.3-py3-none-any.whl", "reverie-1.2.3.tar.gz", "reverie-1.2.3.tgz")


def dist(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_bytes(b"")
    return folder


def test_all_three_of_the_version_are_needed_and_nothing_of_another(tmp_path: Path) -> None:
    with pytest.raises(publish.Unready, match=r"not in dist/: .*\.whl.*\./dev release"):
        publish.artifacts(dist(tmp_path, *NAMES[1:]), "1.2.3")
    assert [path.name for path in publish.artifacts(dist(tmp_path, *NAMES), "1.2.3")] == list(NAMES)
    with pytest.raises(publish.Unready, match=r"of another version in dist/: reverie-1\.2\.2\.tgz"):
        publish.artifacts(dist(tmp_path, "reverie-1.2.2.tgz"), "1.2.3")


def test_everything_is_checked_before_anything_is_sent(tmp_path: Path) -> None:
    files = [tmp_path / name for name in NAMES]
    sends = [("upload" in c) or (c[0] == "npm" and "--dry-run" not in c) for c in publish.steps(files, dry=False)]
    assert sends == [False, False, True, True]
    assert not any("upload" in c or (c[0] == "npm" and "--dry-run" not in c) for c in publish.steps(files, dry=True))


def test_without_a_release_nothing_is_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(publish, "DIST", tmp_path)
    monkeypatch.setattr(publish.subprocess, "run", lambda *_a, **_k: pytest.fail("it ran something"))
    assert publish.main(["--dry-run"]) == 1
    assert "make them: ./dev release" in capsys.readouterr().err
