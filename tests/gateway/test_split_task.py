"""A task's answer taken apart again, whatever its parts hold."""

from __future__ import annotations

import orjson
import pytest

from reverie.gateway.http.responses import split_task


@pytest.mark.parametrize(
    "result",
    [
        b'{"memories":[]}',
        b'{"note":",\\"result\\":null}"}',  # the mark inside a string has its quotes escaped
        b'{"inner":{"a":1,"result":null}}',  # the mark inside the result comes after the first one
        b"[1]",
    ],
)
def test_the_result_comes_out_as_its_bytes_were(result: bytes) -> None:
    head = {"user_id": 'a","result":{"b', "status": "succeeded", "error": None}
    assert split_task(orjson.dumps(head)[:-1] + b',"result":' + result + b"}") == (head, result)


def test_a_task_without_a_result_has_its_error_whole() -> None:
    head = {"status": "failed", "error": {"detail": "x", "result": None}}
    assert split_task(orjson.dumps(head)[:-1] + b',"result":null}') == (head, None)
