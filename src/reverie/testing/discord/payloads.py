"""What Discord's API sends and refuses: builders of its objects, and its limits."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, NoReturn

__all__ = [
    "ALL_PERMISSIONS",
    "API",
    "DIRECT_MESSAGES",
    "EPHEMERAL",
    "GUILD_MEMBERS",
    "GUILD_MESSAGES",
    "GUILD_PRESENCES",
    "LOADING",
    "MESSAGE_CONTENT",
    "ApiError",
    "Json",
    "check_message",
    "guild_of",
    "member_of",
    "now_iso",
    "snowflake",
    "user_of",
]

Json = dict[str, Any]

API = "/api/v10"
GUILD_MESSAGES, DIRECT_MESSAGES = 1 << 9, 1 << 12
MESSAGE_CONTENT, GUILD_MEMBERS, GUILD_PRESENCES = 1 << 15, 1 << 1, 1 << 8
EPHEMERAL, LOADING = 1 << 6, 1 << 7
ALL_PERMISSIONS = (1 << 50) - 1

_EPOCH_MS = 1_420_070_400_000
_numbers = itertools.count(1)


class ApiError(Exception):
    """An error answer of the API: HTTP status, Discord's code and message."""

    def __init__(
        self, status: int, code: int, message: str, *, errors: Json | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers or {}
        self.body: Json = {"code": code, "message": message}
        if errors:
            self.body["errors"] = errors
        if status == 429:
            # Libraries read these two from the body; without a Via header they take it for a Cloudflare ban.
            self.body.update({"retry_after": float(self.headers["Retry-After"]), "global": False})
            self.headers.setdefault("Via", "1.1 fake")


def now_iso() -> str:
    """The time as Discord writes it."""
    return datetime.now(UTC).isoformat()


def snowflake() -> str:
    """A new id: 42 bits of milliseconds since 2015, then a counter."""
    return str((int(time.time() * 1000) - _EPOCH_MS) << 22 | next(_numbers) & 0x3FFFFF)


def user_of(name: str, *, bot: bool = False) -> Json:
    """A user object."""
    return {
        "id": snowflake(), "username": name, "discriminator": "0", "global_name": name, "avatar": None, "bot": bot,
        "public_flags": 0,
    }  # fmt: skip


def member_of(user: Json, permissions: int = 1 << 11) -> Json:
    """A guild member; ``permissions`` are the resolved ones that interactions carry (default: send messages)."""
    return {
        "user": user, "roles": [], "joined_at": now_iso(), "deaf": False, "mute": False, "flags": 0, "nick": None,
        "avatar": None, "pending": False, "permissions": str(permissions),
    }  # fmt: skip


def guild_of(name: str, bot: Json, users: Iterable[Json]) -> Json:
    """A guild with one text channel, its first user the owner."""
    guild_id, users = snowflake(), list(users)
    channel = {
        "id": snowflake(), "type": 0, "name": "general", "position": 0, "permission_overwrites": [], "nsfw": False,
        "parent_id": None, "topic": None, "rate_limit_per_user": 0, "last_message_id": None, "guild_id": guild_id,
    }  # fmt: skip
    everyone = {
        "id": guild_id, "name": "@everyone", "color": 0, "hoist": False, "position": 0, "managed": False,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None}, "mentionable": False,
        "permissions": str(ALL_PERMISSIONS), "flags": 0,
    }  # fmt: skip
    return {
        "id": guild_id, "name": name, "icon": None, "owner_id": (users or [bot])[0]["id"], "region": "x",
        "afk_timeout": 300, "afk_channel_id": None, "verification_level": 0, "default_message_notifications": 0,
        "explicit_content_filter": 0, "roles": [everyone], "emojis": [], "stickers": [], "features": [],
        "mfa_level": 0, "system_channel_id": None, "system_channel_flags": 0, "premium_tier": 0,
        "preferred_locale": "en-US", "nsfw_level": 0, "nsfw": False, "premium_progress_bar_enabled": False,
        "joined_at": now_iso(), "large": False, "unavailable": False, "member_count": len(users) + 1,
        "members": [member_of(user) for user in (bot, *users)], "channels": [channel], "threads": [], "presences": [],
        "voice_states": [], "stage_instances": [], "guild_scheduled_events": [], "soundboard_sounds": [],
        "banner": None, "description": None, "splash": None, "discovery_splash": None, "vanity_url_code": None,
        "rules_channel_id": None, "public_updates_channel_id": None, "application_id": None,
    }  # fmt: skip


def _refuse(field: str, message: str) -> NoReturn:
    errors = {field: {"_errors": [{"code": "BASE_TYPE_BAD_LENGTH", "message": message}]}}
    raise ApiError(400, 50035, "Invalid Form Body", errors=errors)


def check_message(message: Json) -> None:
    """Raise ``ApiError`` 50035 for a message that breaks one of Discord's documented limits."""
    if len(message.get("content") or "") > 2000:
        _refuse("content", "Must be 2000 or fewer in length.")
    embeds = message.get("embeds") or []
    if len(embeds) > 10:
        _refuse("embeds", "Must be 10 or fewer in length.")
    if sum(_embed_length(embed) for embed in embeds) > 6000:
        _refuse("embeds", "Embed size exceeds maximum size of 6000")
    _check_components(message.get("components") or [])


def _embed_length(embed: Json) -> int:
    for name, limit in (("title", 256), ("description", 4096)):
        if len(embed.get(name) or "") > limit:
            _refuse("embeds", f"{name}: Must be {limit} or fewer in length.")
    fields = embed.get("fields") or []
    footer = (embed.get("footer") or {}).get("text") or ""
    author = (embed.get("author") or {}).get("name") or ""
    if len(fields) > 25:
        _refuse("embeds", "fields: Must be 25 or fewer in length.")
    if len(footer) > 2048 or len(author) > 256:
        _refuse("embeds", "footer or author: too long")
    for field in fields:
        if not len(field["name"].strip()) >= 1 or not len(field["value"].strip()) >= 1:
            _refuse("embeds", "fields: This field is required")
        if len(field["name"]) > 256 or len(field["value"]) > 1024:
            _refuse("embeds", "fields: name 256, value 1024")
    own = sum(len(embed.get(name) or "") for name in ("title", "description"))
    return own + len(footer) + len(author) + sum(len(field["name"]) + len(field["value"]) for field in fields)


def _check_components(rows: list[Json]) -> None:
    if len(rows) > 5:
        _refuse("components", "Must be 5 or fewer in length.")
    seen: set[str] = set()
    for row in rows:
        for item in row.get("components") or []:
            custom_id = item.get("custom_id")
            if custom_id is not None and (len(custom_id) > 100 or custom_id in seen):
                _refuse("components", "custom_id: 100 characters, no two alike")
            seen.add(custom_id)
            options = item.get("options") or []
            if len(options) > 25 or any(
                len(o["label"]) > 100 or len(o.get("description") or "") > 100 for o in options
            ):
                _refuse("components", "options: 25, with 100 characters each")
            if len(item.get("label") or "") > 80:
                _refuse("components", "label: Must be 80 or fewer in length.")
