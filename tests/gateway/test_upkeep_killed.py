"""A worker that dies in the middle of upkeep. In a module of its own: no other service's worker takes its tasks."""

from __future__ import annotations

import psycopg

from tests.gateway.keeping import forget, keep, some
from tests.gateway.test_upkeep import current, until
from tests.live import LiveService

WAITS = """SELECT 1 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%FROM people%FOR NO KEY UPDATE%'"""


def test_a_worker_killed_in_the_middle_of_upkeep_leaves_one_view_of_one_version(
    database_url: str, redis_url: str
) -> None:
    environment = {"REVERIE_UPKEEP": "manual"}
    with LiveService(database_url, redis_url, environment=environment) as live, live.client() as client:
        version = keep(live.database_url, "killed", some(400))
        task = client.post("/users/killed/upkeep").json()["id"]
        with psycopg.connect(live.database_url) as held:
            # The attempt cannot end while the user's row is held: it is killed when it wants to write its views.
            held.execute("SELECT FROM people WHERE user_id = 'killed' FOR NO KEY UPDATE")
            until(lambda: live.rows(WAITS))
            assert [row["status"] for row in live.rows("SELECT status FROM tasks WHERE id = %s", task)] == ["running"]
            live.kill("worker")
        forget(live.database_url, "killed", ["m7"])
        assert live.rows("SELECT 1 FROM views v JOIN people p ON p.id = v.person WHERE p.user_id = 'killed'") == []
        live.start_worker("worker")
        view = current(client, "killed", version)
        assert "m7" not in view["assignments"]
        assert len(view["assignments"]) == 399
        rows = live.rows(
            "SELECT v.version, p.version AS now, p.changes, p.upkeep_task_id "
            "FROM views v JOIN people p ON p.id = v.person WHERE p.user_id = 'killed'"
        )
        # The attempt that succeeded read the memories after the deletion; nothing is left to be told.
        assert [row["version"] for row in rows] == [version + 1, version + 1]
        assert {(row["now"], row["changes"], row["upkeep_task_id"]) for row in rows} == {(version + 1, 0, None)}
        assert [row["attempts"] for row in live.rows("SELECT attempts FROM tasks WHERE id = %s", task)] == [2]
