"""A model of a user's memories beside the real PostgreSQL: any order of changes must leave both in the same state."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from reverie._text_key import text_key
from reverie.errors import LeaseLost
from reverie.store import Codec, GatewayStore, WorkerStore
from reverie.store.memory_changes import AddOutcome, AddRequest
from reverie.store.memory_rows import Page, content_hash, memory_body, new_row
from reverie.store.memory_store import MemoryStore
from reverie.store.people import PersonAt, read_stored
from reverie.store.user_data import erase_user
from tests.invariants import broken_rules
from tests.store.test_views import write

PEOPLE = (("a", "x"), ("a", "y"), ("b", "x"))
people = st.sampled_from(PEOPLE)
memories = st.sampled_from(["1", "2", "3", "a/b", "..", "ü"])
texts = st.sampled_from(["tea", "coffee", "mate", "the same"])
LIMIT = 5
_COLUMNS = ("created_at", "last_accessed_at", "access_count", "pinned", "superseded_by")


def kept(request: AddRequest, outcome: AddOutcome) -> bytes:
    """What an idempotency key is answered with."""
    return b"%d %d %d %d" % (outcome.added, outcome.updated, outcome.unchanged, outcome.version)


class Model:
    """What the model holds of a user."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        #: The version with which each came to be as it is.
        self.versions: dict[str, int] = {}
        #: Deleted since the view before this one, and with which version.
        self.gone: dict[str, int] = {}
        self.version = 0
        self.changes = 0
        #: The version that the views were made of.
        self.view: int | None = None

    def put(self, texts: dict[str, str]) -> None:
        """These texts came with the version that is now."""
        new = {id_: text for id_, text in texts.items() if self.texts.get(id_) != text}
        self.texts |= new
        self.versions |= dict.fromkeys(new, self.version)

    def upkeep(self, version: int) -> None:
        """Views of ``version`` are written: what came since stays counted."""
        before = self.view or 0
        if version > before:
            self.gone = {id_: at for id_, at in self.gone.items() if at > before}
        self.view = version
        late = [*self.versions.values(), *self.gone.values()]
        self.changes = sum(at > version for at in late)


class Life(RuleBasedStateMachine):
    """Groups of adds, adds under a key, patches, accesses, deletions and erasures; and upkeep in between them."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.gateway = GatewayStore(self.url, size=2, timeout=10)
        self.store = MemoryStore(self.gateway)
        self.users: dict[tuple[str, str], Model] = {}
        self.keys: dict[tuple[str, str], tuple[tuple[str, str], bytes, bytes]] = {}
        self.worker = WorkerStore(self.url)
        #: Who was read by upkeep and at which version, until it writes.
        self.read: dict[tuple[str, str], tuple[PersonAt, Model]] = {}
        self.run(self.gateway.open())
        for tenant, user in PEOPLE:
            self.run(erase_user(self.gateway, tenant, user))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.worker.close()
        self.run(self.gateway.close())
        self.loop.close()

    @rule(wanted=st.lists(st.tuples(people, st.dictionaries(memories, texts, max_size=4)), min_size=1, max_size=3))
    def add(self, wanted: list[tuple[tuple[str, str], dict[str, str]]]) -> None:
        # A group never names a memory twice: the gateway sees to that.
        group = dict(wanted)
        requests = [
            AddRequest(*who, [new_row(id_, {"text": text}) for id_, text in rows.items()], limit=LIMIT)
            for who, rows in group.items()
        ]
        outcomes = self.run(self.add_as_the_gateway_does(requests))
        for (who, rows), outcome in zip(group.items(), outcomes, strict=True):
            model = self.users.setdefault(who, Model())
            new = rows.keys() - model.texts.keys()
            if len(model.texts) + len(new) > LIMIT:
                assert outcome.full == len(model.texts)
                continue
            other = {id_ for id_ in rows if model.texts.get(id_, rows[id_]) != rows[id_]}
            assert (outcome.added, outcome.updated) == (len(new), len(other))
            assert outcome.unchanged == len(rows) - len(new) - len(other)
            self.changed(model, len(new) + len(other))
            assert outcome.version == model.version
            model.put(rows)

    async def add_as_the_gateway_does(self, requests: list[AddRequest]) -> list[AddOutcome]:
        quick = await self.store.add_new(requests)
        left = [request for request, outcome in zip(requests, quick, strict=True) if outcome is None]
        others = iter(await self.store.add(left, kept) if left else [])
        return [outcome or next(others) for outcome in quick]

    @rule(who=people, key=st.sampled_from(["k1", "k2"]), id_=memories, text=texts)
    def add_once(self, who: tuple[str, str], key: str, id_: str, text: str) -> None:
        model = self.users.setdefault(who, Model())
        row = new_row(id_, {"text": text})
        content = f"{who} {id_} {text}".encode()
        request = AddRequest(*who, [row], idempotency_key=key, body_hash=content, limit=LIMIT)
        [outcome] = self.run(self.store.add([request], kept))
        known = self.keys.get((who[0], key))
        if known is not None:
            assert outcome.mismatch == (known[1] != content)
            assert outcome.mismatch or outcome.replayed == known[2]
        elif id_ not in model.texts and len(model.texts) >= LIMIT:
            assert outcome.full == LIMIT
        else:
            self.changed(model, int(model.texts.get(id_) != text))
            model.put({id_: text})
            self.keys[who[0], key] = (who, content, kept(request, outcome))

    @rule(who=people, wanted=st.lists(memories, max_size=3, unique=True))
    def delete(self, who: tuple[str, str], wanted: list[str]) -> None:
        async def work() -> list[str]:
            async with self.store.changing(*who) as changing:
                return (await changing.delete(wanted)).ids if changing else []

        gone = self.run(work())
        model = self.users.get(who, Model())
        assert sorted(gone) == sorted(model.texts.keys() & set(wanted))
        self.changed(model, len(gone))
        for id_ in gone:
            del model.texts[id_], model.versions[id_]
        model.gone |= dict.fromkeys(gone, model.version)

    @rule(who=people, id_=memories, text=texts)
    def patch(self, who: tuple[str, str], id_: str, text: str) -> None:
        async def work() -> str | None:
            async with self.store.changing(*who) as changing:
                row = await changing.memory(id_) if changing else None
                if row is None or changing is None:
                    return None
                before = row.words(Codec(), *who)["text"]
                body = memory_body({"text": text})
                values = {
                    "body": body,
                    "text_key": text_key(text),
                    "content": content_hash(body, row.created_at),
                    "chars": len(text),
                    "decided": False,
                    **{name: getattr(row, name) for name in _COLUMNS},
                }
                await changing.patch(id_, values, chars=len(text) - len(before))
                return str(before)

        model = self.users.get(who, Model())
        assert self.run(work()) == model.texts.get(id_)
        if id_ in model.texts:
            self.changed(model, 1)
            model.texts[id_], model.versions[id_] = text, model.version

    @rule(who=people)
    def upkeep_reads(self, who: tuple[str, str]) -> None:
        stored = read_stored(self.worker, *who)
        model = self.users.get(who)
        assert (stored is None) == (model is None)
        if stored is not None and model is not None:
            assert {memory.id: memory.text for memory in stored.memories} == model.texts
            self.read[who] = stored.person, model

    @rule(who=people)
    def upkeep_writes(self, who: tuple[str, str]) -> None:
        if who not in self.read:
            return
        person, model = self.read.pop(who)
        if self.users.get(who) is not model or person.version < (model.view or 0):
            with pytest.raises(LeaseLost):
                write(self.worker, person, who[1])
        else:
            write(self.worker, person, who[1])
            model.upkeep(person.version)

    @rule(who=people, id_=memories)
    def access(self, who: tuple[str, str], id_: str) -> None:
        async def work() -> bool:
            async with self.store.changing(*who) as changing:
                return changing is not None and await changing.count_access(id_) is not None

        model = self.users.get(who, Model())
        assert self.run(work()) == (id_ in model.texts)
        model.version += id_ in model.texts

    @rule(who=people)
    def erase(self, who: tuple[str, str]) -> None:
        erased = self.run(erase_user(self.gateway, *who))
        assert erased.memories == len(self.users.get(who, Model()).texts)
        self.users.pop(who, None)
        self.keys = {name: known for name, known in self.keys.items() if known[0] != who}

    @staticmethod
    def changed(model: Model, changes: int) -> None:
        model.version += changes > 0
        model.changes += changes

    @invariant()
    def both_hold_the_same(self) -> None:
        for who in PEOPLE:
            model = self.users.get(who)
            person = self.run(self.store.person(*who))
            assert (person is not None) == (model is not None)
            if model is None or person is None:
                continue
            assert (person.version, person.memories, person.changes) == (model.version, len(model.texts), model.changes)
            rows = self.run(self.store.page(person.id, Page(limit=100)))
            assert {row.id: row.words(Codec(), *who)["text"] for row in rows} == model.texts
            assert {row["id"] for row in self.run(self.store.forgotten(person.id))} == model.gone.keys()
            views = self.run(self.store.views(person.id))
            assert {row["version"] for row in views} == ({model.view} - {None})

    @invariant()
    def the_rules_hold(self) -> None:
        assert not broken_rules(self.url)


def test_any_order_of_changes_leaves_what_the_model_says(database_url: str) -> None:
    Life.url = database_url
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Life,
        settings=settings(
            max_examples=8, stateful_step_count=25, deadline=None, derandomize=True, database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
