"""The OpenAPI document: complete enough to make clients from, and changed on purpose only."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reverie.client._wire import SseParser
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
        if row.request is not None and row.public:
            row.request.model_validate(schemas[row.request.__name__]["examples"][0])
    Task.model_validate(schemas["Task"]["examples"][0])
    Event.model_validate(schemas["Event"]["examples"][0])


def members(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property in a document, with its path."""
    if isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from members(item, f"{path}/{index}")
    elif isinstance(schema, dict):
        properties = schema.get("properties", {})
        if isinstance(properties, dict) and "type" in schema:
            for name, member in properties.items():
                yield f"{path}/{name}", member
        for name, part in schema.items():
            if name not in ("example", "examples", "default"):
                yield from members(part, f"{path}/{name}")


def test_every_member_and_parameter_says_what_it_is(document: dict[str, Any]) -> None:
    """So that /docs, editors and made clients explain themselves: in the contracts, Field(description=...)."""
    found = list(members(document))
    assert len(found) > 240
    silent = [path for path, member in found if not member.get("description")]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            for parameter in operation.get("parameters", []):
                if not parameter.get("description"):
                    silent.append(f"{method} {path}: {parameter['name']}")
    assert not silent, silent


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    wanted = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document)))
    assert wanted <= set(document["components"]["schemas"]), wanted - set(document["components"]["schemas"])


def test_every_route_says_who_may_call_it_and_where_it_belongs(document: dict[str, Any]) -> None:
    tags = {tag["name"]: tag["description"] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for operation in methods.values():
            public = path in ("/healthz", "/readyz", "/metrics")
            assert bool(operation["security"]) != public, path
            for (scheme,) in operation["security"]:
                assert scheme in document["components"]["securitySchemes"], path
            assert all(tags[tag] for tag in operation["tags"]), path
    assert document["servers"]


def test_the_example_of_the_event_stream_is_one(document: dict[str, Any]) -> None:
    media = document["paths"]["/results/{task_id}"]["get"]["responses"]["200"]["content"]["text/event-stream"]
    (data,) = SseParser().feed(media["example"].encode())
    event = Event.model_validate_json(data)
    assert f"id: {event.seq}\nevent: {event.type}\n" in media["example"]


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
            "--workers", "1", "--continue-on-failure", "--no-shrink", "--warnings", "off",
        ],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Traceback" not in service.log("gateway0")
