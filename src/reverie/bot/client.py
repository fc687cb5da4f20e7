"""The bot itself: a discord.py client that talks to Reverie through the SDK and to nothing else."""

from __future__ import annotations

import logging
from typing import Any

import discord
from discord import app_commands

from reverie import AsyncReverie
from reverie._paths import data_dir
from reverie.bot.answers import Answers
from reverie.bot.base import BotBase
from reverie.bot.commands import MODULES
from reverie.bot.commands._shared import say, texts_of
from reverie.bot.courier import Courier
from reverie.bot.presses import Handler, PressButton, PressMenu
from reverie.bot.replies import Replies
from reverie.bot.sealing import make_sealer
from reverie.bot.settings import BotSettings, ChatSettings
from reverie.bot.store import MemoryStore, NoConsent, StoreFull, open_database
from reverie.bot.texts import LANGUAGES, read
from reverie.errors import ServiceUnavailable

__all__ = ["MemoryBot"]

_log = logging.getLogger(__name__)

_TOO_LATE = (10062, 40060)


class MemoryBot(BotBase):
    """Memories that people own, insight that only they see, and an event loop that is never blocked.

    ``ai`` is the service; without it the SDK finds the one of this machine or of ``REVERIE_URL``. Further options are
    those of ``discord.Client``.
    """

    def __init__(
        self,
        settings: BotSettings | None = None,
        *,
        ai: AsyncReverie | None = None,
        chat: ChatSettings | None = None,
        **options: Any,
    ) -> None:
        self.settings = settings or BotSettings()  # type: ignore[call-arg]
        self.chat = chat or ChatSettings()  # type: ignore[call-arg]
        options["shard_count"] = self.settings.shard_count
        if self.settings.shard_ids is not None:
            options["shard_ids"] = self.settings.shard_ids
        super().__init__(
            intents=_intents(self.settings, answers=self.chat.url is not None),
            allowed_mentions=discord.AllowedMentions.none(),
            # Nothing about people is cached: the bot needs no member lists and no old messages.
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            **options,
        )
        self.tree = app_commands.CommandTree(
            self,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=True),
        )
        self.tree.error(self._command_failed)
        self.handlers: dict[str, Handler] = {}
        self.ai = ai or AsyncReverie()
        self.answers: Answers | None = None
        self._channels: set[str] = set()
        self._caught_up = False

    # -- life -------------------------------------------------------------------------------------------------------
    async def setup_hook(self) -> None:
        """Open the store, register the commands. Raises ``StartupError`` with the setting that is wrong."""
        settings = self.settings
        url = settings.store.get_secret_value() if settings.store else f"sqlite:///{data_dir() / 'bot.sqlite3'}"
        sealer = make_sealer(settings.key.get_secret_value() if settings.key else None)
        self.store = MemoryStore(await open_database(url), sealer, most=settings.max_memories)
        self._channels = await self.store.channels()
        self.courier = Courier(self.ai, self.store, settings)
        self.courier.start()
        self.replies = Replies(self, self.ai, self.store, self.courier, settings)
        if self.chat.url is not None:
            self.answers = Answers(self, self.ai, self.store, self.courier, self.chat)
        self.add_dynamic_items(PressButton, PressMenu)
        for module in MODULES:
            module.register(self)
        self.handlers = {verb: self._guarded(handler) for verb, handler in self.handlers.items()}
        await self.tree.set_translator(_Translator())
        # Commands are the application's, not a shard's: one process registers them.
        if settings.sync_commands and (settings.shard_ids is None or 0 in settings.shard_ids):
            await self.tree.sync()

    async def close(self) -> None:
        """Stop; replies that are owed are given after the next start."""
        if hasattr(self, "store"):
            if self.answers is not None:
                await self.answers.close()
            await self.replies.close()
            await self.courier.close()
            await self.store.close()
            del self.store
        await self.ai.close()
        await super().close()

    def serves(self, guild_id: str | None) -> bool:
        """Whether a server (None: direct messages) belongs to a shard of this process."""
        count = self.shard_count or 1
        number = (int(guild_id) >> 22) % count if guild_id else 0
        return number in self.shards

    async def on_ready(self) -> None:
        """Give what is owed, and notice what happened while the bot was away."""
        if self._caught_up:
            return
        self._caught_up = True
        resumed = await self.replies.resume(self.serves)
        _log.info("ready; %d replies resumed", resumed)
        if self.settings.purge_on_leave:
            present = {str(guild.id) for guild in self.guilds}
            for guild_id in await self.store.guilds():
                if self.serves(guild_id) and guild_id not in present:
                    await self._purge_guild(guild_id)

    # -- leaving ----------------------------------------------------------------------------------------------------
    async def _purge_guild(self, guild_id: str) -> None:
        people = await self.store.forget_guild(guild_id)
        _log.info("left a server: memories of %d people deleted", len(people))
        self.courier.wake()

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """The bot was removed, or the server deleted. An outage is another event."""
        if self.settings.purge_on_leave:
            await self._purge_guild(str(guild.id))

    async def on_raw_member_remove(self, payload: discord.RawMemberRemoveEvent) -> None:
        """Somebody left a server; what they said there goes with them."""
        if self.settings.purge_on_leave:
            await self.store.forget_member(str(payload.guild_id), str(payload.user.id))
            self.courier.wake()

    # -- collection -------------------------------------------------------------------------------------------------
    async def on_message(self, message: discord.Message) -> None:
        """Answer a message that is for the bot; keep one, if the channel is open and its author said so."""
        if self.answers is not None and self.answers.wants(message):
            self.answers.begin(message)
        await self._collect(message)

    async def _collect(self, message: discord.Message) -> None:
        if str(message.channel.id) not in self._channels or message.author.bot or message.guild is None:
            return
        author, text = str(message.author.id), message.content.strip()
        person = await self.store.person(author)
        if not text or person is None or person.consented_at is None or not person.collecting:
            return
        try:
            await self.keep(
                author, text, source="channel", guild_id=str(message.guild.id), message_id=str(message.id),
                created_at=message.created_at,
            )  # fmt: skip
        except (NoConsent, StoreFull):
            _log.info("a collected message was not kept")

    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """A deleted message is forgotten, too."""
        await self._forget_messages({payload.message_id}, payload.channel_id)

    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        """Deleted messages are forgotten, too."""
        await self._forget_messages(payload.message_ids, payload.channel_id)

    async def _forget_messages(self, message_ids: set[int], channel_id: int) -> None:
        for message_id in message_ids:
            for user_id, memory_id in await self.store.collected(str(message_id)):
                await self.forget(user_id, [memory_id])

    # -- errors -----------------------------------------------------------------------------------------------------
    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(interaction: discord.Interaction, argument: str) -> None:
            try:
                await handler(interaction, argument)
            except Exception as error:
                await self._failed(interaction, error)

        return guarded

    async def _command_failed(self, interaction: discord.Interaction, error: app_commands.AppCommandError) -> None:
        cause = error.original if isinstance(error, app_commands.CommandInvokeError) else error
        await self._failed(interaction, cause)

    async def _failed(self, interaction: discord.Interaction, error: Exception) -> None:
        """Tell the person what went wrong in a sentence; the log has the details."""
        texts = texts_of(interaction)
        if isinstance(error, discord.HTTPException) and error.code in _TOO_LATE:
            _log.warning("an interaction was answered too late (%s)", error.code)
            return
        if interaction.type is discord.InteractionType.autocomplete:
            _log.error("autocompletion failed", exc_info=error)
            return
        if isinstance(error, NoConsent):
            text = texts("consent.needed")
        elif isinstance(error, StoreFull):
            text = texts("remember.full", most=texts.number(self.settings.max_memories))
        elif isinstance(error, app_commands.CheckFailure):
            text = texts("denied")
        elif isinstance(error, ServiceUnavailable):
            text = texts("away")
        else:
            _log.error("a command failed", exc_info=error)
            text = texts("failed")
        try:
            await say(interaction, text)
        except discord.HTTPException:
            _log.warning("an error could not be shown to the person", exc_info=True)


def _intents(settings: BotSettings, *, answers: bool) -> discord.Intents:
    """As little as the settings allow: without collection and answers the bot reads no message at all."""
    intents = discord.Intents.none()
    intents.guilds = True
    if answers:
        # The texts of mentions and direct messages come without a privileged intent.
        intents.guild_messages = intents.dm_messages = True
    if settings.collect:
        intents.guild_messages = True
        intents.message_content = True
    intents.members = settings.watch_members
    return intents


class _Translator(app_commands.Translator):
    """Names and descriptions of commands in the other languages."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContext[Any, Any],
    ) -> str | None:
        """The text, None where Discord should show the English one."""
        language = str(locale).split("-")[0]
        if language == LANGUAGES[0] or language not in LANGUAGES:
            return None
        return read(language).get(string.extras.get("key", ""))
