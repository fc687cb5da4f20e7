"""Nobody ever sees anybody else's memories, and texts are shown as they are."""

from __future__ import annotations

import json

import pytest

from reverie.bot.safe import clip, escape
from reverie.testing.discord.payloads import EPHEMERAL
from tests.bot.conftest import Stage

_NASTY = "@everyone <@&1> **bold** [click](http://evil.example) ```code``` ||spoiler|| # title \u202ereversed"


async def _use_everything(stage: Stage, user: dict[str, object]) -> None:
    for command, options in (
        ("themes", None), ("insights", None), ("important", None), ("recall", {"query": "again"}),
        ("memories", None), ("export", None), ("privacy", None), ("forget everything", None),
    ):  # fmt: skip
        await stage.ask(command, options, user=user)
    for command, option in (("forget one", "memory"), ("forget theme", "theme"), ("recall", "query")):
        await stage.discord.autocomplete(command, option, "", user=user, guild=stage.guild)


async def test_two_people_never_see_each_others_memories(live: Stage) -> None:
    await live.agree(live.bob)
    await live.remember("alice likes apples", "apples are alice's", "apples again")
    await live.remember("bob likes cherries", "cherries are bob's", "cherries again", user=live.bob)
    for user in (live.alice, live.bob):
        await _use_everything(live, user)
    shown = {name: json.dumps(live.discord.visible_to(user)) for name, user in (("a", live.alice), ("b", live.bob))}
    files = {
        user["id"]: b"".join(live.discord.file(a) for m in live.discord.visible_to(user) for a in m["attachments"])
        for user in (live.alice, live.bob)
    }
    assert "apples again" in shown["a"]
    assert "cherries again" in shown["b"]
    assert "cherries again" not in shown["a"]
    assert "apples again" not in shown["b"]
    assert b"apples" in files[live.alice["id"]]
    assert b"cherries" not in files[live.alice["id"]]
    for interaction in live.discord.interactions.values():
        if interaction.user_id == live.alice["id"]:
            assert "cherries" not in json.dumps([interaction.choices, interaction.callback])
    assert all(m["flags"] & EPHEMERAL for m in live.discord.messages.values() if m["author"] is live.discord.bot)
    for task in live.service.tasks.values():
        other = "cherries" if task.body["user_id"] == live.alice["id"] else "apples"
        assert other not in json.dumps(task.body["memories"])


async def test_another_persons_memory_cannot_be_reached_by_its_id(live: Stage) -> None:
    await live.agree(live.bob)
    await live.remember("alice's secret")
    secret = live.kept()[0]["id"]
    message = await live.ask("forget one", {"memory": secret}, user=live.bob)
    assert "no such memory" in message["content"]
    await live.remember("bob's own", user=live.bob)
    page = await live.ask("memories", user=live.bob)
    edit = {"type": 2, "style": 2, "label": "Forged edit", "custom_id": f"rv:edit:{secret}"}
    drop = {"type": 2, "style": 2, "label": "Forged drop", "custom_id": f"rv:drop:{secret}"}
    pick = {"type": 3, "placeholder": "Forged pick", "custom_id": "rvm:pick", "options": []}
    forged = {**page, "components": [{"type": 1, "components": [item]} for item in (edit, drop, pick)]}
    for label in ("Forged edit", "Forged drop", "Forged pick"):
        pressed = await live.discord.press(forged, label, user=live.bob, guild=live.guild, values=[secret])
        answer = await live.discord.reply_with(pressed, "no longer there")
        assert "secret" not in json.dumps(answer)
    assert live.texts() == ["alice's secret"]


async def test_texts_are_escaped_and_mention_nobody(live: Stage) -> None:
    await live.remember(_NASTY, "another bold thought", "a bold thought")
    await live.discord.reply_with(await live.slash("themes"), "bold")
    for command in ("themes", "important", "memories"):
        message = await live.ask(command)
        assert message["embeds"], command
        shown = json.dumps(message["embeds"], ensure_ascii=False)
        assert "@everyone" not in shown
        assert "**bold**" not in shown
        assert "[click](" not in shown
        assert "\u202e" not in shown
    assert "\\*\\*bold\\*\\*" in message["embeds"][0]["description"]


async def test_every_message_forbids_mentions(live: Stage) -> None:
    await live.remember("something")
    for command in ("themes", "memories", "privacy", "export"):
        message = await live.ask(command)
        assert (message["allowed_mentions"] or {"parse": []}) == {"parse": []}


@pytest.mark.parametrize(
    "text",
    [
        "plain " * 2000,  # far too long
        "*" * 3000,  # doubles when escaped
        "👩‍👩‍👧‍👦" * 600,  # many code points each
        "日本語のとても長い文章" * 300,  # three bytes each
        "",
    ],
)
def test_a_clipped_text_never_passes_its_limit(text: str) -> None:
    for limit in (1, 80, 100, 1024):
        assert len(clip(text, limit)) <= limit
        assert len(clip(text, limit, literal=True)) <= limit


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("# title", "\\# title"),  # a heading
        ("- item", "\\- item"),  # a list
        ("1. item", "\\1. item"),  # a numbered list
        ("a_b*c", "a\\_b\\*c"),  # emphasis
        ("<@123>", "\\<@\u200b123\\>"),  # a mention
        ("C# and f-strings", "C# and f-strings"),  # harmless where it stands
    ],
)
def test_what_discord_would_format_is_literal(text: str, shown: str) -> None:
    assert escape(text) == shown


async def test_the_longest_memories_fit_into_every_card(live: Stage) -> None:
    for n in range(12):
        await live.remember(f"topic{n % 3} " + "*_`" * 1300)
    await live.discord.reply_with(await live.slash("themes"), "topic0")
    for command in ("important", "memories", "insights"):
        message = await live.ask(command)
        assert message["embeds"], command
    await live.discord.reply_with(await live.slash("recall", {"query": "topic1"}), "topic1")
