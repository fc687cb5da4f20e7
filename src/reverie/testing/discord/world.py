"""The state of a local Discord: who is there, what was said, who can see it."""

from __future__ import annotations

import asyncio
import base64
import collections
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from reverie.testing.discord.payloads import (
    EPHEMERAL,
    GUILD_MEMBERS,
    GUILD_PRESENCES,
    LOADING,
    MESSAGE_CONTENT,
    ApiError,
    Json,
    check_message,
    guild_of,
    now_iso,
    snowflake,
    user_of,
)
from reverie.testing.discord.records import Interaction

__all__ = ["World"]

T = TypeVar("T")


@dataclass(eq=False)
class World:
    """Guilds, messages, files and interactions, and what a test may set."""

    #: Seconds in which an interaction must be acknowledged.
    ack_deadline: float = 3.0
    #: Seconds for which an interaction's token is good.
    token_lifetime: float = 900.0
    #: Largest file, bytes.
    upload_limit: int = 10 * 2**20
    #: Privileged intents that the developer portal has switched on.
    privileged_intents: int = MESSAGE_CONTENT | GUILD_MEMBERS | GUILD_PRESENCES

    base: str = ""
    socket_url: str = ""
    guilds: dict[str, Json] = field(default_factory=dict)
    users: dict[str, Json] = field(default_factory=dict)
    #: Registered commands; the key None holds the global ones.
    commands: dict[str | None, list[Json]] = field(default_factory=lambda: collections.defaultdict(list))
    messages: dict[str, Json] = field(default_factory=dict)
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    #: By token.
    interactions: dict[str, Interaction] = field(default_factory=dict)
    #: Channel id of the direct messages with a user.
    direct: dict[str, str] = field(default_factory=dict)
    #: Channels in which the bot may not write (403, 50013).
    closed_channels: set[str] = field(default_factory=set)
    #: Users who refuse direct messages (403, 50007).
    no_direct: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.bot = {**user_of("reverie", bot=True), "verified": True, "mfa_enabled": False, "email": None, "flags": 0}
        self.app_id: str = self.bot["id"]
        # Some libraries decode the id from the token's first part.
        self.token = base64.b64encode(self.app_id.encode()).decode().rstrip("=") + ".local.not-a-secret"
        self._viewer: dict[str, str | None] = {}
        self._change = asyncio.Event()

    @property
    def refused_intents(self) -> int:
        """Privileged intents that close the socket with 4014."""
        return (MESSAGE_CONTENT | GUILD_MEMBERS | GUILD_PRESENCES) & ~self.privileged_intents

    # -- people ---------------------------------------------------------------------------------------------------
    def add_user(self, name: str) -> Json:
        """A new person."""
        user = user_of(name)
        self.users[user["id"]] = user
        return user

    def add_guild(self, name: str = "Test guild", users: list[Json] | None = None) -> Json:
        """A guild with one text channel; call it before the bot connects."""
        guild = guild_of(name, self.bot, users or [])
        self.guilds[guild["id"]] = guild
        return guild

    # -- waiting --------------------------------------------------------------------------------------------------
    def changed(self) -> None:
        """Wake everybody who waits in ``until``."""
        self._change.set()
        self._change = asyncio.Event()

    async def until(self, predicate: Callable[[], T | None], timeout: float = 60.0) -> T:
        """The first true value of ``predicate``, looked at after every change. Raises ``TimeoutError``."""
        async with asyncio.timeout(timeout):
            while not (value := predicate()):
                await self._change.wait()
        return value

    # -- messages -------------------------------------------------------------------------------------------------
    def post(
        self,
        data: Json,
        files: list[Json],
        channel_id: str,
        author: Json,
        *,
        viewer: str | None = None,
        **extra: object,
    ) -> Json:
        """Store a message; ``viewer`` is the only person who sees an ephemeral or direct one."""
        check_message(data)
        message: Json = {
            "id": snowflake(), "type": 0, "channel_id": channel_id, "author": author,
            "content": data.get("content") or "", "embeds": data.get("embeds") or [], "attachments": files,
            "mentions": [], "mention_roles": [], "mention_everyone": False, "pinned": False, "tts": False,
            "timestamp": now_iso(), "edited_timestamp": None, "flags": data.get("flags") or 0,
            "components": data.get("components") or [], "allowed_mentions": data.get("allowed_mentions"), **extra,
        }  # fmt: skip
        self.messages[message["id"]] = message
        self._viewer[message["id"]] = viewer
        self.changed()
        return message

    def edit(self, message_id: str, data: Json, files: list[Json]) -> Json:
        """Change a message as PATCH does: only what is given, attachments kept when they are named."""
        check_message(data)
        message = self.messages[message_id]
        kept = message["attachments"]
        if "attachments" in data:
            named = {str(item.get("id")) for item in data["attachments"] or []}
            kept = [item for item in kept if item["id"] in named]
        for name, empty in (("content", ""), ("embeds", []), ("components", [])):
            if name in data:
                message[name] = data[name] if data[name] is not None else empty
        message.update(attachments=kept + files, edited_timestamp=now_iso(), flags=message["flags"] & ~LOADING)
        self.changed()
        return message

    def viewer_of(self, interaction: Interaction, flags: int) -> str | None:
        """Who sees a reply: one person when it is ephemeral, else everybody (None)."""
        return interaction.user_id if flags & EPHEMERAL else None

    def visible_to(self, user: Json) -> list[Json]:
        """Every message of the bot that the person can read: public ones, and those for them alone."""
        mine = (None, user["id"])
        return [m for m in self.messages.values() if m["author"] is self.bot and self._viewer[m["id"]] in mine]

    def direct_messages(self, user: Json) -> list[Json]:
        """What the bot wrote to the person privately, outside of any interaction."""
        channel = self.direct.get(user["id"])
        return [m for m in self.messages.values() if m["channel_id"] == channel and m["author"] is self.bot]

    def channel_messages(self, channel_id: str) -> list[Json]:
        """What the bot wrote publicly in a channel."""
        return [
            m
            for m in self.messages.values()
            if m["channel_id"] == channel_id and m["author"] is self.bot and self._viewer[m["id"]] is None
        ]

    def file(self, attachment: Json) -> bytes:
        """The content of an attachment."""
        return self.files[attachment["id"]][1]

    # -- interactions -----------------------------------------------------------------------------------------------
    def interaction(self, token: str) -> Interaction:
        """The interaction of a good token. Raises 401 (50027), as Discord does after 15 minutes."""
        found = self.interactions.get(token)
        if found is None or found.age > self.token_lifetime:
            raise ApiError(401, 50027, "Invalid Webhook Token")
        return found
