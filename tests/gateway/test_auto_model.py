"""REVERIE_MODEL=auto through the whole service, with both real models: who writes what has which model."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from reverie.embedding import chosen_precision
from reverie.embedding.measuring import sentences
from tests.live import LiveService

ENGLISH, MULTILINGUAL = "all-MiniLM-L6-v2", "multilingual-e5-small"


@pytest.fixture(scope="module")
def live(database_url: str, redis_url: str) -> Iterator[LiveService]:
    environment = {"REVERIE_EMBEDDER": "ctranslate2", "CUDA_VISIBLE_DEVICES": "", "REVERIE_EMBED_THREADS": "1"}
    environment["REVERIE_PRECISION"] = "auto"
    workers = {"worker": ("fast,clustering,analysis", 1)}
    with LiveService(database_url, redis_url, environment=environment, workers=workers) as live:
        yield live
        live.check_invariants()


def memories(*languages: str) -> list[dict[str, str]]:
    return [{"id": f"{c}{i}", "text": text} for c in languages for i, text in enumerate(sentences(c))]


def ask(live: LiveService, operation: str, body: dict[str, Any]) -> dict[str, Any]:
    end = time.monotonic() + 600  # the first task of a model converts it, which takes long where others work too
    with live.client(prefer="wait=60") as client:
        answer = client.post(f"/{operation}/submit", json=body, timeout=90)
        assert answer.status_code in (200, 202), answer.text
        told: dict[str, Any] = answer.json()
        while told["status"] in ("queued", "running") and time.monotonic() < end:
            time.sleep(0.2)
            told = client.get(f"/tasks/{told['id']}").json()
    assert told["status"] == "succeeded", (told, live.log("worker"))
    return told


def model_of(task: dict[str, Any]) -> str:
    return str(task["result"]["model"]["name"])


def rows(live: LiveService, query: str, user: str) -> list[dict[str, Any]]:
    with psycopg.connect(live.database_url, row_factory=dict_row) as connection:
        return connection.execute(query, {"user": user}).fetchall()


def test_a_user_who_turns_from_english_to_german_keeps_their_themes_and_mixes_no_vectors(live: LiveService) -> None:
    first = ask(live, "cluster", {"user_id": "turns", "memories": memories("en")})
    assert model_of(first) == ENGLISH
    assert first["result"]["model"]["precision"] == chosen_precision("ctranslate2", data_dir=live.data_dir)
    again = ask(live, "cluster", {"user_id": "turns", "memories": memories("en")})
    assert again["id"] == first["id"]
    both = memories("en") + memories("de")[:30]
    second = ask(live, "cluster", {"user_id": "turns", "memories": both})
    assert model_of(second) == MULTILINGUAL
    assert second["result"]["stats"]["texts_embedded"] == len(both)
    before, after = first["result"]["assignments"], second["result"]["assignments"]
    grouped = [memory for memory, theme in before.items() if theme is not None]
    kept = sum(before[memory] == after[memory] for memory in grouped)
    assert kept >= 0.9 * len(grouped), (kept, len(grouped))

    query = "SELECT model, count(*) AS n FROM vectors WHERE user_id = %(user)s GROUP BY model ORDER BY n"
    stored = rows(live, query, "turns")
    assert [row["n"] for row in stored] == [64, len(both)]
    (used,) = rows(live, f"SELECT vector_model FROM tasks WHERE id = '{second['id']}'", "turns")
    assert used["vector_model"] == stored[1]["model"]
    (own,) = rows(live, "SELECT model, pinned, moved FROM user_models WHERE user_id = %(user)s", "turns")
    assert own == {"model": MULTILINGUAL, "pinned": False, "moved": True}

    # For good: English texts alone do not bring the user back, and no answer of the other model is given out.
    third = ask(live, "cluster", {"user_id": "turns", "memories": memories("en")})
    assert third["id"] != first["id"]
    assert model_of(third) == MULTILINGUAL
    assert third["result"]["stats"]["texts_embedded"] == 0


def test_one_question_in_another_language_moves_an_english_user(live: LiveService) -> None:
    told = memories("en")[:20]
    english = ask(live, "recall", {"user_id": "asks", "memories": told, "query": "What pets do I have?"})
    assert model_of(english) == ENGLISH
    german = ask(live, "recall", {"user_id": "asks", "memories": told, "query": "Wie heißt noch mein kleiner Hund?"})
    assert model_of(german) == MULTILINGUAL
    assert "dog" in german["result"]["memories"][0]["text"]
    back = ask(live, "recall", {"user_id": "asks", "memories": told, "query": "What pets do I have?"})
    assert model_of(back) == MULTILINGUAL


def test_a_request_a_tenant_and_a_user_can_be_pinned(live: LiveService) -> None:
    german = {"user_id": "pinned", "memories": memories("de")}
    one = ask(live, "cluster", {**german, "options": {"model": "english"}})
    assert model_of(one) == ENGLISH
    assert rows(live, "SELECT 1 FROM user_models WHERE user_id = %(user)s", "pinned") == []
    reembed(live, "--user", "pinned", "--model", "english")
    assert model_of(ask(live, "cluster", german)) == ENGLISH
    done = reembed(live, "--user", "pinned", "--model", "multilingual")
    assert "64 texts embedded" in done
    assert "0 texts embedded" in reembed(live, "--user", "pinned", "--model", "multilingual")
    moved = ask(live, "cluster", german)
    assert model_of(moved) == MULTILINGUAL
    assert moved["result"]["stats"]["texts_embedded"] == 0
    with live.client() as client:
        assert client.delete("/users/pinned").status_code == 200
    assert rows(live, "SELECT 1 FROM user_models WHERE user_id = %(user)s", "pinned") == []


def reembed(live: LiveService, *arguments: str) -> str:
    command = [sys.executable, "-m", "reverie", "reembed", *arguments]
    done = subprocess.run(command, env=live.environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_models_that_are_not_served_are_named(live: LiveService) -> None:
    with live.client() as client:
        body = {"user_id": "u", "memories": ["tea"], "options": {"model": "bge-m3"}}
        answer = client.post("/cluster/submit", json=body)
        names = [model["id"] for model in client.get("/v1/models").json()["data"]]
    assert answer.status_code == 422
    assert ENGLISH in answer.json()["detail"]
    assert MULTILINGUAL in answer.json()["detail"]
    assert names == [ENGLISH, MULTILINGUAL]
