"""The OpenAPI document: complete enough to make clients from, and changed on purpose only."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reverie.contracts import OPERATIONS, Event, Task
from reverie.gateway.app import create_app
from reverie.settings import ServerSettings, Settings
from tests.live import LiveService

SNAPSHOT = Path(__file__).with_name("openapi.json")


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = create_app(Settings(server=ServerSettings(database_url="postgresql://nowhere/none")))  # type: ignore[arg-type]
    return app.openapi()


def test_the_document_is_the_one_on_record(document: dict[str, Any]) -> None:
    text = json.dumps({**document, "info": {**document["info"], "version": "0"}}, indent=1, sort_keys=True) + "\n"
    if os.environ.get("REVERIE_UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(text)
    assert text == SNAPSHOT.read_text(), (
        "meant? then: REVERIE_UPDATE_SNAPSHOT=1 ./dev test tests/gateway/test_openapi.py"
    )


def test_every_operation_has_a_name_a_summary_a_body_and_errors(document: dict[str, Any]) -> None:
    names = []
    for path, methods in document["paths"].items():
        for operation in methods.values():
            names.append(operation["operationId"])
            assert operation["summary"], path
            assert operation["description"], path
            good = [code for code in operation["responses"] if code.startswith("2")]
            assert good, path
            for code in good:
                content = operation["responses"][code].get("content", {})
                assert code == "204" or all(media.get("schema") for media in content.values()), (path, code)
                assert code == "204" or content, path
            assert "application/problem+json" in operation["responses"]["4XX"]["content"]
            for media in operation.get("requestBody", {}).get("content", {}).values():
                schema = document["components"]["schemas"][media["schema"]["$ref"].rsplit("/", 1)[1]]
                assert schema["examples"], path
    assert len(names) == len(set(names))


def test_examples_are_valid(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for row in OPERATIONS.values():
        if row.request is not None:
            row.request.model_validate(schemas[row.request.__name__]["examples"][0])
    Task.model_validate(schemas["Task"]["examples"][0])
    Event.model_validate(schemas["Event"]["examples"][0])


def test_what_is_answered_keeps_its_own_memories(document: dict[str, Any]) -> None:
    """Only requests take a memory as its bare text; a recall answers with ranked ones."""
    schemas = document["components"]["schemas"]
    assert schemas["RecallResult"]["properties"]["memories"]["items"] == {"$ref": "#/components/schemas/RecalledMemory"}
    assert {"type": "string", "minLength": 1} in schemas["RecallRequest"]["properties"]["memories"]["items"]["anyOf"]


def test_web_sockets_are_described(document: dict[str, Any]) -> None:
    assert set(document["x-websockets"]) == {"/results", "/results/{task_id}"}
    assert set(document["x-websockets"]["/results"]["close_codes"]) >= {"1000", "1013", "4401", "4404"}


def test_schemathesis_finds_nothing(service: LiveService) -> None:
    """All its checks on the running gateway; no answer of the 5xx kind, and none that the document does not know."""
    done = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "--config-file",
            str(Path(__file__).with_name("schemathesis.toml")), "run", f"{service.url}/openapi.json", "--checks", "all",
            "--header", f"Authorization: Bearer {service.key}", "--seed", "7", "--generation-deterministic",
            "--generation-allow-x00", "false", "--max-examples", "8",
            "--phases", "examples,fuzzing", "--max-time", "25", "--request-timeout", "60", "--max-response-time", "60",
            "--no-color",
            "--workers", "2", "--continue-on-failure", "--no-shrink", "--warnings", "off",
        ],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Traceback" not in service.log("gateway0")
