"""A setting that cannot be used is refused in one line that names it, before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverie.cli import main
from reverie.embedding.factory import LOCAL_BACKENDS
from reverie.embedding.providers import PROVIDERS
from reverie.settings import EMBEDDERS


def outcome(arguments: list[str]) -> int:
    """The exit status, argparse's own included."""
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one line of a command that was refused as used wrongly."""
    assert outcome(arguments) == 2
    said = capsys.readouterr()
    assert "Starting" not in said.out
    line = said.err.strip().splitlines()[-1]
    assert line.startswith("reverie")
    return line


@pytest.mark.parametrize("command", ["up", "gateway", "worker"])
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REVERIE_EMBEDDER", "nope"),
        ("REVERIE_PRECISION", "int4"),
        ("REVERIE_PORT", "abc"),
        ("REVERIE_PORT", "80000"),
        ("REVERIE_LOG_LEVEL", "LOUD"),
        ("REVERIE_LEASE_SECONDS", "-1"),
        ("REVERIE_LIMIT_MEMORIES", "many"),
    ],
)
def test_every_role_names_the_variable(
    command: str,
    name: str,
    value: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("REVERIE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv(name, value)
    line = refused([command], capsys)
    assert line.startswith(f"reverie: {name}: ")
    assert value in line
    assert not list(tmp_path.iterdir()), "something was started"


@pytest.mark.parametrize(
    ("environment", "names"),
    [
        ({"REVERIE_MODEL": "no-such-model"}, "REVERIE_MODEL: the model 'no-such-model' is not on this machine"),
        ({"REVERIE_EMBEDDER": "openai"}, "REVERIE_EMBEDDER: openai also needs OPENAI_API_KEY"),
        ({"REVERIE_STEPS": "other"}, "REVERIE_STEPS: string should match pattern '^(own|sklearn)$' (given: 'other')"),
    ],
)
@pytest.mark.parametrize("command", ["up", "worker"])
def test_an_embedder_that_cannot_be_made_here_is_refused_by_whoever_would_embed(
    command: str,
    environment: dict[str, str],
    names: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setattr("reverie.embedding.factory._installed", lambda *m: "sentence_transformers" not in m)
    for name in ("OPENAI_API_KEY", "REVERIE_OPENAI_API_KEY", "REVERIE_OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REVERIE_DATA_DIR", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert names in refused([command], capsys)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["up", "--port", "80000"], "--port: '80000' is not a port"),
        (["up", "--port", "-1"], "--port: '-1' is not a port"),
        (["gateway", "--port", "x"], "--port: 'x' is not a port"),
        (["up", "--workers", "-1"], "--workers: '-1' is not a number of processes"),
        (["worker", "--concurrency", "0"], "--concurrency: '0' is not a number of processes"),
        (["up", "--port", "0", "--host", "192.0.2.1"], "--host: this machine has no address '192.0.2.1'"),
        (["gateway", "--host", "no.such.host.invalid"], "--host: this machine has no address 'no.such.host.invalid'"),
        (["cluster", "{file}", "--map", "{folder}"], "--map: {folder} is a folder"),
        (["analyze", "{file}", "--graph", "{folder}"], "--graph: {folder} is a folder"),
    ],
)
def test_an_option_that_cannot_be_is_named(
    arguments: list[str],
    names: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("REVERIE_DATA_DIR", str(tmp_path / "data"))
    file = tmp_path / "x.txt"
    file.write_text("green tea\n")
    told = {"{file}": str(file), "{folder}": str(tmp_path)}
    line = refused([told.get(argument, argument) for argument in arguments], capsys)
    assert names.replace("{folder}", str(tmp_path)) in line


def test_the_bots_settings_are_named_the_same_way(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISCORD_TOKEN", "a.b.c")
    monkeypatch.setenv("REVERIE_BOT_MAX_MEMORIES", "0")
    assert refused(["bot"], capsys).startswith("reverie: REVERIE_BOT_MAX_MEMORIES: ")


def test_a_secret_is_in_no_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("REVERIE_API_KEY", "rv_secret")
    monkeypatch.setenv("REVERIE_PORT", "x")
    assert "rv_secret" not in refused(["up"], capsys)


def test_the_settings_name_every_embedder_there_is() -> None:
    assert set(EMBEDDERS) == {*LOCAL_BACKENDS, *PROVIDERS}
