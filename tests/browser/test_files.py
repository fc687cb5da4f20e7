"""Reading files in the browser: jsonl, csv, txt and Discord's data package, by the page's own modules."""

from __future__ import annotations

import functools
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Error, Page


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        return


@pytest.fixture(scope="module")
def static() -> Iterator[str]:
    """The page's files, without the service."""
    folder = str(files("reverie.gateway") / "static")
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def reader(page: Page, static: str) -> Page:
    page.goto(f"{static}/favicon.svg")
    return page


def parse(page: Page, text: str, name: str = "") -> dict[str, Any]:
    result: dict[str, Any] = page.evaluate(
        "async ([text, name]) => (await import('/js/parse.js')).parseText(text, name)", [text, name]
    )
    return result


def texts(result: dict[str, Any]) -> list[str]:
    return [memory["text"] for memory in result["memories"]]


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("one\n\n two \r\nthree", "", ["one", "two", "three"]),  # a line for each memory
        ('{"text": "one"}\n{"content": "two", "id": 7}', "a.jsonl", ["one", "two"]),  # JSON lines
        ('{"text": "one"}\n{"text": "two"}', "", ["one", "two"]),  # the same, pasted
        ('["one", {"text": "two"}]', "", ["one", "two"]),  # a JSON list
        ('{"memories": [{"text": "one"}]}', "a.json", ["one"]),  # as it is submitted
        ('id,text\n1,"a ""quoted"", line\nbreak"\n2,plain', "a.csv", ['a "quoted", line\nbreak', "plain"]),  # RFC 4180
        ("Text;Date\neins;2026-01-01", "a.csv", ["eins"]),  # semicolons and other headings
        ("1,a longer text here\n2,another longer text", "a.csv", ["a longer text here", "another longer text"]),
        ("{not json}\nbut lines", "", ["{not json}", "but lines"]),  # pasted text that only looks like JSON
        ('{"text": "stays as it is"}', "notes.txt", ['{"text": "stays as it is"}']),  # txt is lines, whatever they say
        ("\ufeffone", "", ["one"]),  # a byte order mark is no memory
    ],
)
def test_texts_are_found_in(reader: Page, text: str, name: str, expected: list[str]) -> None:
    assert texts(parse(reader, text, name)) == expected


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2026-05-01T09:00:00Z", "2026-05-01T09:00:00.000Z"),
        ("2026-05-01 09:00:00+02:00", "2026-05-01T07:00:00.000Z"),
        ("2023-01-05 12:33:11.123000+00:00", "2023-01-05T12:33:11.123Z"),  # Discord's
        ("2026-05-01", "2026-05-01T00:00:00.000Z"),
        ("Sun, 29 Mar 2026 02:30:00 GMT", "2026-03-29T02:30:00.000Z"),
        (1777626000, None),  # seconds or milliseconds? Refused by the API too
        ("1777626000", None),
        ("20260329", None),
        ("01/05/2026", None),  # May or January? Not guessed
        ("2026-13-01T00:00:00Z", None),
        ("1850-01-01T00:00:00Z", None),
    ],
)
def test_dates_become_iso_or_nothing(reader: Page, value: object, iso: str | None) -> None:
    result = parse(reader, json.dumps([{"text": "x", "created_at": value}]))
    assert result["memories"][0].get("created_at") == iso
    assert bool([note for note in result["notes"] if "dates left out" in note]) is (iso is None)


def test_what_was_changed_is_told(reader: Page) -> None:
    rows = [
        {"id": "a", "text": "x"},
        {"id": "a", "text": "y"},
        {"text": "  "},
        {"text": "z", "created_at": "2026-05-01"},
    ]
    result = parse(reader, json.dumps(rows))
    ids = [memory["id"] for memory in result["memories"]]
    assert ids == ["a", "0"]
    told = " ".join(result["notes"])
    assert "rows left out: 2 (item 2: has the id 'a' of item 1; item 3: its text is blank)" in told
    assert "dates without a time zone, taken as UTC: 1" in told


def test_only_the_newest_five_thousand_are_taken(reader: Page) -> None:
    rows = [{"text": f"t{i}", "created_at": f"{2000 + i // 365}-01-01T00:00:00Z"} for i in range(5100)]
    result = parse(reader, json.dumps(rows))
    assert len(result["memories"]) == 5000
    assert result["memories"][0]["text"] == "t100"
    assert "5,100 found" in result["notes"][0]


def test_nothing_at_all_is_said_in_words(reader: Page) -> None:
    with pytest.raises(Error, match="There is nothing in it"):
        parse(reader, "  \n ")


def package(kind: str, compression: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        archive.writestr("README.txt", "not a message")
        if kind == "json":
            rows = [{"ID": 11, "Timestamp": "2023-01-05 12:33:11", "Contents": "hello, world", "Attachments": ""}]
            archive.writestr("package/Messages/c42/messages.json", json.dumps(rows))
        else:
            archive.writestr(
                "messages/c42/messages.csv",
                'ID,Timestamp,Contents,Attachments\n11,2023-01-05 12:33:11.000000+00:00,"hello, world",\n12,,,\n',
            )
    return out.getvalue()


READ_FILE = """async ([bytes, name]) => (await import('/js/parse.js'))
  .parseFile(new File([new Uint8Array(bytes)], name))"""


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
@pytest.mark.parametrize("kind", ["json", "csv"])  # the newer and the older package
def test_a_discord_data_package_is_unpacked_in_the_browser(reader: Page, kind: str, compression: int) -> None:
    result = reader.evaluate(READ_FILE, [list(package(kind, compression)), "package.zip"])
    (memory,) = result["memories"]
    assert memory["text"] == "hello, world"
    assert memory["id"] == "11"
    assert memory["source"] == "c42"
    assert memory["created_at"] == "2023-01-05T12:33:11.000Z"


@pytest.mark.parametrize("content", [b"PK\x05\x06", b"no zip at all" * 10, package("json", 8)[:-30]])
def test_a_damaged_zip_is_refused_in_words(reader: Page, content: bytes) -> None:
    with pytest.raises(Error, match=r"not a zip file|damaged"):
        reader.evaluate(READ_FILE, [list(content), "package.zip"])


def test_no_file_of_the_page_puts_markup_or_evaluates_text(static: str) -> None:
    folder = files("reverie.gateway") / "static"
    sources = [path for part in ("js", "js/views") for path in (folder / part).iterdir() if path.name.endswith(".js")]
    assert len(sources) > 10
    forbidden = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "://")
    for path in sources:
        lines = path.read_text(encoding="utf-8").splitlines()
        # The name of the SVG namespace looks like an address and is none.
        code = [line for line in lines if not line.lstrip().startswith("//") and "www.w3.org" not in line]
        assert not [line for line in code if any(word in line for word in forbidden)], path.name
