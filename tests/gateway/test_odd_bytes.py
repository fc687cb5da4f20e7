"""What no id can hold, in every place of the OpenAPI document that takes a text: refused, never an error of ours."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import LiveService

DOCUMENT: dict[str, Any] = json.loads(Path(__file__).with_name("openapi.json").read_text())
NUL = ["%00", "a%00b"]
ODD = [*NUL, "%FF", "%C0%AF", "%ED%A0%80", "%zz", "%0A"]


@pytest.fixture(scope="module")
def idle(database_url: str, redis_url: str) -> Iterator[LiveService]:
    with LiveService(database_url, redis_url, workers={}) as live:
        yield live


def asked(value: str) -> list[tuple[str, str]]:
    """``(method, address)`` of every operation with ``value`` in each of its path's members, then in each query."""
    out = []
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            texts = [
                parameter["name"]
                for parameter in operation.get("parameters", [])
                if parameter["in"] == "query" and "string" in json.dumps(parameter["schema"])
            ]
            members = re.findall(r"\{(\w+)\}", path)
            plain = {name: "map" if name == "kind" else "x" for name in members}
            for name in members:
                out.append((method.upper(), path.format(**{**plain, name: value})))
            out += [(method.upper(), f"{path.format(**plain)}?{name}={value}") for name in texts]
    assert len(out) > 40
    return out


@pytest.mark.parametrize("value", ODD)
def test_no_place_for_a_text_takes_odd_bytes_for_more_than_a_mistake(idle: LiveService, value: str) -> None:
    """By hand, since clients tidy addresses up before they send them."""
    wrong = []
    for method, address in asked(value):
        connection = http.client.HTTPConnection("127.0.0.1", idle.ports[0], timeout=60)
        headers = {"Authorization": f"Bearer {idle.key}", "Content-Type": "application/json"}
        connection.request(method, address, None if method == "GET" else b"{}", headers)
        answer = connection.getresponse()
        said = answer.read(200)
        connection.close()
        if answer.status >= 500 or (value in NUL and answer.status < 400):
            wrong.append((method, address, answer.status, said))
    assert wrong == []


@pytest.mark.parametrize("value", NUL)
async def test_a_socket_for_what_cannot_be_ends_with_a_code(idle: LiveService, value: str) -> None:
    for address in (f"/results/{value}", f"/results?operation={value}"):
        url = f"ws://127.0.0.1:{idle.ports[0]}{address}"
        async with idle.session() as session, session.ws_connect(url) as socket:
            message = await socket.receive(timeout=60)
            assert socket.close_code == 4404, (address, message)
    assert "Traceback" not in idle.log("gateway0")


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_a_number_that_json_has_not_is_refused_and_not_kept_as_null(idle: LiveService, number: str) -> None:
    held = f'{{"id": "n", "text": "I like tea", "metadata": {{"deep": [{{"score": {number}}}]}}}}'
    connection = http.client.HTTPConnection("127.0.0.1", idle.ports[0], timeout=60)
    headers = {"Authorization": f"Bearer {idle.key}", "Content-Type": "application/json"}
    for method, address, body in (
        ("POST", "/cluster/submit", f'{{"user_id": "u", "memories": [{held}]}}'),
        ("POST", "/users/odd/memories", f'{{"memories": [{held}]}}'),
        ("PUT", "/users/odd/memories/n", held.replace('"id": "n", ', "")),
        ("PATCH", "/users/odd/memories/n", f'{{"metadata": {{"score": {number}}}}}'),
    ):
        connection.request(method, address, body.encode(), headers)
        answer = connection.getresponse()
        said = answer.read()
        assert answer.status == 422, (method, address, said[:300])
        assert b"metadata" in said, said[:300]
    connection.close()


@pytest.mark.parametrize("last", ["²", "٣".encode().decode("latin-1"), "-1", "1" * 400])
def test_what_is_no_number_resumes_an_event_stream_from_its_beginning(idle: LiveService, last: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", idle.ports[0], timeout=60)
    headers = {"Authorization": f"Bearer {idle.key}", "Content-Type": "application/json"}
    connection.request("POST", "/cluster/submit", b'{"user_id": "u", "memories": ["I like tea"]}', headers)
    task = json.loads(connection.getresponse().read())
    connection.request("GET", f"/results/{task['task_id']}", headers={**headers, "Last-Event-ID": last})
    answer = connection.getresponse()
    assert answer.status == 200
    assert [answer.readline() for _ in range(3)][-1].startswith(b"id: ")
    connection.close()
