"""Clients that keep and delete memories through all faults, and what must be there in the end."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.chaos.load import Load
from tests.chaos.world import TENANTS

__all__ = ["Keeper", "keepers"]


@dataclass(slots=True)
class Keeper:
    """One user whose bot adds and deletes, one request after the other, each until it is acknowledged."""

    load: Load
    tenant: str
    user: str
    rng: random.Random
    #: Texts by id, as acknowledged; and ids whose deletion was acknowledged.
    kept: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    #: Texts of the request that has no answer yet: they may be there.
    open_texts: set[str] = field(default_factory=set)
    open_ids: set[str] = field(default_factory=set)
    requests: int = 0
    version: int = 0
    faults: list[str] = field(default_factory=list)

    async def live(self) -> None:
        """Add and delete until cancelled."""
        for turn in itertools.count():
            if self.kept and self.rng.random() < 0.35:
                await self._delete(self.rng.choice(sorted(self.kept)))
            else:
                await self._add(turn)
            await asyncio.sleep(self.rng.uniform(0.0, 0.3))

    async def _add(self, turn: int) -> None:
        texts = [f"{self.user} {turn} {n}" for n in range(self.rng.choice((1, 1, 1, 5, 40)))]
        self.open_texts = set(texts)
        path, key = f"/users/{self.user}/memories", {"Idempotency-Key": f"{self.user}-{turn}"}
        answer = await self._until_answered("POST", path, {"memories": texts}, key)
        if (answer["added"], len(set(answer["ids"]))) != (len(texts), len(texts)):
            self.faults.append(f"an add of {len(texts)} was answered with {answer['added']} added")
        self.kept.update(zip(answer["ids"], texts, strict=True))
        self.open_texts = set()

    async def _delete(self, memory: str) -> None:
        self.open_ids = {memory}
        await self._until_answered("DELETE", f"/users/{self.user}/memories/{memory}", None, {})
        del self.kept[memory]
        self.deleted.add(memory)
        self.open_ids = set()

    async def _until_answered(self, method: str, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
        while True:
            self.requests += 1
            status, answer, waits = await self.load.request(self.tenant, method, path, body, headers)
            if status == 200 and answer is not None:
                if answer["version"] < self.version and method == "DELETE":
                    self.faults.append(f"version {answer['version']} after {self.version}")
                self.version = max(self.version, answer["version"])
                return answer
            if status not in (0, 429, 500, 503):
                raise AssertionError(f"{method} {path} was answered with {status}: that is no fault of the weather")
            await asyncio.sleep(min(waits, 2.0) if waits else self.rng.uniform(0.1, 0.4))

    async def check(self) -> list[str]:
        """What is not as it was acknowledged, in words."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            path = f"/users/{self.user}/memories?limit=1000" + (f"&cursor={cursor}" if cursor else "")
            page = await self._until_read(path)
            found += page["memories"]
            if page["next_cursor"] is None:
                break
            cursor = page["next_cursor"]
        ids = {memory["id"] for memory in found}
        texts = [memory["text"] for memory in found]
        out = [f"lost: {self.user} {one}" for one in sorted(self.kept.keys() - ids - self.open_ids)]
        out += [f"resurrected: {self.user} {one}" for one in sorted(self.deleted & ids)]
        out += [f"twice: {one}" for one in sorted({text for text in texts if texts.count(text) > 1})]
        unknown = set(texts) - set(self.kept.values()) - self.open_texts
        return out + [f"never acknowledged, yet there: {one}" for one in sorted(unknown)] + self.faults

    async def _until_read(self, path: str) -> dict[str, Any]:
        for _ in range(200):
            status, answer, _ = await self.load.request(self.tenant, "GET", path, None, {})
            if status == 200 and answer is not None:
                return answer
            await asyncio.sleep(0.2)
        raise AssertionError("no gateway answers")


def keepers(load: Load, seed: int, count: int = 6) -> list[Keeper]:
    """Users of all tenants; some of them at work at the same time."""
    names: Iterable[tuple[int, str]] = zip(range(count), itertools.cycle(TENANTS), strict=False)
    return [Keeper(load, tenant, f"keeper{n}", random.Random(f"keeper-{seed}-{n}")) for n, tenant in names]
