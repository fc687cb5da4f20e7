"""Files as people have them: every good row is read, every bad one is named."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from reverie.contracts import Memory
from reverie.demo import PEOPLE, load
from reverie.errors import InvalidInput
from reverie.readers import Source, read_file, read_memories


def texts(source: Source) -> list[str]:
    return [memory.text for memory in source.memories]


def rejected(source: Source) -> list[str]:
    return [str(row) for row in source.rejected]


def package(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def test_jsonl_takes_texts_and_objects_and_names_bad_lines() -> None:
    lines = [
        '"a bare text"',
        '{"id": 7, "text": "with id", "created_at": "2026-05-01T09:00:00Z", "kind": "fact"}',
        "",
        '{"content": "by another name\\u2028and a line separator", "timestamp": "2026-05-01 09:00:00"}',
        "{broken",
        '{"text": "   "}',
        '{"title": "no text"}',
        "17",
        '{"text": "when?", "created_at": 1714550400}',
        '{"text": "when?", "created_at": "yesterday"}',
        '{"id": 7, "text": "same id"}',
        '{"text": "count", "access_count": "many"}',
        '{"text": "1066", "created_at": "1066-10-14T00:00:00Z"}',
    ]
    source = read_memories("\n".join(lines).encode(), name="x.jsonl")
    assert texts(source)[:3] == ["a bare text", "with id", "by another name\u2028and a line separator"]
    assert source.memories[1].id == "7"
    assert source.memories[1].created_at == datetime(2026, 5, 1, 9, tzinfo=UTC)
    assert source.memories[2].created_at == datetime(2026, 5, 1, 9, tzinfo=UTC)
    # A text is worth keeping without its date; which were left out is said.
    assert texts(source)[3:] == ["when?", "when?", "1066"]
    assert [memory.created_at for memory in source.memories[3:]] == [None] * 3
    undated = "dates left out, their texts kept: 3 (line 9: its date must be a text such as 2026-05-01T09:00:00Z, "
    assert source.notes[0] == "dates without a time zone, taken as UTC: 1"
    assert source.notes[1].startswith(undated + "not 1714550400; line 10: ")
    assert "line 13: its date is not between 1970 and 2200" in source.notes[1]
    assert [row.place for row in source.rejected] == [f"line {n}" for n in (5, 6, 7, 8, 11, 12)]
    said = rejected(source)
    assert said[1] == "line 6: its text is blank"
    assert said[2] == "line 7: has no text (only 'title')"
    assert said[4] == "line 11: has the id '7' of line 2"


def test_ids_follow_the_content_so_that_a_new_first_line_renames_nothing() -> None:
    before = read_memories(b"one\ntwo\ntwo\n", name="x.txt")
    after = read_memories(b"zero\none\ntwo\ntwo\n", name="x.txt")
    assert [memory.id for memory in after.memories][1:] == [memory.id for memory in before.memories]
    assert len({memory.id for memory in after.memories}) == 4


@pytest.mark.parametrize(
    "data",
    [
        b"2026-05-01 climbed\n\n[2026-05-01T18:30] ate\r\nno date\n",  # with dates in front
        b"\xef\xbb\xbf2026-05-01: climbed\n2026-05-01 18:30: ate\nno date",  # with a byte order mark
        "2026-05-01 climbed\n2026-05-01 18:30 ate\nno date".encode("utf-16"),  # from Windows
    ],
)
def test_plain_text_is_one_memory_a_line_with_an_optional_date(data: bytes) -> None:
    source = read_memories(data, name="notes.txt")
    assert texts(source) == ["climbed", "ate", "no date"]
    assert [memory.created_at for memory in source.memories] == [
        datetime(2026, 5, 1, tzinfo=UTC),
        datetime(2026, 5, 1, 18, 30, tzinfo=UTC),
        None,
    ]


def test_csv_is_read_with_any_separator_and_quoted_lines() -> None:
    data = (
        b'Id;Text;Created_At;access_count\n1;"two\nlines";2026-05-01T09:00:00+02:00;3\n2;;;\n3;b;;x\n4;ok;;;too;many\n'
    )
    source = read_memories(data, name="x.csv")
    assert texts(source) == ["two\nlines"]
    assert source.memories[0].access_count == 3
    assert [row.place for row in source.rejected] == ["line 4", "line 5", "line 6"]
    assert texts(read_memories(b"only\none\ncolumn\n", name="x.csv")) == ["only", "one", "column"]
    with pytest.raises(InvalidInput, match=r"no column for the text among who, what"):
        read_memories(b"who,what\na,b\n", name="x.csv")


def test_json_may_be_a_list_or_a_request_with_its_user() -> None:
    source = read_memories(b'{"user_id": 42, "memories": ["a", {"text": "b"}, null]}', name="x.json")
    assert texts(source) == ["a", "b"]
    assert source.user_id == "42"
    assert rejected(source) == ["item 3: is null, neither a text nor an object with one"]
    with pytest.raises(InvalidInput, match="line 2: not JSON"):
        read_memories(b'["a",\n oops]', name="x.json")
    with pytest.raises(InvalidInput, match="nested too deeply"):
        read_memories(b"[" * 200_000, name="x.json")


@pytest.mark.parametrize("folder", ["messages", "Messages", "Nachrichten"])  # it is translated
def test_a_discord_package_gives_the_persons_messages_with_their_channels(folder: str) -> None:
    messages = [
        {"ID": 1001, "Timestamp": "2025-03-04 12:34:56", "Contents": "hello", "Attachments": ""},
        {"ID": 1002, "Timestamp": "2025-03-05 12:34:56", "Contents": "", "Attachments": "cat.png"},
    ]
    old = 'ID,Timestamp,Contents,Attachments\n1003,2021-03-04 12:34:56.123000+00:00,"older, quoted",\n'
    data = package(
        {
            f"{folder}/index.json": json.dumps({"11111111111": "general in Climbers", "22222222222": None}),
            "servers/index.json": json.dumps({"11111111111": 3}),
            f"{folder}/c11111111111/messages.json": json.dumps(messages),
            f"{folder}/c22222222222/messages.csv": old,
            f"{folder}/c33333333333/messages.json": "{broken",
            "account/user.json": "{}",
        }
    )
    source = read_memories(data, name="package.zip")
    assert sorted(texts(source)) == ["hello", "older, quoted"]
    hello = next(memory for memory in source.memories if memory.text == "hello")
    assert (hello.id, hello.source) == ("1001", "general in Climbers")
    assert hello.created_at == datetime(2025, 3, 4, 12, 34, 56, tzinfo=UTC)
    assert "messages without text (pictures, stickers), left out: 1" in source.notes
    assert [row.place for row in source.rejected] == [f"{folder}/c33333333333/messages.json"]


@pytest.mark.parametrize(
    ("name", "data", "says"),
    [
        ("other.zip", package({"a.txt": "x"}), "not a Discord data package"),  # some other archive
        ("cut.zip", package({"a.txt": "x"})[:30], "not a readable zip"),  # a download that broke off
        ("not.zip", b"hello", "called a zip file but is none"),  # a wrong name
        ("photo.txt", b"\x89PNG\r\n\x1a\n\x00\x00\xff", "not a text file"),  # a wrong file
    ],
    # Named: an archive's bytes hold the time, and names of tests must not differ between processes.
    ids=["other", "cut", "misnamed", "photo"],
)
def test_files_of_the_wrong_kind_are_refused_by_name(name: str, data: bytes, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read_memories(data, name=name)


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no file"):
        read_file(tmp_path / "none.txt")
    with pytest.raises(InvalidInput, match="is a folder"):
        read_file(tmp_path)


def test_old_windows_files_are_read_and_that_is_said() -> None:
    source = read_memories("ein schöner Tag".encode("cp1252"), name="x.txt")
    assert texts(source) == ["ein schöner Tag"]
    assert source.notes == ["not UTF-8 (line 1); read as Windows-1252"]


def test_nothing_gives_nothing() -> None:
    for name in ("x.jsonl", "x.csv", "x.txt"):
        assert read_memories(b"", name=name).memories == []


def test_the_demo_has_300_dated_memories_of_three_people() -> None:
    everything = [memory for person in PEOPLE for memory in load(person.id)]
    assert len(everything) == 300
    assert len({memory.text for memory in everything}) == 300
    assert all(memory.created_at is not None for memory in everything)


def test_a_row_that_does_not_stay_is_never_made_a_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte may have half a million lines; what is left out costs no more than reading it."""
    made: list[str] = []
    built = Memory.built.__func__  # type: ignore[attr-defined]

    def counted(cls: type[Memory], **values: Any) -> Memory:
        made.append(values["text"])
        memory: Memory = built(cls, **values)
        return memory

    monkeypatch.setattr("reverie.readers.kept.MAX_MEMORIES", 10)
    monkeypatch.setattr(Memory, "built", classmethod(counted))
    lines = [f"line {i}" if i % 7 else " " for i in range(500)]
    for name, rows in {
        "a.txt": lines,
        "a.csv": ["text", *(line if line.strip() else '" "' for line in lines)],
        "a.jsonl": [json.dumps(line) for line in lines],
        "b.jsonl": [json.dumps({"text": line}) for line in lines],
        "c.txt": [f"2026-01-01 {line}" for line in lines if line.strip()],
    }.items():
        made.clear()
        source = read_memories("\n".join(rows).encode(), name=name)
        kept = [line for line in lines if line.strip()]
        assert texts(source)[-10:] == kept[-10:], name
        assert len(made) == 10, name
        assert source.notes[-1].startswith(f"{len(kept)} memories; the newest 10 were taken"), name


def test_what_is_made_unchecked_is_what_the_checks_would_make() -> None:
    """The same members as a memory that went through the contract, in every format that takes the short way."""
    for name, row in {
        "a.txt": "2026-05-01T09:00:00+02:00 I like tea",
        "b.txt": "I like tea",
        "c.csv": "id,text,date\n7,I like tea,2026-05-01",
        "d.jsonl": '{"text": "I like tea", "kind": "fact", "metadata": {"a": 1}}',
        "e.jsonl": '{"text": "I like tea", "source": "a channel"}',
    }.items():
        (memory,) = read_memories(row.encode(), name=name).memories
        assert memory == Memory(**memory.model_dump()), name
        assert memory.model_dump_json() == Memory(**memory.model_dump()).model_dump_json()


def test_every_wrong_row_among_very_many_is_named_by_its_line() -> None:
    rows = ["a"] * 3_000
    rows[17], rows[2_500], rows[2_999] = '{"text": " "}', '{"title": 1}', '{"text": "x", "id": "x\\u0000"}'
    source = read_memories("\n".join(row if row[0] == "{" else f'"{row}"' for row in rows).encode(), name="x.jsonl")
    assert rejected(source) == [
        "line 18: its text is blank",
        "line 2501: has no text (only 'title')",
        "line 3000: id: must not contain control characters",
    ]
    assert len(source.memories) == 2_997
    assert len({memory.id for memory in source.memories}) == 2_997
