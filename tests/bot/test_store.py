"""The bot's store, the same on SQLite and on PostgreSQL, clear and encrypted."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from reverie.bot.sealing import Encrypted, Plain, make_sealer
from reverie.bot.store import MemoryStore, NoConsent, Pending, StoreFull, open_database
from reverie.errors import StartupError

_KEY = base64.b64encode(bytes(range(32))).decode()
_OTHER = base64.b64encode(bytes(range(1, 33))).decode()


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MemoryStore]:
    url = f"sqlite:///{tmp_path / 'bot.sqlite3'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("database_url")
    database = await open_database(url)
    store = MemoryStore(database, make_sealer(_KEY), most=3)
    for user in ("alice", "bob"):
        await store.forget_everything(user)
        await store.erased(user, float("inf"))
    yield store
    await store.close()


async def _texts(store: MemoryStore, user: str) -> list[str]:
    return [one.memory.text for one in await store.waiting(user)]


async def test_consent_and_the_limit_are_part_of_every_write(store: MemoryStore) -> None:
    with pytest.raises(NoConsent):
        await store.add("alice", "too early")
    await store.consent("alice", "de")
    for text in ("one", "two", "three"):
        await store.add("alice", text)
    with pytest.raises(StoreFull):
        await store.add("alice", "four")
    await store.withdraw("alice")
    with pytest.raises(NoConsent):
        await store.add("alice", "too late")
    with pytest.raises(NoConsent):
        await store.set_collecting("alice", True)
    assert await _texts(store, "alice") == ["one", "two", "three"]


async def test_memories_survive_a_round_trip_whole(store: MemoryStore) -> None:
    await store.consent("alice", "en")
    kept = await store.add(
        "alice", "日本語 👩‍👩‍👧 \u202e", note="a note", source="message", guild_id="7", message_id="9"
    )
    assert kept is not None
    read = (await store.waiting("alice"))[0].memory
    assert (read.id, read.text, read.note, read.source, read.guild_id) == (
        kept.id, "日本語 👩‍👩‍👧 \u202e", "a note", "message", "7",
    )  # fmt: skip
    assert abs((read.created_at - kept.created_at).total_seconds()) < 1e-3
    assert await store.add("alice", "again", message_id="9") is None


async def test_nobody_reads_edits_or_forgets_for_somebody_else(store: MemoryStore) -> None:
    await store.consent("alice", "en")
    await store.consent("bob", "en")
    kept = await store.add("alice", "mine")
    assert kept is not None
    assert await store.waiting("bob") == []
    assert not await store.edit_waiting("bob", replace(kept, text="stolen"))
    assert await store.forget("bob", [kept.id]) == 0
    assert await _texts(store, "alice") == ["mine"]


async def test_forgetting_removes_answers_and_is_listed_until_it_is_done(store: MemoryStore) -> None:
    await store.consent("alice", "en")
    kept = await store.add("alice", "mine")
    assert kept is not None
    await store.put_answer("alice", "themes", {"embed": "a label that quotes it"})
    assert await store.forget("alice", [kept.id]) == 1
    assert await store.answer("alice", "themes") is None
    assert (await store.deletions("alice"), await store.deletion_people()) == ([kept.id], ["alice"])
    await store.deleted("alice", [kept.id])
    assert await store.deletion_people() == []


async def test_an_erasure_is_listed_until_the_one_that_was_asked_for_is_done(store: MemoryStore) -> None:
    await store.forget_everything("alice")
    ((user, requested_at),) = [one for one in await store.erasures() if one[0] == "alice"]
    await store.erased(user, requested_at - 1)
    assert await store.erasure("alice") == requested_at
    await store.erased("alice", requested_at)
    assert await store.erasure("alice") is None


async def test_a_text_leaves_the_store_once_it_was_moved_and_its_place_stays(store: MemoryStore) -> None:
    await store.consent("alice", "en")
    told = await store.add("alice", "told", message_id="1")
    await store.add("alice", "collected", source="channel", message_id="2", guild_id="7")
    waiting = await store.waiting("alice")
    assert told is not None
    # What is changed between the reading and the mark is not taken for moved.
    assert await store.edit_waiting("alice", replace(told, text="told better"))
    await store.moved("alice", waiting)
    assert await _texts(store, "alice") == ["told better"]
    await store.moved("alice", await store.waiting("alice"))
    assert await store.waiting_people() == []
    assert await store.count("alice") == 2
    assert await store.add("alice", "told", message_id="1") is None
    assert await store.collected("1") == []
    assert len(await store.collected("2")) == 1
    assert [origin["guild_id"] for origin in await store.origins("alice")] == [None, "7"]


async def test_forgetting_everything_counts_what_went(store: MemoryStore) -> None:
    await store.consent("alice", "en")
    await store.add("alice", "mine")
    await store.put_answer("alice", "themes", {})
    await store.put_pending(Pending("1", "alice", "themes", "tsk", "token", "en", 1e10, 100))
    gone = await store.forget_everything("alice")
    assert (gone.memories, gone.answers, gone.waiting) == (1, 1, 1)
    assert await store.person("alice") is None
    assert await store.pending() == []


async def test_owed_replies_come_back_as_they_were(store: MemoryStore) -> None:
    await store.consent("alice", "de")
    owed = Pending("5", "alice", "recall", "tsk_1", "secret token", "de", 1e10, 100, "7", {"query": "why?"})
    await store.put_pending(owed)
    assert await store.pending() == [owed]
    await store.settle("5")
    assert await store.pending() == []


async def test_a_server_is_forgotten_with_its_channels(store: MemoryStore) -> None:
    await store.consent("alice", "en")
    await store.set_channel("7", "70", True)
    await store.set_channel("8", "80", True)
    await store.add("alice", "from seven", guild_id="7")
    await store.add("alice", "from eight", guild_id="8")
    assert await store.guilds() == {"7", "8"}
    assert await store.forget_guild("7") == {"alice"}
    assert await store.channels() == {"80"}
    assert await _texts(store, "alice") == ["from eight"]


async def test_writers_at_the_same_time_keep_the_limit(store: MemoryStore) -> None:
    await store.consent("alice", "en")
    results = await asyncio.gather(*(store.add("alice", str(n)) for n in range(6)), return_exceptions=True)
    assert sum(isinstance(result, StoreFull) for result in results) == 3
    assert await store.count("alice") == 3


async def test_with_a_key_nothing_readable_reaches_the_disk(tmp_path: Path) -> None:
    store = MemoryStore(await open_database(f"sqlite:///{tmp_path / 'bot.sqlite3'}"), make_sealer(_KEY))
    await store.consent("alice", "en")
    await store.add("alice", "dear diary", note="secret note")
    await store.put_answer("alice", "themes", {"label": "diary"})
    await store.put_pending(
        Pending("1", "alice", "recall", "tsk", "tokentoken", "en", 1e10, 100, None, {"query": "diary"})
    )
    await store.close()
    disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert not any(word in disk for word in (b"diary", b"secret note", b"tokentoken"))


async def test_what_was_forgotten_does_not_stay_in_the_file(tmp_path: Path) -> None:
    store = MemoryStore(await open_database(f"sqlite:///{tmp_path / 'bot.sqlite3'}"), Plain())
    await store.consent("alice", "en")
    await store.add("alice", "forget these words")
    assert oct(os.stat(tmp_path / "bot.sqlite3").st_mode)[-3:] == "600"
    await store.forget_everything("alice")
    await store.close()
    assert b"forget these words" not in b"".join(path.read_bytes() for path in tmp_path.iterdir())


def test_a_text_opens_only_for_its_owner_and_with_its_key() -> None:
    sealed = make_sealer(_KEY).seal("dear diary", "alice")
    assert make_sealer(f"{_OTHER},{_KEY}").unseal(sealed, "alice") == "dear diary"
    for sealer, owner in ((make_sealer(_KEY), "bob"), (make_sealer(_OTHER), "alice"), (Plain(), "alice")):
        with pytest.raises(StartupError):
            sealer.unseal(sealed, owner)


def test_texts_from_before_there_was_a_key_can_still_be_read() -> None:
    assert make_sealer(_KEY).unseal(Plain().seal("old", "alice"), "alice") == "old"
    assert isinstance(make_sealer(_KEY), Encrypted)
    assert isinstance(make_sealer(None), Plain)


@pytest.mark.parametrize("key", ["short", "not base64!", base64.b64encode(b"x" * 16).decode()])
def test_a_wrong_key_is_refused_at_start(key: str) -> None:
    with pytest.raises(StartupError, match="32 random bytes"):
        make_sealer(key)


@pytest.mark.parametrize("url", ["mysql://host/db", "bot.sqlite3", "sqlite:////dev/null/nowhere/bot.sqlite3"])
async def test_a_store_that_cannot_be_opened_is_named(url: str) -> None:
    with pytest.raises(StartupError, match=r"store|REVERIE_BOT_STORE"):
        await open_database(url)
