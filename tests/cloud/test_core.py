"""What all providers share, through the OpenAI adapter and a server on a real socket."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import numpy as np
import pytest

from reverie.embedding import HashEmbedder
from reverie.embedding.providers import Breaker, Budget, BudgetExceeded, ProviderEmbedder, Tuning
from reverie.embedding.providers.calls import RequestLimits, http_failure, retry_after
from reverie.embedding.providers.core import plan
from reverie.embedding.providers.openai import OpenAIService
from reverie.embedding.providers.settings import OpenAISettings
from reverie.errors import ProviderError
from reverie.testing.cloud import FakeCloud, Fault
from tests.cloud.conftest import SECRET

TEXTS = [f"memory {i} about {'cats' if i % 2 else 'climbing'}" for i in range(40)]
QUICK = Tuning(batch=10, timeout=60.0, attempts=4, patience=10.0, pause=0.01)


def embedder(cloud: FakeCloud, tuning: Tuning = QUICK, *, key: str = SECRET, **more: object) -> ProviderEmbedder:
    settings = OpenAISettings(api_key=key, base_url=f"{cloud.url}/v1", dimensions=cloud.dimensions)
    return ProviderEmbedder(OpenAIService(settings), tuning, **more)  # type: ignore[arg-type]


def expected(cloud: FakeCloud) -> np.ndarray:
    return HashEmbedder(cloud.dimensions).embed(TEXTS).vectors


def test_vectors_come_back_in_the_order_of_the_texts_at_unit_length(cloud: FakeCloud) -> None:
    progress: list[tuple[str, int, int]] = []
    answer = embedder(cloud).embed(TEXTS, on_progress=lambda *p: progress.append(p))
    np.testing.assert_allclose(answer.vectors, expected(cloud), atol=1e-6)
    assert len(cloud.seen) == 4
    assert answer.tokens == sum(len(text.split()) for text in TEXTS)
    assert progress[0] == ("embedding", 0, 40)
    assert progress[-1] == ("embedding", 40, 40)


def test_no_texts_need_no_call(cloud: FakeCloud) -> None:
    assert embedder(cloud).embed([]).vectors.shape == (0, cloud.dimensions)
    assert not cloud.seen


@pytest.mark.parametrize(
    "fault",
    [
        Fault.refusal(429, "rate_limit_exceeded", "slow down", retry_after="0"),
        Fault(status=500, body="oops"),
        Fault(status=503, headers={"retry-after": "0"}),
        Fault(status=408),
        Fault(truncated=True),
        Fault(dropped=True),
        Fault(one_short=True),
        Fault(status=200, body="<html>a proxy's page</html>"),
    ],
    ids=["429", "500", "503", "408", "truncated", "dropped", "one vector short", "not JSON"],
)
def test_what_passes_is_tried_again(cloud: FakeCloud, fault: Fault) -> None:
    cloud.fail(fault, fault)
    answer = embedder(cloud).embed(TEXTS)
    np.testing.assert_allclose(answer.vectors, expected(cloud), atol=1e-6)
    assert len(cloud.seen) == 6, "the client library must not try again on its own"


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault.refusal(400, "invalid_value", "no"), "HTTP 400 (invalid_value)"),
        (Fault.refusal(404, "model_not_found", "no"), "HTTP 404 (model_not_found)"),
        (Fault.refusal(403, "forbidden", "no"), "refused the credentials"),
        (Fault.refusal(429, "insufficient_quota", "pay first"), "insufficient_quota"),
        (Fault(more_dimensions=2), "66 dimensions where 64 were expected"),
    ],
)
def test_what_does_not_pass_fails_at_once_and_says_why(cloud: FakeCloud, fault: Fault, says: str) -> None:
    cloud.always = fault
    with pytest.raises(ProviderError) as caught:
        embedder(cloud).embed(TEXTS[:10])
    assert says in caught.value.message
    assert len(cloud.seen) == 1


def test_indexes_out_of_order_are_put_in_order(cloud: FakeCloud) -> None:
    cloud.always = Fault(shuffled=True)
    np.testing.assert_allclose(embedder(cloud).embed(TEXTS).vectors, expected(cloud), atol=1e-6)


def test_retry_after_is_waited_for_by_every_thread(cloud: FakeCloud) -> None:
    cloud.fail(Fault.refusal(429, "rate_limit_exceeded", "slow down", retry_after="1"))
    began = time.monotonic()
    arrived: list[float] = []
    cloud.on_request = lambda count: arrived.append(time.monotonic() - began)
    answer = embedder(cloud, Tuning(batch=10, concurrency=1, pause=0.01)).embed(TEXTS)
    np.testing.assert_allclose(answer.vectors, expected(cloud), atol=1e-6)
    assert len(arrived) == 5
    assert min(arrived[1:]) - arrived[0] >= 1.0


def test_a_retry_after_beyond_patience_fails_without_waiting(cloud: FakeCloud) -> None:
    cloud.always = Fault.refusal(429, "rate_limit_exceeded", "tomorrow", retry_after="3600")
    with pytest.raises(ProviderError, match="limits the rate"):
        embedder(cloud).embed(TEXTS[:10])
    assert len(cloud.seen) == 1


def test_an_over_long_text_is_cut_and_its_neighbours_are_not(cloud: FakeCloud) -> None:
    cloud.window = 200
    long = " ".join(f"word{i}" for i in range(1000))
    answer = embedder(cloud).embed([*TEXTS[:9], long])
    assert answer.truncated == 1
    np.testing.assert_allclose(answer.vectors[:9], expected(cloud)[:9], atol=1e-6)
    assert np.linalg.norm(answer.vectors[9]) == pytest.approx(1.0, abs=1e-5)


def test_calls_are_made_at_the_same_time_and_no_more_than_allowed(cloud: FakeCloud) -> None:
    cloud.delay = 0.2
    embedder(cloud, Tuning(batch=5, concurrency=3)).embed(TEXTS)
    assert cloud.busiest == 3


def test_progress_that_raises_stops_the_calls_that_wait(cloud: FakeCloud) -> None:
    class Stop(Exception):
        pass

    def stop_soon(stage: str, done: int, total: int) -> None:
        if done:
            raise Stop

    with pytest.raises(Stop):
        embedder(cloud, Tuning(batch=1, concurrency=1)).embed(TEXTS, on_progress=stop_soon)
    assert len(cloud.seen) < len(TEXTS)


def test_a_silent_provider_is_left_at_the_deadline(cloud: FakeCloud) -> None:
    cloud.always = Fault(delay=30)
    began = time.monotonic()
    with pytest.raises(ProviderError, match="deadline"):
        embedder(cloud).within(Budget(until=time.monotonic() + 0.5)).embed(TEXTS)
    assert time.monotonic() - began < 20


def test_the_bill_is_tokens_by_price_and_the_ceiling_holds_before_a_text_leaves(cloud: FakeCloud) -> None:
    priced = embedder(cloud, usd_per_million=1_000_000.0)
    answer = priced.embed(TEXTS[:10])
    assert answer.usd == answer.tokens
    cloud.seen.clear()
    with pytest.raises(BudgetExceeded, match="ceiling"):
        priced.within(Budget(usd=1.0)).embed(TEXTS)
    assert not cloud.seen
    with pytest.raises(BudgetExceeded, match="No price is known"):
        embedder(cloud).within(Budget(usd=1.0)).embed(TEXTS)
    assert not cloud.seen


def test_the_breaker_opens_after_outages_lets_one_call_try_and_closes(cloud: FakeCloud) -> None:
    now = [0.0]
    breaker = Breaker(failures=3, seconds=30.0, clock=lambda: now[0])
    once = embedder(cloud, Tuning(batch=10, attempts=1), breaker=breaker)
    cloud.always = Fault(status=500)
    for _ in range(3):
        assert breaker.state == "closed"
        with pytest.raises(ProviderError, match="HTTP 500"):
            once.embed(["x"])
    assert breaker.state == "open"
    with pytest.raises(ProviderError, match="not asked for another 30 s"):
        once.embed(["x"])
    assert len(cloud.seen) == 3, "an open breaker opens no socket"
    now[0] = 31.0
    assert breaker.state == "half-open"
    with pytest.raises(ProviderError, match="HTTP 500"):
        once.embed(["x"])
    assert breaker.state == "open"
    cloud.always = Fault()
    now[0] = 62.0
    once.embed(["x"])
    assert breaker.state == "closed"


def test_a_provider_that_refuses_or_limits_does_not_open_the_breaker(cloud: FakeCloud) -> None:
    breaker = Breaker(failures=1)
    once = embedder(cloud, Tuning(attempts=1), breaker=breaker)
    for fault in (Fault(status=400), Fault(status=429), Fault(status=401)):
        cloud.fail(fault)
        with pytest.raises(ProviderError):
            once.embed(["x"])
    assert breaker.state == "closed"


def test_a_half_open_breaker_lets_exactly_one_call_through() -> None:
    now = [0.0]
    breaker = Breaker(failures=1, seconds=10.0, clock=lambda: now[0])
    assert breaker.enter() == 0.0
    breaker.leave(alive=False)
    now[0] = 10.0
    assert breaker.enter() == 0.0
    assert breaker.enter() > 0
    breaker.leave(alive=None)  # abandoned: the next one may try
    assert breaker.enter() == 0.0
    breaker.leave(alive=True)
    assert breaker.state == "closed"


@pytest.mark.parametrize("level", [logging.DEBUG, logging.INFO])
def test_neither_key_nor_text_is_in_logs_or_errors(
    cloud: FakeCloud, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    caplog.set_level(level)
    cloud.window = 5
    errors = []
    for made in (embedder(cloud, key="sk-live-wrong"), embedder(cloud)):
        for fault in (Fault(), Fault(status=400, body=f"bad {SECRET} my secret memory"), Fault(dropped=True)):
            cloud.fail(*[fault] * 4)
            try:
                made.embed(["my secret memory is that " * 300])
            except ProviderError as error:
                errors.append(f"{error!r} {error.message} {error.extra} {error.__cause__}")
    assert errors
    for place in (caplog.text, *errors):
        assert "sk-live" not in place
        assert "secret memory" not in place


def test_batches_respect_count_and_tokens() -> None:
    texts = ["a" * 30] * 10
    assert [len(b) for b in plan(texts, RequestLimits(items=4, tokens=10_000, text_tokens=100), 100)] == [4, 4, 2]
    assert [len(b) for b in plan(texts, RequestLimits(items=100, tokens=33, text_tokens=100), 100)] == [3, 3, 3, 1]
    assert list(plan([], RequestLimits(4, 10, 10), 4)) == []
    # A text over the limit on its own still travels, alone.
    assert list(plan(["b" * 900, "c"], RequestLimits(4, 100, 8000), 4)) == [[0], [1]]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "3"}, 3.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, 0.0),  # in the past
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
        ({}, None),
    ],
)
def test_retry_after_in_all_its_forms(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_retry_after_as_a_date_counts_from_now() -> None:
    at = datetime.now(UTC) + timedelta(seconds=60)
    found = retry_after({"Retry-After": format_datetime(at, usegmt=True)})
    assert found is not None
    assert 30 < found <= 60


def test_of_an_error_body_only_the_code_is_kept() -> None:
    failure = http_failure(400, {}, '{"error": {"code": "content_filter", "message": "you wrote: I love Anna"}}')
    assert failure.what == "HTTP 400 (content_filter)"
