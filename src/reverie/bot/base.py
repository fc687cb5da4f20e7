"""What the commands act on: the bot's parts, and what several of them do to a person's memories."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import discord
from discord import app_commands

from reverie import AsyncReverie
from reverie.bot.courier import Brought, Courier
from reverie.bot.presses import Handler
from reverie.bot.replies import Replies
from reverie.bot.settings import BotSettings
from reverie.bot.store import MemoryStore
from reverie.errors import ReverieError

__all__ = ["BotBase"]


class BotBase(discord.AutoShardedClient):
    """The bot without its life and its events: those are ``MemoryBot``'s, which knows the commands."""

    settings: BotSettings
    tree: app_commands.CommandTree
    #: Who answers a press on a button, by the verb in its id.
    handlers: dict[str, Handler]
    ai: AsyncReverie
    store: MemoryStore
    courier: Courier
    replies: Replies
    #: Ids of the channels whose messages are collected.
    _channels: set[str]

    async def forget(self, user_id: str, memory_ids: Sequence[str]) -> tuple[int, Brought | None]:
        """Forget memories: in Reverie now, or as soon as it answers, and where they came from.

        Returns how many there were, and what Reverie said; None while it is away.
        """
        here = await self.store.forget(user_id, memory_ids)
        try:
            brought = await self.courier.settle(user_id)
        except ReverieError:
            self.courier.wake()
            return here, None
        return max(here, brought.deleted.deleted if brought.deleted else 0), brought

    async def keep(
        self, user_id: str, text: str, *, note: str = "", source: str = "command", guild_id: str | None = None,
        message_id: str | None = None, created_at: datetime | None = None,
    ) -> bool | None:  # fmt: skip
        """Keep a text: True once Reverie has it, False while it waits here for Reverie, None when it is kept already.

        Raises ``NoConsent`` or ``StoreFull``.
        """
        memory = await self.store.add(
            user_id, text, note=note, source=source, guild_id=guild_id, message_id=message_id, created_at=created_at
        )
        if memory is None:
            return None
        try:
            await self.courier.settle(user_id)
        except ReverieError:
            self.courier.wake()
            return False
        return True

    async def open_channel(self, guild_id: str, channel_id: str, is_open: bool) -> None:
        """Allow or end collection in a channel."""
        await self.store.set_channel(guild_id, channel_id, is_open)
        (self._channels.add if is_open else self._channels.discard)(channel_id)
