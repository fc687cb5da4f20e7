"""A model of a user's memories beside the real PostgreSQL: any order of changes must leave both in the same state."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from reverie.store import Codec, GatewayStore
from reverie.store.memory_rows import new_row
from reverie.store.memory_store import AddOutcome, AddRequest, MemoryStore, Page
from tests.invariants import broken_rules

CODEC = Codec()
PEOPLE = (("a", "x"), ("a", "y"), ("b", "x"))
people = st.sampled_from(PEOPLE)
memories = st.sampled_from(["1", "2", "3", "a/b", "..", "ü"])
texts = st.sampled_from(["tea", "coffee", "mate", "the same"])
LIMIT = 5


def kept(request: AddRequest, outcome: AddOutcome) -> bytes:
    """What an idempotency key is answered with."""
    return b"%d %d %d %d" % (outcome.added, outcome.updated, outcome.unchanged, outcome.version)


class Model:
    """What the model holds of a user."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        #: Deleted at some time.
        self.gone: set[str] = set()
        self.version = 0
        self.changes = 0


class Life(RuleBasedStateMachine):
    """Groups of adds, adds under a key, accesses, deletions and erasures."""

    url = ""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.gateway = GatewayStore(self.url, size=2, timeout=10)
        self.store = MemoryStore(self.gateway)
        self.users: dict[tuple[str, str], Model] = {}
        self.keys: dict[tuple[str, str], tuple[tuple[str, str], bytes, bytes]] = {}
        self.run(self.gateway.open())
        for tenant, user in PEOPLE:
            self.run(self.gateway.erase(tenant, user))

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.run(self.gateway.close())
        self.loop.close()

    @rule(wanted=st.lists(st.tuples(people, st.dictionaries(memories, texts, max_size=4)), min_size=1, max_size=3))
    def add(self, wanted: list[tuple[tuple[str, str], dict[str, str]]]) -> None:
        # A group never names a memory twice: the gateway sees to that.
        group = dict(wanted)
        requests = [
            AddRequest(*who, [new_row(id_, {"text": text}, CODEC) for id_, text in rows.items()], limit=LIMIT)
            for who, rows in group.items()
        ]
        outcomes = self.run(self.store.add(requests, kept))
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
            model.texts |= rows

    @rule(who=people, key=st.sampled_from(["k1", "k2"]), id_=memories, text=texts)
    def add_once(self, who: tuple[str, str], key: str, id_: str, text: str) -> None:
        model = self.users.setdefault(who, Model())
        row = new_row(id_, {"text": text}, CODEC)
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
            model.texts[id_] = text
            self.keys[who[0], key] = (who, content, kept(request, outcome))

    @rule(who=people, wanted=st.lists(memories, max_size=3, unique=True))
    def delete(self, who: tuple[str, str], wanted: list[str]) -> None:
        async def work() -> list[str]:
            async with self.store.changing(*who) as changing:
                return (await changing.delete(wanted)).ids if changing else []

        gone = self.run(work())
        model = self.users.get(who, Model())
        assert sorted(gone) == sorted(model.texts.keys() & set(wanted))
        for id_ in gone:
            del model.texts[id_]
        model.gone |= set(gone)
        self.changed(model, len(gone))

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
        erased = self.run(self.gateway.erase(*who))
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
            assert {row.id: row.words(CODEC)["text"] for row in rows} == model.texts
            assert {row["id"] for row in self.run(self.store.forgotten(person.id))} == model.gone

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
