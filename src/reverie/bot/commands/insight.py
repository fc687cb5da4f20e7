"""Insight: /themes, /insights, /important and /recall. Each is one line, because the replies do the work."""

from __future__ import annotations

import discord
from discord import app_commands

from reverie.bot.base import BotBase
from reverie.bot.cards import theme_label
from reverie.bot.commands._shared import described, person_of, texts_of
from reverie.bot.safe import clip
from reverie.contracts import Theme
from reverie.errors import ReverieError

__all__ = ["known_themes", "register"]


async def known_themes(bot: BotBase, user_id: str) -> list[Theme]:
    """The person's current themes; none before there are any, or while the service is away."""
    try:
        return (await bot.ai.user(user_id).themes()).themes
    except ReverieError:
        return []


def register(bot: BotBase) -> None:
    """Add the commands."""

    @bot.tree.command(name="themes", description=described("themes"))
    async def themes(interaction: discord.Interaction) -> None:
        await bot.replies.ask(interaction, "themes")

    @bot.tree.command(name="insights", description=described("insights"))
    async def insights(interaction: discord.Interaction) -> None:
        await bot.replies.ask(interaction, "insights")

    @bot.tree.command(name="important", description=described("important"))
    async def important(interaction: discord.Interaction) -> None:
        await bot.replies.ask(interaction, "important")

    @bot.tree.command(name="recall", description=described("recall"))
    @app_commands.describe(query=described("recall.query"))
    async def recall(interaction: discord.Interaction, query: app_commands.Range[str, 1, 1000]) -> None:
        await bot.replies.ask(interaction, "recall", query=query.strip() or "?")

    @recall.autocomplete("query")
    async def labels(interaction: discord.Interaction, typed: str) -> list[app_commands.Choice[str]]:
        texts = texts_of(interaction)
        names = [theme_label(theme, texts) for theme in await known_themes(bot, person_of(interaction))]
        found = [name for name in names if typed.casefold() in name.casefold()]
        # What is being typed stays a choice: questions are free.
        offered = dict.fromkeys([*([typed] if typed.strip() else []), *found])
        return [app_commands.Choice(name=clip(n, 100, literal=True), value=n[:100]) for n in list(offered)[:25]]
