"""The bot's settings, read from the environment; every field states its unit."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from reverie._secrets import read_secret
from reverie.errors import StartupError
from reverie.settings import Group

__all__ = ["BotSettings", "ChatSettings", "read_token"]

_TOKEN_NAMES = ("DISCORD_TOKEN", "REVERIE_DISCORD_TOKEN")


class BotSettings(Group):
    """How the bot behaves."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_BOT_", extra="ignore", env_ignore_empty=True)

    store: SecretStr | None = Field(
        None, description="Where consent is kept: sqlite:///path or postgresql://...; default: in the data folder"
    )
    key: SecretStr | None = Field(
        None,
        description="Encrypts what waits to be sent: 32 bytes as base64; several, separated by commas, for rotation",
    )
    max_memories: int = Field(5_000, ge=1, le=100_000, description="Most memories of one person")
    collect: bool = Field(False, description="Per-channel collection; needs the message content intent")
    watch_members: bool = Field(False, description="Notice people who leave; needs the server members intent")
    purge_on_leave: bool = Field(True, description="Delete a server's memories when the bot or the person leaves it")
    min_relevance: float = Field(
        0.3, ge=0, le=1, description="How sure /recall must be that a memory has to do with the question, 0 to 1"
    )
    timezone: str = Field("UTC", description="Time zone of rhythms in /insights, IANA name")
    shard_count: int | None = Field(None, ge=1, description="Number of shards; Discord's recommendation when not set")
    shard_ids: list[int] | None = Field(None, description="The shards of this process, as [0,1]; all when not set")
    progress_seconds: float = Field(2.0, ge=0, description="Shortest time between two edits of progress, seconds")
    reply_seconds: float = Field(
        840.0, gt=0, le=890, description="Age at which a reply can no longer be edited and a DM is sent, seconds"
    )
    sync_commands: bool = Field(True, description="Register the slash commands at start-up")


class ChatSettings(Group):
    """Answers to mentions and direct messages by a chat model; without a URL there are none."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_CHAT_", extra="ignore", env_ignore_empty=True)

    url: str | None = Field(
        None,
        pattern="^https?://",
        description="Base URL of an OpenAI-compatible server, http://host:port/v1; none: off",
    )
    model: str = Field("default", description="Name of the chat model, as its server calls it")
    api_key: SecretStr | None = Field(None, description="Key for the server, sent as a bearer token")
    context_tokens: int = Field(600, ge=50, le=8_000, description="Most tokens of what is remembered of a person")
    answer_tokens: int = Field(500, ge=1, le=4_000, description="Most tokens of an answer")
    seconds: float = Field(60.0, gt=0, le=600, description="Longest time for an answer, seconds")
    edit_seconds: float = Field(1.5, ge=0, description="Shortest time between two edits of an answer, seconds")
    at_once: int = Field(16, ge=1, le=1_000, description="Most answers at the same time, one a person")


def read_token(environment: Mapping[str, str] = os.environ) -> str:
    """The bot's token: ``DISCORD_TOKEN`` or ``REVERIE_DISCORD_TOKEN``, or a file named by either with ``_FILE``.

    Raises ``StartupError`` when there is none, or its file cannot be read.
    """
    for name in _TOKEN_NAMES:
        if token := read_secret(name, environment):
            return token
    raise StartupError(
        "The bot needs its token: set DISCORD_TOKEN (or DISCORD_TOKEN_FILE) to the one from the developer portal, "
        "https://discord.com/developers/applications"
    )
