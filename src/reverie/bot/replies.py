"""Replies that are owed: asked for, followed, delivered; after a restart too, and by direct message when late."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, cast

import discord

from reverie import AsyncReverie, AsyncTask
from reverie.bot import cards
from reverie.bot.cards import Card
from reverie.bot.courier import Courier
from reverie.bot.kinds import KINDS, memories_of
from reverie.bot.safe import when
from reverie.bot.settings import BotSettings
from reverie.bot.store import MemoryStore, Pending
from reverie.bot.texts import Texts, texts_for
from reverie.errors import (
    Forbidden,
    NotFound,
    ReverieError,
    ServiceUnavailable,
    TaskCancelled,
    TaskFailed,
    TooManyRequests,
    Unauthorized,
)
from reverie.integrations.discord import Reply

__all__ = ["Replies", "acknowledged"]

_log = logging.getLogger(__name__)

_DIRECT_LIMIT = 10 * 2**20
_CHART_WIDTH = 480
"""Discord shows a picture 300 to 400 pixels wide: few, large words, drawn with twice the pixels for sharp screens."""
_PICTURE_SECONDS = 120.0
"""Longest wait for what a picture is drawn from."""
_UNKNOWN_INTERACTION, _ALREADY_ACKNOWLEDGED = 10062, 40060
_EXPIRED = (401, 404)


async def acknowledged(interaction: discord.Interaction) -> bool:
    """Say "thinking" now. False when Discord no longer waits for it: then nothing may be done in the person's name."""
    try:
        await interaction.response.defer(ephemeral=True, thinking=True)
    except discord.HTTPException as error:
        if error.code not in (_UNKNOWN_INTERACTION, _ALREADY_ACKNOWLEDGED):
            raise
        _log.warning("an interaction was acknowledged too late (%s)", error.code)
        return False
    return True


class Replies:
    """Follows tasks for as long as they run and delivers their answers."""

    def __init__(
        self, client: discord.Client, ai: AsyncReverie, store: MemoryStore, courier: Courier, settings: BotSettings
    ) -> None:
        self._client = client
        self._ai = ai
        self._store = store
        self._courier = courier
        self._settings = settings
        self._following: dict[str, tuple[Pending, asyncio.Task[None]]] = {}
        self._late: set[str] = set()

    # -- asking -----------------------------------------------------------------------------------------------------
    async def ask(self, interaction: discord.Interaction, kind_name: str, **details: str) -> None:
        """Acknowledge and answer from the current view; before the first one, have it made and follow that."""
        if not await acknowledged(interaction):
            return
        user, texts = str(interaction.user.id), texts_for(interaction.locale)
        pending = Pending(
            id=str(interaction.id),
            user_id=user,
            kind=kind_name,
            task_id="",
            token=interaction.token,
            locale=str(interaction.locale),
            # Discord counts from its own clock; the id carries that time.
            expires_at=interaction.created_at.timestamp() + self._settings.reply_seconds,
            upload_limit=interaction.filesize_limit,
            guild_id=str(interaction.guild_id) if interaction.guild_id else None,
            details=details,
        )
        kind = KINDS[kind_name]
        try:
            await self._courier.settle(user)
            try:
                answer = await kind.read(self._ai.user(user), details, self._settings)
            except NotFound:
                await self._first_view(pending, texts)
                return
            card = await self._card(pending, answer, texts)
        except ReverieError as error:
            await self._deliver(pending, await self._excuse(pending, error))
            return
        await self._deliver(pending, card)
        self._spawn(pending, lambda: self._picture(pending, card))

    async def _first_view(self, pending: Pending, texts: Texts) -> None:
        """There is no view yet: have it made, and follow that."""
        try:
            task = await self._ai.user(pending.user_id).upkeep()
        except NotFound:
            await self._show(pending, cards.note_card(texts("nothing.title"), texts("nothing.text")))
            return
        await self._show(pending, Card(content=texts("view.making")))
        pending = replace(pending, task_id=task.id)
        await self._store.put_pending(pending)
        self._spawn(pending, lambda: self._follow(pending, task))

    async def resume(self, mine: Callable[[str | None], bool]) -> int:
        """Follow the replies that were owed when the bot stopped; ``mine`` tells by guild which this shard serves."""
        owed = [p for p in await self._store.pending() if mine(p.guild_id) and p.id not in self._following]
        for pending in owed:
            self._spawn(pending, partial(self._pick_up, pending))
        return len(owed)

    async def drop(self, user_id: str) -> None:
        """Stop following everything of a person; their open replies say so."""
        dropped = [(pending, task) for pending, task in self._following.values() if pending.user_id == user_id]
        await self._cancel([task for _, task in dropped])
        for pending, _ in dropped:
            with contextlib.suppress(discord.HTTPException):
                await self._show(pending, Card(content=texts_for(pending.locale)("wait.cancelled")))

    async def close(self) -> None:
        """Stop; what is owed stays in the store."""
        await self._cancel([task for _, task in self._following.values()])

    async def _cancel(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _spawn(self, pending: Pending, work: Callable[[], Any]) -> None:
        async def run() -> None:
            try:
                await work()
            except Exception:
                _log.exception("a reply of kind %s could not be given", pending.kind)
                await self._store.settle(pending.id)

        task = asyncio.create_task(run(), name=f"reply-{pending.id}")
        self._following[pending.id] = (pending, task)
        task.add_done_callback(lambda _: self._following.pop(pending.id, None))

    # -- following --------------------------------------------------------------------------------------------------
    async def _pick_up(self, pending: Pending) -> None:
        pause = 0.5
        while True:
            try:
                task = await self._ai.task(pending.task_id)
                break
            except (ServiceUnavailable, TooManyRequests):
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
            except ReverieError as error:
                # Erased or expired meanwhile.
                await self._finish(pending, await self._excuse(pending, error))
                return
        await self._follow(pending, task)

    async def _follow(self, pending: Pending, task: AsyncTask) -> None:
        texts = texts_for(pending.locale)
        reply = Reply(
            partial(self._edit_if_open, pending),
            every=self._settings.progress_seconds,
            show=lambda p: {"content": cards.progress_line(p.stage, p.fraction, texts)},
        )
        notice = asyncio.create_task(self._tell_when_late(pending, reply, texts))
        try:
            await reply.follow(task)
            answer = await KINDS[pending.kind].read(self._ai.user(pending.user_id), pending.details, self._settings)
            card = await self._card(pending, answer, texts)
        except ReverieError as error:
            card = await self._excuse(pending, error)
        finally:
            notice.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await notice
        if self._is_late(pending):
            # A direct message is written once, and so the picture cannot follow it.
            await self._draw(pending, card)
        await self._finish(pending, card)
        await self._picture(pending, card)

    async def _card(self, pending: Pending, answer: Any, texts: Texts) -> Card:
        kind = KINDS[pending.kind]
        memories = await memories_of(self._ai.user(pending.user_id), kind.names(answer))
        card = kind.render(answer, memories, texts, pending.details)
        if kind.keep and card.embed is not None:
            await self._store.put_answer(pending.user_id, pending.kind, {"embed": card.embed.to_dict()})
        return card

    async def _picture(self, pending: Pending, card: Card) -> None:
        """The words are there; the picture follows as soon as it is drawn."""
        if not card.images and not self._is_late(pending) and await self._draw(pending, card):
            with contextlib.suppress(discord.HTTPException):
                await self._show(pending, card)

    async def _draw(self, pending: Pending, card: Card) -> bool:
        kind = KINDS[pending.kind]
        if kind.draw is None or kind.chart is None or card.embed is None or not card.embed.fields:
            return False
        try:
            task = await kind.draw(self._ai, pending.user_id, self._settings)
            await task.result(timeout=_PICTURE_SECONDS)
            png = await self._ai.chart(task.id, kind.chart, dark=True, width=_CHART_WIDTH, scale=2.0)
        except ReverieError as error:
            _log.warning("the %s chart is missing: %s", kind.chart, type(error).__name__)
            return False
        limit = _DIRECT_LIMIT if self._is_late(pending) else pending.upload_limit
        card.attach(f"{kind.chart}.png", png, limit)
        return bool(card.images)

    async def _excuse(self, pending: Pending, error: ReverieError) -> Card:
        """A kind sentence, and the last known answer where there is one."""
        texts = texts_for(pending.locale)
        if isinstance(error, TaskCancelled):
            return Card(content=texts("wait.cancelled"))
        if isinstance(error, TooManyRequests):
            again = discord.utils.utcnow().timestamp() + error.retry_after
            return Card(content=texts("busy", when=f"<t:{int(again)}:R>"))
        _log.warning("%s: %s", pending.kind, error)
        if isinstance(error, Unauthorized | Forbidden):
            return Card(content=texts("failed.refused"))
        if not isinstance(error, ServiceUnavailable | TaskFailed | NotFound):
            return Card(content=texts("failed"))
        return await self._last_known(pending, texts, away=isinstance(error, ServiceUnavailable))

    async def _last_known(self, pending: Pending, texts: Texts, *, away: bool) -> Card:
        known = await self._store.answer(pending.user_id, pending.kind)
        reason = texts("away") if away else texts("failed")
        # A store from before holds answers of another form.
        if known is None or "embed" not in known[0]:
            nothing = away and KINDS[pending.kind].keep
            return Card(content=f"{reason}\n{texts('away.nothing')}" if nothing else reason)
        answer, at = known
        embed = discord.Embed.from_dict(answer["embed"])
        return Card(embed, content=f"{reason}\n{texts('away.last', when=when(at))}")

    # -- delivering -------------------------------------------------------------------------------------------------
    def _is_late(self, pending: Pending) -> bool:
        return pending.id in self._late or time.time() >= pending.expires_at

    async def _tell_when_late(self, pending: Pending, reply: Reply, texts: Texts) -> None:
        await asyncio.sleep(max(0.0, pending.expires_at - time.time()))
        self._late.add(pending.id)
        with contextlib.suppress(discord.HTTPException):
            await reply.edit(content=texts("wait.long"), late=True)

    async def _edit_if_open(self, pending: Pending, *, content: str, late: bool = False) -> None:
        if late or not self._is_late(pending):
            await self._edit(pending, content=content)

    async def _edit(self, pending: Pending, **message: Any) -> None:
        application = self._client.application_id
        if application is None:
            raise RuntimeError("the bot has not logged in yet")
        webhook = discord.Webhook.partial(application, pending.token, client=self._client)
        # Discord takes this name for the reply itself, whose id is not known before it is read.
        original = cast(int, "@original")
        await webhook.edit_message(original, allowed_mentions=discord.AllowedMentions.none(), **message)

    async def _finish(self, pending: Pending, card: Card) -> None:
        await self._deliver(pending, card)
        await self._store.settle(pending.id)
        self._late.discard(pending.id)

    async def _deliver(self, pending: Pending, card: Card) -> None:
        """Edit the reply, or write a direct message when the reply can no longer be edited."""
        if not self._is_late(pending):
            try:
                await self._show(pending, card)
                return
            except discord.HTTPException as error:
                if error.status not in _EXPIRED:
                    raise
        try:
            channel = await self._client.create_dm(discord.Object(int(pending.user_id)))
            message: dict[str, Any] = {"content": card.content, "files": card.files()}
            if card.embed is not None:
                message["embed"] = card.embed
            await channel.send(**message, allowed_mentions=discord.AllowedMentions.none())
        except discord.Forbidden:
            # The answer is kept; the same command shows it at once.
            _log.info("an answer could not be delivered: the person takes no direct messages")

    async def _show(self, pending: Pending, card: Card) -> None:
        embeds = [card.embed] if card.embed is not None else []
        await self._edit(pending, content=card.content, embeds=embeds, attachments=card.files())
