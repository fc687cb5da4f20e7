"""/memories: page by page, with a menu to choose one, and buttons to edit or delete it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from reverie.bot import cards
from reverie.bot.commands._shared import described, person_of, say, say_card, texts_of
from reverie.bot.presses import Button, Choice, view_of
from reverie.bot.safe import one_line
from reverie.bot.store import Remembered
from reverie.bot.texts import Texts

if TYPE_CHECKING:
    from reverie.bot.client import MemoryBot

__all__ = ["register"]

_SIZE = 6


def register(bot: MemoryBot) -> None:
    """Add the command and its buttons."""
    pages = _Pages(bot)
    bot.handlers |= {"page": pages.turn, "pick": pages.pick, "edit": pages.edit, "drop": pages.drop}

    @bot.tree.command(name="memories", description=described("memories"))
    async def memories(interaction: discord.Interaction) -> None:
        await pages.turn(interaction, "0")


class _Pages:
    """Every step reads the person's own memories anew: nothing is carried in the message but a page number or an id."""

    def __init__(self, bot: MemoryBot) -> None:
        self._bot = bot

    async def turn(self, interaction: discord.Interaction, argument: str) -> None:
        await self._show(interaction, int(argument))

    async def _show(self, interaction: discord.Interaction, wanted: int, note: str | None = None) -> None:
        texts, user, store = texts_of(interaction), person_of(interaction), self._bot.store
        total = await store.count(user)
        if not total:
            card = cards.note_card(texts("nothing.title"), texts("nothing.text"))
            card.content = note
            await say_card(interaction, card)
            return
        pages = -(-total // _SIZE)
        number = max(0, min(wanted, pages - 1))
        page = await store.page(user, number, _SIZE)
        first = number * _SIZE + 1
        card = cards.page_card(page, number, pages, total, first, texts)
        card.content = note
        options = [(m.id, f"{first + i}. {one_line(m.text)}") for i, m in enumerate(page)]
        view = view_of(
            Choice(texts("memories.choose"), "pick", options),
            Button("◀", "page", str(number - 1), disabled=number == 0, row=1),
            Button("▶", "page", str(number + 1), disabled=number == pages - 1, row=1),
        )
        await say_card(interaction, card, view)

    async def pick(self, interaction: discord.Interaction, memory_id: str) -> None:
        memory = await self._bot.store.memory(person_of(interaction), memory_id)
        if memory is None:
            await self._show(interaction, 0, texts_of(interaction)("memories.gone"))
        else:
            await self._one(interaction, memory)

    async def _one(self, interaction: discord.Interaction, memory: Remembered, note: str | None = None) -> None:
        texts = texts_of(interaction)
        card = cards.memory_card(memory, texts)
        card.content = note
        view = view_of(
            Button(texts("memories.edit"), "edit", memory.id, discord.ButtonStyle.primary),
            Button(texts("memories.delete"), "drop", memory.id, discord.ButtonStyle.danger),
            Button(texts("memories.back"), "page", "0"),
        )
        await say_card(interaction, card, view)

    async def edit(self, interaction: discord.Interaction, memory_id: str) -> None:
        memory = await self._bot.store.memory(person_of(interaction), memory_id)
        if memory is None:
            await self._show(interaction, 0, texts_of(interaction)("memories.gone"))
        else:
            await interaction.response.send_modal(_Edit(self, memory, texts_of(interaction)))

    async def change(self, interaction: discord.Interaction, memory_id: str, text: str) -> None:
        texts, user = texts_of(interaction), person_of(interaction)
        if not text.strip():
            await say(interaction, texts("remember.empty"))
            return
        changed = await self._bot.store.edit(user, memory_id, text.strip())
        memory = await self._bot.store.memory(user, memory_id)
        if memory is None or not changed:
            await self._show(interaction, 0, texts("memories.gone"))
        else:
            await self._one(interaction, memory, texts("memories.edited"))

    async def drop(self, interaction: discord.Interaction, memory_id: str) -> None:
        texts = texts_of(interaction)
        found = await self._bot.forget(person_of(interaction), [memory_id])
        await self._show(interaction, 0, texts("forget.one") if found else texts("memories.gone"))


class _Edit(discord.ui.Modal):
    """Changes a memory's text."""

    def __init__(self, pages: _Pages, memory: Remembered, texts: Texts) -> None:
        super().__init__(title=texts("memories.edit"), timeout=15 * 60)
        self._pages, self._memory_id = pages, memory.id
        self.text: discord.ui.TextInput[_Edit] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph, default=memory.text[:4_000], max_length=4_000
        )
        self.add_item(discord.ui.Label(text=texts("memories.text"), component=self.text))

    async def on_submit(self, interaction: discord.Interaction) -> None:
        """Keep the new text."""
        await self._pages.change(interaction, self._memory_id, self.text.value)
