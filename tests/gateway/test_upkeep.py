"""Views of stored memories: planned by themselves, computed once, and shown as they are now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psycopg
import pytest

from tests.gateway.keeping import forget, keep, some
from tests.live import LiveService


@pytest.fixture(scope="module")
def kept(database_url: str, redis_url: str) -> Iterator[LiveService]:
    """A service whose upkeep comes after a second of quiet."""
    environment = {"REVERIE_UPKEEP_QUIET": "1", "REVERIE_UPKEEP_MAX_WAIT": "5", "REVERIE_UPKEEP_PAUSE": "0"}
    with LiveService(database_url, redis_url, environment=environment) as live:
        yield live
        live.check_invariants()


def sent(count: int) -> list[dict[str, Any]]:
    """Memories as a client sends them."""
    return [{**memory, "created_at": memory["created_at"].isoformat()} for memory in some(count)]


def until(look: Callable[[], Any], seconds: float = 60.0) -> Any:
    """The first true thing that ``look`` finds."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return found


def current(client: httpx.Client, user: str, version: int, kind: str = "themes") -> dict[str, Any]:
    """The view once it is of ``version``."""

    def look() -> dict[str, Any] | None:
        answer = client.get(f"/users/{user}/{kind}")
        return answer.json() if answer.status_code == 200 and answer.json()["version"] >= version else None

    try:
        return until(look)
    except AssertionError as error:
        told = client.get(f"/users/{user}/{kind}").json()
        behind = {name: told.get(name) for name in ("type", "version", "stale", "next_upkeep_at")}
        raise AssertionError(f"no {kind} of version {version}: {behind}") from error


def test_an_upkeep_asked_for_while_somebody_holds_the_user_is_made_all_the_same(kept: LiveService) -> None:
    keep(kept.database_url, "held", some(3))
    answers: list[httpx.Response] = []
    with kept.client() as client, psycopg.connect(kept.database_url) as holder:
        asking = threading.Thread(target=lambda: answers.append(client.post("/users/held/upkeep")))
        with holder.transaction():
            holder.execute("SELECT 1 FROM people WHERE user_id = 'held' FOR KEY SHARE")
            asking.start()
            asking.join(0.5)
        asking.join()
    assert [answer.status_code for answer in answers] == [202], answers[0].text  # it was: nothing is stored


def test_a_burst_of_changes_makes_one_upkeep_and_a_current_view(kept: LiveService) -> None:
    for number in range(10):
        version = keep(kept.database_url, "burst", some(3, first=3 * number))
    with kept.client() as client:
        before = client.get("/users/burst/themes")
        assert before.status_code == 404
        assert before.json()["type"].endswith("/no-view-yet")
        assert before.json()["stale"]["changes"] == 30
        view = current(client, "burst", version)
        assert view["stale"] is None
        assert view["next_upkeep_at"] is None
        assert sum(theme["size"] for theme in view["themes"]) + len(view["unclustered"]) == 30
        assert len(view["themes"]) >= 2
        insights = client.get("/users/burst/insights").json()
        assert insights["version"] == version
        assert len(insights["importance"]) == 30
        tasks = client.get("/tasks?user_id=burst&operation=upkeep").json()["tasks"]
        assert [task["status"] for task in tasks] == ["succeeded"]
        assert tasks[0]["lane"] == "upkeep"


def test_a_view_that_is_known_is_not_sent_again(kept: LiveService) -> None:
    version = keep(kept.database_url, "known", some(12))
    with kept.client() as client:
        current(client, "known", version)
        first = client.get("/users/known/themes")
        again = client.get("/users/known/themes", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert client.get("/users/known/themes").content == first.content
        forget(kept.database_url, "known", ["m0"])
        changed = client.get("/users/known/themes", headers={"If-None-Match": first.headers["etag"]})
        assert changed.status_code == 200
        assert changed.headers["etag"] != first.headers["etag"]


def test_what_is_deleted_is_in_no_answer_from_that_moment(kept: LiveService) -> None:
    memories = some(30)
    secret = {"id": "secret", "text": "guitar chord song zanzibarium", "created_at": memories[0]["created_at"]}
    version = keep(kept.database_url, "gone", [*memories, secret])
    with kept.client() as client:
        view = current(client, "gone", version)
        assert "secret" in view["assignments"]
        days = client.get("/users/gone/insights").json()["timeline"]
        forget(kept.database_url, "gone", ["secret", "m4"])
        themes = client.get("/users/gone/themes")
        insights = client.get("/users/gone/insights")
        assert themes.json()["stale"]["changes"] == 2
        assert themes.json()["next_upkeep_at"] is not None
        for answer in (themes, insights):
            assert '"secret"' not in answer.text
            assert '"m4"' not in answer.text
            assert "zanzibarium" not in answer.text
        shown = themes.json()
        assert sum(theme["size"] for theme in shown["themes"]) + len(shown["unclustered"]) == 29
        assert shown["stats"]["memories"] == 29
        assert sum(insights.json()["timeline"].values()) == sum(days.values()) - 2
        answer = client.post("/users/gone/recall", json={"query": "zanzibarium"}, headers={"Prefer": "wait=10"})
        assert "secret" not in {memory["memory_id"] for memory in answer.json()["memories"]}


def test_upkeep_now_joins_the_one_in_flight(kept: LiveService) -> None:
    with kept.client() as client:
        assert client.post("/users/nobody/upkeep").status_code == 404
        version = keep(kept.database_url, "asked", some(9))
        answers = [client.post("/users/asked/upkeep") for _ in range(3)]
        assert {answer.status_code for answer in answers} == {202}
        assert current(client, "asked", version)["version"] == version
        tasks = client.get("/tasks?user_id=asked&operation=upkeep").json()["tasks"]
        assert {task["status"] for task in tasks} == {"succeeded"}
        assert len(tasks) == len({answer.json()["id"] for answer in answers})


def test_submissions_without_memories_use_the_stored_ones_and_say_which(kept: LiveService) -> None:
    version = keep(kept.database_url, "stored", some(24))
    wait = {"Prefer": "wait=20"}
    with kept.client() as client:
        for operation in ("cluster", "analyze"):
            answer = client.post(f"/{operation}/submit", json={"user_id": "stored"}, headers=wait)
            assert answer.status_code == 200, answer.text
            assert answer.json()["result"]["version"] == version
        question = {"user_id": "stored", "query": "which bread did I bake with yeast?"}
        first = client.post("/recall/submit", json=question, headers=wait).json()
        assert first["result"]["version"] == version
        top = first["result"]["memories"][0]["text"]
        assert "baking" in top
        same = client.post("/users/stored/recall", json={"query": question["query"]}, headers=wait).json()
        assert same == first["result"]
        later = keep(kept.database_url, "stored", [{"id": "new", "text": "bread yeast bake which did I with"}])
        found = client.post("/users/stored/recall", json={"query": question["query"]}, headers=wait).json()
        assert found["version"] == later
        assert found["memories"][0]["memory_id"] == "new"
        forget(kept.database_url, "stored", ["new"])
        found = client.post("/users/stored/recall", json={"query": question["query"]}, headers=wait).json()
        assert found["memories"][0]["memory_id"] != "new"
        refused = client.post("/cluster/submit", json={"user_id": "who keeps nothing"})
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["item"] == "memories"


def test_a_new_memory_is_placed_at_once_and_marked(kept: LiveService) -> None:
    with kept.client() as client:
        answer = client.post("/users/placed/memories", json={"memories": sent(24), "upkeep": "manual"})
        version = answer.json()["version"]
        client.post("/users/placed/upkeep")
        view = current(client, "placed", version)
        garden = next(theme for theme in view["themes"] if theme["id"] == view["assignments"]["m0"])
        text = {"text": "tomato soil seed garden"}  # as m0
        put = client.put("/users/placed/memories/new", json=text, headers={"Prefer": "wait=10"})
        assert put.status_code == 201
        assert put.json()["place"] == {"theme_id": garden["id"], "label": garden["label"], "provisional": True}
        shown = client.get("/users/placed/themes").json()
        assert shown["version"] == version
        assert shown["provisional"] == ["new"]
        assert shown["assignments"]["new"] == garden["id"]
        assert [theme["size"] for theme in shown["themes"] if theme["id"] == garden["id"]] == [garden["size"] + 1]
        listed = client.get("/users/placed/memories", params={"theme": garden["id"]}).json()["memories"]
        assert "new" in {memory["id"] for memory in listed}
        assert client.get("/tasks?user_id=placed").text.count('"place"') == 0


def test_erasing_a_user_while_upkeep_runs_leaves_nothing(kept: LiveService) -> None:
    with kept.client() as client:
        for _ in range(3):
            client.post("/users/erased/memories", json={"memories": sent(60)})
            client.post("/users/erased/upkeep")
            receipt = client.delete("/users/erased")
            assert receipt.status_code == 200, receipt.text
        keep(kept.database_url, "other", some(3))
        with kept.client() as other:
            current(other, "other", 1)
        for table in ("tasks", "people", "vectors", "themes"):
            assert kept.rows(f"SELECT 1 FROM {table} WHERE user_id = 'erased'") == [], table
        orphans = "SELECT 1 FROM memories m WHERE NOT EXISTS (SELECT FROM people WHERE id = m.person)"
        assert kept.rows(orphans) == []
        assert client.get("/users/erased/themes").status_code == 404


def test_small_upkeeps_go_on_however_many_large_ones_wait(kept: LiveService) -> None:
    """Of the worker's two children one takes no large upkeep: who is small waits for small ones alone."""
    large, small = [f"large-{n}" for n in range(3)], [f"small-{n}" for n in range(6)]
    states = "SELECT status FROM tasks WHERE queue = 'upkeep' AND user_id LIKE 'large-%%' AND estimate_seconds >= 60"
    with kept.client() as client, psycopg.connect(kept.database_url) as other:
        for user in large:
            keep(kept.database_url, user, some(12))
        for user in large:
            current(client, user, 1)
        with psycopg.connect(kept.database_url, autocommit=True) as connection:
            connection.execute("UPDATE people SET upkeep_cost = 60 WHERE user_id = ANY(%s)", [large])
        # Whoever writes their views waits for this transaction.
        other.execute(
            "SELECT FROM views v JOIN people p ON p.id = v.person WHERE p.user_id = ANY(%s) FOR UPDATE OF v", [large]
        )
        for user in large:
            keep(kept.database_url, user, some(1, first=20))
        until(lambda: sorted(row["status"] for row in kept.rows(states)) == ["queued", "queued", "running"])
        for user in small:
            keep(kept.database_url, user, some(12))
        for user in small:
            current(client, user, 1)
        assert sorted(row["status"] for row in kept.rows(states)) == ["queued", "queued", "running"]
        other.rollback()
        for user in large:
            current(client, user, 2)
