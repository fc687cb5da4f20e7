"""Theme names from a chat endpoint, and what happens when it misbehaves."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from reverie.clustering.labels import Label
from reverie.settings import LabelSettings
from reverie.worker.chat_endpoint import ChatEndpoint, endpoint_from
from reverie.worker.llm_labels import ChatLabeler

NAMES = [Label("cat", ["cat"]), Label("trip", ["trip"])]
GROUPS = [["my cat", "the cat"], ["a trip", "the trip"]]


class Chat:
    """A chat endpoint whose next answer the test sets."""

    def __init__(self) -> None:
        self.status = 200
        self.content = "[]"
        self.usage: dict[str, Any] | None = None
        self.requests: list[dict[str, Any]] = []
        chat = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                chat.requests.append({"path": self.path, "key": self.headers.get("Authorization"), "body": body})
                told = {"choices": [{"message": {"content": chat.content}}], "usage": chat.usage}
                answer = json.dumps(told).encode()
                self.send_response(chat.status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *args: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"


@pytest.fixture
def chat() -> Iterator[Chat]:
    chat = Chat()
    thread = threading.Thread(target=chat.server.serve_forever)
    thread.start()
    yield chat
    chat.server.shutdown()
    thread.join()
    chat.server.server_close()


def test_titles_come_from_the_endpoint_cleaned(chat: Chat) -> None:
    chat.content = 'Here you are: ["**Miso the cat**", "Alpine\\u202e  trips\\n"]'
    assert ChatLabeler(ChatEndpoint(chat.url, "m", key="k"))(GROUPS, NAMES) == ["Miso the cat", "Alpine trips"]
    sent = chat.requests[0]
    assert (sent["path"], sent["key"], sent["body"]["model"]) == ("/v1/chat/completions", "Bearer k", "m")
    assert "the cat" in sent["body"]["messages"][1]["content"]


@pytest.mark.parametrize(
    "content",
    [
        "no array at all",
        '["only one"]',  # not one a group
        '[1, {"a": 2}]',  # no strings
        json.dumps(["x" * 200, ""]),  # too long, empty
    ],
)
def test_answers_that_are_no_titles_leave_the_keywords(chat: Chat, content: str) -> None:
    chat.content = content
    assert ChatLabeler(ChatEndpoint(chat.url, "m"))(GROUPS, NAMES) == [None, None]


def test_a_failing_endpoint_is_asked_once_and_leaves_the_keywords(chat: Chat) -> None:
    chat.status = 500
    assert ChatLabeler(ChatEndpoint(chat.url, "m"))(GROUPS * 20, NAMES * 20) == [None] * 40
    assert len(chat.requests) == 1


def test_nothing_is_asked_unless_a_url_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REVERIE_LABEL_URL", raising=False)
    assert endpoint_from(LabelSettings()) is None
    monkeypatch.setenv("REVERIE_LABEL_URL", "http://127.0.0.1:1/v1")
    assert endpoint_from(LabelSettings()) is not None
