"""Control: paging, editing, forgetting, the export, and what happens when somebody leaves."""

from __future__ import annotations

import gzip
import json

from tests.bot.conftest import Stage

_TEXTS = ("guitar lesson on monday", "new guitar strings", "bread in the oven", "bread with seeds", "a single thought")


async def test_memories_are_paged_and_one_can_be_edited_and_deleted(live: Stage) -> None:
    await live.remember(*(f"thought number {n}" for n in range(8)))
    message = await live.ask("memories")
    assert message["embeds"][0]["title"] == "Your 8 memories"
    assert "thought number 7" in message["embeds"][0]["description"]
    message = await live.press(message, "▶")
    assert "thought number 1" in message["embeds"][0]["description"]
    assert message["embeds"][0]["footer"]["text"] == "page 2 of 2"

    menu = message["components"][0]["components"][0]
    message = await live.press(message, "Choose a memory", values=[menu["options"][0]["value"]])
    assert message["embeds"][0]["description"] == "thought number 1"
    opened = await live.discord.press(message, "Edit", user=live.alice, guild=live.guild)
    await live.discord.acknowledged(opened)
    sent = await live.discord.submit(opened, ["a better thought"], user=live.alice, guild=live.guild)
    message = await live.discord.reply_with(sent, "a better thought")
    assert message["content"] == "Changed."
    message = await live.press(message, "Delete")
    assert message["content"] == "Forgotten."
    assert message["embeds"][0]["title"] == "Your 7 memories"


async def test_buttons_work_after_a_restart(live: Stage) -> None:
    await live.remember(*(f"thought number {n}" for n in range(8)))
    message = await live.ask("memories")
    await live.stop_bot()
    await live.start_bot()
    message = await live.press(message, "▶")
    assert "thought number 1" in message["embeds"][0]["description"]


async def test_one_memory_is_forgotten_here_and_in_the_service(live: Stage) -> None:
    await live.remember(*_TEXTS)
    await live.discord.reply_with(await live.slash("themes"), "guitar")
    typed = await live.discord.autocomplete("forget one", "memory", "strings", user=live.alice, guild=live.guild)
    (choice,) = typed.choices
    assert choice["name"] == "new guitar strings"
    message = await live.ask("forget one", {"memory": choice["value"]})
    assert message["content"] == "Forgotten."
    assert await live.bot.store.answer(live.alice["id"], "themes") is None
    assert "new guitar strings" not in live.texts()
    assert await live.bot.store.count(live.alice["id"]) == 4
    message = await live.discord.reply_with(await live.slash("themes"), "bread")
    assert "strings" not in json.dumps(message["embeds"])
    assert live.service.erased == []


async def test_a_theme_is_forgotten_after_a_confirmation_with_a_receipt(live: Stage) -> None:
    await live.remember(*_TEXTS)
    await live.discord.reply_with(await live.slash("themes"), "guitar")
    typed = await live.discord.autocomplete("forget theme", "theme", "bre", user=live.alice, guild=live.guild)
    message = await live.ask("forget theme", {"theme": typed.choices[0]["value"]})
    assert message["content"] == "Forget all 2 memories of “bread”? This cannot be undone."
    kept = await live.press(message, "Keep it")
    assert kept["content"] == "Nothing was deleted."
    message = await live.ask("forget theme", {"theme": "bread"})
    pressed = await live.discord.press(message, "Forget it", user=live.alice, guild=live.guild)
    message = await live.discord.reply_with(pressed, "memories 2")
    assert "memories 2 · vectors 2" in message["embeds"][0]["fields"][1]["value"]
    assert live.texts() == [*_TEXTS[:2], _TEXTS[4]]


async def test_forgetting_everything_stops_work_in_progress_and_ends_consent(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.hold()
    asked = await live.slash("themes")
    await live.service.submitted()
    message = await live.ask("forget everything")
    assert "5 memories" in message["content"]
    pressed = await live.discord.press(message, "Forget everything", user=live.alice, guild=live.guild)
    receipt = await live.discord.reply_with(pressed, "memories 5")
    assert "replies in progress 1" in receipt["embeds"][0]["fields"][0]["value"]
    assert "tasks 1 (stopped 1)" in receipt["embeds"][0]["fields"][1]["value"]
    assert "Stopped" in (await live.discord.reply(asked))["content"]
    assert live.service.tasks == {}
    assert live.kept() == []
    assert "/memory start" in (await live.ask("remember", {"text": "again"}))["content"]


async def test_an_erasure_is_carried_out_when_the_service_is_back(live: Stage) -> None:
    await live.remember(*_TEXTS)
    await live.discord.reply_with(await live.slash("themes"), "guitar")
    await live.service.stop()
    message = await live.ask("forget everything")
    pressed = await live.discord.press(message, "Forget everything", user=live.alice, guild=live.guild)
    await live.discord.reply_with(pressed, "does not answer right now")
    await live.stop_bot()
    await live.service.start()
    await live.start_bot()
    await live.service.until_erased(live.alice["id"])
    assert live.service.tasks == {}
    assert live.kept() == []


async def test_the_export_holds_everything_of_the_bot_and_of_the_service(live: Stage) -> None:
    await live.remember(*_TEXTS)
    await live.discord.reply_with(await live.slash("themes"), "guitar")
    message = await live.discord.reply_with(await live.slash("export"), "everything")
    (attachment,) = message["attachments"]
    content = json.loads(live.discord.file(attachment))
    assert [memory["text"] for memory in content["service"]["memories"]] == list(_TEXTS)
    assert [origin["guild_id"] for origin in content["origins"]] == [live.guild["id"]] * 5
    assert content["waiting"] == []
    assert content["service"]["tasks"][0]["request"]["user_id"] == live.alice["id"]


async def test_an_export_above_the_upload_limit_is_packed_and_cut_into_parts(live: Stage) -> None:
    await live.remember(
        *(f"{n} " + "".join(chr(0x4E00 + (n * 7919 + i * i) % 20000) for i in range(900)) for n in range(8))
    )
    used = await live.slash("export", upload_limit=12_000)
    await live.discord.reply_with(used, "parts")
    (first,) = live.discord.messages[used.original_id or ""]["attachments"]
    parts = int((await live.discord.reply(used))["content"].split("in ")[1].split(" ")[0])
    await live.discord.until(lambda: len(used.followup_ids) == parts - 1)
    rest = [live.discord.messages[i]["attachments"][0] for i in used.followup_ids]
    whole = b"".join(live.discord.file(part) for part in (first, *rest))
    assert len(json.loads(gzip.decompress(whole))["service"]["memories"]) == 8


async def test_privacy_tells_what_is_kept(live: Stage) -> None:
    await live.remember("one", "two")
    message = await live.ask("privacy")
    values = {field["name"]: field["value"] for field in message["embeds"][0]["fields"]}
    assert values["Kept"] == "2 memories"
    assert values["Consent"].startswith("given <t:")


async def test_being_removed_from_a_server_deletes_what_came_from_it(live: Stage) -> None:
    await live.remember("said in the guild")
    used = await live.discord.slash("remember", {"text": "said privately"}, user=live.alice)
    await live.discord.reply(used)
    await live.discord.remove_bot(live.guild)
    await live.service.until(lambda: live.texts() == ["said privately"])


async def test_a_removal_that_happened_while_the_bot_was_away_is_noticed(live: Stage) -> None:
    await live.remember("said in the guild")
    await live.stop_bot()
    del live.discord.guilds[live.guild["id"]]
    await live.start_bot()
    await live.service.until(lambda: not live.kept())
    assert await live.bot.store.count(live.alice["id"]) == 0


async def test_by_setting_memories_outlive_the_server(stage: Stage) -> None:
    await stage.begin(purge_on_leave=False)
    await stage.agree()
    await stage.remember("said in the guild")
    await stage.discord.remove_bot(stage.guild)
    used = await stage.discord.slash("privacy", user=stage.alice)
    await stage.discord.reply(used)
    assert stage.texts() == ["said in the guild"]


async def test_a_person_who_leaves_takes_what_they_said_there(stage: Stage) -> None:
    await stage.begin(watch_members=True)
    await stage.agree()
    await stage.agree(stage.bob)
    await stage.remember("alice stays")
    await stage.remember("bob leaves", user=stage.bob)
    await stage.discord.leave(stage.bob, stage.guild)
    await stage.service.until(lambda: not stage.kept(stage.bob))
    assert await stage.bot.store.count(stage.bob["id"]) == 0
    assert stage.texts() == ["alice stays"]
