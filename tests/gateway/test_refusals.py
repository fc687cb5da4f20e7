"""Bad input gets a 4xx problem that names the item; strangers get nothing."""

from __future__ import annotations

import json

import pytest

from reverie.store import KeyStore
from tests.live import LiveService

GOOD = {"user_id": "u", "memories": ["a", "b"]}


def memories(*items: object, **more: object) -> str:
    return json.dumps({"user_id": "u", "memories": list(items), **more})


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        ("", 422, "empty"),
        ("{", 422, "body"),
        ("[]", 422, "body"),
        ("null", 422, "body"),
        ('{"user_id":"u"}', 422, "memories"),
        (memories("ok", ""), 422, "memories[1].text"),
        (memories("ok", "   "), 422, "memories[1]"),
        (memories("ok", {"id": "1", "text": "x"}, {"text": "y", "id": 1}), 422, "memories[2]"),
        (memories({"id": "x", "text": "a"}, {"id": "x", "text": "b"}), 422, "memories[1]"),
        (memories("a", {"id": "0", "text": "b"}), 422, "memories[1]"),  # collides with a numbered id
        (memories("x" * 1_000_000), 422, "memories[0].text"),
        (memories({"text": "a", "created_at": "2024-05-01"}), 422, "memories[0].created_at"),
        (memories({"text": "a", "created_at": "2024-02-30T00:00:00Z"}), 422, "memories[0].created_at"),
        (memories({"text": "a", "created_at": 1714521600}), 422, "memories[0].created_at"),
        (memories({"text": "a", "created_at": "9999-12-31T23:59:59-23:00"}), 422, "memories[0].created_at"),
        (memories({"text": "a", "access_count": -1}), 422, "memories[0].access_count"),
        ('{"user_id":"u","memories":[{"text":"a","access_count":NaN}]}', 422, "access_count"),
        ('{"user_id":"u","memories":[{"text":"a","access_count":1e999}]}', 422, "access_count"),
        ('{"user_id":"u","memories":[{"text":"a","access_count":' + "9" * 5000 + "}]}", 422, "out of range"),
        (memories({"text": "a", "creatd_at": None}), 422, "creatd_at"),
        (memories("a\u0000b"), 422, "memories[0]"),
        ('{"user_id":"u","memories":["\\ud800"]}', 422, ""),
        (memories("a", options={"granularity": "huge"}), 422, "granularity"),
        (memories("a", options={"granularity": 1.5}), 422, "granularity"),
        (memories("a", options={"model": "other/model"}), 422, "options.model"),
        ('{"user_id":"","memories":[]}', 422, "user_id"),
        ('{"user_id":"u","memories":' + "[" * 100_000 + "]" * 100_000 + "}", 422, ""),
        (b'{"user_id":"\xff","memories":[]}', 422, ""),
    ],
)
def test_bad_bodies_are_problems_that_name_the_item(
    service: LiveService, body: str | bytes, status: int, names: str
) -> None:
    with service.client(**{"content-type": "application/json"}) as client:
        answer = client.post("/cluster/submit", content=body)
    assert answer.status_code == status, answer.text[:500]
    assert answer.headers["content-type"] == "application/problem+json"
    assert names in answer.text
    assert answer.json()["type"].startswith("https://reverie.dev/problems/")
    assert len(answer.text) < 10_000


def test_two_hundred_thousand_memories_are_too_many(service: LiveService) -> None:
    with service.client() as client:
        answer = client.post("/cluster/submit", json={"user_id": "u", "memories": ["a"] * 200_000})
    assert answer.status_code in (413, 422)
    assert "100,000" in answer.json()["detail"]


def test_a_body_over_the_limit_is_refused_before_it_is_read(service: LiveService) -> None:
    with service.client() as client:
        answer = client.post(
            "/cluster/submit", content=b" " * (65 * 2**20), headers={"content-type": "application/json"}
        )
    assert answer.status_code == 413


def test_compressed_and_foreign_bodies_are_refused(service: LiveService) -> None:
    with service.client() as client:
        packed = client.post("/cluster/submit", content=b"x", headers={"content-encoding": "gzip"})
        form = client.post("/cluster/submit", data={"user_id": "u"})
    assert packed.status_code == form.status_code == 415


ROUTES = [
    ("POST", "/cluster/submit"),
    ("POST", "/analyze/submit"),
    ("POST", "/embed/submit"),
    ("POST", "/recall/submit"),
    ("GET", "/tasks"),
    ("GET", "/tasks/{id}"),
    ("DELETE", "/tasks/{id}"),
    ("POST", "/tasks/{id}/redrive"),
    ("GET", "/tasks/{id}/map.png"),
    ("GET", "/results/{id}"),
    ("GET", "/users/u/export"),
    ("DELETE", "/users/u"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"),
    ("GET", "/v1/tasks/{id}"),
    ("GET", "/status"),
    ("POST", "/tickets"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("header", [None, "Bearer wrong", "Basic abc", "Bearer", "nonsense"])
def test_no_route_answers_without_a_valid_key(service: LiveService, method: str, path: str, header: str | None) -> None:
    with service.client() as client:
        client.headers.pop("authorization")
        headers = {"authorization": header} if header else {}
        answer = client.request(
            method, path.format(id="tsk_x"), headers=headers, json=GOOD if method == "POST" else None
        )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.fixture(scope="module")
def stranger(service: LiveService) -> str:
    """A key of another tenant."""
    return KeyStore(service.database_url).create("stranger", tenant="other")


@pytest.mark.parametrize(
    ("method", "path"), [(m, p) for m, p in ROUTES if "{id}" in p], ids=[f"{m} {p}" for m, p in ROUTES if "{id}" in p]
)
def test_another_tenants_task_is_not_there(service: LiveService, stranger: str, method: str, path: str) -> None:
    with service.client(prefer="wait=30") as client:
        task = client.post("/cluster/submit", json={"user_id": "mine", "memories": ["my secret", "text"]}).json()
        before = service.rows("SELECT * FROM tasks WHERE id = %s", task["id"])
        answer = client.request(method, path.format(id=task["id"]), headers={"authorization": f"Bearer {stranger}"})
    assert answer.status_code == 404
    assert "secret" not in answer.text
    assert service.rows("SELECT * FROM tasks WHERE id = %s", task["id"]) == before


async def test_another_tenants_socket_is_closed_with_4404_and_a_wrong_key_with_4401(
    service: LiveService, stranger: str
) -> None:
    async with service.session() as session:
        async with session.post("/cluster/submit", json={"user_id": "ws", "memories": ["a", "b"]}) as answer:
            task_id = (await answer.json())["id"]
        for key, code in ((stranger, 4404), ("wrong", 4401)):
            headers = {"authorization": f"Bearer {key}"}
            async with session.ws_connect(f"/results/{task_id}", headers=headers) as socket:
                await socket.receive()
                assert socket.close_code == code


def test_a_strangers_erasure_and_lists_do_not_touch_mine(service: LiveService, stranger: str) -> None:
    other = {"authorization": f"Bearer {stranger}"}
    with service.client(prefer="wait=30") as client:
        task = client.post("/cluster/submit", json={"user_id": "shared-name", "memories": ["a", "b"]}).json()
        assert client.delete("/users/shared-name", headers=other).json()["tasks"] == 0
        assert client.get("/tasks?user_id=shared-name", headers=other).json()["tasks"] == []
        assert client.get("/users/shared-name/export", headers=other).json()["tasks"] == []
        assert client.get(f"/tasks/{task['id']}").status_code == 200


def test_a_key_can_only_do_what_its_scopes_allow(service: LiveService) -> None:
    key = KeyStore(service.database_url).create("reader", scopes=("read",))
    with service.client(authorization=f"Bearer {key}") as client:
        assert client.get("/tasks").status_code == 200
        refused = client.post("/cluster/submit", json=GOOD)
        assert refused.status_code == 403
        assert "submit" in refused.json()["detail"]
        assert client.delete("/users/u").status_code == 403


def test_a_revoked_key_stops_working(service: LiveService) -> None:
    keys = KeyStore(service.database_url)
    key = keys.create("brief")
    assert keys.revoke(key)
    with service.client(authorization=f"Bearer {key}") as client:
        assert client.get("/tasks").status_code == 401
    assert not keys.revoke(key)


def test_an_idempotency_key_replays_its_answer_and_refuses_another_body(service: LiveService) -> None:
    with service.client(**{"idempotency-key": "order-1"}) as client:
        first = client.post("/cluster/submit", json=GOOD)
        again = client.post("/cluster/submit", json=GOOD)
        other = client.post("/cluster/submit", json={**GOOD, "user_id": "someone"})
    assert first.json()["id"] == again.json()["id"]
    assert other.status_code == 422
    assert other.json()["type"].endswith("/idempotency-mismatch")


def test_an_idempotency_key_holds_for_an_answer_from_the_cache_too(service: LiveService) -> None:
    body = {"user_id": "tied", "memories": ["known", "already"]}
    with service.client(prefer="wait=30") as client:
        first = client.post("/cluster/submit", json=body).json()
        tied = {"idempotency-key": "order-2"}
        again = client.post("/cluster/submit", json=body, headers=tied).json()
        assert (again["id"], again["cached"]) == (first["id"], True)
        assert client.post("/cluster/submit", json=body, headers=tied).json()["id"] == first["id"]
        assert client.post("/cluster/submit", json={**body, "user_id": "other"}, headers=tied).status_code == 422


def test_pages_of_tasks_are_complete_and_in_order(service: LiveService) -> None:
    with service.client() as client:
        made = [
            client.post("/cluster/submit", json={"user_id": "pages", "memories": [f"{i}", "x"]}).json()["id"]
            for i in range(7)
        ]
        seen: list[str] = []
        cursor = None
        while True:
            query = {"user_id": "pages", "limit": 3, **({"cursor": cursor} if cursor else {})}
            page = client.get("/tasks", params=query).json()
            seen += [task["id"] for task in page["tasks"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert seen == made[::-1]
        assert client.get("/tasks", params={"cursor": "nonsense"}).status_code == 422


def test_an_unchanged_task_is_not_sent_again(service: LiveService) -> None:
    with service.client(prefer="wait=30") as client:
        task = client.post("/cluster/submit", json={"user_id": "etag", "memories": ["a", "b"]}).json()
        first = client.get(f"/tasks/{task['id']}")
        second = client.get(f"/tasks/{task['id']}", headers={"if-none-match": first.headers["etag"]})
        etag = first.headers["etag"]
        many = client.get(f"/tasks/{task['id']}", headers={"if-none-match": f'"other", W/{etag}'})
        other = client.get(f"/tasks/{task['id']}", headers={"if-none-match": '"other"'})
    assert (first.status_code, second.status_code, second.content) == (200, 304, b"")
    assert (many.status_code, other.status_code) == (304, 200)
