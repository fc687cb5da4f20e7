"""A local Discord, a fake service and the real bot, each test with its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from reverie import AsyncReverie
from reverie.bot import BotSettings, MemoryBot
from reverie.bot.settings import ChatSettings
from reverie.testing.discord import FakeDiscord, Interaction, redirected
from reverie.testing.gateway import FakeGateway

Json = dict[str, Any]

_DEFERRED_UPDATE = 6


class Stage:
    """Everything a test of the bot needs, and short words for what people do."""

    def __init__(self, folder: Path, stack: AsyncExitStack) -> None:
        self.folder = folder
        self.stack = stack
        # Discord waits 3 s; a machine that does other work as well may take longer to get around to the bot.
        self.discord = FakeDiscord(ack_deadline=60.0)
        self.service = FakeGateway()
        self.alice = self.discord.add_user("alice")
        self.bob = self.discord.add_user("bob")
        self.guild = self.discord.add_guild(users=[self.alice, self.bob])
        self.chat: ChatSettings | None = None
        #: Another service than the fake one.
        self.ai: AsyncReverie | None = None
        self.bot: MemoryBot
        self._running: asyncio.Task[None] | None = None

    async def begin(self, **settings: Any) -> None:
        """Start both servers and the bot."""
        await self.stack.enter_async_context(self.discord)
        await self.stack.enter_async_context(self.service)
        self.stack.enter_context(redirected(self.discord))
        await self.start_bot(**settings)

    def make_bot(self, **settings: Any) -> MemoryBot:
        """A bot with its store in the test's folder."""
        chosen: dict[str, Any] = {
            "store": SecretStr(f"sqlite:///{self.folder / 'bot.sqlite3'}"),
            "progress_seconds": 0.0,
        }
        ai = self.ai or AsyncReverie(self.service.url, self.service.key, tries=1, connect_timeout=20.0)
        # The library waits this long for guilds that are slow to come; here all are there at once.
        return MemoryBot(BotSettings(**(chosen | settings)), ai=ai, chat=self.chat, guild_ready_timeout=0.05)

    async def start_bot(self, **settings: Any) -> None:
        """Start the bot, again perhaps, and wait until it is ready."""
        self.bot = self.make_bot(**settings)
        self._running = asyncio.create_task(self.bot.start(self.discord.token))
        ready = asyncio.create_task(self._until_ready())
        await asyncio.wait({self._running, ready}, return_when=asyncio.FIRST_COMPLETED)
        if self._running.done():
            ready.cancel()
            await self._running
        await ready

    async def _until_ready(self) -> None:
        await self.discord.until(lambda: self.discord.gateway.sessions)
        await self.bot.wait_until_ready()

    async def stop_bot(self) -> None:
        """Stop the bot as SIGTERM does."""
        await self.bot.close()
        if self._running is not None:
            await asyncio.wait({self._running})

    async def slash(
        self, command: str, options: Json | None = None, *, user: Json | None = None, **more: Any
    ) -> Interaction:
        """Use a command in the guild."""
        return await self.discord.slash(command, options, user=user or self.alice, guild=self.guild, **more)

    async def ask(self, command: str, options: Json | None = None, *, user: Json | None = None, **more: Any) -> Json:
        """Use a command and wait for its reply."""
        return await self.discord.reply(await self.slash(command, options, user=user, **more))

    async def press(self, message: Json, label: str, *, user: Json | None = None, **more: Any) -> Json:
        """Press a button and wait for the message it changes."""
        pressed = await self.discord.press(message, label, user=user or self.alice, guild=self.guild, **more)
        await self.discord.acknowledged(pressed)
        if pressed.ack_type == _DEFERRED_UPDATE:
            await self.discord.until(lambda: pressed.edits)
        return await self.discord.reply(pressed)

    async def agree(self, user: Json | None = None) -> None:
        """Consent, by the command and its button."""
        message = await self.ask("memory start", user=user)
        await self.press(message, "I agree", user=user)

    async def remember(self, *texts: str, user: Json | None = None) -> None:
        """Remember texts."""
        for text in texts:
            message = await self.ask("remember", {"text": text}, user=user)
            assert "Remembered" in message["content"]

    def kept(self, user: Json | None = None) -> list[Json]:
        """What the service keeps of a person, in the order in which it came."""
        return self.service.stored((user or self.alice)["id"])

    def texts(self, user: Json | None = None) -> list[str]:
        """The texts of those."""
        return [memory["text"] for memory in self.kept(user)]

    async def pictured(self, used: Interaction) -> Json:
        """Wait for the picture that follows a reply."""
        await self.discord.until(lambda: self.discord.messages[used.original_id or ""]["attachments"])
        return self.discord.messages[used.original_id or ""]

    async def bot_owes(self, count: int) -> None:
        """Wait until that many replies are owed."""
        async with asyncio.timeout(60):
            while len(await self.bot.store.pending()) != count:
                # Each look at the store lets the bot's own work go on.
                await asyncio.sleep(0)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on which nothing has started."""
    async with AsyncExitStack() as stack:
        stage = Stage(tmp_path, stack)
        yield stage
        if hasattr(stage, "bot") and not stage.bot.is_closed():
            await stage.stop_bot()


@pytest.fixture
async def live(stage: Stage) -> Stage:
    """A stage with the bot running, and alice's consent given."""
    await stage.begin()
    await stage.agree()
    return stage
