"""/memories: page by page, with a menu to choose one, and buttons to edit or delete it."""

from __future__ import annotations

from dataclasses import replace

import discord

from reverie.bot import cards
from reverie.bot.base import BotBase
from reverie.bot.commands._shared import described, person_of, say, say_card, texts_of
from reverie.bot.kinds import memories_of, remembered
from reverie.bot.presses import Button, Choice, view_of
from reverie.bot.replies import acknowledged
from reverie.bot.safe import one_line
from reverie.bot.store import Remembered
from reverie.bot.texts import Texts
from reverie.errors import NotFound, ReverieError

__all__ = ["listed", "register"]

_SIZE = 6
_MARGIN = 400
"""Memories read beyond a page: with them the first answer of the service, 500 memories, is used to its end."""


def register(bot: BotBase) -> None:
    """Add the command and its buttons."""
    pages = _Pages(bot)
    bot.handlers |= {"page": pages.turn, "pick": pages.pick, "edit": pages.edit, "drop": pages.drop}

    @bot.tree.command(name="memories", description=described("memories"))
    async def memories(interaction: discord.Interaction) -> None:
        if await acknowledged(interaction):
            await pages.turn(interaction, "0")


async def listed(bot: BotBase, user_id: str, most: int, words: str | None = None) -> tuple[list[Remembered], bool]:
    """The person's memories, what waits for the service first, then the newest; and whether that is all of them.

    Reading ends soon after ``most``. ``words`` must stand in the text. Raises what the service raises.
    """
    await bot.courier.settle(user_id)
    waiting = [one.memory for one in await bot.store.waiting(user_id)]
    found = [m for m in reversed(waiting) if words is None or words.casefold() in m.full_text.casefold()]
    async for stored in bot.ai.user(user_id).memories(q=words):
        found.append(remembered(stored))
        if len(found) >= most + _MARGIN:
            return found, False
    return found, True


async def _found(bot: BotBase, user_id: str, memory_id: str) -> Remembered | None:
    waiting = [one.memory for one in await bot.store.waiting(user_id) if one.memory.id == memory_id]
    return waiting[0] if waiting else (await memories_of(bot.ai.user(user_id), [memory_id])).get(memory_id)


class _Pages:
    """Every step reads the person's own memories anew: nothing is carried in the message but a page number or an id."""

    def __init__(self, bot: BotBase) -> None:
        self._bot = bot

    async def turn(self, interaction: discord.Interaction, argument: str) -> None:
        await _acknowledge_press(interaction)
        await self._show(interaction, int(argument))

    async def _show(self, interaction: discord.Interaction, wanted: int, note: str | None = None) -> None:
        texts, user, store = texts_of(interaction), person_of(interaction), self._bot.store
        try:
            memories, whole = await listed(self._bot, user, (wanted + 1) * _SIZE)
        except ReverieError:
            await say_card(interaction, cards.Card(content="\n".join(filter(None, (note, texts("away"))))))
            return
        # Those beyond what was read are counted by where they came from.
        total = len(memories) if whole else max(len(memories), await store.count(user))
        if not total:
            card = cards.note_card(texts("nothing.title"), texts("nothing.text"))
            card.content = note
            await say_card(interaction, card)
            return
        pages = -(-total // _SIZE)
        number = max(0, min(wanted, pages - 1))
        page = memories[number * _SIZE : (number + 1) * _SIZE]
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
        await _acknowledge_press(interaction)
        memory = await _found(self._bot, person_of(interaction), memory_id)
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
        # A modal is itself the acknowledgement, and so this must be quick.
        memory = await _found(self._bot, person_of(interaction), memory_id)
        if memory is None:
            await self._show(interaction, 0, texts_of(interaction)("memories.gone"))
        else:
            await interaction.response.send_modal(_Edit(self, memory, texts_of(interaction)))

    async def change(self, interaction: discord.Interaction, memory_id: str, text: str) -> None:
        texts, user = texts_of(interaction), person_of(interaction)
        if not text.strip():
            await say(interaction, texts("remember.empty"))
            return
        await _acknowledge_press(interaction)
        memory = await _found(self._bot, user, memory_id)
        if memory is None:
            await self._show(interaction, 0, texts("memories.gone"))
            return
        changed = replace(memory, text=text.strip())
        if not await self._bot.store.edit_waiting(user, changed):
            try:
                await self._bot.ai.user(user).update(memory_id, text=changed.full_text)
            except NotFound:
                await self._show(interaction, 0, texts("memories.gone"))
                return
            await self._bot.store.drop_answers(user)
        await self._one(interaction, changed, texts("memories.edited"))

    async def drop(self, interaction: discord.Interaction, memory_id: str) -> None:
        texts = texts_of(interaction)
        await _acknowledge_press(interaction)
        found, brought = await self._bot.forget(person_of(interaction), [memory_id])
        unknown = texts("memories.gone" if brought is not None else "forget.later")
        await self._show(interaction, 0, texts("forget.one") if found else unknown)


async def _acknowledge_press(interaction: discord.Interaction) -> None:
    """Take the press now; its message changes when the service has answered."""
    if not interaction.response.is_done():
        await interaction.response.defer()


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
