"""Questions asked together: none is forgotten, none waits for nothing, and an error reaches all who asked."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from reverie.aio.batcher import Batcher


async def test_a_question_right_after_an_answer_is_asked_at_once() -> None:
    async def ask(questions: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        return [-question for question in questions]

    together = Batcher(ask, at_once=1)
    async with asyncio.timeout(60):
        # The answer wakes its reader before the task that asked is seen to have ended.
        assert [await together.get(number) for number in range(20)] == [-number for number in range(20)]


async def test_questions_that_come_meanwhile_are_asked_together() -> None:
    groups: list[list[int]] = []
    go = asyncio.Event()

    async def ask(questions: Sequence[int]) -> list[int]:
        groups.append(list(questions))
        await go.wait()
        return list(questions)

    together = Batcher(ask, at_once=2)
    asked = []
    for number in range(8):
        asked.append(asyncio.create_task(together.get(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*asked) == list(range(8))
    assert groups == [[0], [1], [2, 3, 4, 5, 6, 7]]


async def test_an_error_reaches_all_who_asked_and_nobody_else() -> None:
    async def ask(questions: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        if 1 in questions:
            raise ValueError("no answer")
        return list(questions)

    together = Batcher(ask, at_once=1)
    asked = [asyncio.create_task(together.get(number)) for number in range(3)]
    assert [type(found) for found in await asyncio.gather(*asked, return_exceptions=True)] == [ValueError] * 3
    with pytest.raises(ValueError, match="no answer"):
        await together.get(1)
    assert await together.get(5) == 5
