"""What a person at the terminal sees."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reverie.cli import _module_of, build_parser, main
from reverie.testing.gateway import FakeGateway
from tests.readers.shared_cases import DATA


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "diary.jsonl"
    lines = [
        {"text": "climbing with Jule, 我们 went high", "created_at": "2026-05-05T19:00:00Z"},
        {"text": "climbing alone", "created_at": "2026-05-12T19:00:00Z"},
        {"text": "[bold]the cat sleeps[/bold]"},
        {"text": ""},
    ]
    path.write_text("\n".join(json.dumps(line) for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def service(fake_service: FakeGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeGateway:
    monkeypatch.setenv("REVERIE_URL", fake_service.url)
    monkeypatch.setenv("REVERIE_API_KEY", fake_service.key)
    monkeypatch.setenv("REVERIE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "80")
    return fake_service


def test_every_command_of_the_design_is_there() -> None:
    help_page = build_parser().format_help()
    for command in [
        "up",
        "demo",
        "cluster",
        "analyze",
        "gateway",
        "worker",
        "bot",
        "keys",
        "doctor",
        "erase",
        "export",
    ]:
        assert re.search(rf"^    {command}\b", help_page, re.MULTILINE), command


def test_cluster_shows_a_table_and_names_bad_rows(
    service: FakeGateway, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", str(file), "--granularity", "fine"]) == 0
    said = capsys.readouterr()
    assert "line 4: its text is blank" in said.err
    assert "diary: done" in said.err
    assert "diary  3 memories, 1 theme, 1 on its own" in said.out
    assert re.search(r"^ +2 +climbing", said.out, re.MULTILINE)
    assert all(len(line) <= 80 for line in said.out.splitlines())
    task = next(iter(service.tasks.values()))
    assert task.body["user_id"] == "diary"
    assert task.body["options"] == {"granularity": "fine"}


def test_whose_messages_of_a_chat_are_taken_is_asked_and_said(
    service: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    chat = str(DATA / "dce_export.json")
    assert main(["cluster", chat]) == 1
    assert "choose one with --author:\n  Mira (200): 4\n  Mira (300): 4\n" in capsys.readouterr().err
    assert main(["cluster", chat, "--author", "300"]) == 0
    said = capsys.readouterr()
    assert "messages of other people, left out: 4" in said.err
    assert "300  4 memories" in said.out
    (task,) = service.tasks.values()
    assert task.body["user_id"] == "300"


def test_a_file_without_a_single_memory_is_refused_by_its_rows(
    service: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", str(DATA / "huge_int.json")]) == 1
    said = capsys.readouterr().err
    assert "item 1: id: has 5,000 characters, more than 256" in said
    assert said.endswith("reverie: huge_int.json holds no memory\n")


def test_json_output_is_json_alone(service: FakeGateway, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cluster", str(file), "--json", "--user", "u7"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["user_id"] == "u7"
    assert [theme["size"] for theme in document["themes"]] == [2]


def test_the_map_is_written(service: FakeGateway, file: Path, tmp_path: Path) -> None:
    assert main(["cluster", str(file), "--map", str(tmp_path / "map.png"), "--quiet"]) == 0
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


def test_analyze_reads_like_sentences_and_leaves_markup_alone(
    service: FakeGateway, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["analyze", str(file)]) == 0
    out = capsys.readouterr().out
    assert "Most memories are from Mondays. (p 0.0020)" in out
    assert "[bold]the cat sleeps[/bold]" in out


def test_standard_input_is_read(
    service: FakeGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"green tea\nmore green")))
    assert main(["cluster", "-"]) == 0
    assert "stdin  2 memories, 1 theme" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["cluster", "none.txt"], "there is no file none.txt"),  # a typing error
        (["cluster", "{empty}"], "holds no memory"),  # nothing to do
        (["cluster", "{file}", "--map", "/no/such/folder/map.png"], "there is no folder"),  # said before the work
        (["cluster", "{file}", "--url", "http://127.0.0.1:9"], "Nothing is ready at http://127.0.0.1:9"),  # away
    ],
)
def test_what_goes_wrong_is_one_sentence(
    service: FakeGateway,
    file: Path,
    tmp_path: Path,
    arguments: list[str],
    says: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "empty.txt").write_text("\n")
    filled = [a.replace("{file}", str(file)).replace("{empty}", str(tmp_path / "empty.txt")) for a in arguments]
    assert main(filled) == 1
    err = capsys.readouterr().err
    assert says in err
    assert "Traceback" not in err


def test_erase_asks_and_shows_a_receipt(
    service: FakeGateway, file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["cluster", str(file), "--quiet"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))  # no terminal: nobody confirmed
    assert main(["erase", "diary"]) == 2
    assert service.erased == []
    capsys.readouterr()
    assert main(["erase", "diary", "--yes"]) == 0
    assert service.erased == ["diary"]
    assert re.search(r"tasks +1\n", capsys.readouterr().out)


def test_export_writes_a_file_for_its_owner_only(service: FakeGateway, file: Path, tmp_path: Path) -> None:
    assert main(["cluster", str(file), "--quiet"]) == 0
    out = tmp_path / "held.json"
    assert main(["export", "diary", "--out", str(out)]) == 0
    held: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    assert len(held["tasks"]) == 1
    assert out.stat().st_mode & 0o077 == 0


def test_doctor_says_what_works(service: FakeGateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert f"ready at {service.url}" in out
    assert re.search(r"^ok  API key +accepted$", out, re.MULTILINE)


def test_doctor_fails_for_a_service_that_was_named_and_is_away(
    service: FakeGateway, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--url", "http://127.0.0.1:9"]) == 1
    assert "nothing answers at http://127.0.0.1:9" in capsys.readouterr().out


def test_a_reader_that_leaves_early_is_no_error(service: FakeGateway, file: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "reverie", "cluster", str(file), "--json", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
    process.wait()


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "cluster" in capsys.readouterr().out


@pytest.mark.parametrize("environment", [{"PYTHONIOENCODING": "latin-1"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}])
def test_letters_that_a_terminal_lacks_are_replaced(
    service: FakeGateway, tmp_path: Path, environment: dict[str, str]
) -> None:
    path = tmp_path / "cjk.txt"
    path.write_text("我住在上海\n我的猫整天睡觉\n😀 happy\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "reverie", "cluster", str(path)],
        env={**os.environ, "PYTHONUTF8": "0", **environment},
        capture_output=True,
        timeout=60,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr.decode()
    assert b"3 memories" in done.stdout


@pytest.fixture
def heard() -> Iterator[None]:
    """Commands hear every signal, also where the tests were started in the background or under nohup.

    Ignored signals are inherited by what is started; those with a handler are not.
    """
    with contextlib.ExitStack() as after:
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(signum) is signal.SIG_IGN:
                after.callback(signal.signal, signum, signal.signal(signum, lambda *_: None))
        yield


@pytest.mark.usefixtures("heard")
@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_command_cancels_its_task_and_says_so(
    service: FakeGateway, file: Path, signum: signal.Signals
) -> None:
    service.hold()
    process = subprocess.Popen(
        [sys.executable, "-m", "reverie", "cluster", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    while b"waiting for a worker" not in process.stderr.readline():
        assert process.poll() is None
    process.send_signal(signum)
    said = process.communicate(timeout=30)[1].decode()
    (task,) = service.tasks.values()
    assert task.status == "cancelled"
    assert f"Interrupted; task {task.id} is cancelled." in said
    assert process.returncode == 130
    assert "Traceback" not in said


@pytest.mark.usefixtures("heard")
def test_an_interrupted_command_says_when_its_task_goes_on(service: FakeGateway, file: Path) -> None:
    service.hold()
    process = subprocess.Popen(
        [sys.executable, "-m", "reverie", "cluster", str(file)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    while b"waiting for a worker" not in process.stderr.readline():
        assert process.poll() is None
    (task,) = service.tasks.values()
    service.cancels_pass = False
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)[1].decode()
    assert f"goes on: {service.url}/tasks/{task.id}" in said


def test_a_command_is_understood_without_loading_the_others() -> None:
    (every,) = (action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    for word in every.choices:
        only = _module_of(word)
        assert only is not None, word
        (own,) = (action for action in build_parser(only)._actions if isinstance(action, argparse._SubParsersAction))
        assert word in own.choices
    assert _module_of("nope") is None
    assert _module_of("--version") is None
