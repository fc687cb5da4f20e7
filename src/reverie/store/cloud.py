"""Whether a task's texts may go to a cloud provider, and at what cost: the rule, and the tenants' rows behind it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.rows import dict_row

from reverie.contracts import CLOUD_PROVIDERS
from reverie.errors import CloudRefused, InvalidInput
from reverie.settings import Settings
from reverie.store.sql import sql

__all__ = ["LOCAL", "CloudChoice", "PolicyStore", "TenantPolicy", "choose"]


@dataclass(frozen=True, slots=True)
class TenantPolicy:
    """What a tenant allows. Without one nothing is."""

    tenant: str
    allowed: bool
    #: In order of preference; empty is any.
    providers: tuple[str, ...] = ()
    #: US dollars; None is no ceiling.
    max_usd_task: float | None = None
    max_usd_day: float | None = None
    #: For people: where the texts may be processed.
    region: str = ""

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> TenantPolicy:
        """From a row."""
        return cls(
            row["tenant"],
            row["allowed"],
            tuple(row["providers"]),
            row["max_usd_task"],
            row["max_usd_day"],
            row["region"],
        )


@dataclass(frozen=True, slots=True)
class CloudChoice:
    """Where a task's texts go."""

    #: None is local.
    provider: str | None
    max_usd: float | None = None
    max_usd_day: float | None = None
    #: Whether the local model may step in.
    fallback: bool = True
    #: Providers beside the chosen one that may get the texts; None is any, empty none.
    others: tuple[str, ...] | None = ()

    def permits(self, provider: str) -> bool:
        """Whether a further service (for sentiment, say) may get the texts too."""
        return self.others is None or provider in self.others


LOCAL = CloudChoice(None)


def choose(policy: TenantPolicy | None, requested: Mapping[str, Any] | None, settings: Settings) -> CloudChoice:
    """Decide from the tenant's policy, the request's ``cloud`` member and the service's settings.

    The cloud needs the tenant's and the request's yes. A request that merely allows it stays local without the
    tenant's; one that names a provider, or takes no fallback, raises ``CloudRefused``. A provider in
    ``REVERIE_EMBEDDER`` is the operator's yes for all tenants and requests but those that say no themselves.
    """
    own = settings.embedding.embedder if settings.embedding.embedder in CLOUD_PROVIDERS else None
    requested = requested or {}
    named = requested.get("provider")
    if named is not None and named not in CLOUD_PROVIDERS:
        message = f"is not a provider; choose from {', '.join(CLOUD_PROVIDERS)}"
        raise InvalidInput.at("cloud.provider", message)
    fallback = bool(requested.get("fallback", True)) if requested else settings.cloud.fallback
    agreed = policy is not None and policy.allowed
    if policy is not None and not agreed and own is not None:
        raise CloudRefused(f"This service embeds with {own}, and the tenant's policy does not allow the cloud.")
    if requested and not requested.get("allowed"):
        if own is not None:
            raise CloudRefused(f"This service embeds with {own}, and the request does not allow the cloud.")
        if named is not None:
            raise CloudRefused(f"cloud.provider is {named}, but cloud.allowed is not true.")
        return LOCAL
    if not requested and own is None:
        return LOCAL
    insists = bool(requested) and (named is not None or not fallback)
    if not agreed and (own is None or named not in (None, own)):
        if insists:
            raise CloudRefused("The tenant's policy does not allow the cloud; an operator can: reverie cloud allow")
        return LOCAL
    listed = policy.providers if policy is not None else ()
    if named is not None and listed and named not in listed:
        raise CloudRefused(f"The tenant's policy allows {', '.join(listed)}, not {named}.")
    first = next((name for name in listed if name not in ("azure-language", "labels")), None)  # neither embeds
    provider = named or first or own or settings.cloud.provider
    if provider is None or (listed and provider not in listed):
        if insists:
            raise CloudRefused("No cloud provider is named by the request, the tenant's policy or the service.")
        return LOCAL
    ceilings = [usd for usd in (requested.get("max_usd"), policy.max_usd_task if policy else None) if usd is not None]
    return CloudChoice(
        provider=provider,
        max_usd=min(ceilings) if ceilings else None,
        max_usd_day=policy.max_usd_day if policy else None,
        fallback=fallback,
        others=(listed or None) if agreed and requested else (),
    )


class PolicyStore:
    """Reads and writes policies over one short-lived connection per call; for the command line."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url

    def _connect(self) -> psycopg.Connection[dict[str, Any]]:
        return psycopg.connect(self._url, autocommit=True, row_factory=dict_row, connect_timeout=10)

    def put(self, policy: TenantPolicy) -> None:
        """Set a tenant's policy. Raises ``InvalidInput`` for an unknown provider or a negative ceiling."""
        unknown = sorted(set(policy.providers) - set(CLOUD_PROVIDERS))
        if unknown:
            raise InvalidInput(f"unknown provider {', '.join(unknown)}; choose from {', '.join(CLOUD_PROVIDERS)}")
        for name, usd in (("per task", policy.max_usd_task), ("per day", policy.max_usd_day)):
            if usd is not None and not 0 <= usd < float("inf"):
                raise InvalidInput(f"the ceiling {name} is not an amount of US dollars")
        if not policy.tenant or len(policy.tenant) > 128 or not policy.tenant.isprintable():
            raise InvalidInput("a tenant's name has 1 to 128 printable characters")
        with self._connect() as connection:
            connection.execute(
                sql("put_cloud_policy"),
                {
                    "tenant": policy.tenant,
                    "allowed": policy.allowed,
                    "providers": list(policy.providers),
                    "max_usd_task": policy.max_usd_task,
                    "max_usd_day": policy.max_usd_day,
                    "region": policy.region,
                },
            )

    def list(self) -> list[tuple[TenantPolicy, float, int]]:
        """``(policy, US dollars today, tokens today)`` of every tenant that has one."""
        with self._connect() as connection:
            rows = connection.execute(sql("list_cloud_policies")).fetchall()
        return [(TenantPolicy.of(row), row["usd_today"], row["tokens_today"]) for row in rows]
