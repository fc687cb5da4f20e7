"""A wait ends in time, but not for time that the process did not have."""

from __future__ import annotations

import asyncio
import time

import pytest

from reverie.aio.deadline import ends_within, within
from reverie.errors import ServiceUnavailable


async def test_what_is_done_in_time_is_handed_on() -> None:
    async def work(seconds: float) -> float:
        await asyncio.sleep(seconds)
        return seconds

    waits = [within(60, work(seconds), otherwise="late") for seconds in (0.0, 0.01, 0.12, 0.2)]
    assert await asyncio.gather(*waits) == [0.0, 0.01, 0.12, 0.2]


async def test_an_error_is_handed_on() -> None:
    async def work() -> None:
        raise ValueError("mine")

    with pytest.raises(ValueError, match="mine"):
        await within(60, work(), otherwise="late")


async def test_what_takes_longer_is_left_to_end_by_itself() -> None:
    ended = asyncio.Event()
    go = asyncio.Event()

    async def work() -> None:
        await go.wait()
        ended.set()

    began = time.monotonic()
    with pytest.raises(ServiceUnavailable, match="late"):
        await within(0.2, work(), otherwise="late")
    assert time.monotonic() - began >= 0.2
    go.set()
    await asyncio.wait_for(ended.wait(), 60)


async def test_time_in_which_the_loop_stood_still_does_not_count() -> None:
    answer = asyncio.get_running_loop().create_future()
    wait = asyncio.create_task(ends_within(0.3, answer))
    await asyncio.sleep(0)
    time.sleep(1.0)
    asyncio.get_running_loop().call_later(0.01, answer.set_result, None)
    assert await wait


async def test_waits_of_different_lengths_end_in_their_order() -> None:
    loop = asyncio.get_running_loop()
    order: list[float] = []

    async def wait(seconds: float) -> None:
        assert not await ends_within(seconds, loop.create_future())
        order.append(seconds)

    await asyncio.gather(*(wait(seconds) for seconds in (0.3, 0.1, 0.2)))
    assert order == [0.1, 0.2, 0.3]


async def test_a_wait_given_up_leaves_nothing_behind() -> None:
    answer = asyncio.get_running_loop().create_future()
    wait = asyncio.create_task(ends_within(60, answer))
    await asyncio.sleep(0)
    wait.cancel()
    with pytest.raises(asyncio.CancelledError):
        await wait
    answer.set_result(None)
    assert await ends_within(60, answer)
