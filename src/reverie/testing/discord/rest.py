"""REST v10, the part that bots of slash commands use."""

from __future__ import annotations

import collections
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import BodyPartReader, web

from reverie.testing.discord.payloads import API, LOADING, ApiError, Json, snowflake
from reverie.testing.discord.records import Interaction
from reverie.testing.discord.world import World

__all__ = ["Rest", "answer"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer. discord.py parses it only when the content type is exactly this, without a charset."""
    return web.Response(
        body=json.dumps(body).encode(), status=status, headers={**(headers or {}), "Content-Type": "application/json"}
    )


class Rest:
    """Routes over a world, with rate limits and injected failures."""

    def __init__(self, world: World, *, shards: int = 1) -> None:
        self.world = world
        self.shards = shards
        #: ``(method, path, status)`` of every call.
        self.calls: list[tuple[str, str, int]] = []
        #: Calls per ``bucket_window`` seconds and route; 0 is no limit. Callbacks have none, as at Discord.
        self.bucket_limit = 0
        self.bucket_window = 1.0
        #: Answers for the next calls, whatever they are.
        self.fail_next: list[ApiError] = []
        self._buckets: dict[str, collections.deque[float]] = collections.defaultdict(collections.deque)

    def add_routes(self, app: web.Application) -> None:
        """Register every route."""
        add, hook = app.router.add_route, API + "/webhooks/{app}/{token}"
        add("GET", API + "/users/@me", self._authorized(self._me))
        for path in ("/oauth2/applications/@me", "/applications/@me"):
            add("GET", API + path, self._authorized(self._application))
        add("GET", API + "/gateway/bot", self._authorized(self._gateway))
        add("GET", API + "/gateway", self._gateway)
        for path in ("/applications/{app}/commands", "/applications/{app}/guilds/{guild}/commands"):
            add("GET", API + path, self._authorized(self._commands))
            add("PUT", API + path, self._authorized(self._put_commands))
            add("POST", API + path, self._authorized(self._put_commands))
        add("POST", API + "/interactions/{id}/{token}/callback", self._callback)
        add("POST", hook, self._followup)
        add("GET", hook + "/messages/{message}", self._read)
        add("PATCH", hook + "/messages/{message}", self._patch)
        add("DELETE", hook + "/messages/{message}", self._delete)
        add("POST", API + "/channels/{channel}/messages", self._authorized(self._send))
        add("PATCH", API + "/channels/{channel}/messages/{message}", self._authorized(self._edit_own))
        add("POST", API + "/channels/{channel}/typing", self._authorized(self._type))
        add("POST", API + "/users/@me/channels", self._authorized(self._open_direct))
        add("GET", API + "/soundboard-default-sounds", self._authorized(self._nothing))
        add("GET", "/attachments/{id}/{name}", self._file)

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Errors as Discord's JSON, limits, and the log of calls."""
        if not request.path.startswith(API):
            return await handler(request)
        try:
            if self.fail_next:
                raise self.fail_next.pop(0)
            self._limit(request)
            response = await handler(request)
        except ApiError as error:
            response = answer(error.body, error.status, error.headers)
        except web.HTTPNotFound:
            response = answer({"code": 0, "message": "404: Not Found"}, 404)
        self.calls.append((request.method, request.path, response.status))
        self.world.changed()
        return response

    def _limit(self, request: web.Request) -> None:
        if not self.bucket_limit or request.path.endswith("/callback"):
            return
        resource = request.match_info.route.resource
        bucket = self._buckets[f"{request.method} {resource.canonical if resource else request.path}"]
        now = time.monotonic()
        while bucket and bucket[0] < now - self.bucket_window:
            bucket.popleft()
        if len(bucket) >= self.bucket_limit:
            wait = round(bucket[0] + self.bucket_window - now, 3)
            headers = {
                "Retry-After": str(wait), "X-RateLimit-Limit": str(self.bucket_limit), "X-RateLimit-Remaining": "0",
                "X-RateLimit-Reset-After": str(wait), "X-RateLimit-Reset": str(time.time() + wait),
                "X-RateLimit-Bucket": "local",
            }  # fmt: skip
            raise ApiError(429, 0, "You are being rate limited.", headers=headers)
        bucket.append(now)

    def _authorized(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            if request.headers.get("Authorization") != f"Bot {self.world.token}":
                raise ApiError(401, 0, "401: Unauthorized")
            return await handler(request)

        return checked

    # -- application ------------------------------------------------------------------------------------------------
    async def _me(self, request: web.Request) -> web.Response:
        return answer(self.world.bot)

    async def _nothing(self, request: web.Request) -> web.Response:
        return answer([])

    async def _application(self, request: web.Request) -> web.Response:
        return answer({
            "id": self.world.app_id, "name": "reverie", "icon": None, "description": "", "bot_public": True,
            "flags": 1 << 19, "bot_require_code_grant": False, "verify_key": "00" * 32, "owner": self.world.bot,
            "summary": "", "team": None, "approximate_guild_count": len(self.world.guilds),
            "approximate_user_install_count": 0, "approximate_user_authorization_count": 0, "redirect_uris": [],
            "integration_types_config": {"0": {}, "1": {}},
        })  # fmt: skip

    async def _gateway(self, request: web.Request) -> web.Response:
        limit = {"total": 1000, "remaining": 999, "reset_after": 1, "max_concurrency": 16}
        return answer({"url": self.world.socket_url, "shards": self.shards, "session_start_limit": limit})

    async def _commands(self, request: web.Request) -> web.Response:
        return answer(self.world.commands[request.match_info.get("guild")])

    async def _put_commands(self, request: web.Request) -> web.Response:
        guild, given = request.match_info.get("guild"), await request.json()
        single = isinstance(given, dict)
        if single:
            key = (given["name"], given.get("type", 1))
            given = [c for c in self.world.commands[guild] if (c["name"], c["type"]) != key] + [given]
        if sum(command.get("type", 1) == 1 for command in given) > 100:
            raise ApiError(400, 30032, "Maximum number of application commands reached (100)")
        stored: list[Json] = [
            {
                "default_member_permissions": None, "description": "", **command, "id": snowflake(),
                "application_id": self.world.app_id, "version": snowflake(), "type": command.get("type", 1),
                **({"guild_id": guild} if guild else {}),
            }
            for command in given
        ]  # fmt: skip
        self.world.commands[guild] = stored
        return answer(stored[-1] if single else stored)

    # -- messages ---------------------------------------------------------------------------------------------------
    async def _body(self, request: web.Request, limit: int | None = None) -> tuple[Json, list[Json]]:
        if request.content_type == "application/x-www-form-urlencoded":
            return json.loads(str((await request.post())["payload_json"])), []
        if not request.content_type.startswith("multipart/"):
            return (await request.json() if request.can_read_body else {}), []
        payload: Json = {}
        files: list[Json] = []
        total = 0
        async for part in await request.multipart():
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "payload_json":
                payload = json.loads(await part.text())
                continue
            content = bytes(await part.read())
            total += len(content)
            if total > (limit or self.world.upload_limit):
                raise ApiError(413, 40005, "Request entity too large")
            name = part.filename or "file"
            file_id = snowflake()
            self.world.files[file_id] = (name, content)
            url = f"{self.world.base}/attachments/{file_id}/{name}"
            files.append({"id": file_id, "filename": name, "size": len(content), "url": url, "proxy_url": url,
                          "content_type": part.headers.get("Content-Type")})  # fmt: skip
        return payload, files

    async def _send(self, request: web.Request) -> web.Response:
        channel = request.match_info["channel"]
        owner = next((user for user, its in self.world.direct.items() if its == channel), None)
        if channel in self.world.closed_channels:
            raise ApiError(403, 50013, "Missing Permissions")
        if owner in self.world.no_direct:
            raise ApiError(403, 50007, "Cannot send messages to this user")
        data, files = await self._body(request)
        return answer(self.world.post(data, files, channel, self.world.bot, viewer=owner))

    async def _edit_own(self, request: web.Request) -> web.Response:
        message = self.world.messages.get(request.match_info["message"])
        if message is None or message["author"] is not self.world.bot:
            raise ApiError(403, 50005, "Cannot edit a message authored by another user")
        data, files = await self._body(request)
        return answer(self.world.edit(message["id"], data, files))

    async def _type(self, request: web.Request) -> web.Response:
        return web.Response(status=204)

    async def _open_direct(self, request: web.Request) -> web.Response:
        user_id = str((await request.json())["recipient_id"])
        channel = self.world.direct.setdefault(user_id, snowflake())
        return answer({"id": channel, "type": 1, "last_message_id": None, "recipients": [self.world.users[user_id]]})

    async def _file(self, request: web.Request) -> web.Response:
        return web.Response(body=self.world.files[request.match_info["id"]][1])

    # -- interactions -------------------------------------------------------------------------------------------------
    async def _callback(self, request: web.Request) -> web.Response:
        world = self.world
        interaction = world.interactions.get(request.match_info["token"])
        if interaction is None or interaction.age > world.ack_deadline:
            if interaction is not None:
                interaction.late_after = interaction.age
            raise ApiError(404, 10062, "Unknown interaction")
        if interaction.acked_after is not None:
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        body, files = await self._body(request, interaction.upload_limit)
        kind, data = body["type"], body.get("data") or {}
        message: Json | None = None
        if kind in (4, 5):
            flags = (data.get("flags") or 0) | (LOADING if kind == 5 else 0)
            message = world.post(
                {**data, "flags": flags}, files, interaction.channel_id, world.bot,
                viewer=world.viewer_of(interaction, flags), webhook_id=world.app_id, application_id=world.app_id,
            )  # fmt: skip
            interaction.original_id = message["id"]
        elif kind == 7 and interaction.message_id is not None:
            message = world.edit(interaction.message_id, data, files)
            interaction.original_id = message["id"]
        elif kind == 6:
            interaction.original_id = interaction.message_id
        elif kind == 8 and len(data.get("choices") or []) > 25:
            raise ApiError(400, 50035, "Invalid Form Body")
        interaction.acked_after, interaction.ack_type, interaction.callback = interaction.age, kind, body
        interaction.acknowledged.set()
        if request.query.get("with_response", "").lower() not in ("1", "true"):
            return web.Response(status=204)
        about: Json = {"id": interaction.id, "type": interaction.kind, "response_message_loading": kind == 5,
                       "response_message_ephemeral": bool((data.get("flags") or 0) & 64)}  # fmt: skip
        response: Json = {"interaction": about}
        if message is not None:
            about["response_message_id"] = message["id"]
            response["resource"] = {"type": kind, "message": message}
        return answer(response)

    async def _followup(self, request: web.Request) -> web.Response:
        interaction = self.world.interaction(request.match_info["token"])
        if interaction.acked_after is None:
            raise ApiError(404, 10015, "Unknown Webhook")
        data, files = await self._body(request, interaction.upload_limit)
        original = interaction.original_id
        if interaction.ack_type == 5 and original and self.world.messages[original]["flags"] & LOADING:
            # The first follow-up takes the place of the "thinking" message.
            return answer(self._edit(interaction, original, data, files))
        message = self.world.post(
            data, files, interaction.channel_id, self.world.bot, webhook_id=self.world.app_id,
            viewer=self.world.viewer_of(interaction, data.get("flags") or 0), application_id=self.world.app_id,
        )  # fmt: skip
        interaction.followup_ids.append(message["id"])
        return answer(message)

    def _edit(self, interaction: Interaction, message_id: str, data: Json, files: list[Json]) -> Json:
        message = self.world.edit(message_id, data, files)
        interaction.edits.append((interaction.age, json.loads(json.dumps(message))))
        return message

    def _named(self, request: web.Request) -> tuple[Interaction, str]:
        interaction = self.world.interaction(request.match_info["token"])
        name = request.match_info["message"]
        message_id = interaction.original_id if name == "@original" else name
        if message_id is None or message_id not in self.world.messages:
            raise ApiError(404, 10008, "Unknown Message")
        return interaction, message_id

    async def _read(self, request: web.Request) -> web.Response:
        return answer(self.world.messages[self._named(request)[1]])

    async def _patch(self, request: web.Request) -> web.Response:
        interaction, message_id = self._named(request)
        data, files = await self._body(request, interaction.upload_limit)
        return answer(self._edit(interaction, message_id, data, files))

    async def _delete(self, request: web.Request) -> web.Response:
        del self.world.messages[self._named(request)[1]]
        return web.Response(status=204)
