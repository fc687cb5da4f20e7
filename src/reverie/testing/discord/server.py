"""The local Discord itself, and what people do in it."""

from __future__ import annotations

import base64
from types import TracebackType
from typing import Any, Self

from aiohttp import web

from reverie.testing.discord.payloads import (
    ALL_PERMISSIONS,
    DIRECT_MESSAGES,
    GUILD_MESSAGES,
    MESSAGE_CONTENT,
    Json,
    member_of,
    snowflake,
)
from reverie.testing.discord.records import Interaction
from reverie.testing.discord.rest import Rest
from reverie.testing.discord.sockets import Gateway
from reverie.testing.discord.world import World

__all__ = ["FakeDiscord"]

_SLASH, _COMPONENT, _AUTOCOMPLETE, _MODAL = 2, 3, 4, 5
_MEMBER = 1 << 11
_MANAGE_GUILD = 1 << 5


class FakeDiscord(World):
    """A local Discord. Use it as an async context manager; every wait is for an event, none is a sleep.

    heartbeat_ms: the interval clients are told, milliseconds; grace: how many further intervals of silence close
    a socket; shards: what ``GET /gateway/bot`` recommends. Further arguments are the fields of ``World``.
    """

    def __init__(self, *, heartbeat_ms: int = 41_250, grace: float = 1.0, shards: int = 1, **settings: Any) -> None:
        super().__init__(**settings)
        self.gateway = Gateway(self, heartbeat_ms=heartbeat_ms, grace=grace)
        self.rest = Rest(self, shards=shards)
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Listen."""
        app = web.Application(middlewares=[self.rest.middleware], client_max_size=self.upload_limit * 12)
        self.rest.add_routes(app)
        app.router.add_get("/", self.gateway.serve)
        self._runner = web.AppRunner(app, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        port = self._runner.addresses[0][1]
        self.base, self.socket_url = f"http://{host}:{port}", f"ws://{host}:{port}/"
        return self

    async def stop(self) -> None:
        """Close everything."""
        await self.gateway.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- what people do -----------------------------------------------------------------------------------------------
    async def slash(
        self, command: str, options: Json | None = None, *, user: Json, guild: Json | None = None, **context: Any
    ) -> Interaction:
        """Use a slash command; ``"memory start"`` names a subcommand."""
        return await self._command(_SLASH, command, options, None, user=user, guild=guild, **context)

    async def autocomplete(
        self, command: str, option: str, typed: str, *, user: Json, guild: Json | None = None, **context: Any
    ) -> Interaction:
        """Type into an option that completes; the answer is in ``Interaction.choices``."""
        interaction = await self._command(
            _AUTOCOMPLETE, command, {option: typed}, option, user=user, guild=guild, **context
        )
        await self.acknowledged(interaction)
        return interaction

    async def use_on_message(
        self, command: str, message: Json, *, user: Json, guild: Json | None = None, **context: Any
    ) -> Interaction:
        """Use a message's context menu."""
        registered = self._registered(command, guild, kind=3)
        data = {
            "id": registered["id"], "name": command, "type": 3, "target_id": message["id"],
            "resolved": {"messages": {message["id"]: message}},
        }  # fmt: skip
        return await self.interact(_SLASH, data, user=user, guild=guild, **context)

    async def press(
        self, message: Json, label: str, *, user: Json, guild: Json | None = None, values: list[str] | None = None,
        **context: Any,
    ) -> Interaction:  # fmt: skip
        """Press the button with this label (or emoji), or choose ``values`` in the menu with this placeholder."""
        items = [item for row in message["components"] for item in row["components"]]
        names = {label}
        found = [
            item
            for item in items
            if names & {item.get("label"), (item.get("emoji") or {}).get("name"), item.get("placeholder")}
        ]
        if not found or found[0].get("disabled"):
            raise LookupError(f"no enabled component {label!r}; there are {[i.get('label') for i in items]}")
        data = {"component_type": found[0]["type"], "custom_id": found[0]["custom_id"]}
        if values is not None:
            data["values"] = values
        return await self.interact(_COMPONENT, data, user=user, guild=guild, message=message, **context)

    async def submit(
        self, modal: Interaction, values: list[str], *, user: Json, guild: Json | None = None, **context: Any
    ) -> Interaction:
        """Fill in and send the modal that an interaction was answered with."""
        shown = modal.callback["data"]
        rows = []
        for row, value in zip(shown["components"], values, strict=True):
            # A label wraps one component, an action row a list of one.
            field = row["component"] if "component" in row else row["components"][0]
            filled = {"type": field["type"], "custom_id": field["custom_id"], "value": value}
            rows.append(
                {"type": 18, "component": filled} if "component" in row else {"type": 1, "components": [filled]}
            )
        data = {"custom_id": shown["custom_id"], "components": rows}
        original = self.messages[modal.message_id] if modal.message_id else None
        return await self.interact(_MODAL, data, user=user, guild=guild, message=original, **context)

    async def say(self, content: str, *, user: Json, guild: Json | None) -> Json:
        """Write in the guild's channel, or (None) to the bot alone.

        Without the message content intent the bot gets an empty text, unless it is mentioned or written to directly.
        """
        mentioned = f"<@{self.bot['id']}>" in content
        where = {"guild_id": guild["id"]} if guild else {}
        channel = guild["channels"][0]["id"] if guild else self.direct.setdefault(user["id"], snowflake())
        viewer = None if guild else user["id"]
        message = self.post({"content": content}, [], channel, user, viewer=viewer, **where)
        if mentioned:
            message["mentions"] = [self.bot | ({"member": member_of(self.bot)} if guild else {})]
        for session in list(self.gateway.sessions.values()):
            wanted = GUILD_MESSAGES if guild else DIRECT_MESSAGES
            if session.intents & wanted and session.serves(guild["id"] if guild else None):
                seen = content if session.intents & MESSAGE_CONTENT or mentioned or not guild else ""
                member = {"member": member_of(user)} if guild else {}
                await session.dispatch("MESSAGE_CREATE", {**message, "content": seen, **member})
        return message

    async def remove_bot(self, guild: Json) -> None:
        """Remove the bot from a guild."""
        del self.guilds[guild["id"]]
        await self.gateway.dispatch("GUILD_DELETE", {"id": guild["id"]}, guild_id=guild["id"])

    async def leave(self, user: Json, guild: Json) -> None:
        """A person leaves a guild."""
        data = {"guild_id": guild["id"], "user": user}
        await self.gateway.dispatch("GUILD_MEMBER_REMOVE", data, guild_id=guild["id"])

    # -- waiting for the bot ------------------------------------------------------------------------------------------
    async def acknowledged(self, interaction: Interaction, timeout: float = 60.0) -> Interaction:
        """Wait for the acknowledgement."""
        await self.until(interaction.acknowledged.is_set, timeout)
        return interaction

    async def reply(self, interaction: Interaction, timeout: float = 60.0) -> Json:
        """The reply once it is no longer "thinking"."""
        return await self.until(lambda: self._settled(interaction), timeout)

    async def reply_with(self, interaction: Interaction, text: str, timeout: float = 60.0) -> Json:
        """The reply once ``text`` stands in its content or embeds."""

        def found() -> Json | None:
            message = self._settled(interaction)
            return message if message and text in f"{message['content']}{message['embeds']}" else None

        try:
            return await self.until(found, timeout)
        except TimeoutError:
            raise TimeoutError(f"no {text!r} in {self._settled(interaction)}") from None

    def _settled(self, interaction: Interaction) -> Json | None:
        message = self.messages.get(interaction.original_id or "")
        return message if message and not message["flags"] & (1 << 7) else None

    # -- sending ------------------------------------------------------------------------------------------------------
    def _registered(self, name: str, guild: Json | None, kind: int) -> Json:
        known = [*self.commands[None], *(self.commands[guild["id"]] if guild else [])]
        return next(command for command in known if command["name"] == name and command["type"] == kind)

    async def _command(
        self, kind: int, command: str, options: Json | None, focused: str | None, *, user: Json, guild: Json | None,
        **context: Any,
    ) -> Interaction:  # fmt: skip
        name, *path = command.split(" ")
        level = registered = self._registered(name, guild, kind=1)
        for part in path:
            level = next(option for option in level["options"] if option["name"] == part)
        types = {option["name"]: option["type"] for option in level.get("options") or []}
        given: list[Json] = [
            {"name": key, "type": types[key], "value": value, **({"focused": True} if key == focused else {})}
            for key, value in (options or {}).items()
        ]
        for part in reversed(path):
            given = [{"name": part, "type": 1, "options": given}]
        data = {"id": registered["id"], "name": name, "type": 1, "options": given}
        return await self.interact(kind, data, user=user, guild=guild, **context)

    async def interact(
        self, kind: int, data: Json, *, user: Json, guild: Json | None = None, message: Json | None = None,
        locale: str = "en-US", admin: bool = False, upload_limit: int | None = None,
    ) -> Interaction:  # fmt: skip
        """Send an interaction of a kind: 2 command, 3 component, 4 autocompletion, 5 modal."""
        token = base64.urlsafe_b64encode(f"interaction:{snowflake()}".encode()).decode().rstrip("=")
        channel: Json = (
            guild["channels"][0]
            if guild
            else {"id": self.direct.setdefault(user["id"], snowflake()), "type": 1, "recipients": [user],
                  "last_message_id": None}
        )  # fmt: skip
        limit = self.upload_limit if upload_limit is None else upload_limit
        payload: Json = {
            "id": snowflake(), "application_id": self.app_id, "type": kind, "token": token, "version": 1, "data": data,
            "channel": channel, "channel_id": channel["id"], "locale": locale, "entitlements": [],
            "app_permissions": str(ALL_PERMISSIONS), "context": 0 if guild else 1, "attachment_size_limit": limit,
            "authorizing_integration_owners": {"0": guild["id"]} if guild else {"1": user["id"]},
        }  # fmt: skip
        if guild:
            payload |= {
                "guild_id": guild["id"], "guild_locale": "en-US",
                "member": member_of(user, _MEMBER | (_MANAGE_GUILD if admin else 0)),
                "guild": {"id": guild["id"], "locale": "en-US", "features": []},
            }  # fmt: skip
        else:
            payload["user"] = user
        if message is not None:
            payload["message"] = {**message, "flags": message["flags"]}
        record = Interaction(
            payload["id"], token, kind, user["id"], channel["id"], limit, message_id=message["id"] if message else None
        )
        self.interactions[token] = record
        await self.gateway.dispatch("INTERACTION_CREATE", payload, guild_id=guild["id"] if guild else None)
        return record
