"""Five hundred bad bodies, made from a seed: every one is a problem of the 4xx kind, and the gateway lives on."""

from __future__ import annotations

import json
import random
from typing import Any

from tests.live import LiveService

OPERATIONS = ("cluster", "analyze", "recall", "embed")


def good(operation: str, chance: random.Random) -> dict[str, Any]:
    """A valid body."""
    texts = [f"text {chance.randrange(1000)}" for _ in range(chance.randrange(1, 5))]
    if operation == "embed":
        return {"user_id": "fuzz", "texts": texts}
    body: dict[str, Any] = {"user_id": "fuzz", "memories": [{"id": str(i), "text": t} for i, t in enumerate(texts)]}
    return body | ({"query": "text"} if operation == "recall" else {})


def bad_value(chance: random.Random) -> Any:
    """What is no text, no list of memories and no options."""
    return chance.choice([1, 1.5, -(2**70), True, [[]], [None], [1], [{}], [{"text": None}], [[[]]], "\x00", ""])


def wrong_member(body: dict[str, Any], chance: random.Random) -> bytes:
    items = "texts" if "texts" in body else "memories"
    body[chance.choice(["user_id", items])] = chance.choice([None, {}, [{}], [None], [1], True, "", [[]], 1.5])
    if body["user_id"] == "fuzz" and body[items] == []:
        body[items] = None
    return json.dumps(body).encode()


def missing_member(body: dict[str, Any], chance: random.Random) -> bytes:
    del body["texts" if "texts" in body else "memories"]
    return json.dumps(body).encode()


def unknown_member(body: dict[str, Any], chance: random.Random) -> bytes:
    place = chance.choice([body, body.setdefault("options", {})])
    place["x" * chance.randrange(1, 300)] = bad_value(chance)
    return json.dumps(body).encode()


def bad_option(body: dict[str, Any], chance: random.Random) -> bytes:
    body["options"] = chance.choice(
        [
            [],
            "x",
            1,
            {"model": ""},
            {"model": 1},
            {"model": "no/such-model"},
            {"model": None, "x": 1},
            {"seed": "a", "top": -1},
        ]
    )
    return json.dumps(body).encode()


def bad_item(body: dict[str, Any], chance: random.Random) -> bytes:
    if "texts" in body:
        body["texts"].append(chance.choice(["", "  ", None, 1, {}, "a\x00b", "x" * 100_001]))
    else:
        body["memories"].append(
            chance.choice(
                [
                    {"text": ""},
                    {"text": " \n\t"},
                    {"text": "a\x00"},
                    {"id": "0", "text": "twice"},
                    {"id": "", "text": "a"},
                    {"id": "a\x1f", "text": "a"},
                    {"text": "a", "created_at": "yesterday"},
                    {"text": "a", "created_at": 1e9},
                    {"text": "a", "created_at": "2024-01-01T00:00:00"},
                    {"text": "a", "access_count": -1},
                    {"text": "a", "access_count": 2**80},
                    {"text": "a", "access_count": "3"},
                    {"text": "a", "kind": "k" * 65},
                    {"text": "a", "metadata": []},
                    {"text": "a", "source": 5},
                    {"text": ["a"]},
                    None,
                    7,
                    [],
                    "",
                    "x" * 100_001,
                ]
            )
        )
    return json.dumps(body).encode()


def cut_off(body: dict[str, Any], chance: random.Random) -> bytes:
    whole = json.dumps(body).encode()
    return whole[: chance.randrange(len(whole))]


def extra_bytes(body: dict[str, Any], chance: random.Random) -> bytes:
    return json.dumps(body).encode() + chance.choice([b"}", b"x", b"\x00", b"{}", b",", b"]"])


def not_utf8(body: dict[str, Any], chance: random.Random) -> bytes:
    bad = chance.choice([b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\x80"])
    return json.dumps(body).encode().replace(b"text ", b"text " + bad, 1)


def bad_number(body: dict[str, Any], chance: random.Random) -> bytes:
    number = chance.choice([b"NaN", b"Infinity", b"-Infinity", b"1e999", b"9" * 5000, b"0x1", b"01", b"+1", b"1."])
    body["options"] = {"seed": 7777}
    return json.dumps(body).encode().replace(b"7777", number, 1)


def deep(body: dict[str, Any], chance: random.Random) -> bytes:
    depth = chance.choice([200, 2000, 100_000])
    opening, closing = chance.choice([(b"[", b"]"), (b'{"a":', b"}")])
    return b'{"user_id":"fuzz","memories":' + opening * depth + chance.choice([b"", b"1" + closing * depth]) + b"}"


def no_object(body: dict[str, Any], chance: random.Random) -> bytes:
    return chance.choice(
        [b"", b" ", b"null", b"true", b"1", b'"x"', b"[]", b"[{}]", b"<xml/>", b"user_id=1", b"{'a':1}"]
    )


def noise(body: dict[str, Any], chance: random.Random) -> bytes:
    return chance.randbytes(chance.randrange(1, 2000))


KINDS = (
    wrong_member,
    missing_member,
    unknown_member,
    bad_option,
    bad_item,
    cut_off,
    extra_bytes,
    not_utf8,
    bad_number,
    deep,
    no_object,
    noise,
)


def corpus(seed: int, count: int) -> list[tuple[str, str, bytes]]:
    """``(operation, kind, body)``; the same for the same seed."""
    chance = random.Random(seed)
    made = []
    for number in range(count):
        operation = chance.choice(OPERATIONS)
        kind = KINDS[number % len(KINDS)]
        made.append((operation, kind.__name__, kind(good(operation, chance), chance)))
    return made


def test_five_hundred_bad_bodies_are_each_a_problem(service: LiveService) -> None:
    wrong = []
    with service.client(**{"content-type": "application/json"}) as client:
        for operation, kind, body in corpus(7, 500):
            answer = client.post(f"/{operation}/submit", content=body)
            problem = answer.headers["content-type"] == "application/problem+json"
            if not (400 <= answer.status_code < 500 and problem and len(answer.content) < 20_000):
                wrong.append((answer.status_code, operation, kind, body[:200]))
        assert wrong == []
        assert client.get("/readyz").status_code == 200
    assert service.rows("SELECT count(*) AS n FROM tasks WHERE user_id = 'fuzz'")[0]["n"] == 0
    assert "Traceback" not in service.log("gateway0")
