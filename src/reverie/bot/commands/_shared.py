"""What the commands share."""

from __future__ import annotations

from typing import Any

import discord
from discord.app_commands import locale_str

from reverie.bot.base import BotBase
from reverie.bot.cards import Card
from reverie.bot.store import NoConsent
from reverie.bot.texts import Texts, read, texts_for

__all__ = ["agreed", "described", "person_of", "say", "say_card", "storage", "texts_of"]


def described(key: str) -> locale_str:
    """A command's own description in every language."""
    return locale_str(read("en")[f"command.{key}"], key=f"command.{key}")


def texts_of(interaction: discord.Interaction) -> Texts:
    """The person's language."""
    return texts_for(interaction.locale)


def person_of(interaction: discord.Interaction) -> str:
    """Whose memories this is about: always those of the person who acts."""
    return str(interaction.user.id)


async def agreed(bot: BotBase, interaction: discord.Interaction) -> None:
    """Raise ``NoConsent`` unless the person has agreed."""
    person = await bot.store.person(person_of(interaction))
    if person is None or person.consented_at is None:
        raise NoConsent


def storage(bot: BotBase, texts: Texts) -> str:
    """How the store keeps texts, in words."""
    return texts("storage.encrypted" if bot.settings.key else "storage.plain")


async def say(interaction: discord.Interaction, text: str, **more: Any) -> None:
    """Answer for the person's eyes only."""
    if interaction.response.is_done():
        await interaction.edit_original_response(content=text, **more)
    else:
        await interaction.response.send_message(text, ephemeral=True, **more)


async def say_card(interaction: discord.Interaction, card: Card, view: discord.ui.View | None = None) -> None:
    """Show a card: in place of the message whose button was pressed, else as a new one."""
    more: dict[str, Any] = {"embed": card.embed, "content": card.content, "view": view}
    if interaction.response.is_done():
        await interaction.edit_original_response(**more)
    elif interaction.type is discord.InteractionType.component or interaction.message is not None:
        await interaction.response.edit_message(**more)
    else:
        given = {name: value for name, value in more.items() if value is not None}
        await interaction.response.send_message(ephemeral=True, **given)
