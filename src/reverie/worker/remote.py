"""Whole tasks at a cloud endpoint that runs ``reverie serve-endpoint``: SageMaker, Vertex AI, Azure ML."""

from __future__ import annotations

import base64
import io
import logging
import threading
import time
import urllib.error
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import orjson
from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict
from zstandard import ZstdError

from reverie.clustering import load_states
from reverie.contracts import CLOUD_PROVIDERS, OPERATIONS, CloudPolicy, Lane
from reverie.embedding.base import OnProgress
from reverie.embedding.providers import Retrier, breaker_for, tuning_from
from reverie.embedding.providers.calls import CallFailed, http_failure, unexpected
from reverie.embedding.providers.guard import until_done
from reverie.embedding.providers.retrier import BudgetExceeded
from reverie.errors import InvalidInput, MissingExtra, ProviderError, UnsupportedModel
from reverie.store import CloudChoice, TaskRow, compressed, decompressed
from reverie.worker.cloud import budget_for, choice_for, metered
from reverie.worker.http import post
from reverie.worker.operations import RUNNERS, Outcome
from reverie.worker.runtime import Runtime
from reverie.worker.stored_inputs import given_or_stored

__all__ = ["REMOTE", "RemoteSettings", "remote_choice", "run_remote"]

log = logging.getLogger(__name__)

REMOTE = tuple(name for name in CLOUD_PROVIDERS if name.endswith("-endpoint"))
_MOST_BYTES = 256 * 2**20


class RemoteSettings(BaseSettings):
    """Endpoints that run whole tasks."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_REMOTE_", extra="ignore", env_ignore_empty=True)

    sagemaker_endpoint: str | None = Field(None, description="Name of the SageMaker endpoint")
    sagemaker_region: str | None = Field(None, description="AWS region; boto3's default without one")
    sagemaker_url: str | None = Field(None, pattern="^https?://", description="Another address of SageMaker's runtime")
    vertex_url: str | None = Field(
        None, pattern="^https?://", description="Address of the Vertex AI endpoint, up to and including :rawPredict"
    )
    vertex_token: SecretStr | None = Field(None, description="A ready OAuth token in place of the machine's identity")
    azureml_url: str | None = Field(None, pattern="^https?://", description="Scoring address of the Azure ML endpoint")
    azureml_key: SecretStr | None = Field(None, description="Key of the Azure ML endpoint")
    timeout: float = Field(120.0, gt=0, description="Longest wait for one answer, seconds")
    usd_per_hour: float | None = Field(None, ge=0, description="Price of an endpoint's instance, US dollars an hour")


def remote_choice(runtime: Runtime, task: TaskRow, payload: bytes) -> CloudChoice | None:
    """The choice of a task that is to run at an endpoint; None for all others. Raises ``CloudRefused``."""
    if task.lane != Lane.CLOUD:  # the gateway has decided; a policy that has become stricter is seen below
        return None
    requested = orjson.loads(payload).get("cloud")
    choice = choice_for(runtime, task, CloudPolicy.model_validate(requested) if requested else None)
    return choice if choice.provider in REMOTE else None


def run_remote(
    runtime: Runtime, task: TaskRow, payload: bytes, choice: CloudChoice, on_progress: OnProgress
) -> Outcome:
    """Run the task at the chosen endpoint, or here when it fails and policy allows that.

    Raises ``ProviderError`` where no fallback is allowed, ``InvalidInput`` when the endpoint finds the task invalid.
    """
    request = orjson.loads(payload)
    request.pop("cloud", None)
    version: int | None = None
    sent = request
    if OPERATIONS[task.operation].items == "memories" and request.get("memories") is None:
        memories, person = given_or_stored(runtime, task, None)
        version = person.version if person else None
        # An endpoint has no database: it gets them as a caller would send them.
        listed = [m.model_dump(mode="json", exclude_defaults=True) for m in memories]
        sent = {**request, "memories": listed}
    try:
        outcome = _run(runtime, task, sent, choice, on_progress)
        if version is None:
            return outcome
        result = orjson.loads(outcome.body) | {"version": version}
        return Outcome(orjson.dumps(result), outcome.cost)
    except (ProviderError, UnsupportedModel, MissingExtra) as error:
        if not choice.fallback:
            raise
        log.warning("task %s: %s; it runs here", task.id, error.message)
        reason = error.message
    runtime.bill.stand_in = True
    outcome = RUNNERS[task.operation](runtime, task, orjson.dumps(request), on_progress)
    note = {"provider": choice.provider, "fallback": "local", "reason": reason}
    return Outcome(_noted(outcome.body, note), outcome.cost, outcome.themes)


def _run(
    runtime: Runtime, task: TaskRow, request: dict[str, Any], choice: CloudChoice, on_progress: OnProgress
) -> Outcome:
    assert choice.provider is not None
    settings = RemoteSettings()  # type: ignore[call-arg]
    invoke = _transport(choice.provider, settings)
    states = runtime.store.latest_themes(task) if task.operation == "cluster" else None
    body = orjson.dumps(
        {
            "operation": task.operation,
            "request": _dated(task, request),
            "states": base64.b64encode(compressed(states[1])).decode() if states else None,
            "states_model": states[0] if states else None,
        }
    )
    budget = budget_for(runtime, task, choice)
    cloud = runtime.settings.cloud
    retrier = Retrier(choice.provider, "endpoint", tuning_from(cloud), breaker_for(choice.provider, "endpoint", cloud))
    stop = threading.Event()
    rate = None if settings.usd_per_hour is None else settings.usd_per_hour / 3600
    if rate is None and (choice.max_usd is not None or choice.max_usd_day is not None):
        raise BudgetExceeded("No price is known for the endpoint (REVERIE_REMOTE_USD_PER_HOUR), so no ceiling is kept.")
    expected = (rate or 0.0) * max(task.estimate_seconds or 0.0, 1.0)

    def call(timeout: float) -> bytes:
        budget.hold(expected)
        began = time.monotonic()
        try:
            # An endpoint runs the whole task, so its time limit is its own, not that of a batch of embeddings.
            left = settings.timeout if budget.until is None else max(0.1, budget.until - time.monotonic())
            return invoke(body, min(settings.timeout, left))
        finally:
            budget.settle(expected, (rate or 0.0) * (time.monotonic() - began), 0)

    with metered(runtime.cloud, task, choice, choice.provider, budget, expected):
        try:
            raw = until_done(
                lambda: retrier.run(call, budget, stop),
                lambda: on_progress("embedding", 0, 1),
                until=budget.until,
                late=ProviderError(f"{choice.provider} did not answer before the task's deadline."),
            )
        except CallFailed as failure:
            raise retrier.final(failure) from None
        finally:
            stop.set()
    return _outcome(choice.provider, task.operation, raw)


def _dated(task: TaskRow, request: dict[str, Any]) -> dict[str, Any]:
    # What depends on the day is counted from the submission, wherever it runs.
    if OPERATIONS[task.operation].depends_on_day and not (request.get("options") or {}).get("now"):
        return {**request, "options": {**(request.get("options") or {}), "now": task.created_at.isoformat()}}
    return request


def _outcome(provider: str, operation: str, raw: bytes) -> Outcome:
    """The endpoint's answer, which is stored only if it is what a worker of our own could have said."""
    try:
        answer = orjson.loads(raw)
        if "predictions" in answer:
            answer = answer["predictions"][0]
        if answer["status"] != "succeeded":
            problem = answer["error"]
            if 400 <= int(problem.get("status", 500)) < 500:
                raise InvalidInput(str(problem.get("detail")), errors=problem.get("errors"))
            raise ProviderError(f"{provider} could not finish the task: {problem.get('title')}")
        result = answer["result"]
        model = answer["vector_model"]
        states = decompressed(base64.b64decode(answer["states"])) if answer.get("states") else None
        if len(bytes.fromhex(model)) != 8:
            raise ValueError("not a model's key")
        result_model = OPERATIONS[operation].result
        if result_model is None:
            raise ValueError("not an operation with a JSON result")
        body = result_model.model_validate(result).model_dump_json().encode()
        if states is not None:
            load_states(states)
        cost = {"tokens": int(answer["cost"]["tokens"]), "cached_tokens": 0, "vector_model": model}
        themes = (model, states, int(answer["states_count"])) if states else None
        return Outcome(_noted(body, {"provider": provider}), cost, themes)
    except (ZstdError, RecursionError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise ProviderError(f"{provider} gave an answer that cannot be read ({type(error).__name__}).") from None


def _noted(body: bytes, note: Mapping[str, Any]) -> bytes:
    result = orjson.loads(body)
    result["stats"] = {**(result.get("stats") or {}), "cloud": dict(note)}
    return orjson.dumps(result)


# -- how each cloud is reached -------------------------------------------------------------------------

Invoke = Callable[[bytes, float], bytes]


def _transport(provider: str, settings: RemoteSettings) -> Invoke:
    if provider == "sagemaker-endpoint":
        return _sagemaker(settings)
    if provider == "vertex-endpoint":
        if settings.vertex_url is None:
            raise UnsupportedModel("vertex-endpoint is not configured: set REVERIE_REMOTE_VERTEX_URL")
        return _http(settings.vertex_url, lambda: _google_token(settings))
    if settings.azureml_url is None:
        raise UnsupportedModel("azureml-endpoint is not configured: set REVERIE_REMOTE_AZUREML_URL")
    key = settings.azureml_key.get_secret_value() if settings.azureml_key else ""
    return _http(settings.azureml_url, lambda: key)


def _sagemaker(settings: RemoteSettings) -> Invoke:
    if settings.sagemaker_endpoint is None:
        raise UnsupportedModel("sagemaker-endpoint is not configured: set REVERIE_REMOTE_SAGEMAKER_ENDPOINT")
    try:
        from botocore.response import StreamingBody

        from reverie.embedding.providers import aws

        region, url = settings.sagemaker_region, settings.sagemaker_url
        client = aws.client("sagemaker-runtime", region, url, timeout=settings.timeout)
    except ModuleNotFoundError as error:
        raise MissingExtra("aws", what="sagemaker-endpoint") from error

    def ask(body: bytes) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = client.invoke_endpoint(
                EndpointName=settings.sagemaker_endpoint, ContentType="application/json", Body=body
            )
            return answer
        except client.exceptions.ModelError as error:
            original = str(error.response.get("OriginalMessage", "")).encode()
            if b'"status"' not in original:
                raise
            return {"Body": StreamingBody(io.BytesIO(original), len(original))}  # the container's own problem document

    return lambda body, timeout: aws.invoke(partial(ask, body), timeout)[0]


def _http(url: str, token: Callable[[], str]) -> Invoke:
    def invoke(body: bytes, timeout: float) -> bytes:
        headers = {"Content-Type": "application/json"}
        try:
            if bearer := token():
                headers["Authorization"] = f"Bearer {bearer}"
            return post(url, body, headers, timeout=timeout, most=_MOST_BYTES)
        except urllib.error.HTTPError as error:
            with error:
                raw = error.read(1_000_000)
            if error.code == 422 and b'"error"' in raw:
                return raw  # the container's own problem document
            raise http_failure(error.code, dict(error.headers), raw.decode("utf-8", "replace")) from None
        except CallFailed:
            raise
        except Exception as error:  # sockets, protocol and credentials
            raise unexpected(error, timeout) from None

    return invoke


def _google_token(settings: RemoteSettings) -> str:
    if settings.vertex_token is not None:
        return settings.vertex_token.get_secret_value()
    try:
        import google.auth
        from google.auth.transport.requests import Request
    except ModuleNotFoundError as error:
        raise MissingExtra("google", what="vertex-endpoint") from error
    credentials: Any = google.auth.default(scopes=["https://www.googleapis.com/auth/cloud-platform"])[0]
    credentials.refresh(Request())
    return str(credentials.token)
