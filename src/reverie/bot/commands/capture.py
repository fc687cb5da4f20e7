"""Capture, by consent: /memory, /memory-channel, /remember and the context menu."""

from __future__ import annotations

from typing import Any

import discord
from discord import app_commands

from reverie.bot.base import BotBase
from reverie.bot.commands._shared import agreed, described, person_of, say, storage, texts_of
from reverie.bot.presses import Button, view_of
from reverie.bot.replies import acknowledged
from reverie.bot.safe import when
from reverie.bot.texts import Texts

__all__ = ["register"]

_LONGEST = 4_000


def register(bot: BotBase) -> None:
    """Add the commands."""
    bot.tree.add_command(_memory_group(bot))
    bot.tree.add_command(_channel_command(bot))
    bot.handlers["consent"] = _Consent(bot).pressed
    remember = _Remember(bot)

    @bot.tree.command(name="remember", description=described("remember"))
    @app_commands.describe(text=described("remember.text"))
    async def remember_text(interaction: discord.Interaction, text: app_commands.Range[str, 1, _LONGEST]) -> None:
        await remember.keep(interaction, text)

    bot.tree.add_command(
        app_commands.ContextMenu(
            name=described("remember-this"), callback=remember.message, type=discord.AppCommandType.message
        )
    )


def _memory_group(bot: BotBase) -> app_commands.Group:
    group = app_commands.Group(name="memory", description=described("memory"))
    consent = _Consent(bot)

    @group.command(name="start", description=described("memory.start"))
    async def start(interaction: discord.Interaction) -> None:
        await consent.ask(interaction)

    @group.command(name="stop", description=described("memory.stop"))
    async def stop(interaction: discord.Interaction) -> None:
        texts, user = texts_of(interaction), person_of(interaction)
        await bot.store.withdraw(user)
        left = await bot.store.count(user)
        rest = f"\n{texts.count('consent.stopped_left', left)}" if left else ""
        await say(interaction, texts("consent.stopped") + rest)

    @group.command(name="collect", description=described("memory.collect"))
    @app_commands.describe(enabled=described("memory.collect.enabled"))
    async def collect(interaction: discord.Interaction, enabled: bool) -> None:
        texts = texts_of(interaction)
        if enabled and not bot.settings.collect:
            await say(interaction, texts("collect.unavailable"))
            return
        await bot.store.set_collecting(person_of(interaction), enabled)
        await say(interaction, texts("collect.on" if enabled else "collect.off"))

    return group


def _channel_command(bot: BotBase) -> app_commands.Command[Any, Any, Any]:
    @app_commands.command(name="memory-channel", description=described("memory-channel"))
    @app_commands.describe(enabled=described("memory-channel.enabled"))
    @app_commands.default_permissions(manage_guild=True)
    @app_commands.guild_only()
    # Discord lets administrators hand commands to others; that is not for this one.
    @app_commands.checks.has_permissions(manage_guild=True)
    async def memory_channel(interaction: discord.Interaction, enabled: bool) -> None:
        texts = texts_of(interaction)
        if enabled and not bot.settings.collect:
            await say(interaction, texts("collect.unavailable"))
            return
        if interaction.guild_id is None or not isinstance(interaction.channel, discord.abc.Messageable):
            await say(interaction, texts("channel.guild_only"))
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        try:
            # Everybody must be able to know: without the notice there is no collection.
            await interaction.channel.send(texts("channel.notice" if enabled else "channel.notice_off"))
        except discord.Forbidden:
            if enabled:
                await say(interaction, texts("channel.no_permission"))
                return
        await bot.open_channel(str(interaction.guild_id), str(interaction.channel_id), enabled)
        await say(interaction, texts("channel.on" if enabled else "channel.off"))

    return memory_channel


class _Consent:
    """Asking, and what the answer does."""

    def __init__(self, bot: BotBase) -> None:
        self._bot = bot

    async def ask(self, interaction: discord.Interaction) -> None:
        texts = texts_of(interaction)
        person = await self._bot.store.person(person_of(interaction))
        if person is not None and person.consented_at is not None:
            await say(interaction, texts("consent.already", when=when(person.consented_at)))
            return
        embed = discord.Embed(
            title=texts("consent.title"), description=texts("consent.text", storage=storage(self._bot, texts))
        )
        view = view_of(
            Button(texts("consent.yes"), "consent", "yes", discord.ButtonStyle.success),
            Button(texts("consent.no"), "consent", "no"),
        )
        await interaction.response.send_message(embed=embed, view=view, ephemeral=True)

    async def pressed(self, interaction: discord.Interaction, answer: str) -> None:
        texts = texts_of(interaction)
        if answer == "yes":
            await self._bot.store.consent(person_of(interaction), str(interaction.locale))
            self._bot.courier.wake()
        text = texts("consent.agreed" if answer == "yes" else "consent.declined")
        await interaction.response.edit_message(content=text, embed=None, view=None)


class _Remember:
    """Keeping a text."""

    def __init__(self, bot: BotBase) -> None:
        self._bot = bot

    async def keep(self, interaction: discord.Interaction, text: str, **about: Any) -> None:
        texts, user = texts_of(interaction), person_of(interaction)
        if not text.strip():
            await say(interaction, texts("remember.empty"))
            return
        guild_id = str(interaction.guild_id) if interaction.guild_id else None
        # Sending may take longer than Discord waits; without consent there is nothing to send.
        await agreed(self._bot, interaction)
        if not await acknowledged(interaction):
            return
        kept = await self._bot.keep(user, text.strip(), guild_id=guild_id, **about)
        if kept is None:
            await say(interaction, texts("remember.twice"))
            return
        count = texts.count("remember.count", await self._bot.store.count(user))
        later = "" if kept else f"\n{texts('remember.waits')}"
        await say(interaction, f"{texts('remember.done')} {count}{later}")

    async def message(self, interaction: discord.Interaction, message: discord.Message) -> None:
        texts = texts_of(interaction)
        if message.author.id != interaction.user.id:
            await say(interaction, texts("remember.not_yours"))
            return
        await agreed(self._bot, interaction)
        if not message.content.strip():
            await say(interaction, texts("remember.empty"))
            return
        await interaction.response.send_modal(_Note(self, message, texts))


class _Note(discord.ui.Modal):
    """Asks for a note before a message is kept."""

    def __init__(self, remember: _Remember, message: discord.Message, texts: Texts) -> None:
        super().__init__(title=texts("remember.modal"), timeout=15 * 60)
        self._remember, self._message = remember, message
        self.note: discord.ui.TextInput[_Note] = discord.ui.TextInput(
            placeholder=texts("remember.note_hint"), required=False, max_length=500
        )
        self.add_item(discord.ui.Label(text=texts("remember.note"), component=self.note))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Keep the message with the note."""
        message = self._message
        await self._remember.keep(
            interaction, message.content, note=self.note.value.strip(), source="message", message_id=str(message.id),
            created_at=message.created_at,
        )  # fmt: skip
