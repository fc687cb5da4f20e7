"""The chat endpoint of the operator's choice: who may be asked what there, what it costs, and one request to it.

Texts leave the worker for it. One on this machine or on a private network is part of the service, as PostgreSQL is. Any
other is a cloud: it gets the texts of a task only when the tenant and the request both allow that. What it read and
wrote is counted on the tenant's account, as that of providers that embed.
"""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlsplit

from reverie._addresses import is_public, plain_address
from reverie.contracts import CloudPolicy
from reverie.embedding.providers import Budget
from reverie.embedding.providers.calls import CallFailed
from reverie.errors import ProviderError
from reverie.settings import LabelSettings
from reverie.store import CloudChoice
from reverie.worker.cloud import check_ceiling, metered
from reverie.worker.http import post
from reverie.worker.resources import Resources, Task

__all__ = ["NAME", "ChatEndpoint", "endpoint_for", "endpoint_from"]

log = logging.getLogger(__name__)

NAME = "labels"
"""The endpoint's name among the providers of a tenant's policy."""

_LONGEST_ANSWER = 1_000_000
_ANSWER_TOKENS = 1000
"""Money is held for an answer of this length, since nobody knows before how much is written."""
_CHARS_A_TOKEN = 3

Meter = Callable[[float], AbstractContextManager[None]]
"""Holds this many US dollars, and settles what the budget has spent meanwhile. Raises ``BudgetExceeded``."""


def endpoint_from(settings: LabelSettings) -> ChatEndpoint | None:
    """The endpoint of the settings, None when no URL is set."""
    if settings.label_url is None:
        return None
    key = settings.label_api_key.get_secret_value() if settings.label_api_key else None
    return ChatEndpoint(settings.label_url, settings.label_model, key=key, timeout=settings.label_timeout)


def endpoint_for(runtime: Resources, task: Task, cloud: CloudPolicy | None) -> ChatEndpoint | None:
    """The endpoint that may read this task's texts, or None.

    ``cloud``: the request's own policy; upkeep has none, so stored memories reach a public endpoint in no other way
    than by a request. Without a price (``REVERIE_LABEL_USD_PER_MILLION``) a ceiling in US dollars refuses it.
    """
    settings = runtime.settings.labels
    endpoint = endpoint_from(settings)
    if endpoint is None:
        return None
    if on_own_network(endpoint.url):
        endpoint.meter = partial(_counted, runtime, task, endpoint.budget)
        return endpoint
    if cloud is None or not cloud.allowed:
        return None
    paid = runtime.cloud
    if paid is None:
        return None
    policy = paid.store.cloud_policy(task.tenant)
    if policy is None or not policy.allowed or (policy.providers and NAME not in policy.providers):
        return None
    ceilings = [usd for usd in (cloud.max_usd, policy.max_usd_task) if usd is not None]
    price = settings.label_usd_per_million
    if price is None and (ceilings or policy.max_usd_day is not None):
        return None
    choice = CloudChoice(NAME, max_usd_day=policy.max_usd_day)
    # What embedded the texts has had its share of the task's ceiling.
    endpoint.budget = Budget(usd=min(ceilings) if ceilings else None, spent_usd=runtime.bill.usd)
    endpoint.usd_per_million = price or 0.0

    def meter(usd: float) -> AbstractContextManager[None]:
        check_ceiling(endpoint.budget, usd, NAME)
        return metered(paid, task, choice, paid.bill.beside(NAME), endpoint.budget, usd)

    endpoint.meter = meter
    return endpoint


@contextmanager
def _counted(runtime: Resources, task: Task, budget: Budget, _usd: float) -> Iterator[None]:
    """Count the tokens of the operator's own endpoint: they cost nothing, and no provider got the texts."""
    before = budget.spent_tokens
    try:
        yield
    finally:
        tokens = budget.spent_tokens - before
        runtime.bill.tokens += tokens
        cloud = runtime.cloud
        day = cloud.store.hold_cloud_usd(task.tenant, 0.0, None) if cloud is not None else None
        if cloud is not None and day is not None:
            cloud.store.settle_cloud_usd(task.tenant, day, change=0.0, tokens=tokens)


def on_own_network(url: str) -> bool:
    """Whether every address of the URL's host is this machine's or private; False for a name that is not found."""
    try:
        found = socket.getaddrinfo(urlsplit(url).hostname, None, type=socket.SOCK_STREAM)
        return bool(found) and not any(is_public(plain_address(str(entry[4][0]))) for entry in found)
    except (OSError, ValueError):
        return False


class ChatEndpoint:
    """Asks ``POST {url}/chat/completions`` for JSON arrays. A request is tried once."""

    def __init__(self, url: str, model: str, *, key: str | None = None, timeout: float = 10.0) -> None:
        self.url = url.rstrip("/") + "/chat/completions"
        self._model = model
        self._key = key
        self._timeout = timeout
        self.budget = Budget()
        self.usd_per_million = 0.0
        self.meter: Meter = lambda _: nullcontext()

    def ask(self, instructions: str, shown: list[dict[str, Any]]) -> list[Any] | None:
        """The array that the model answers, one entry for each of ``shown``; None, and a line in the log, where it
        answers anything else or nothing, or where a ceiling does not cover the request."""
        body = {
            "model": self._model,
            "temperature": 0,
            "messages": [
                {"role": "system", "content": instructions},
                {"role": "user", "content": json.dumps(shown, ensure_ascii=False)},
            ],
        }
        try:
            return _array(self._paid(json.dumps(body).encode()), len(shown))
        except (
            OSError,
            ValueError,
            LookupError,
            TypeError,
            RecursionError,
            HTTPException,
            CallFailed,
            ProviderError,
        ) as error:
            log.warning("the chat endpoint failed: %s", type(error).__name__)
            return None

    def _paid(self, body: bytes) -> str:
        read = -(-len(body) // _CHARS_A_TOKEN)
        held = (read + _ANSWER_TOKENS) * self.usd_per_million / 1e6
        with self.meter(held):
            self.budget.hold(held)
            tokens = read
            try:
                answer = json.loads(self._post(body))
                content = str(answer["choices"][0]["message"]["content"])
                tokens = _used(answer, read + -(-len(content.encode()) // _CHARS_A_TOKEN))
            except HTTPError:
                tokens = 0  # refused, so nothing was read
                raise
            finally:
                self.budget.settle(held, tokens * self.usd_per_million / 1e6, tokens)
        return content

    def _post(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        return post(self.url, body, headers, timeout=self._timeout, most=_LONGEST_ANSWER)


def _used(answer: Any, otherwise: int) -> int:
    """The tokens that an answer says were used; ``otherwise`` where it says nothing that can be."""
    usage = answer.get("usage")
    total = usage.get("total_tokens") if isinstance(usage, dict) else None
    return total if isinstance(total, int) and not isinstance(total, bool) and 0 < total < 10**9 else otherwise


def _array(content: str, count: int) -> list[Any]:
    """The JSON array within an answer. Raises ``ValueError`` when there is none of this length."""
    found = json.loads(content[content.index("[") : content.rindex("]") + 1])
    if not isinstance(found, list) or len(found) != count:
        raise ValueError("not one entry for each")
    return found
