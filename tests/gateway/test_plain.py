"""The short way through intake gives what the contract's models give, or leaves the body to them."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reverie.contracts import AnalyzeRequest, ClusterRequest, Operation, RecallRequest
from reverie.errors import ReverieError
from reverie.gateway.submissions import parse
from reverie.gateway.submissions.fast_parser import parse_fast
from reverie.gateway.submissions.parse import ParseLimits, parse_submission

LIMITS = ParseLimits(memories=50, text_chars=40)

texts = st.text(max_size=45) | st.sampled_from(
    ["tea", "  ", "a\tb", "\x7f", "\x1c", "é" * 41, "\ud800", "茶", "\\u0000", '",', '","', ",", '"', "\\", "\\,", ',"']
)
moments = st.sampled_from(
    [
        "2026-05-01T09:00:00Z", "2026-05-01T09:00:00+00:00", "2026-05-01T09:00:00.120000Z", "2026-05-01T09:00:00.1Z",
        "2026-05-01T09:00:00.000000+00:00", "2026-05-01T09:00:00", "2026-02-30T09:00:00Z", "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2026-05-01T24:00:00Z", "2026-05-01T09:00:60Z",
        "2026-05-01T09:00:00+02:00", "2026-05-01 09:00:00Z", 1777626000, None, True, "", "2026-05-01T09:00:00.1234567Z",
        "2026-05-01t09:00:00z", "2026-05-01T09:00:00-00:00", "2026-05-01T09:00Z", "20260501T090000Z", "2026-05-01",
    ]
)  # fmt: skip
members = st.fixed_dictionaries(
    {},
    optional={
        "id": st.text(max_size=5) | st.sampled_from(["a", "x" * 257, "\n", " ", None, 7, "0", "1", "١"]),
        "text": texts,
        "created_at": moments,
        "last_accessed_at": moments,
        "access_count": st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**70, 1.0, True, None, "3"]),
        "kind": st.sampled_from(["fact", "", "x" * 65, None, 3, "\ud800"]),
        "source": st.sampled_from(["#general", "x" * 257, None]),
        "metadata": st.sampled_from([{}, {"a": [1, 2.5, None, {"b": "c"}]}, {"n": 2**70}]),
        "other": st.just(1),
    },
)
usual = st.fixed_dictionaries(
    {"text": st.text('abc äöü茶🍵 "\\\n\t', max_size=39).map(lambda text: "x" + text)},
    optional={
        "id": st.uuids().map(str),
        "created_at": moments,
        "access_count": st.integers(-1, 9),
        "kind": st.sampled_from(["fact", None]),
        "source": st.text("#abc", max_size=9),
    },
)
documents = st.fixed_dictionaries(
    {"memories": st.lists(usual, max_size=6) | st.lists(texts, max_size=6) | st.lists(members | texts, max_size=6)},
    optional={
        "user_id": st.sampled_from(["u", "", "x" * 257, 1, 2**70, None, "a\u0000", "é"]),
        "options": st.sampled_from([{}, {"seed": 3}, {"seed": 2**70}, {"granularity": 0.5}, {"nonsense": 1}, None]),
        "cloud": st.sampled_from([{"allowed": True, "max_usd": 1}, {"max_usd": 1e999}, None]),
        "callback_url": st.sampled_from(["https://example.org/hook", "ftp://x", None]),
        "other": st.just(1),
    },
)


def outcome(body: bytes) -> Any:
    try:
        return parse_submission(Operation.CLUSTER, body, LIMITS)
    except ReverieError as error:
        return type(error), error.message, error.extra


@settings(max_examples=300)
@given(documents | st.builds(lambda memory: {"user_id": "u", "memories": [memory]}, usual), st.booleans())
def test_both_ways_agree(document: dict[str, Any], escaped: bool) -> None:
    try:
        body = json.dumps(document, ensure_ascii=escaped).encode()
    except UnicodeEncodeError:
        body = json.dumps(document).encode()
    short = outcome(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse, "parse_fast", lambda *_: None)
        assert outcome(body) == short


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b"null", b"{", b'{"memories":[]}', b'{"memories":["a"]}', b'{"memories":["a"],"user_id":"u"} x',
        b'{"user_id":"u","memories":["a"],"memories":["b", 3]}', b'{"user_id":"u","memories":["\\ud800"]}',
        b'{"user_id":"u","memories":["\xff"]}', b'{"user_id":"u","memories":[NaN]}',
        b'{"user_id":"u","memories":["a"],"options":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"user_id":"u","memories":["a\\",","b"]}', b'{"user_id":"u","memories":["\\",\\"","b\\\\",",",",\\""]}',
        b'{"user_id":"\\"memories\\":[]","memories":["a"]}',
        b'{"user_id":"\\"memories","memories":["a","\\"memories\\":[]"]}',
        b'{"user_id":"u","memories":[{"text":"a","id":"1","id":"2"}]}',
        b'{"user_id":"u","memories":[{"text":"a","id":""}]}', b'{"user_id":"u","memories":[{"id":"1"}]}',
        b'{"user_id":"u","memories":[{"text":"a","access_count":1e0}]}', b'{"user_id":-0,"memories":["a"]}',
        b'{"user_id":"u","memories":[{"text":"a","access_count":-0}]}',
        b'{"user_id":184467440737095516160,"memories":["a"]}',
        b'{"user_id":"u","memories":[{"text":"a","created_at":"2026-05-01T09:00:00.9999999Z"}]}',
        b'{"user_id":"u","memories":["a"],"options": { "seed" : 3 } ,"options":{"seed":4}}',
        b'{"user_id":"u","memories":["a"],"options":{"seed":184467440737095516160}}',
        b'{"user_id":"u","memories":["a"],"options":{"granularity":NaN}}',
        b'{"user_id":"u","memories":["a"],"options":{"model":"\\ud800"}}',
        b'{"user_id":"u","memories":["a"],"callback_url":"https://example.org/\xc3\xa9"}',
        b'{"user_id":"u","memories":["a"],"cloud":null,"options":null}',
        b'\xef\xbb\xbf{"user_id":"u","memories":["a"]}',
    ],
)  # fmt: skip
def test_odd_bodies_agree(body: bytes) -> None:
    short = outcome(body)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse, "parse_fast", lambda *_: None)
        assert outcome(body) == short


def test_what_is_plain() -> None:
    memory = {"id": "1", "text": "tea", "created_at": "2026-05-01T09:00:00Z", "access_count": 2, "kind": "fact"}
    for memories in (["tea", "rain"], [{"text": "tea"}, {"id": "x", "text": "rain"}], [memory], ["tea", memory]):
        body = orjson.dumps({"user_id": "u", "memories": memories, "options": {}})
        assert parse_fast(ClusterRequest, body, 40) is not None
    # Digits that a moment would lose count in moments alone.
    place = orjson.dumps({"user_id": "u", "memories": ["48.8583701, 2.2944813", {"text": "tea"}]})
    assert parse_fast(ClusterRequest, place, 40) is not None
    dated = orjson.dumps({"user_id": "u", "memories": [{"text": "tea", "created_at": "2026-05-01T09:00:00.1234567Z"}]})
    assert parse_fast(ClusterRequest, dated, 40) is None
    assert parse_fast(AnalyzeRequest, orjson.dumps({"user_id": 7, "memories": ["a"], "options": {"top": 3}}), 40)
    found = parse_fast(RecallRequest, orjson.dumps({"user_id": "u", "memories": ["a"], "query": "é"}), 40)
    assert found is not None
    assert (found[1].query, found[3]) == (
        "é",
        '{"user_id":"u","query":"é","memories":[{"id":"0","text":"a"}]}'.encode(),
    )
