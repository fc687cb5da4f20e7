"""Capture, by consent."""

from __future__ import annotations

from reverie.testing.discord.payloads import EPHEMERAL
from tests.bot.conftest import Stage


async def test_nothing_is_kept_before_the_person_agrees(stage: Stage) -> None:
    await stage.begin()
    message = await stage.ask("remember", {"text": "a secret"})
    assert "/memory start" in message["content"]
    assert await stage.bot.store.count(stage.alice["id"]) == 0
    assert stage.kept() == []


async def test_consent_says_what_is_kept_and_where_and_can_be_declined(stage: Stage) -> None:
    await stage.begin()
    message = await stage.ask("memory start")
    assert message["flags"] & EPHEMERAL
    assert "not encrypted" in message["embeds"][0]["description"]
    message = await stage.press(message, "Not now")
    assert "nothing is kept" in message["content"]
    assert "consent" in (await stage.ask("remember", {"text": "a secret"}))["content"]


async def test_after_stop_nothing_more_is_kept_and_what_was_kept_stays(live: Stage) -> None:
    await live.remember("first")
    message = await live.ask("memory stop")
    assert "1 memory stays" in message["content"]
    assert "/memory start" in (await live.ask("remember", {"text": "second"}))["content"]
    assert live.texts() == ["first"]


async def test_a_message_is_remembered_from_its_menu_with_a_note_and_only_once(live: Stage) -> None:
    said = await live.discord.say("the cat is called Mia", user=live.alice, guild=live.guild)
    for expected in ("Remembered. You have 1 memory.", "already"):
        opened = await live.discord.use_on_message("Remember this", said, user=live.alice, guild=live.guild)
        await live.discord.acknowledged(opened)
        assert opened.ack_type == 9
        sent = await live.discord.submit(opened, ["for the vet"], user=live.alice, guild=live.guild)
        assert expected in (await live.discord.reply(sent))["content"]
    (memory,) = live.kept()
    assert (memory["text"], memory["kind"]) == ("the cat is called Mia\n(for the vet)", "message")
    message = await live.ask("memories")
    assert "the cat is called Mia *(for the vet)*" in message["embeds"][0]["description"]


async def test_other_peoples_messages_are_not_remembered(live: Stage) -> None:
    said = await live.discord.say("my own business", user=live.bob, guild=live.guild)
    used = await live.discord.use_on_message("Remember this", said, user=live.alice, guild=live.guild)
    assert "somebody else" in (await live.discord.reply(used))["content"]
    assert live.kept() == []


async def test_the_limit_of_memories_is_kept(stage: Stage) -> None:
    await stage.begin(max_memories=1)
    await stage.agree()
    await stage.remember("first")
    assert "full (1)" in (await stage.ask("remember", {"text": "second"}))["content"]
    assert stage.texts() == ["first"]


async def test_a_channel_is_collected_only_when_opened_and_only_from_those_who_opted_in(stage: Stage) -> None:
    await stage.begin(collect=True)
    await stage.agree()
    await stage.agree(stage.bob)
    await stage.discord.say("before it was opened", user=stage.alice, guild=stage.guild)
    await stage.discord.reply_with(await stage.slash("memory-channel", {"enabled": True}, admin=True), "allowed")
    (notice,) = stage.discord.channel_messages(stage.guild["channels"][0]["id"])
    assert "Nobody is included by default" in notice["content"]
    await stage.discord.say("before anybody opted in", user=stage.alice, guild=stage.guild)
    await stage.ask("memory collect", {"enabled": True})
    await stage.discord.say("bob did not opt in", user=stage.bob, guild=stage.guild)
    said = await stage.discord.say("alice did", user=stage.alice, guild=stage.guild)
    # Events are handled in order, and so an answer to a later command shows that the message was seen.
    await stage.ask("privacy")
    await stage.service.until(lambda: bool(stage.kept()))
    assert stage.texts() == ["alice did"]
    assert stage.kept(stage.bob) == []

    deleted = {"id": said["id"], "channel_id": said["channel_id"], "guild_id": stage.guild["id"]}
    await stage.discord.gateway.dispatch("MESSAGE_DELETE", deleted, guild_id=stage.guild["id"])
    await stage.service.until(lambda: not stage.kept())
    assert await stage.bot.store.count(stage.alice["id"]) == 0


async def test_opening_a_channel_takes_the_permission_to_manage_the_server(stage: Stage) -> None:
    await stage.begin(collect=True)
    message = await stage.ask("memory-channel", {"enabled": True})
    assert "Manage Server" in message["content"]
    assert await stage.bot.store.channels() == set()


async def test_a_channel_in_which_the_bot_may_not_write_is_not_opened(stage: Stage) -> None:
    await stage.begin(collect=True)
    stage.discord.closed_channels.add(stage.guild["channels"][0]["id"])
    used = await stage.slash("memory-channel", {"enabled": True}, admin=True)
    await stage.discord.reply_with(used, "may not write")
    assert await stage.bot.store.channels() == set()


async def test_without_the_setting_the_bot_asks_for_no_privileged_intent(stage: Stage) -> None:
    stage.discord.privileged_intents = 0
    await stage.begin()
    message = await stage.ask("memory collect", {"enabled": True})
    assert "not switched it on" in message["content"]
