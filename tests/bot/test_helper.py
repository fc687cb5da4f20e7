"""``reverie.integrations.discord``: with the real discord.py, and with the shapes of the other libraries."""

from __future__ import annotations

import asyncio
import importlib.util
from pathlib import Path
from typing import Any

import pytest

from reverie import AsyncReverie
from reverie.errors import ResultTimeout, ServiceUnavailable
from reverie.integrations.discord import Reply, acknowledge, editor_of, thinking
from reverie.testing.discord import FakeDiscord, redirected
from reverie.testing.gateway import FakeGateway

_EXAMPLE = Path(__file__).parents[2] / "examples" / "discord_bot.py"


async def test_the_example_bot_answers_with_the_real_library() -> None:
    spec = importlib.util.spec_from_file_location("example_bot", _EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    assert len(_EXAMPLE.read_text().splitlines()) <= 40
    async with FakeDiscord(ack_deadline=60.0) as discord_server, FakeGateway() as service:
        alice = discord_server.add_user("alice")
        guild = discord_server.add_guild(users=[alice])
        example.ai = AsyncReverie(service.url, service.key, tries=1)
        with redirected(discord_server):
            running = asyncio.create_task(example.client.start(discord_server.token))
            await discord_server.until(lambda: discord_server.gateway.sessions)
            for text in ("guitar lesson", "guitar strings"):
                await discord_server.reply(
                    await discord_server.slash("remember", {"text": text}, user=alice, guild=guild)
                )
            used = await discord_server.slash("themes", user=alice, guild=guild)
            await discord_server.reply_with(used, "guitar")
            assert used.ack_type == 5
            await service.stop()
            used = await discord_server.slash("themes", user=alice, guild=guild)
            await discord_server.reply_with(used, "does not answer right now")
            await example.client.close()
            await running
        await example.ai.close()


class _Response:
    """``interaction.response`` of nextcord and disnake, which want to be told that there will be a message."""

    def __init__(self, calls: list[Any]) -> None:
        self._calls = calls

    async def defer(self, *, with_message: bool = False, ephemeral: bool = False) -> None:
        self._calls.append(("defer", with_message, ephemeral))


class _Nextcord:
    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.response = _Response(self.calls)

    async def edit_original_message(self, *, content: str) -> None:
        self.calls.append(content)


class _Pycord:
    """An ``ApplicationContext``: it defers itself, and edits through its interaction."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.interaction = self

    async def defer(self, *, ephemeral: bool = False, invisible: bool = True) -> None:
        self.calls.append(("defer", True, ephemeral))

    async def edit_original_response(self, *, content: str) -> None:
        self.calls.append(content)


class _Hikari:
    """A ``CommandInteraction``: numbers for the kind of response and for ephemeral."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    async def create_initial_response(self, response_type: int, *, flags: int = 0) -> None:
        self.calls.append(("defer", response_type == 5, bool(flags & 64)))

    async def edit_initial_response(self, *, content: str) -> None:
        self.calls.append(content)


@pytest.mark.parametrize("library", [_Nextcord, _Pycord, _Hikari])
async def test_the_three_lines_work_with_every_library(library: type[Any]) -> None:
    interaction = library()
    async with FakeGateway() as service, AsyncReverie(service.url, service.key) as ai:
        async with thinking(interaction) as reply:
            task = await ai.submit_clustering_task("alice", ["guitar lesson", "guitar strings"])
            result = await reply.answer(task, lambda themes: {"content": f"{len(themes.themes)} theme"})
    assert interaction.calls[0] == ("defer", True, True)
    assert interaction.calls[-1] == "1 theme"
    assert result.themes[0].label == "guitar"


async def test_an_object_of_no_known_library_is_named() -> None:
    with pytest.raises(TypeError, match="object"):
        editor_of(object())


async def test_the_answer_is_never_overtaken_by_progress() -> None:
    edits: list[str] = []
    going = asyncio.Event()
    gate = asyncio.Event()

    async def slow_edit(content: str) -> None:
        going.set()
        if not edits:
            await gate.wait()
        edits.append(content)

    async with FakeGateway() as service, AsyncReverie(service.url, service.key) as ai:
        service.hold()
        task = await ai.submit_clustering_task("alice", ["guitar lesson", "guitar strings"])
        reply = Reply(slow_edit, every=0.0)
        answering = asyncio.create_task(reply.answer(task, lambda _: {"content": "the answer"}))
        (held,) = service.tasks.values()
        service.push_progress(held, "embedding", 0.5)
        await going.wait()
        service.release()
        gate.set()
        await answering
    assert edits == ["▰▰▰▰▰▱▱▱▱▱ 50%, embedding …", "the answer"]


async def test_a_timeout_of_the_caller_leaves_the_task_alone() -> None:
    async with FakeGateway() as service, AsyncReverie(service.url, service.key) as ai:
        service.hold()
        task = await ai.submit_clustering_task("alice", ["one", "two"])
        with pytest.raises(ResultTimeout):
            await Reply(_nowhere).follow(task, timeout=0.05)
        service.release()
        assert (await task.result(timeout=60)).themes == []


async def test_other_errors_are_not_swallowed() -> None:
    interaction = _Nextcord()
    with pytest.raises(ZeroDivisionError):
        async with thinking(interaction):
            raise ZeroDivisionError
    async with thinking(interaction, excuse=lambda error: f"sorry: {error.status}"):
        raise ServiceUnavailable
    assert interaction.calls[-1] == "sorry: 503"


async def test_a_reply_for_everybody_can_be_asked_for() -> None:
    interaction = _Hikari()
    await acknowledge(interaction, ephemeral=False)
    assert interaction.calls == [("defer", True, False)]


async def _nowhere(**message: Any) -> None:
    pass
