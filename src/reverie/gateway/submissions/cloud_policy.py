"""Whether a submission may go to the cloud, by the tenant's policy."""

from __future__ import annotations

import contextlib
from typing import Any

from cachetools import TTLCache

from reverie.contracts import CLOUD_PROVIDERS
from reverie.settings import Settings
from reverie.store import CloudChoice, GatewayStore, TenantPolicy, choose

__all__ = ["CloudPolicies"]

_TRUST = 2.0
"""Seconds a policy is trusted without asking again. The worker asks once more before a text leaves."""


class CloudPolicies:
    """Tenants' policies with a small, short-lived cache. Submissions that do not mention the cloud cost nothing."""

    def __init__(self, store: GatewayStore, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._known: TTLCache[str, TenantPolicy | None] = TTLCache(10_000, _TRUST)

    async def choose(self, tenant: str, requested: dict[str, Any] | None) -> CloudChoice:
        """Where the texts go. Raises ``CloudRefused`` when the request insists on what policy forbids."""
        own = self._settings.embedding.embedder in CLOUD_PROVIDERS
        policy = await self._policy(tenant) if own or (requested and requested.get("allowed")) else None
        return choose(policy, requested, self._settings)

    async def _policy(self, tenant: str) -> TenantPolicy | None:
        with contextlib.suppress(KeyError):
            return self._known[tenant]
        policy = self._known[tenant] = await self._store.cloud_policy(tenant)
        return policy

    def forget(self) -> None:
        """Ask the database again: a policy was changed."""
        self._known.clear()
