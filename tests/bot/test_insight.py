"""Insight: the four questions, from the deferral to the card."""

from __future__ import annotations

from reverie.testing.discord.payloads import EPHEMERAL
from tests.bot.conftest import Stage

_TEXTS = ("guitar lesson on monday", "new guitar strings", "bread in the oven", "bread with seeds", "a single thought")


async def test_themes_are_deferred_at_once_and_arrive_with_examples_and_the_map(live: Stage) -> None:
    await live.remember(*_TEXTS)
    used = await live.slash("themes")
    message = await live.discord.reply_with(used, "guitar")
    assert used.ack_type == 5
    assert message["flags"] & EPHEMERAL
    names = [field["name"] for field in message["embeds"][0]["fields"]]
    assert names == ["guitar · 2", "bread · 2"]
    assert "new guitar strings" in message["embeds"][0]["fields"][0]["value"]
    assert "2 themes in 5 memories" in message["embeds"][0]["description"]
    message = await live.pictured(used)
    (attachment,) = message["attachments"]
    assert message["embeds"][0]["image"]["url"] == "attachment://map.png"
    assert live.discord.file(attachment).startswith(b"\x89PNG")


async def test_progress_is_edited_in_and_the_answer_comes_last(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.hold()
    used = await live.slash("themes")
    (task,) = await live.service.submitted()
    live.service.push_progress(task, "embedding", 0.4)
    message = await live.discord.reply_with(used, "40 %")
    assert "reading" in message["content"]
    live.service.release()
    message = await live.discord.reply_with(used, "guitar")
    assert not message["content"]
    assert message is live.discord.messages[used.original_id or ""]


async def test_insights_show_patterns_with_their_certainty_and_a_timeline(live: Stage) -> None:
    await live.remember(*_TEXTS)
    used = await live.slash("insights")
    message = await live.discord.reply_with(used, "Mondays")
    (field,) = message["embeds"][0]["fields"]
    assert field["name"] == "Weekly rhythm"
    assert "0.2 %" in field["value"]
    assert (await live.pictured(used))["attachments"][0]["filename"] == "timeline.png"


async def test_important_ranks_with_reasons_and_keeps_typical_apart(live: Stage) -> None:
    await live.remember(*_TEXTS)
    message = await live.discord.reply_with(await live.slash("important"), "worth keeping")
    fields = message["embeds"][0]["fields"]
    assert "guitar lesson on monday" in fields[0]["value"]
    assert "because length" in fields[0]["value"]
    assert fields[-1]["name"] == "Typical for you"


async def test_important_after_insights_reads_the_view_that_is_there(live: Stage) -> None:
    await live.remember(*_TEXTS)
    used = await live.slash("insights")
    await live.discord.reply_with(used, "Mondays")
    await live.pictured(used)
    before = len(live.service.tasks)
    await live.discord.reply_with(await live.slash("important"), "worth keeping")
    assert len(live.service.tasks) == before


async def test_before_the_first_view_the_bot_says_that_it_is_being_made(live: Stage) -> None:
    await live.remember(*_TEXTS)
    live.service.hold()
    used = await live.slash("themes")
    await live.discord.reply_with(used, "I am doing it now")
    live.service.release()
    await live.discord.reply_with(used, "guitar")


async def test_a_card_says_how_current_it_is_and_needs_no_worker(live: Stage) -> None:
    await live.remember(*_TEXTS)
    message = await live.discord.reply_with(await live.slash("themes"), "guitar")
    assert message["embeds"][0]["description"].endswith("-# current")
    await live.remember("one thing more")
    live.service.hold()
    message = await live.discord.reply_with(await live.slash("themes"), "guitar")
    assert "1 new or changed memory not yet sorted in" in message["embeds"][0]["description"]


async def test_recall_asks_only_for_what_has_to_do_with_the_question_and_says_when_nothing_has(live: Stage) -> None:
    asked = []
    answer = live.service.answers["recall"]
    live.service.answers["recall"] = lambda body: asked.append(body["options"]) or answer(body)
    await live.remember(*_TEXTS)
    message = await live.ask("recall", {"query": "quantum chromodynamics"})
    assert "no memory that has to do with it" in message["embeds"][0]["description"]
    assert asked == [{"top": 8, "min_relevance": 0.3}]


async def test_recall_finds_the_memory_and_offers_themes_while_typing(live: Stage) -> None:
    await live.remember(*_TEXTS)
    await live.discord.reply_with(await live.slash("themes"), "guitar")
    typed = await live.discord.autocomplete("recall", "query", "gui", user=live.alice, guild=live.guild)
    assert [choice["value"] for choice in typed.choices] == ["gui", "guitar"]
    message = await live.discord.reply_with(await live.slash("recall", {"query": "guitar lesson"}), "monday")
    assert message["embeds"][0]["description"].startswith("1. guitar lesson on monday")


async def test_without_memories_the_bot_says_how_to_begin(live: Stage) -> None:
    message = await live.ask("themes")
    assert message["embeds"][0]["title"] == "Nothing here yet"
    assert not live.service.tasks


async def test_only_what_the_service_needs_is_sent_to_it(live: Stage) -> None:
    await live.remember("a thought of mine")
    await live.discord.reply_with(await live.slash("themes"), "")
    (memory,) = live.kept()
    assert set(memory) == {"id", "text", "created_at", "kind"}


async def test_answers_are_in_the_language_of_the_person(live: Stage) -> None:
    await live.remember(*_TEXTS)
    message = await live.discord.reply_with(await live.slash("themes", locale="de"), "Deine Themen")
    assert "2 Themen in 5 Erinnerungen" in message["embeds"][0]["description"]
