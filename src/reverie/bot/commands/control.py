"""Control: /forget, /export and /privacy. While the service is away they note what to send as soon as it answers."""

from __future__ import annotations

import io

import discord
from discord import app_commands

from reverie.bot.base import BotBase
from reverie.bot.cards import theme_label
from reverie.bot.commands._shared import described, person_of, say, storage, texts_of
from reverie.bot.commands.insight import known_themes
from reverie.bot.commands.pages import listed
from reverie.bot.courier import Brought
from reverie.bot.export import TooLargeToSend, build_export, pack
from reverie.bot.presses import Button, view_of
from reverie.bot.replies import acknowledged
from reverie.bot.safe import clip, one_line, when
from reverie.bot.store import Forgotten
from reverie.bot.texts import Texts
from reverie.errors import ReverieError

__all__ = ["register"]

_LISTED = 25
_SHORT = ("privacy.consent", "privacy.collecting", "privacy.kept")


def register(bot: BotBase) -> None:
    """Add the commands and their buttons."""
    forget = _Forget(bot)
    bot.handlers |= {
        "forget_theme": forget.theme_confirmed,
        "forget_all": forget.everything_confirmed,
        "keep": forget.kept,
    }
    bot.tree.add_command(_forget_group(bot, forget))

    @bot.tree.command(name="export", description=described("export"))
    async def export(interaction: discord.Interaction) -> None:
        if await acknowledged(interaction):
            await _export(bot, interaction)

    @bot.tree.command(name="privacy", description=described("privacy"))
    async def privacy(interaction: discord.Interaction) -> None:
        await _privacy(bot, interaction)


def _forget_group(bot: BotBase, forget: _Forget) -> app_commands.Group:
    group = app_commands.Group(name="forget", description=described("forget"))

    @group.command(name="one", description=described("forget.one"))
    @app_commands.describe(memory=described("forget.one.memory"))
    async def one(interaction: discord.Interaction, memory: str) -> None:
        await forget.one(interaction, memory)

    @one.autocomplete("memory")
    async def memories(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        try:
            found, _ = await listed(bot, person_of(interaction), _LISTED, typed.strip() or None)
        except ReverieError:
            return []
        return [
            app_commands.Choice(name=clip(one_line(m.text), 100, literal=True) or "…", value=m.id)
            for m in found[:_LISTED]
        ]

    @group.command(name="theme", description=described("forget.theme"))
    @app_commands.describe(theme=described("forget.theme.theme"))
    async def theme(interaction: discord.Interaction, theme: str) -> None:
        await forget.theme(interaction, theme)

    @theme.autocomplete("theme")
    async def themes(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        texts = texts_of(interaction)
        named = [(theme_label(t, texts), t.id) for t in await known_themes(bot, person_of(interaction))]
        found = [(name, key) for name, key in named if typed.casefold() in name.casefold()]
        return [app_commands.Choice(name=clip(n, 100, literal=True), value=key) for n, key in found[:_LISTED]]

    @group.command(name="everything", description=described("forget.everything"))
    async def everything(interaction: discord.Interaction) -> None:
        await forget.everything(interaction)

    return group


class _Forget:
    """One at once; a theme or everything after a confirmation."""

    def __init__(self, bot: BotBase) -> None:
        self._bot = bot

    async def one(self, interaction: discord.Interaction, memory_id: str) -> None:
        texts = texts_of(interaction)
        if not await acknowledged(interaction):
            return
        found, brought = await self._bot.forget(person_of(interaction), [memory_id])
        unknown = "forget.unknown" if brought is not None else "forget.later"
        await say(interaction, texts("forget.one" if found else unknown))

    async def theme(self, interaction: discord.Interaction, wanted: str) -> None:
        texts, user = texts_of(interaction), person_of(interaction)
        for theme in await known_themes(self._bot, user):
            label = theme_label(theme, texts)
            if wanted in (theme.id, label):
                question = texts.count("forget.confirm_theme", len(theme.memory_ids), theme=clip(label, 100))
                await say(interaction, question, view=self._confirm(texts, "forget.yes", "forget_theme", theme.id))
                return
        await say(interaction, texts("forget.unknown_theme"))

    async def theme_confirmed(self, interaction: discord.Interaction, theme_id: str) -> None:
        texts, user = texts_of(interaction), person_of(interaction)
        chosen = [theme for theme in await known_themes(self._bot, user) if theme.id == theme_id]
        if not chosen:
            await interaction.response.edit_message(content=texts("forget.changed"), view=None)
            return
        await interaction.response.defer()
        number, brought = await self._bot.forget(user, chosen[0].memory_ids)
        await self._receipt(interaction, Forgotten(number, 1, 0), brought)

    async def everything(self, interaction: discord.Interaction) -> None:
        texts = texts_of(interaction)
        memories = texts.count("themes.memories", await self._bot.store.count(person_of(interaction)))
        question = texts("forget.confirm_everything", memories=memories)
        await say(interaction, question, view=self._confirm(texts, "forget.everything_yes", "forget_all", ""))

    async def everything_confirmed(self, interaction: discord.Interaction, _: str) -> None:
        await interaction.response.defer()
        user = person_of(interaction)
        await self._bot.replies.drop(user)
        gone = await self._bot.store.forget_everything(user)
        try:
            brought = await self._bot.courier.settle(user)
        except ReverieError:
            brought = None
            self._bot.courier.wake()
        await self._receipt(interaction, gone, brought)

    async def kept(self, interaction: discord.Interaction, _: str) -> None:
        await interaction.response.edit_message(content=texts_of(interaction)("forget.kept"), view=None)

    def _confirm(self, texts: Texts, label: str, verb: str, argument: str) -> discord.ui.View:
        return view_of(
            Button(texts(label), verb, argument, discord.ButtonStyle.danger), Button(texts("forget.no"), "keep")
        )

    async def _receipt(self, interaction: discord.Interaction, here: Forgotten, brought: Brought | None) -> None:
        texts = texts_of(interaction)
        embed = discord.Embed(title=texts("receipt.title"), description=when(discord.utils.utcnow(), "f"))
        counts = {"memories": here.memories, "answers": here.answers, "waiting": here.waiting}
        embed.add_field(name=texts("receipt.here"), value=texts("receipt.here_counts", **counts), inline=False)
        if brought is None:
            service = texts("receipt.later")
        elif brought.receipt is not None:
            names = ("tasks", "stopped", "results", "vectors", "themes", "cache_keys")
            service = texts("receipt.service_counts", **{name: getattr(brought.receipt, name) for name in names})
        else:
            deleted, vectors = (brought.deleted.deleted, brought.deleted.vectors) if brought.deleted else (0, 0)
            service = texts("receipt.deleted_counts", memories=deleted, vectors=vectors)
        embed.add_field(name=texts("receipt.service"), value=service, inline=False)
        await interaction.edit_original_response(content=None, embed=embed, view=None)


async def _export(bot: BotBase, interaction: discord.Interaction) -> None:
    texts, user = texts_of(interaction), person_of(interaction)
    notes = [texts("export.done")]
    service = None
    try:
        await bot.courier.settle(user)
        service = await bot.ai.export_user(user)
    except ReverieError:
        notes.append(texts("export.service_away"))
    own = await build_export(bot.store, user)
    limit = interaction.filesize_limit
    try:
        try:
            parts = await pack(own, service, limit)
        except TooLargeToSend:
            parts = await pack(own, None, limit)
            notes.append(texts("export.too_large_service"))
    except TooLargeToSend as error:
        await say(interaction, texts("export.too_large", size=f"{error.size / 2**20:.0f}"))
        return
    if len(parts) > 1:
        notes.append(texts("export.parts", n=len(parts)))
    first, *rest = [discord.File(io.BytesIO(content), name) for name, content in parts]
    await interaction.edit_original_response(content="\n".join(notes), attachments=[first])
    # Discord's limit is one for all files of a message, so each part gets a message of its own.
    for part in rest:
        await interaction.followup.send(file=part, ephemeral=True)


async def _privacy(bot: BotBase, interaction: discord.Interaction) -> None:
    texts, user = texts_of(interaction), person_of(interaction)
    person = await bot.store.person(user)
    consent = person.consented_at if person else None
    embed = discord.Embed(title=texts("privacy.title"))
    collecting = person is not None and person.collecting
    leaving = "privacy.leaving_purged" if bot.settings.purge_on_leave else "privacy.leaving_kept"
    rows = (
        (
            "privacy.consent",
            texts("privacy.consent_yes", when=when(consent)) if consent else texts("privacy.consent_no"),
        ),
        ("privacy.collecting", texts("privacy.on" if collecting else "privacy.off")),
        ("privacy.kept", texts.count("themes.memories", await bot.store.count(user))),
        ("privacy.where", texts("privacy.where_text", storage=storage(bot, texts))),
        ("privacy.who", texts("privacy.who_text")),
        ("privacy.how", texts("privacy.how_text")),
        ("privacy.leaving", texts(leaving)),
    )
    for key, value in rows:
        embed.add_field(name=texts(key), value=value, inline=key in _SHORT)
    await interaction.response.send_message(embed=embed, ephemeral=True)
