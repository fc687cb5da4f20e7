"""Providers that are broken or mean: every adapter, by its official client, against a server that plays one."""

from __future__ import annotations

import logging
import math
import threading
import time
import urllib.error
from collections.abc import Iterator

import numpy as np
import pytest

from reverie.embedding.providers import PROVIDERS, Budget, ProviderEmbedder, Tuning
from reverie.embedding.providers.calls import CallFailed, estimate_tokens
from reverie.embedding.providers.guard import most_bytes, until_done
from reverie.errors import ProviderError
from reverie.testing.cloud import FakeCloud, Fault
from reverie.worker.http import post
from tests.cloud.conftest import SECRET
from tests.cloud.test_providers import ALL, _aws, made

__all__ = ["_aws", "made"]  # fixtures

TEXTS = ["my secret memory", "another one"]


@pytest.fixture
def elsewhere() -> Iterator[FakeCloud]:
    """A private address that a provider would like us to visit."""
    with FakeCloud() as running:
        yield running


@pytest.fixture(autouse=True)
def _once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVERIE_CLOUD_ATTEMPTS", "1")
    monkeypatch.setenv("REVERIE_CLOUD_TIMEOUT", "60")
    monkeypatch.setenv("REVERIE_CLOUD_BREAKER_FAILURES", "1000")


def test_texts_and_keys_do_not_follow_a_redirect(
    made: ProviderEmbedder, cloud: FakeCloud, elsewhere: FakeCloud
) -> None:
    assert made.embed(TEXTS[:1]).vectors.shape == (1, 256)
    for status in (301, 302, 303, 307, 308):
        cloud.fail(Fault(status=status, headers={"location": elsewhere.url + cloud.seen[0].path}))
        with pytest.raises(ProviderError):
            made.embed(TEXTS[:1])
    assert not elsewhere.seen
    assert len(cloud.seen) == 6 + (not made._service.dimensions)


NO_VECTORS = {
    "NaN": Fault(number=math.nan),
    "infinity": Fault(number=math.inf),
    "finite, but its length is not": Fault(number=1e38),
    "zero": Fault(number=0.0),
    "ten times too many": Fault(times=10),
    "endless": Fault(endless=b"[" * 2**16),
    "deep": Fault(status=200, body="[" * 5000 + "]" * 5000),
    "other": Fault(status=200, body='{"data": 1, "embeddings": {"x": 1}, "predictions": [1], "embedding": {"a": 2}}'),
    "a string": Fault(status=200, body='"hello"'),
    "null": Fault(status=200, body="null"),
}


def test_an_answer_that_is_no_set_of_vectors_is_an_outage_and_is_paid_for(
    made: ProviderEmbedder, cloud: FakeCloud
) -> None:
    assert made.embed(TEXTS[:1]).vectors.shape == (1, 256)
    made.usd_per_million = 1.0
    for name, fault in NO_VECTORS.items():
        budget = Budget(usd=1.0)
        cloud.always = fault
        with pytest.raises(ProviderError, match="does not work at the moment: an answer"):
            made.within(budget).embed(TEXTS)
        assert budget.spent_usd > 0, f"{name}: it answered, so it charges"
    cloud.always = Fault()
    assert made.embed(TEXTS).vectors.shape == (2, 256), "the next answer is taken as it is"


def test_an_answer_that_drips_for_ever_ends_with_the_timeout(made: ProviderEmbedder, cloud: FakeCloud) -> None:
    assert made.model
    made._retrier.tuning = Tuning(timeout=0.5, attempts=1)
    cloud.always = Fault(endless=b" ", pause=0.05)
    with pytest.raises(ProviderError, match=r"had not ended after 0\.5 s|no answer within 0\.5 s"):
        made.embed(TEXTS[:1])


@pytest.mark.parametrize("tokens", [10**30, -1, "many", True, None, 1.5])
def test_a_token_count_that_cannot_be_true_is_not_believed(cloud: FakeCloud, tokens: object) -> None:
    cloud.always = Fault(tokens=tokens)
    answer = ALL["openai"](cloud).embed(TEXTS)
    assert 0 < answer.tokens <= sum(len(text) + 8 for text in TEXTS)


def test_a_vector_of_absurd_length_is_refused_before_room_is_made_for_it(cloud: FakeCloud) -> None:
    cloud.dimensions, cloud.constant = 20_000, True
    with pytest.raises(ProviderError, match="20000 dimensions where at most 16384"):
        ALL["openai"](cloud).embed(TEXTS)


def test_neither_key_nor_text_is_in_logs_or_errors(
    made: ProviderEmbedder, cloud: FakeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    body = f'{{"error": {{"code": "{SECRET}", "message": "{SECRET} {TEXTS[0]}", "status": "{TEXTS[0]}"}}}}'
    said = []
    for fault in (Fault(), Fault(status=400, body=body), Fault(status=500, body=body), Fault(dropped=True)):
        cloud.always = fault
        try:
            made.embed(TEXTS)
        except ProviderError as error:
            said.append(f"{error!r} {error.message} {error.extra} {error.__cause__} {error.__context__}")
    assert len(said) == 3
    for place in (caplog.text, *said):
        assert SECRET not in place
        assert TEXTS[0] not in place


def test_settings_do_not_show_their_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REVERIE_OPENAI_API_KEY", "REVERIE_AZURE_API_KEY", "REVERIE_VERTEX_API_KEY"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.setenv("REVERIE_VERTEX_ACCESS_TOKEN", SECRET)
    shown = [f"{p.settings()!r} {p.settings()} {p.settings().model_dump_json()}" for p in PROVIDERS.values()]
    assert SECRET not in "".join(shown)


def test_two_sagemaker_endpoints_with_one_model_name_are_two_models(cloud: FakeCloud) -> None:
    from reverie.embedding.providers.sagemaker import SageMakerService
    from reverie.embedding.providers.settings import SageMakerSettings

    def revision(**more: str) -> str:
        return SageMakerService(
            SageMakerSettings(**{"endpoint": "a", "region": "eu-west-1", "url": cloud.url, "model": "m", **more})
        ).revision

    revisions = [revision(), revision(endpoint="b"), revision(pooling="mean"), revision(request='{"x": "$texts"}')]
    assert len(set(revisions)) == 4
    assert revision() == revisions[0]


@pytest.mark.parametrize(
    ("text", "least"),
    [
        ("a b c d e f", 6),  # a token each
        ("I went climbing with my sister on Tuesday", 8),
        ("猫は可愛い", 5),
        ("🎉🎉", 4),
        ("", 1),
    ],
)
def test_the_estimate_of_tokens_is_on_the_safe_side_of_what_people_write(text: str, least: int) -> None:
    assert estimate_tokens(text) >= least


def test_an_honest_answer_fits_the_limit_on_bytes() -> None:
    numbers = "[\n" + ",\n".join(f"            {x!r}" for x in np.linspace(-1e-5, 1, 3072).tolist()) + "\n]"
    assert len(numbers) * 128 < most_bytes(128, 3072)


# -- whole requests of a worker --------------------------------------------------------------------------


def test_a_worker_does_not_follow_redirects_either(cloud: FakeCloud, elsewhere: FakeCloud) -> None:
    for status in (301, 302, 303, 307, 308):
        cloud.fail(Fault(status=status, headers={"location": f"{elsewhere.url}/v1/embeddings"}))
        with pytest.raises(urllib.error.HTTPError):
            post(f"{cloud.url}/v1/embeddings", b"{}", {"Authorization": f"Bearer {SECRET}"}, timeout=10, most=1000)
    assert not elsewhere.seen


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        (Fault(endless=b"[" * 2**16), "more than 100,000 bytes"),
        (Fault(endless=b" ", pause=0.05), "had not ended after 0.5 s"),
    ],
)
def test_a_worker_reads_an_answer_no_further_than_allowed(cloud: FakeCloud, fault: Fault, says: str) -> None:
    cloud.always = fault
    with pytest.raises(CallFailed, match=says):
        post(f"{cloud.url}/v1/embeddings", b"{}", {}, timeout=0.5, most=100_000)


def test_who_waits_is_not_held_by_what_hangs() -> None:
    never = threading.Event()
    late = ProviderError("late")
    with pytest.raises(ProviderError, match="late"):
        until_done(never.wait, lambda: None, until=time.monotonic() + 0.1, late=late)

    def look() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        until_done(never.wait, look, until=None, late=late)
    never.set()
    assert until_done(never.wait, lambda: None, until=None, late=late)
    with pytest.raises(TimeoutError, match="its own"):
        until_done(_raise, lambda: None, until=None, late=late)


def _raise() -> None:
    raise TimeoutError("its own")
