"""What the local Discord remembers of sockets and interactions."""

from __future__ import annotations

import asyncio
import collections
import json
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from reverie.testing.discord.payloads import Json

__all__ = ["Interaction", "Session", "Socket"]


@dataclass(eq=False, slots=True)
class Interaction:
    """One interaction as a test sees it. Durations are seconds since it was sent."""

    id: str
    token: str
    kind: int
    user_id: str
    channel_id: str
    upload_limit: int
    #: The message whose component was used.
    message_id: str | None = None
    sent_at: float = field(default_factory=time.monotonic)
    acked_after: float | None = None
    #: 4 message, 5 deferred, 6 deferred update, 7 update, 8 autocomplete, 9 modal.
    ack_type: int | None = None
    #: Set when an acknowledgement came after the deadline and was refused.
    late_after: float | None = None
    callback: Json = field(default_factory=dict)
    original_id: str | None = None
    followup_ids: list[str] = field(default_factory=list)
    #: When, and what the message held after each edit.
    edits: list[tuple[float, Json]] = field(default_factory=list)
    acknowledged: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def age(self) -> float:
        """Seconds since it was sent."""
        return time.monotonic() - self.sent_at

    @property
    def choices(self) -> list[Json]:
        """The answer to an autocompletion."""
        choices: list[Json] = self.callback.get("data", {}).get("choices", [])
        return choices


class Socket:
    """A client's socket. Libraries that ask for zlib-stream (hikari) get one compressed stream of binary frames."""

    def __init__(self, socket: web.WebSocketResponse, compression: str | None) -> None:
        self.raw = socket
        self._deflate = zlib.compressobj() if compression == "zlib-stream" else None

    @property
    def closed(self) -> bool:
        """Whether either side has closed it."""
        return self.raw.closed

    async def send(self, frame: Json | str) -> None:
        """Send a frame."""
        text = frame if isinstance(frame, str) else json.dumps(frame)
        if self._deflate is None:
            await self.raw.send_str(text)
        else:
            packed = self._deflate.compress(text.encode()) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
            await self.raw.send_bytes(packed)

    async def close(self, code: int, message: bytes = b"") -> None:
        """Close it."""
        await self.raw.close(code=code, message=message)


@dataclass(eq=False, slots=True)
class Session:
    """A gateway session, which outlives its socket so that it can be resumed."""

    id: str
    intents: int
    shard: tuple[int, int]
    socket: Socket | None
    sequence: int = 0
    sent: collections.deque[tuple[int, str]] = field(default_factory=lambda: collections.deque(maxlen=500))

    def serves(self, guild_id: str | None) -> bool:
        """Whether events of the guild (None: direct messages) go to this shard."""
        number, count = self.shard
        return number == (int(guild_id) >> 22) % count if guild_id else number == 0

    async def dispatch(self, kind: str, data: Any) -> None:
        """Send an event, and keep it for a resume."""
        self.sequence += 1
        frame = json.dumps({"op": 0, "t": kind, "s": self.sequence, "d": data})
        self.sent.append((self.sequence, frame))
        if self.socket is not None and not self.socket.closed:
            await self.socket.send(frame)
