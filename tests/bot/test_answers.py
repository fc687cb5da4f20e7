"""Answers to mentions and direct messages, with a fake chat model that shows what it was asked."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from reverie.bot.settings import ChatSettings
from reverie.testing.chat import FakeChat
from tests.bot.conftest import Stage

_SORRY = "I cannot answer right now. Please try again in a little while."


@pytest.fixture
async def model(stage: Stage) -> AsyncIterator[FakeChat]:
    async with FakeChat(["Soup, ", "without ", "nuts."]) as model:
        stage.chat = _settings(model)
        yield model
        if hasattr(stage, "bot"):
            await stage.stop_bot()


def _settings(model: FakeChat, **more: Any) -> ChatSettings:
    chosen: dict[str, Any] = {"url": model.url, "model": "small", "api_key": SecretStr(model.key), "edit_seconds": 0.0}
    return ChatSettings(**(chosen | more))


async def _asks(stage: Stage, text: str, *, direct: bool = False) -> None:
    mention = "" if direct else f"<@{stage.discord.bot['id']}> "
    await stage.discord.say(mention + text, user=stage.alice, guild=None if direct else stage.guild)


def _said(stage: Stage, *, direct: bool = False) -> list[str]:
    if direct:
        return [message["content"] for message in stage.discord.direct_messages(stage.alice)]
    return [message["content"] for message in stage.discord.channel_messages(stage.guild["channels"][0]["id"])]


async def _ended(stage: Stage) -> None:
    assert stage.bot.answers is not None
    await asyncio.gather(*stage.bot.answers._running.values())


@pytest.mark.parametrize("direct", [True, False])
async def test_the_prompt_holds_what_is_remembered_and_the_answer_streams_in(
    stage: Stage, model: FakeChat, direct: bool
) -> None:
    # Neither needs a privileged intent.
    stage.discord.privileged_intents = 0
    await stage.begin()
    await stage.agree()
    await stage.remember("I am allergic to nuts")
    model.hold()
    await _asks(stage, "what should I cook tonight?", direct=direct)
    await stage.discord.until(lambda: _said(stage, direct=direct) == ["Soup, …"])
    model.release()
    await stage.discord.until(lambda: _said(stage, direct=direct) == ["Soup, without nuts."])
    (asked,) = model.requests
    system, context, user = asked["messages"]
    assert (asked["model"], asked["stream"], system["role"]) == ("small", True, "system")
    assert "nuts" not in system["content"]
    assert "- I am allergic to nuts" in context["content"]
    assert user == {"role": "user", "content": "what should I cook tonight?"}
    channel = stage.discord.direct[stage.alice["id"]] if direct else stage.guild["channels"][0]["id"]
    assert any(path.endswith(f"/channels/{channel}/typing") for _, path, _ in stage.discord.rest.calls)


async def test_the_part_that_stays_the_same_comes_first(stage: Stage, model: FakeChat) -> None:
    await stage.begin()
    await stage.agree()
    for number in range(2):
        await _asks(stage, f"question {number}", direct=True)
        await stage.discord.until(lambda n=number: _said(stage, direct=True) == ["Soup, without nuts."] * (n + 1))
        await _ended(stage)
    first, second = (asked["messages"] for asked in model.requests)
    assert first[:2] == second[:2]
    assert first[2] != second[2]


async def test_without_consent_there_is_an_answer_and_nothing_is_read(stage: Stage, model: FakeChat) -> None:
    await stage.begin()
    await stage.agree()
    await stage.remember("I am allergic to nuts")
    await stage.ask("memory stop")
    await _asks(stage, "what should I cook tonight?")
    await stage.discord.until(lambda: _said(stage) == ["Soup, without nuts."])
    assert "nuts" not in str(model.requests)


async def test_messages_that_are_not_for_the_bot_get_no_answer(stage: Stage, model: FakeChat) -> None:
    await stage.begin()
    await stage.discord.say("just talking", user=stage.alice, guild=stage.guild)
    await _asks(stage, "and you?")
    await stage.discord.until(lambda: _said(stage) == ["Soup, without nuts."])
    assert [asked["messages"][-1]["content"] for asked in model.requests] == ["and you?"]


async def test_without_a_url_nothing_is_answered_and_no_message_is_read(stage: Stage) -> None:
    await stage.begin()
    assert stage.bot.answers is None
    assert not stage.bot.intents.guild_messages
    assert not stage.bot.intents.dm_messages


@pytest.mark.parametrize("down", ["refusing", "gone", "context", "silent"])
async def test_when_something_is_down_kind_words_come_and_nothing_of_the_prompt_is_told_or_logged(
    stage: Stage, model: FakeChat, down: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="reverie.bot")
    if down == "gone":
        stage.chat = _settings(model, url="http://127.0.0.1:9/v1")
    await stage.begin()
    await stage.agree()
    await stage.remember("I am allergic to nuts")
    if down == "refusing":
        model.status = 500
    elif down == "silent":
        model.pieces = []
    elif down == "context":
        await stage.service.stop()
    await _asks(stage, "what should I cook tonight?")
    await stage.discord.until(lambda: _said(stage) == [_SORRY], 15.0)
    assert (model.requests == []) == (down in ("gone", "context"))
    logged = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("reverie.bot"))
    assert "an answer was not given" in logged
    for private in ("nuts", "cook", model.key):
        assert private not in logged


async def test_an_answer_is_bounded_in_length_and_time(stage: Stage, model: FakeChat) -> None:
    stage.chat = _settings(model, seconds=2.0, edit_seconds=0.5)
    model.pieces = ["word "] * 5_000
    await stage.begin()
    await _asks(stage, "tell me everything")
    (said,) = await stage.discord.until(lambda: [text for text in _said(stage) if len(text) > 1_800], 15.0)
    assert len(said) <= 2_000
    await _ended(stage)
    model.pieces = ["a beginning", "never said"]
    model.hold()
    await _asks(stage, "and now?")
    await stage.discord.until(lambda: _said(stage)[-1] == "a beginning", 15.0)
