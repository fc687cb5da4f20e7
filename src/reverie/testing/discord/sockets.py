"""The gateway: identify, heartbeats, resume, shards."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from typing import Any

from aiohttp import WSMsgType, web

from reverie.testing.discord.payloads import GUILD_MEMBERS, Json, snowflake
from reverie.testing.discord.records import Session, Socket
from reverie.testing.discord.world import World

__all__ = ["Gateway"]


class Gateway:
    """Serves the sockets of a world."""

    def __init__(self, world: World, *, heartbeat_ms: int, grace: float) -> None:
        self._world = world
        self._heartbeat_ms = heartbeat_ms
        self._grace = grace
        self.sessions: dict[str, Session] = {}
        #: ``time.monotonic()`` of each heartbeat of any socket.
        self.heartbeats: list[float] = []
        self.closes: list[int] = []
        self.resumes = 0

    async def dispatch(self, kind: str, data: Json, *, guild_id: str | None = None) -> None:
        """Send an event to the shard that serves the guild."""
        for session in list(self.sessions.values()):
            if session.serves(guild_id):
                await session.dispatch(kind, data)

    async def disconnect(self) -> None:
        """Ask every client to reconnect (op 7), as Discord does several times a day."""
        await self._control(7, None)

    async def invalidate(self) -> None:
        """Declare every session invalid (op 9): clients must identify anew."""
        sessions, self.sessions = list(self.sessions.values()), {}
        await self._control(9, False, sessions)

    async def cut(self) -> None:
        """Drop every connection without a word."""
        for session in self.sessions.values():
            if session.socket is not None:
                await session.socket.close(code=1011)

    async def stop(self) -> None:
        """Close the sockets."""
        for session in self.sessions.values():
            if session.socket is not None and not session.socket.closed:
                await session.socket.close(code=1001)

    async def _control(self, op: int, data: Any, sessions: list[Session] | None = None) -> None:
        for session in list(self.sessions.values()) if sessions is None else sessions:
            if session.socket is not None and not session.socket.closed:
                await session.socket.send({"t": None, "s": None, "op": op, "d": data})

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One client socket."""
        raw = web.WebSocketResponse(max_msg_size=1 << 22, compress=False)
        await raw.prepare(request)
        socket = Socket(raw, request.query.get("compress"))
        await socket.send(
            {"t": None, "s": None, "op": 10, "d": {"heartbeat_interval": self._heartbeat_ms, "_trace": []}}
        )
        session: Session | None = None
        alive = asyncio.Event()
        reaper = asyncio.create_task(self._reap(socket, alive))
        try:
            async for message in raw:
                if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    continue
                frame = json.loads(message.data)
                if frame["op"] == 1:
                    alive.set()
                    self.heartbeats.append(time.monotonic())
                    await socket.send({"t": None, "s": None, "op": 11, "d": None})
                else:
                    session = await self._handle(socket, session, frame["op"], frame.get("d"))
        finally:
            reaper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reaper
            if session is not None and session.socket is socket:
                session.socket = None
        return raw

    async def _reap(self, socket: Socket, alive: asyncio.Event) -> None:
        """Close a client that stopped sending heartbeats, as Discord does (4009)."""
        while not socket.closed:
            try:
                async with asyncio.timeout(self._heartbeat_ms / 1000 * (1 + self._grace)):
                    await alive.wait()
            except TimeoutError:
                await self._close(socket, 4009, "Session timed out.")
                return
            alive.clear()

    async def _close(self, socket: Socket, code: int, why: str) -> None:
        self.closes.append(code)
        await socket.close(code=code, message=why.encode())

    async def _handle(self, socket: Socket, session: Session | None, op: int, data: Any) -> Session | None:
        if op == 2:
            return await self._identify(socket, data)
        if op == 6:
            return await self._resume(socket, data)
        if op == 8 and session is not None:
            guild = self._world.guilds[str(data["guild_id"])]
            chunk = {"guild_id": guild["id"], "members": guild["members"], "chunk_index": 0, "chunk_count": 1,
                     "nonce": data.get("nonce")}  # fmt: skip
            await session.dispatch("GUILD_MEMBERS_CHUNK", chunk)
        return session

    async def _identify(self, socket: Socket, data: Json) -> Session | None:
        if data["token"] != self._world.token:
            await self._close(socket, 4004, "Authentication failed.")
            return None
        if data["intents"] & self._world.refused_intents:
            await self._close(socket, 4014, "Disallowed intent(s).")
            return None
        number, count = data.get("shard") or (0, 1)
        session = Session(snowflake(), data["intents"], (number, count), socket)
        for old in [known for known in self.sessions.values() if known.shard == session.shard]:
            del self.sessions[old.id]
        self.sessions[session.id] = session
        guilds = [guild for guild in self._world.guilds.values() if session.serves(guild["id"])]
        await session.dispatch(
            "READY",
            {
                "v": 10, "user": self._world.bot, "session_id": session.id, "session_type": "normal",
                "resume_gateway_url": self._world.socket_url, "shard": [number, count],
                "guilds": [{"id": guild["id"], "unavailable": True} for guild in guilds],
                "application": {"id": self._world.app_id, "flags": 1 << 19}, "private_channels": [],
                "relationships": [],
            },
        )  # fmt: skip
        for guild in guilds:
            visible = guild["members"] if data["intents"] & GUILD_MEMBERS else guild["members"][:1]
            await session.dispatch("GUILD_CREATE", {**guild, "members": visible})
        self._world.changed()
        return session

    async def _resume(self, socket: Socket, data: Json) -> Session | None:
        session = self.sessions.get(data["session_id"])
        if session is None:
            await socket.send({"t": None, "s": None, "op": 9, "d": False})
            return None
        session.socket = socket
        for sequence, frame in list(session.sent):
            if sequence > (data["seq"] or 0):
                await socket.send(frame)
        await session.dispatch("RESUMED", {})
        self.resumes += 1
        self._world.changed()
        return session
