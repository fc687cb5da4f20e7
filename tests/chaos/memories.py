"""Clients that keep, change and delete memories through all faults; what must be there, and in views, in the end."""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from reverie._ids import new_id
from tests.chaos.load import Load
from tests.chaos.world import QUIET, TENANTS

__all__ = ["Keeper", "keepers"]

_SUBJECTS = ("rock wall gym climbing", "cat mouse sofa sleep", "bread oven yeast dough")
_MANY = 150
"""Memories from which on a user rather deletes, so that upkeep stays short."""
_IDS = re.compile(r"mem_[0-9A-Z]{26}")


@dataclass(slots=True)
class Keeper:
    """One user whose bot adds, changes and deletes, one request after the other, each until it is acknowledged.

    It does so in bursts. Between them the user is quiet long enough for upkeep, and the bot reads the views.
    """

    load: Load
    tenant: str
    user: str
    rng: random.Random
    #: Texts by id, as acknowledged; and ids whose deletion was acknowledged.
    kept: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    #: The version with which each came to be as it is.
    versions: dict[str, int] = field(default_factory=dict)
    #: Texts of the request that has no answer yet: they may be there.
    open_texts: set[str] = field(default_factory=set)
    open_ids: set[str] = field(default_factory=set)
    #: A memory is changed once at most: a late repetition of a request must not undo a later one.
    changed: set[str] = field(default_factory=set)
    requests: int = 0
    version: int = 0
    #: Views read, and the newest version of each kind.
    views: int = 0
    seen: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    async def live(self) -> None:
        """Bursts of changes, with a look at the views after each, until cancelled."""
        turns = itertools.count()
        while True:
            for _ in range(self.rng.randint(3, 10)):
                await self._change(next(turns))
                await asyncio.sleep(self.rng.uniform(0.0, 0.3))
            await self.look()
            await asyncio.sleep(QUIET + self.rng.uniform(0.5, 3.0))
            await self.look()

    async def _change(self, turn: int) -> None:
        chance = self.rng.random()
        fresh = sorted(self.kept.keys() - self.changed)
        if self.kept and (chance < 0.3 or len(self.kept) > _MANY):
            count = self.rng.choice((1, 1, 10)) if len(self.kept) <= _MANY else 50
            await self._delete(self.rng.sample(sorted(self.kept), min(count, len(self.kept))))
        elif fresh and chance < 0.45:
            await self._patch(self.rng.choice(fresh), turn)
        else:
            await self._add(turn)

    def _text(self, turn: int, number: int) -> str:
        return f"{self.rng.choice(_SUBJECTS)} {self.user} {turn} {number}"

    async def _add(self, turn: int) -> None:
        texts = [self._text(turn, n) for n in range(self.rng.choice((1, 1, 1, 5, 20)))]
        self.open_texts = set(texts)
        path = f"/users/{self.user}/memories"
        if turn % 2:  # a second try is known by the key, and says what the first one said
            key = {"Idempotency-Key": f"{self.user}-{turn}"}
            answer = await self._until_answered("POST", path, {"memories": texts}, key)
            stored = answer["added"]
        else:  # or by the memories' own ids
            named = [{"id": new_id("mem_"), "text": text} for text in texts]
            answer = await self._until_answered("POST", path, {"memories": named}, {})
            stored = answer["added"] + answer["unchanged"]
        if (stored, len(set(answer["ids"]))) != (len(texts), len(texts)):
            self.faults.append(f"an add of {len(texts)} was answered with {stored} stored")
        self.kept.update(zip(answer["ids"], texts, strict=True))
        self.versions.update(dict.fromkeys(answer["ids"], answer["version"]))
        self.open_texts = set()

    async def _patch(self, memory: str, turn: int) -> None:
        text = self._text(turn, 0)
        self.open_texts, self.open_ids = {text}, {memory}
        answer = await self._until_answered("PATCH", f"/users/{self.user}/memories/{memory}", {"text": text}, {})
        self.changed.add(memory)
        self.kept[memory], self.versions[memory] = text, answer["version"]
        self.open_texts, self.open_ids = set(), set()

    async def _delete(self, memories: list[str]) -> None:
        self.open_ids = set(memories)
        where = f"/{memories[0]}" if len(memories) == 1 else "?" + urlencode({"ids": memories}, doseq=True)
        await self._until_answered("DELETE", f"/users/{self.user}/memories{where}", None, {})
        for memory in memories:
            del self.kept[memory], self.versions[memory]
        self.deleted |= self.open_ids
        self.open_ids = set()

    async def _until_answered(self, method: str, path: str, body: Any, headers: dict[str, str]) -> dict[str, Any]:
        while True:
            self.requests += 1
            status, answer, waits = await self.load.request(self.tenant, method, path, body, headers)
            if status == 200 and answer is not None:
                if answer["version"] < self.version and method != "POST":  # that one may be answered as the first time
                    self.faults.append(f"version {answer['version']} after {self.version}")
                self.version = max(self.version, answer["version"])
                return answer
            if status not in (0, 429, 500, 503):
                raise AssertionError(f"{method} {path} was answered with {status}: that is no fault of the weather")
            await asyncio.sleep(min(waits, 2.0) if waits else self.rng.uniform(0.1, 0.4))

    # -- views ----------------------------------------------------------------------------------------

    async def look(self) -> None:
        """Read both views, if somebody answers, and hold them against what was acknowledged."""
        for kind in ("themes", "insights"):
            status, view, _ = await self.load.request(self.tenant, "GET", f"/users/{self.user}/{kind}", None, {})
            if status == 200 and view is not None:
                self.views += 1
                self._hold(kind, view)

    def _hold(self, kind: str, view: dict[str, Any]) -> None:
        version = view["version"]
        if version < self.seen.get(kind, 0):
            self.faults.append(f"{kind} of version {version} after {self.seen[kind]}")
        self.seen[kind] = version
        if back := set(_IDS.findall(str(view))) & self.deleted:
            self.faults += [f"resurrected in {kind}: {self.user} {one}" for one in sorted(back)]
        if kind == "themes":
            named, provisional = set(view["assignments"]), set(view["provisional"])
        else:
            named, provisional = {one["memory_id"] for one in view["importance"]}, set()
        for memory in named - provisional:
            if self.versions.get(memory, 0) > version:
                self.faults.append(f"{kind} of version {version} know a memory of version {self.versions[memory]}")
        for memory, came in self.versions.items():
            if came <= version and memory not in named | self.open_ids:
                self.faults.append(f"lost from {kind} of version {version}: {self.user} {memory} of version {came}")

    async def settled(self, seconds: float = 120.0) -> None:
        """Wait until the views are current, and hold them against what was acknowledged, once more."""
        end = time.monotonic() + seconds
        while True:
            views = {kind: await self._until_read(f"/users/{self.user}/{kind}") for kind in ("themes", "insights")}
            if all(view is None or view["stale"] is None for view in views.values()):
                break
            if time.monotonic() > end:
                self.faults.append(f"never current: the views of {self.user}")
                break
            await asyncio.sleep(0.3)
        for kind, view in views.items():
            if view is not None:
                self._hold(kind, view)

    # -- the end --------------------------------------------------------------------------------------

    async def check(self) -> list[str]:
        """What is not as it was acknowledged, in words."""
        await self.settled()
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            path = f"/users/{self.user}/memories?limit=1000" + (f"&cursor={cursor}" if cursor else "")
            page = await self._until_read(path)
            assert page is not None
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

    async def _until_read(self, path: str) -> dict[str, Any] | None:
        """The answer of whichever gateway answers; None for what is not there."""
        for _ in range(200):
            status, answer, _ = await self.load.request(self.tenant, "GET", path, None, {})
            if status == 404:
                return None
            if status == 200 and answer is not None:
                return answer
            await asyncio.sleep(0.2)
        raise AssertionError("no gateway answers")


def keepers(load: Load, seed: int, count: int = 6) -> list[Keeper]:
    """Users of all tenants; some of them at work at the same time."""
    names: Iterable[tuple[int, str]] = zip(range(count), itertools.cycle(TENANTS), strict=False)
    return [Keeper(load, tenant, f"keeper{n}", random.Random(f"keeper-{seed}-{n}")) for n, tenant in names]
