"""Batches across callers, on a fake device that waits for the test and remembers what it was given."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from reverie.embedding.base import Vectors
from reverie.embedding.merging import Merger

ALWAYS = 10_000


class FakeDevice:
    """Stands for a GPU: "computes" ``(number, number)`` for each item, one batch at a time, when it may."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_run = threading.Semaphore(0)
        self.began = threading.Event()
        self.fails_on: int | None = None

    def forward(self, items: list[int]) -> Vectors:
        self.batches.append(items)
        self.began.set()
        assert self.may_run.acquire(timeout=30)
        if self.fails_on in items:
            raise MemoryError("out of device memory")
        return np.array([[item, item] for item in items], dtype=np.float32)


@pytest.fixture
def device() -> FakeDevice:
    return FakeDevice()


@pytest.fixture
def merger(device: FakeDevice) -> Iterator[Merger]:
    merger = Merger(device.forward, 2, budget=100)
    yield merger
    device.may_run.release(ALWAYS)
    merger.close()


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as pool:
        yield pool


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


def waiting(merger: Merger, calls: int) -> None:
    """Until so many callers have rows that no batch has taken."""
    until(lambda: len(merger._calls) >= calls)


def test_texts_of_several_tasks_share_a_batch_and_each_gets_its_own_back(
    merger: Merger, device: FakeDevice, pool: ThreadPoolExecutor
) -> None:
    blocker = pool.submit(merger.embed, [0], [10])
    assert device.began.wait(30)
    calls = [pool.submit(merger.embed, [10 * n, 10 * n + 1], [10, 11]) for n in range(1, 5)]
    waiting(merger, 4)
    device.may_run.release(ALWAYS)
    for n, call in enumerate(calls, 1):
        np.testing.assert_array_equal(call.result(30)[:, 0], [10 * n, 10 * n + 1])
    blocker.result(30)
    assert len(device.batches) == 2  # the blocker, and the four tasks' eight texts at once
    assert merger.shared == 1


def test_a_small_task_waits_for_one_batch_of_a_large_one(
    merger: Merger, device: FakeDevice, pool: ThreadPoolExecutor
) -> None:
    large = pool.submit(merger.embed, list(range(100)), [50] * 100)
    assert device.began.wait(30)
    small = pool.submit(merger.embed, [1000], [5])
    waiting(merger, 2)
    device.may_run.release(ALWAYS)
    small.result(30)
    np.testing.assert_array_equal(large.result(30)[:, 0], np.arange(100))
    assert [1000 in batch for batch in device.batches].index(True) == 1


def test_batches_keep_to_the_budget_and_to_rows_of_like_length(merger: Merger, device: FakeDevice) -> None:
    device.may_run.release(ALWAYS)
    lengths = [int(n) for n in np.random.default_rng(3).integers(1, 60, 200)] + [400]
    found = merger.embed(list(range(201)), lengths)
    np.testing.assert_array_equal(found[:, 0], np.arange(201))
    for batch in device.batches:
        longest = max(lengths[item] for item in batch)
        assert len(batch) == 1 or len(batch) * longest <= 100
        assert min(lengths[item] for item in batch) >= longest / 2


def test_what_the_device_raises_reaches_the_callers_of_that_batch_alone(
    merger: Merger, device: FakeDevice, pool: ThreadPoolExecutor
) -> None:
    device.may_run.release(ALWAYS)
    device.fails_on = 7
    with pytest.raises(MemoryError):
        merger.embed([7], [10])
    np.testing.assert_array_equal(merger.embed([8], [10]), [[8, 8]])


def test_a_cancelled_task_leaves_the_queue_and_the_others_go_on(
    merger: Merger, device: FakeDevice, pool: ThreadPoolExecutor
) -> None:
    class Cancelled(Exception):
        pass

    def stop(stage: str, done: int, total: int) -> None:
        raise Cancelled

    first = pool.submit(merger.embed, list(range(1000)), [50] * 1000, stop)
    assert device.began.wait(30)
    other = pool.submit(merger.embed, [5000], [50])
    waiting(merger, 2)
    device.may_run.release()
    with pytest.raises(Cancelled):
        first.result(30)
    device.may_run.release(ALWAYS)
    np.testing.assert_array_equal(other.result(30), [[5000, 5000]])
    merger.embed([1], [1])
    assert sum(map(len, device.batches)) < 10


def test_closing_tells_the_callers_that_wait(device: FakeDevice, pool: ThreadPoolExecutor) -> None:
    merger = Merger(device.forward, 2, budget=10)
    call = pool.submit(merger.embed, [1, 2, 3], [10, 10, 10])
    assert device.began.wait(30)
    closing = pool.submit(merger.close)
    until(lambda: merger._closed)
    device.may_run.release(ALWAYS)
    closing.result(30)
    with pytest.raises(RuntimeError, match="closed"):
        call.result(30)
    with pytest.raises(RuntimeError, match="closed"):
        merger.embed([1], [1])


def test_no_texts_give_an_empty_array(merger: Merger) -> None:
    assert merger.embed([], []).shape == (0, 2)
