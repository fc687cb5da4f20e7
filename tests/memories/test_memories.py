"""Memories that live here, route by route, against a real gateway."""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.live import LiveService

_numbers = itertools.count()


@pytest.fixture
def client(service: LiveService) -> Iterator[httpx.Client]:
    with service.client() as client:
        yield client


@pytest.fixture
def user() -> str:
    """A user nobody else has."""
    return f"user-{next(_numbers)}"


def add(client: httpx.Client, user: str, *memories: Any, status: int = 200, **headers: str) -> Any:
    answer = client.post(f"/users/{quote(user, safe='')}/memories", json={"memories": memories}, headers=headers)
    assert answer.status_code == status, answer.text
    return answer.json()


def everything(client: httpx.Client, user: str, **filters: Any) -> list[dict[str, Any]]:
    """All pages of a list."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        more = {"cursor": cursor} if cursor else {}
        answer = client.get(f"/users/{quote(user, safe='')}/memories", params={**filters, **more})
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["memories"]
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def problem(answer: httpx.Response, status: int, *words: str) -> Any:
    assert answer.status_code == status, answer.text
    for word in words:
        assert word in answer.text
    return answer.json()


def test_memories_that_are_added_can_be_read_back(client: httpx.Client, user: str) -> None:
    made = "2026-03-01T12:00:00Z"
    rich = {
        "id": "tea", "text": "I like tea", "created_at": made, "kind": "fact", "source": "chat", "speaker": "Ines",
        "metadata": {"channel": 7, "tags": ["ä", {"deep": None}]}, "access_count": 3, "pinned": True,
    }  # fmt: skip
    got = add(client, user, rich, "I moved to Lisbon")
    assert (got["added"], got["updated"], got["unchanged"], got["version"]) == (2, 0, 0, 1)
    assert got["ids"][0] == "tea"
    assert got["ids"][1].startswith("mem_")
    assert len(got["ids"][1]) == 30
    memory = client.get(f"/users/{user}/memories/tea").json()
    assert memory | rich | {"created_at": memory["created_at"]} == memory
    assert (memory["last_accessed_at"], memory["superseded_by"], memory["version"]) == (None, None, 1)
    assert datetime.fromisoformat(memory["created_at"]) == datetime.fromisoformat(made)
    assert abs(datetime.fromisoformat(memory["added_at"]) - datetime.now(UTC)) < timedelta(minutes=1)
    other = client.get(f"/v1/users/{user}/memories/{got['ids'][1]}").json()
    assert other["text"] == "I moved to Lisbon"
    assert other["created_at"] is None
    assert other["metadata"] == {}


def test_equal_content_changes_nothing_and_other_content_changes_the_memory(client: httpx.Client, user: str) -> None:
    memory = {"id": "1", "text": "I like tea", "metadata": {"a": 1, "b": 2}}
    add(client, user, memory)
    again = add(client, user, {**memory, "metadata": {"b": 2, "a": 1}})
    assert (again["added"], again["updated"], again["unchanged"], again["version"]) == (0, 0, 1, 1)
    other = add(client, user, {**memory, "text": "I like coffee"}, {"id": "2", "text": "new"})
    assert (other["added"], other["updated"], other["unchanged"], other["version"]) == (1, 1, 0, 2)
    assert client.get(f"/users/{user}/memories/1").json()["text"] == "I like coffee"
    put = client.put(f"/users/{user}/memories/1", json={"text": "I like coffee", "metadata": {"a": 1, "b": 2}})
    assert put.status_code == 200
    assert put.json()["version"] == 2
    put = client.put(f"/users/{user}/memories/3", json={"text": "third"})
    assert put.status_code == 201
    assert put.json()["version"] == 3
    assert put.json()["memory"]["text"] == "third"
    assert put.json()["place"] is None


def test_counts_and_pins_that_are_not_sent_stay_as_they_are(client: httpx.Client, user: str) -> None:
    add(client, user, {"id": "1", "text": "I like tea", "access_count": 5, "pinned": True})
    add(client, user, {"id": "1", "text": "I like green tea"})
    memory = client.get(f"/users/{user}/memories/1").json()
    assert (memory["access_count"], memory["pinned"]) == (5, True)
    assert add(client, user, {"id": "1", "text": "I like green tea", "access_count": 6})["updated"] == 1


def test_a_list_goes_from_the_newest_to_the_oldest_in_pages(client: httpx.Client, user: str) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    dated = [
        {"id": f"d{n}", "text": f"day {n}", "created_at": (day + timedelta(days=n)).isoformat()} for n in range(25)
    ]
    # The same moment: ids decide, so that no page loses or repeats one.
    dated += [{"id": f"s{n:02}", "text": "same", "created_at": day.isoformat()} for n in range(10)]
    add(client, user, *dated, "added now")
    found = everything(client, user, limit=4)
    assert len(found) == 36
    assert found[0]["text"] == "added now"
    assert [m["id"] for m in found[1:26]] == [f"d{n}" for n in range(24, 0, -1)] + ["s09"]
    assert len({m["id"] for m in found}) == 36
    bounded = everything(client, user, since="2026-01-03T00:00:00Z", until="2026-01-05T00:00:00Z")
    assert [m["id"] for m in bounded] == ["d3", "d2"]
    problem(client.get(f"/users/{user}/memories", params={"since": "2026-01-03T00:00:00"}), 422, "since", "time zone")
    problem(client.get(f"/users/{user}/memories", params={"cursor": "nonsense!"}), 422, "cursor")
    problem(client.get(f"/users/{user}/memories", params={"limit": 0}), 422, "limit")


def test_a_search_finds_words_in_any_case_and_script(client: httpx.Client, user: str) -> None:
    add(client, user, "Ich mag TEE sehr", "i like coffee", "ÉCLAIRS at noon", "茶が好き", "tee-shirt")
    assert {m["text"] for m in everything(client, user, q="tee")} == {"Ich mag TEE sehr", "tee-shirt"}
    assert [m["text"] for m in everything(client, user, q="éclairs")] == ["ÉCLAIRS at noon"]
    assert [m["text"] for m in everything(client, user, q="茶")] == ["茶が好き"]
    assert len(everything(client, user, q="e", limit=1)) == 3
    assert everything(client, user, q="%") == []


def test_a_patch_changes_what_it_names(client: httpx.Client, user: str) -> None:
    add(
        client,
        user,
        {"id": "1", "text": "old", "kind": "fact", "created_at": "2026-03-01T12:00:00Z"},
        {"id": "2", "text": "b"},
    )
    where = f"/users/{user}/memories/1"
    got = client.patch(where, json={"text": "new", "kind": None, "pinned": True}).json()
    assert got["version"] == 2
    assert (got["memory"]["text"], got["memory"]["kind"], got["memory"]["pinned"]) == ("new", None, True)
    assert got["memory"]["created_at"] is not None
    assert client.patch(where, json={"text": "new"}).json()["version"] == 2, "equal content"
    accessed = client.patch(where, json={"accessed": True}).json()
    assert accessed["memory"]["access_count"] == 1
    assert accessed["memory"]["last_accessed_at"] is not None
    assert accessed["version"] == 3
    assert client.patch(where, json={"superseded_by": "2"}).json()["memory"]["superseded_by"] == "2"
    for body, words in (
        ({}, "nothing to change"),
        ({"text": None}, "text cannot be null"),
        ({"text": " "}, "blank"),
        ({"superseded_by": "1"}, "itself"),
        ({"superseded_by": "nobody"}, "no memory"),
        ({"accessed": False}, "accessed"),
        ({"accessed": True, "access_count": 4}, "accessed"),
        ({"texts": "x"}, "texts"),
        ({"created_at": "2026-03-01T12:00:00"}, "time zone"),
        ({"access_count": 2**31}, "access_count"),
        ({"metadata": {"n": 2**70}}, "metadata"),
    ):
        problem(client.patch(where, json=body), 422, words)
    assert client.delete(f"/users/{user}/memories/2").json()["deleted"] == 1
    assert client.get(where).json()["superseded_by"] is None, "the id of a deleted memory is in no answer"
    problem(client.patch(f"/users/{user}/memories/nobody", json={"accessed": True}), 404, "no memory")


def test_an_access_makes_no_view_stale(client: httpx.Client, user: str) -> None:
    add(client, user, {"id": "1", "text": "x"})
    before = of_user(client, user)
    client.patch(f"/users/{user}/memories/1", json={"accessed": True})
    after = of_user(client, user)
    assert before["stale"]["changes"] == after["stale"]["changes"] == 1
    assert after["version"] == before["version"] + 1


def of_user(client: httpx.Client, user: str) -> Any:
    found = client.get("/users", params={"limit": 1000}).json()["users"]
    return next(one for one in found if one["user_id"] == user)


def test_deletions_leave_nothing_in_any_answer(client: httpx.Client, user: str) -> None:
    day = datetime(2026, 1, 1, tzinfo=UTC)
    add(
        client,
        user,
        *({"id": f"{n}", "text": f"t{n}", "created_at": (day + timedelta(days=n)).isoformat()} for n in range(9)),
    )
    where = f"/users/{user}/memories"
    assert client.delete(f"{where}/0").json() == {"deleted": 1, "vectors": 0, "version": 2}
    assert client.delete(f"{where}/0").json() == {"deleted": 0, "vectors": 0, "version": 2}
    problem(client.get(f"{where}/0"), 404)
    got = client.delete(where, params={"ids": ["1", "2", "nobody"]}).json()
    assert (got["deleted"], got["version"]) == (2, 3)
    got = client.delete(where, params={"before": (day + timedelta(days=5)).isoformat()}).json()
    assert got["deleted"] == 2
    assert {m["id"] for m in everything(client, user)} == {"5", "6", "7", "8"}
    got = client.delete(where, params={"before": (day + timedelta(days=8)).isoformat(), "ids": "6,8"}).json()
    assert got["deleted"] == 1, "both filters must hold"
    assert client.delete(where, params={"theme": "nobody"}).json()["deleted"] == 0
    for unknown in ({"befor": day.isoformat()}, {"id": "5"}):
        problem(client.delete(where, params=unknown), 422, next(iter(unknown)))
    problem(client.delete(where, params={"ids": ""}), 422, "ids", "empty")
    problem(client.delete(where, params={"theme": ""}), 422, "theme", "empty")
    assert client.delete(where).json()["deleted"] == 3
    assert everything(client, user) == []
    assert of_user(client, user)["memories"] == 0
    assert add(client, user, {"id": "0", "text": "again"})["added"] == 1


@pytest.mark.parametrize(
    ("memories", "words"),
    [
        ([{"text": ""}], "memories[0].text"),
        (["fine", " \n "], "memories[1].text: text is blank"),
        ([{"text": "x" * 100_001}], "memories[0].text"),
        ([{"text": "x", "created_at": "2026-01-01T00:00:00"}], "memories[0].created_at: has no time zone"),
        ([{"text": "x", "created_at": 1_700_000_000}], "memories[0].created_at"),
        ([{"text": "x", "created_at": "1969-01-01T00:00:00Z"}], "memories[0].created_at"),
        ([{"id": "a", "text": "x"}, {"id": "a", "text": "y"}], "memories[1] has the same id as memories[0]"),
        ([{"id": "a\u0000", "text": "x"}], "memories[0].id"),
        ([{"id": "", "text": "x"}], "memories[0].id"),
        ([{"text": "a\u0000b"}], "memories[0].text"),
        ([{"text": "x", "unknown": 1}], "memories[0].unknown"),
        ([{"text": "x", "speaker": "s" * 257}], "memories[0].speaker"),
        ([{"text": "x", "metadata": {"big": "m" * 70_000}}], "memories[0].metadata"),
        ("hello", "memories"),
        ({"id": "1", "text": "x"}, "memories"),
        ([5], "memories[0]"),
    ],
)
def test_what_is_wrong_is_refused_by_name_and_nothing_is_kept(
    client: httpx.Client, user: str, memories: Any, words: str
) -> None:
    problem(client.post(f"/users/{user}/memories", json={"memories": memories}), 422, words)
    assert everything(client, user) == []


def test_an_empty_list_is_no_change(client: httpx.Client, user: str) -> None:
    assert add(client, user) == {"added": 0, "updated": 0, "unchanged": 0, "ids": [], "version": 0}


def test_an_idempotency_key_replays_the_answer(client: httpx.Client, user: str) -> None:
    key = {"idempotency-key": f"key-of-{user}"}
    first = add(client, user, "without an id", {"id": "7", "text": "with one"}, **key)
    assert add(client, user, "without an id", {"id": "7", "text": "with one"}, **key) == first
    assert len(everything(client, user)) == 2
    answer = client.post(f"/users/{user}/memories", json={"memories": ["other"]}, headers=key)
    assert problem(answer, 422)["type"].endswith("/idempotency-mismatch")
    answer = client.post(f"/users/{user}-b/memories", json={"memories": ["without an id"]}, headers=key)
    problem(answer, 422, "idempotency")
    task = client.post("/cluster/submit", json={"user_id": user, "memories": ["a"]}, headers=key)
    problem(task, 422, "idempotency")
    problem(
        client.post(f"/users/{user}/memories", json={"memories": ["x"]}, headers={"idempotency-key": "a" * 256}), 422
    )


HOSTILE = [
    *("a/b", "..", ".", "ü", "日本語", "a b", "%2F", "a%00b", "?x=1", "#frag", "a//b", "/", "//", "-", "memories"),
    *("👩\u200d👧", "a\\b", "'; DROP", "\u202e", "a+b", "100%", "&", "~", "a;b,c", "export", "settings"),
]


def raw(client: httpx.Client, method: str, path: str, **more: Any) -> httpx.Response:
    """A request whose path is sent as it is; httpx would resolve its dots."""
    url = httpx.URL(client.base_url).copy_with(raw_path=path.encode())
    return client.request(method, url, **more)


def encoded(text: str) -> str:
    return quote(text, safe="").replace(".", "%2E")


@pytest.mark.parametrize("name", HOSTILE)
def test_any_printable_text_is_an_id_of_a_user_and_of_a_memory(client: httpx.Client, name: str) -> None:
    where = f"/users/{encoded(name)}/memories"
    put = raw(client, "PUT", f"{where}/{encoded(name)}", json={"text": f"of {name}"})
    assert put.status_code == 201, put.text
    assert put.json()["memory"]["id"] == name
    assert raw(client, "POST", where, json={"memories": [{"id": name, "text": f"of {name}"}]}).json()["unchanged"] == 1
    assert [m["id"] for m in raw(client, "GET", where).json()["memories"]] == [name]
    assert raw(client, "GET", f"/v1{where}/{encoded(name)}").json()["text"] == f"of {name}"
    assert raw(client, "PATCH", f"{where}/{encoded(name)}", json={"accessed": True}).status_code == 200
    assert raw(client, "PUT", f"/users/{encoded(name)}/settings", json={"timezone": "Asia/Tokyo"}).status_code == 200
    assert raw(client, "GET", f"/users/{encoded(name)}/settings").json()["timezone"] == "Asia/Tokyo"
    export = raw(client, "GET", f"/users/{encoded(name)}/export").json()
    assert export["user_id"] == name
    assert [m["id"] for m in export["memories"]] == [name]
    assert raw(client, "DELETE", f"{where}/{encoded(name)}").json()["deleted"] == 1
    receipt = raw(client, "DELETE", f"/users/{encoded(name)}").json()
    assert receipt["user_id"] == name


def test_dots_that_are_sent_bare_are_ids_too(service: LiveService) -> None:
    # Not by httpx, which resolves them before anything is sent.
    connection = http.client.HTTPConnection(service.url.removeprefix("http://"))
    for name in (".", ".."):
        headers = {**service.headers, "content-type": "application/json"}
        connection.request("PUT", f"/users/{name}/memories/{name}", b'{"text":"x"}', headers)
        answer = connection.getresponse()
        assert answer.status == 201
        assert json.loads(answer.read())["memory"]["id"] == name


@pytest.mark.parametrize("bad", ["%00", "a%00b", "%E4", "%ff", "%0A", "%ED%A0%80", "a" * 257])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/users/{}/export"),
        ("DELETE", "/users/{}"),
        ("GET", "/users/{}/memories"),
        ("POST", "/users/{}/memories"),
        ("DELETE", "/users/{}/memories"),
        ("GET", "/users/x/memories/{}"),
        ("PUT", "/users/x/memories/{}"),
        ("DELETE", "/users/x/memories/{}"),
        ("GET", "/users/{}/settings"),
        ("PUT", "/users/{}/settings"),
    ],
)
def test_an_id_that_cannot_be_is_refused(client: httpx.Client, method: str, path: str, bad: str) -> None:
    body = {"json": {"text": "x"}} if method in ("POST", "PUT") else {}
    problem(raw(client, method, path.format(bad), **body), 422, "_id")
    problem(raw(client, method, "/v1" + path.format(bad), **body), 422, "_id")


def test_settings_are_kept_and_replaced_as_a_whole(client: httpx.Client, user: str) -> None:
    where = f"/users/{user}/settings"
    unset = dict.fromkeys(("timezone", "language", "upkeep", "digest", "callback_url"))
    assert client.get(where).json() == unset
    body = {"timezone": "Europe/Berlin", "language": "de", "upkeep": "manual", "digest": {"every": "day", "hour": 7}}
    assert client.put(where, json=body).json()["digest"] == {"every": "day", "hour": 7, "url": None}
    assert client.get(where).json()["upkeep"] == "manual"
    assert client.put(where, json={"language": "en"}).json()["timezone"] is None
    for bad, words in (
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"digest": {"every": "year"}}, "digest.every"),
        ({"digest": {"every": "day", "hour": 24}}, "digest.hour"),
        ({"digest": {"every": "day", "hour": 1, "url": "http://127.0.0.1/"}}, ""),
        ({"callback_url": "http://127.0.0.1/"}, ""),
        ({"upkeep": "never"}, "upkeep"),
        ({"language": "<b>"}, "language"),
        ({"zone": "x"}, "zone"),
    ):
        problem(client.put(where, json=bad), 422, words)
    got = client.post(f"/users/{user}/memories", json={"memories": ["x"], "upkeep": "auto"})
    assert got.status_code == 200
    assert client.get(where).json() == unset | {"language": "en", "upkeep": "auto"}


def test_users_are_listed_in_pages(client: httpx.Client, user: str) -> None:
    names = sorted(f"{user}/{n}" for n in range(7))
    for name in names:
        add(client, name, "a memory of 22 letters")
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = client.get("/users", params={"limit": 3, "stale": True, **({"cursor": cursor} if cursor else {})}).json()
        found += page["users"]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    mine = [one for one in found if one["user_id"] in names]
    assert [one["user_id"] for one in mine] == names
    assert mine[0]["memories"] == 1
    assert mine[0]["chars"] == 22
    assert mine[0]["version"] == 1
    assert mine[0]["stale"]["changes"] == 1
    problem(client.get("/users", params={"cursor": "!"}), 422, "cursor")
