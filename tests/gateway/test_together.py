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

    together = Batcher(ask)
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

    together = Batcher(ask)
    asked = []
    for number in range(8):
        asked.append(asyncio.create_task(together.get(number)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    go.set()
    assert await asyncio.gather(*asked) == list(range(8))
    assert groups == [[0], [1, 2, 3, 4, 5, 6, 7]]


async def test_an_error_reaches_all_who_asked_and_nobody_else() -> None:
    async def ask(questions: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        if 1 in questions:
            raise ValueError("no answer")
        return list(questions)

    together = Batcher(ask)
    asked = [asyncio.create_task(together.get(number)) for number in range(3)]
    assert [type(found) for found in await asyncio.gather(*asked, return_exceptions=True)] == [ValueError] * 3
    with pytest.raises(ValueError, match="no answer"):
        await together.get(1)
    assert await together.get(5) == 5


async def test_an_answer_that_is_an_error_is_one_askers_alone() -> None:
    async def ask(questions: Sequence[int]) -> list[int | Exception]:
        return [ValueError("odd") if question % 2 else question for question in questions]

    together = Batcher(ask)
    found = await asyncio.gather(*(together.get(number) for number in range(4)), return_exceptions=True)
    assert [type(one) for one in found] == [int, ValueError, int, ValueError]


class Held:
    """Answers when it is told to, and knows what it was asked."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.go, self.asked = asyncio.Event(), asyncio.Event()

    async def ask(self, questions: Sequence[int]) -> list[int]:
        self.groups.append(list(questions))
        self.asked.set()
        await self.go.wait()
        return list(questions)


async def test_what_was_given_up_is_not_asked_and_a_full_house_takes_nothing_more() -> None:
    held = Held()
    together = Batcher(held.ask, most=2, capacity=3)
    first = together.soon(0)
    await held.asked.wait()
    waiting = [together.soon(number) for number in (1, 2)]
    assert together.put(3)
    assert not together.put(4)
    with pytest.raises(asyncio.QueueFull):
        together.soon(5)
    waiting[0].cancel()
    held.go.set()
    assert (await first, await waiting[1]) == (0, 2)
    assert held.groups == [[0], [2, 3]]


async def test_who_goes_together_may_be_chosen_and_the_rest_keeps_its_turn() -> None:
    held = Held()
    together = Batcher(held.ask, together=lambda waiting: [number % 2 == waiting[0] % 2 for number in waiting])
    first = together.soon(0)
    await held.asked.wait()
    others = [together.soon(number) for number in (1, 2, 3, 4)]
    held.go.set()
    await asyncio.gather(first, *others)
    assert held.groups == [[0], [1, 3], [2, 4]]


async def test_a_stop_waits_no_longer_than_it_may_and_tells_everybody_why() -> None:
    held = Held()
    together = Batcher(held.ask, most=1)
    under_way = together.soon(0)
    await held.asked.wait()
    waiting = together.soon(1)
    together.put(2)
    await together.stop(ConnectionError("over"))
    for future in (under_way, waiting):
        with pytest.raises(ConnectionError, match="over"):
            await future
    assert held.groups == [[0]]

    patient = Held()
    another = Batcher(patient.ask)
    answered = another.soon(0)
    patient.go.set()
    await another.stop(ConnectionError("over"), seconds=60)
    assert await answered == 0


async def test_a_failure_that_nobody_waits_for_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def ask(questions: Sequence[int]) -> list[int]:
        raise ValueError("no answer")

    together = Batcher(ask)
    together.put(1)
    with pytest.raises(ValueError, match="no answer"):
        await together.get(2)
    assert "what nobody waits for failed" in caplog.text


async def test_one_of_a_group_may_be_answered_before_the_others() -> None:
    held = Held()

    async def ask(questions: Sequence[int]) -> list[int]:
        together.answer_now(1, -1)
        return await held.ask(questions)

    together = Batcher(ask)
    slow, quick = together.soon(0), together.soon(1)
    assert await quick == -1
    assert not slow.done()
    held.go.set()
    assert await slow == 0
    assert held.groups == [[0, 1]]
