"""Two tenants: no route, plain or versioned, shows or changes what belongs to the other one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from fastapi.routing import APIRoute, APIWebSocketRoute

from reverie.gateway.app import UNVERSIONED, VERSIONED, create_app
from reverie.settings import ServerSettings, Settings
from reverie.store import KeyStore
from reverie.store.sql import queries
from tests.live import LiveService

SECRET = "xylothermic"
MEMORIES = [f"the {SECRET} garden, number {i}" for i in range(6)]
USER = "victim"

# Of all queries, those that name no tenant, and why they need none.
WITHOUT_TENANT = {
    # how much upkeep is under way in all; and what a worker keeps in memory of persons whose numbers it got by tenant
    "upkeeps_in_flight", "still_valid",
    # by the number of an event that this tenant's listeners got; and the sweeper's own rounds
    "get_happening_body", "get_event_result", "retire_happenings",
    # by the id of a task whose tenant the caller has checked
    "get_result", "get_states",
    # a worker's, by the task it has claimed, fenced by its token
    "get_payload", "get_trace", "heartbeat", "deadline_left",
    "finish_task", "fail_task", "release_task", "hold_task",
    "renew_lease", "hold_sent",
    # the sweeper's, over all tenants alike
    "expire_leases", "grant_grace", "expire_deadlines", "queued_by_queue", "stale_messages", "retire_tasks",
    "retire_tickets", "retire_keys", "lately", "record_cloud", "finished_since",
    # webhooks by lease, over all tenants alike
    "next_webhook", "end_webhook", "webhook_counts",
    # keys and tickets, which are what a tenant is known by
    "revoke_key", "any_key", "touch_keys", "insert_ticket", "get_keys", "live_keys",
    # by the numbers of people whose rows are locked, which were found by tenant
    "put_memories", "set_upkeep",
    # the operator's walk over all that is sealed
    "reseal_payloads", "reseal_results", "reseal_memories", "reseal_people", "reseal_views", "reseal_happenings",
    "reseal_webhooks", "forget_plain_callbacks",
    # retention, over all tenants alike
    "retire_forgotten", "keep_vectors",
    # what was chosen for the whole installation
    "get_chosen", "choose", "choose_anew",
    # no data
    "now_ms", "try_space",
}  # fmt: skip


def routes() -> list[tuple[str, str]]:
    """``(method, path)`` of every route of the application, also those that the document leaves out."""
    found = []
    served = [(router, prefix) for router in VERSIONED for prefix in ("", "/v1")]
    for router, prefix in (*served, *((router, "") for router in UNVERSIONED)):
        for route in router.routes:
            if isinstance(route, APIRoute):
                found += [(method, prefix + route.path.replace(":path}", "}")) for method in sorted(route.methods)]
            elif isinstance(route, APIWebSocketRoute):
                found.append(("WS", prefix + route.path))
    return found


ROUTES = routes()
OPEN = {"/healthz", "/readyz", "/metrics"}


@pytest.fixture(scope="module")
def victim(service: LiveService) -> dict[str, Any]:
    """A tenant with a finished task of each kind, a failed one, a webhook and an idempotency key."""
    keys = KeyStore(service.database_url)
    secret = keys.create("victim", tenant="victim")
    tasks = {}
    with service.client(authorization=f"Bearer {secret}", prefer="wait=60") as client:
        for operation, more in (("cluster", {}), ("analyze", {}), ("recall", {"query": "garden"}), ("embed", {})):
            body = {"user_id": USER, **more}
            body |= {"texts": MEMORIES} if operation == "embed" else {"memories": MEMORIES}
            answer = client.post(f"/{operation}/submit", json=body, headers={"idempotency-key": f"of-{operation}"})
            assert answer.status_code == 200, answer.text
            tasks[operation] = answer.json()["id"]
        client.get("/webhooks/secret")
        kept = [{"id": f"m{number}", "text": text} for number, text in enumerate(MEMORIES)]
        assert client.post(f"/users/{USER}/memories", json={"memories": kept}).json()["added"] == len(kept)
        assert client.put(f"/users/{USER}/settings", json={"language": "de", "upkeep": "manual"}).status_code == 200
        assert client.delete(f"/users/{USER}/memories/m5").json()["deleted"] == 1
    return {"key": secret, "tasks": tasks, "stranger": keys.create("stranger", tenant="stranger")}


def belongings(service: LiveService) -> dict[str, Any]:
    """All rows of the victim's."""
    tables = ("tasks", "vectors", "themes", "idempotency", "webhooks", "webhook_secrets", "webhooks_disabled")
    held = {name: service.rows(f"SELECT * FROM {name} WHERE tenant = 'victim' ORDER BY 1, 2") for name in tables}
    for name in ("payloads", "results"):
        query = f"SELECT b.* FROM {name} b JOIN tasks t ON t.id = b.task_id WHERE t.tenant = 'victim' ORDER BY 1"
        held[name] = service.rows(query)
    held["people"] = service.rows("SELECT * FROM people WHERE tenant = 'victim'")
    for name in ("memories", "forgotten", "views"):
        query = f"SELECT b.* FROM {name} b JOIN people p ON p.id = b.person WHERE p.tenant = 'victim' ORDER BY 1, 2"
        held[name] = service.rows(query)
    held["api_keys"] = service.rows("SELECT id, tenant, scopes, revoked_at FROM api_keys WHERE tenant = 'victim'")
    assert held["tasks"]
    assert held["results"]
    assert held["vectors"]
    assert held["themes"]
    assert held["memories"]
    assert held["forgotten"]
    return held


def body_of(method: str, path: str) -> dict[str, Any] | None:
    """What a stranger would send to a route, with the victim's own content where that is no text."""
    if path.endswith("/memories") and method == "POST":
        return {"memories": [{"id": "m0", "text": "own text"}]}
    if path.endswith("/memories/{memory_id}"):
        return {"text": "own text"} if method in ("PUT", "PATCH") else None
    operation = path.removeprefix("/v1").split("/")[1]
    if path.endswith("/submit"):
        body: dict[str, Any] = {"user_id": USER}
        body |= {"texts": MEMORIES} if operation == "embed" else {"memories": ["of the stranger", "own text"]}
        return body | ({"query": "garden"} if operation == "recall" else {})
    if path == "/v1/embeddings":
        return {"model": "all-MiniLM-L6-v2", "input": "own text", "user": USER}
    if path.endswith("/enable"):
        return {"url": "https://example.org/hook"}
    return None


def test_every_route_is_known_to_this_test() -> None:
    paths = {path for method, path in ROUTES}
    assert len(ROUTES) > 40
    app = create_app(Settings(server=ServerSettings(database_url="postgresql://nowhere/none")))  # type: ignore[arg-type]
    documented = app.openapi()["paths"]
    assert {(m.upper(), path) for path, methods in documented.items() for m in methods} <= set(ROUTES)
    assert {"/tasks/{task_id}", "/v1/tasks/{task_id}", "/users/{user_id}", "/v1/users/{user_id}/export"} <= paths
    assert ("WS", "/results/{task_id}") in ROUTES


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[f"{m} {p}" for m, p in ROUTES])
async def test_a_stranger_sees_and_changes_nothing(
    service: LiveService, victim: dict[str, Any], method: str, path: str
) -> None:
    before = belongings(service)
    headers = {"authorization": f"Bearer {victim['stranger']}"}
    ids = list(victim["tasks"].values())
    async with service.session(**headers) as session:
        for task_id in ids if "{task_id}" in path else ids[:1]:
            target = path.format(task_id=task_id, user_id=USER, memory_id="m0", kind="map", model="x")
            if method == "WS":
                async with session.ws_connect(target, params={"user_id": USER}) as socket:
                    if "{task_id}" in path:
                        await socket.receive(timeout=60)
                        assert socket.close_code == 4404
                    else:  # an empty list of unfinished work: nothing is said
                        with pytest.raises(TimeoutError):
                            await asyncio.wait_for(socket.receive(), 0.3)
                continue
            # A deletion refuses filters that it does not know.
            params = {} if method == "DELETE" else {"user_id": USER}
            more = {"idempotency-key": f"of-{path.removeprefix('/v1').split('/')[1]}"} if method == "POST" else {}
            async with session.request(
                method, target, json=body_of(method, path), params=params, headers=more
            ) as answer:
                text = await answer.text(errors="replace")
                assert answer.status < 500, text
                if "{task_id}" in path:
                    assert answer.status == 404, text
                elif path not in OPEN:
                    assert all(other not in text for other in ids)
                    if not path.endswith("/submit"):
                        assert SECRET not in text
                # The stranger may have kept a memory of the same name by now, and that one goes.
                if method == "DELETE" and "{user_id}" in path and "{memory_id}" not in path:
                    assert set((await answer.json()).values()) >= {0}
    assert belongings(service) == before


async def test_a_strangers_secret_ticket_and_events_are_their_own(service: LiveService, victim: dict[str, Any]) -> None:
    mine, other = {"authorization": f"Bearer {victim['key']}"}, {"authorization": f"Bearer {victim['stranger']}"}
    async with service.session() as session:
        secrets = []
        for headers in (mine, other):
            async with session.get("/webhooks/secret", headers=headers) as answer:
                secrets.append((await answer.json())["secret"])
        assert secrets[0] != secrets[1]
        async with session.post("/tickets", headers=other) as answer:
            ticket = (await answer.json())["ticket"]
        task = victim["tasks"]["cluster"]
        async with session.ws_connect(f"/results/{task}?ticket={ticket}", headers={"authorization": ""}) as socket:
            await socket.receive(timeout=60)
            assert socket.close_code == 4404
        # While the stranger listens to everything, the victim works; the stranger hears nothing of that. (What the
        # stranger's own tasks of the test before do at last may still be heard.)
        async with session.ws_connect("/results", headers=other) as socket:
            body = {"user_id": USER, "memories": ["something", "new"]}
            async with session.post("/cluster/submit", json=body, headers={**mine, "prefer": "wait=60"}) as answer:
                assert answer.status == 200
                victims = {*victim["tasks"].values(), (await answer.json())["id"]}
            async with session.post("/cluster/submit", json={**body, "user_id": "own"}, headers=other) as answer:
                own = (await answer.json())["id"]
            event: dict[str, Any] = {}
            while (event.get("task_id"), event.get("type")) != (own, "succeeded"):
                event = await socket.receive_json(timeout=60)
                assert event["task_id"] not in victims


def test_every_query_names_the_tenant_or_has_a_reason_not_to() -> None:
    # A person's number is known only from get_person and lock_people, which ask by tenant.
    without = {name for name, text in queries().items() if "tenant" not in text and "%(person)s" not in text}
    assert without <= WITHOUT_TENANT, f"name the tenant, or add a reason to this test: {without - WITHOUT_TENANT}"
