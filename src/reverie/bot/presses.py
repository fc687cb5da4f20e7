"""Buttons and menus whose whole state is in their id: they work after a restart, and hold nothing in memory."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import discord

from reverie.bot.safe import clip

__all__ = ["Button", "Choice", "Handler", "PressButton", "PressMenu", "handlers_of", "view_of"]

Handler = Callable[[discord.Interaction, str], Awaitable[None]]
"""Called with the interaction and the argument: the button's own, or the chosen value."""


@dataclass(frozen=True, slots=True)
class Button:
    """A button: what it says, what it does (``verb``) and to what (``argument``)."""

    label: str
    verb: str
    argument: str = ""
    style: discord.ButtonStyle = discord.ButtonStyle.secondary
    disabled: bool = False
    row: int | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """A menu of ``(value, label)``."""

    placeholder: str
    verb: str
    options: Sequence[tuple[str, str]]


def handlers_of(client: discord.Client) -> dict[str, Handler]:
    """The bot's handlers by verb."""
    handlers: dict[str, Handler] = getattr(client, "handlers")  # noqa: B009 - the library types the client as its base
    return handlers


class PressButton(discord.ui.DynamicItem[discord.ui.Button[Any]], template=r"rv:(?P<verb>[a-z_]+):(?P<argument>.*)"):
    """A button that was shown by this or an earlier process."""

    def __init__(self, item: discord.ui.Button[Any], verb: str, argument: str) -> None:
        super().__init__(item)
        self._verb, self._argument = verb, argument

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The button as its id describes it."""
        if not isinstance(item, discord.ui.Button):
            raise TypeError("the id of a button on something else")
        return cls(item, match["verb"], match["argument"])

    async def callback(self, interaction: discord.Interaction) -> None:
        """Do what the button says."""
        await handlers_of(interaction.client)[self._verb](interaction, self._argument)


class PressMenu(discord.ui.DynamicItem[discord.ui.Select[Any]], template=r"rvm:(?P<verb>[a-z_]+)"):
    """A menu that was shown by this or an earlier process."""

    def __init__(self, item: discord.ui.Select[Any], verb: str) -> None:
        super().__init__(item)
        self._verb = verb

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """The menu as its id describes it."""
        if not isinstance(item, discord.ui.Select):
            raise TypeError("the id of a menu on something else")
        return cls(item, match["verb"])

    async def callback(self, interaction: discord.Interaction) -> None:
        """Do it to what was chosen."""
        await handlers_of(interaction.client)[self._verb](interaction, self.item.values[0])


def view_of(*items: Button | Choice) -> discord.ui.View:
    """A view to send. It is stopped already, so that the library keeps nothing: ids alone lead back to the handlers."""
    view = discord.ui.View(timeout=None)
    for item in items:
        if isinstance(item, Button):
            button: discord.ui.Button[Any] = discord.ui.Button(
                label=item.label, style=item.style, disabled=item.disabled, row=item.row,
                custom_id=f"rv:{item.verb}:{item.argument}",
            )  # fmt: skip
            view.add_item(PressButton(button, item.verb, item.argument))
        else:
            options = [
                discord.SelectOption(value=value, label=clip(label, 100, literal=True) or "…")
                for value, label in item.options
            ]
            menu: discord.ui.Select[Any] = discord.ui.Select(
                placeholder=item.placeholder, options=options, custom_id=f"rvm:{item.verb}", row=0
            )
            view.add_item(PressMenu(menu, item.verb))
    view.stop()
    return view
