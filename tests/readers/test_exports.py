"""Exports of chats and memory stores: every file of ``data/`` comes to what ``expected.json`` says.

``python -m tests.readers.shared_cases`` writes that file anew; the dashboard's reader is held to the same one.
"""

from __future__ import annotations

import contextlib
import io
import json
import time
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest

from reverie.errors import InvalidInput
from reverie.readers import read_file, read_handle, read_memories
from tests.readers.shared_cases import DATA, EXPECTED, cases, read

KNOWN: list[dict[str, Any]] = json.loads(EXPECTED.read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", KNOWN, ids=lambda case: f"{case['file']}-{case['author']}")
def test_the_command_line_reads(case: dict[str, Any]) -> None:
    assert {"file": case["file"], "author": case["author"], **read(case["file"], case["author"])} == case


def test_no_file_is_without_an_expectation() -> None:
    assert [(case["file"], case["author"]) for case in KNOWN] == cases()


def test_the_authors_are_listed_where_there_are_several() -> None:
    with pytest.raises(InvalidInput) as refused:
        read_file(DATA / "dce_export.json")
    assert refused.value.message == (
        "dce_export.json has texts of 2 people; choose one with --author:\n  Mira (200): 4\n  Mira (300): 4"
    )
    chosen = read_file(DATA / "dce_export.json", author="300")
    assert chosen.user_id == "300"
    assert [(author.id, author.name, author.count) for author in chosen.authors] == [
        ("200", "Mira", 4),
        ("300", "Mira", 4),
    ]


def test_notes_say_what_was_decided() -> None:
    assert "dates such as 3/1/2026 are read as month/day" in read_file(DATA / "dce_export.txt").notes
    assert "dates such as 13/02/2026 are read as day/month" in read_file(DATA / "dce_export_local.csv").notes
    note = "separators in the only column, taken as part of the text: 2 (lines 2, 3)"
    assert note in read_file(DATA / "one_column_commas.csv").notes


def zipped(files: dict[str, str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("member", "file", "count"),
    [
        ("conversations.json", "chatgpt_conversations.json", 4),
        ("data-2026/conversations.json", "claude_conversations.json", 2),
        ("WhatsApp Chat with Ana/_chat.txt", "whatsapp_ios_german.txt", 2),
        ("WhatsApp Chat with Ana.txt", "whatsapp_swedish.txt", 2),
    ],
)
def test_archives_of_other_services_are_opened(member: str, file: str, count: int) -> None:
    data = zipped({member: (DATA / file).read_text(encoding="utf-8"), "photo.jpg": "x"})
    assert len(read_memories(data, name="export.zip").memories) == count


def test_a_damaged_member_of_a_package_is_named_and_the_others_are_read() -> None:
    message = json.dumps([{"ID": 1, "Timestamp": "2026-03-04 12:34:56", "Contents": "hello " * 200}])
    data = bytearray(zipped({f"messages/c{n}1111111111/messages.json": message for n in (1, 2)}))
    start = data.index(b"messages.json") + len(b"messages.json")
    data[start : start + 20] = b"\xff" * 20
    source = read_memories(bytes(data), name="package.zip")
    assert len(source.memories) == 0 or [m.id for m in source.memories] == ["1"]
    assert [row.place for row in source.rejected] == ["messages/c11111111111/messages.json"]
    assert "cannot be unpacked" in source.rejected[0].reason


def test_a_list_of_channels_is_bounded() -> None:
    files = {"messages/c11111111111/messages.json": json.dumps([{"ID": 1, "Contents": "hello"}])}
    for number in range(20):
        files[f"m{number}/index.json"] = json.dumps({"11111111111": "x" * 2_000_000})
    data = zipped(files)
    tracemalloc.start()
    source = read_memories(data, name="package.zip")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
    assert any("too large for a list of channels" in note for note in source.notes)
    assert source.memories[0].source == "x" * 256


class _Endless(io.RawIOBase):
    """A JSON array as large as wished that lies nowhere; read twice like a file."""

    row = b'{"id": "%d", "type": "Default", "timestamp": "2026-03-01T08:15:30+00:00", "content": "%d %s", '
    row += b'"author": {"id": "200", "name": "mira", "isBot": %s}},\n'

    def __init__(self, size: int) -> None:
        self.size, self.at = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        assert offset == whence == 0
        self.at = 0
        self.parts = self._parts()
        self.rest = b""
        return 0

    def _parts(self) -> Any:
        yield b'{"guild": {"id": "1"}, "messages": [\n'
        made = number = 0
        while made < self.size:
            number += 1
            # One in fifty is the person's.
            part = self.row % (number, number, b"tea " * 200, b"false" if number % 50 == 0 else b"true")
            made += len(part)
            yield part
        yield b'{"id": "end", "type": "Default", "timestamp": "", "content": "", "author": {"isBot": true}}]}'

    def readinto(self, buffer: Any) -> int:
        while len(self.rest) < len(buffer) and (part := next(self.parts, None)) is not None:
            self.rest += part
        taken = self.rest[: len(buffer)]
        self.rest = self.rest[len(taken) :]
        buffer[: len(taken)] = taken
        return len(taken)


def test_a_large_export_is_read_as_a_stream_with_progress() -> None:
    size = 15_000_000
    told: list[int] = []
    tracemalloc.start()
    source = read_handle(
        io.BufferedReader(_Endless(size)), "dce.json", size, on_read=lambda done, total: told.append(done)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(source.memories) > 200
    assert peak < 10e6, f"{peak / 1e6:.0f} MB for a file of {size / 1e6:.0f} MB"
    assert told == sorted(told)
    assert told[-1] >= size


def test_only_the_newest_memories_of_a_task_are_ever_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reverie.readers.kept.MAX_MEMORIES", 100)
    rows = [{"text": f"t{i}", "created_at": f"2026-01-{1 + i % 28:02d}T00:00:00Z"} for i in range(1_000)]
    source = read_memories(json.dumps(rows).encode(), name="x.json")
    kept = sorted(range(1_000), key=lambda i: rows[i]["created_at"])[-100:]
    assert [memory.text for memory in source.memories] == [f"t{i}" for i in sorted(kept)]
    assert "1,000 memories; the newest 100 were taken, the most in one task" in source.notes


def test_rows_that_are_named_are_bounded() -> None:
    source = read_memories(b"{}\n" * 5_000, name="x.jsonl")
    assert (len(source.rejected), source.rejected_count) == (1_000, 5_000)


@pytest.mark.parametrize(
    "data",
    [
        b'"' * 3_000_000,
        b"a,b\n" + b'"x""\n' * 20_000,
        b"text\n" + b'"open\n' * 20_000,
        b"[" + b'"' + b"a" * 3_000_000,
        b"{" * 3_000_000,
        b"[3/1/26, 8:15 AM] " * 100_000,
        b"3/1/26, 8:15 AM - Mira: x\n" * 20_000,
        b"=" * 3_000_000 + b"\nGuild: x\n",
        b"1" * 3_000_000,
        b"\n" * 1_000_000,
    ],
    ids=range(10),
)
@pytest.mark.parametrize("name", ["x.csv", "x.json", "x.jsonl", "x.txt", "x"])
def test_hostile_files_end_soon(data: bytes, name: str) -> None:
    started = time.process_time()
    with contextlib.suppress(InvalidInput):
        read_memories(data, name=name)
    assert time.process_time() - started < 8


def test_a_broken_document_is_refused_by_its_line(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"messages": [\n{"role": "user", "content": "a"},\n{"role": "user" "content": "b"}\n]}')
    with pytest.raises(InvalidInput, match=r"x\.json, line 3: not JSON"):
        read_file(path)
    path.write_text('[{"text": "a"},\n{"text": "cut o')
    with pytest.raises(InvalidInput, match=r"x\.json, line 2: not JSON \(Unterminated string"):
        read_file(path)
    path.write_bytes(zlib.compress(b"x") * 3)
    with pytest.raises(InvalidInput):
        read_file(path)
