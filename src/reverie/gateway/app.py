"""The application: routes, lifespan, documentation."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager
from functools import partial
from importlib.resources import files
from stat import S_ISREG
from typing import Any, Protocol

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from reverie import _tracing
from reverie._models import listed
from reverie._release import release
from reverie.aio.background import Background, started
from reverie.aio.batcher import Batcher
from reverie.errors import ReverieError, StartupError
from reverie.gateway.auth import Auth, bearer
from reverie.gateway.background.log_rewriter import LogRewriter
from reverie.gateway.background.loop_watch import LoopWatch
from reverie.gateway.background.memory_retention import MemoryRetention
from reverie.gateway.background.metrics import Metrics
from reverie.gateway.background.sweeper import Sweeper
from reverie.gateway.http import openapi, problems
from reverie.gateway.http.openapi import PROBLEMS
from reverie.gateway.http.raw_paths import RawPaths
from reverie.gateway.http.security import AnswerHeaders
from reverie.gateway.memories.add import Memories
from reverie.gateway.push.event_frames import EventFrames
from reverie.gateway.push.hub import Hub
from reverie.gateway.push.webhooks import WebhookSender
from reverie.gateway.routes import charts, embeddings, memories, ops, results, tasks, users, views
from reverie.gateway.routes import webhooks as webhook_routes
from reverie.gateway.state import State, state_of
from reverie.gateway.submissions.admission import Admission
from reverie.gateway.submissions.body_parser import BodyParser
from reverie.gateway.submissions.cloud_policy import CloudPolicies
from reverie.gateway.submissions.duration_estimate import DurationEstimator
from reverie.gateway.submissions.group_commit import GroupCommit
from reverie.gateway.submissions.kept_precision import KeptPrecision
from reverie.gateway.submissions.parse import ParseLimits
from reverie.gateway.submissions.protocol import STATE
from reverie.gateway.submissions.result_cache import ResultCache
from reverie.gateway.views.current import CurrentViews
from reverie.gateway.views.digest import DigestRound
from reverie.gateway.views.for_context import ContextViews
from reverie.gateway.views.placer import Placer
from reverie.gateway.views.plan import UpkeepPlanner
from reverie.queue import make_celery, make_dispatcher
from reverie.settings import Settings
from reverie.store import Codec, GatewayStore
from reverie.store.memory_store import MemoryStore
from reverie.store.view_store import ViewStore

__all__ = ["UNVERSIONED", "VERSIONED", "Endpoint", "create_app"]

VERSIONED = (
    charts.router,
    tasks.router,
    results.router,
    memories.router,
    views.router,
    users.router,
    webhook_routes.router,
    ops.versioned,
)
"""Served as they are and under ``/v1``."""

UNVERSIONED = (embeddings.router, ops.router)


class Endpoint(Protocol):
    """An ASGI application with a lifespan of its own."""

    def run(self) -> AbstractAsyncContextManager[None]:
        """Its lifespan."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""


class _WithKey:
    """Lets nobody through to ``endpoint`` without a key that may read."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        try:
            await state_of(request).auth.check(bearer(request.headers.get("authorization")), "read")
        except ReverieError as error:
            await problems.problem_response(error, scope["path"])(scope, receive, send)
            return
        await self._endpoint(scope, receive, send)


def create_app(
    settings: Settings, *, mcp: Endpoint | None = None, parser: ProcessPoolExecutor | None = None
) -> FastAPI:
    """A gateway over the PostgreSQL and Redis that ``settings`` name. Nothing connects before the lifespan.

    ``mcp`` answers ``/mcp``, for callers with a key. ``parser``: a pool for large bodies that was started before.
    """
    if settings.server.database_url is None:
        raise StartupError("No database: set REVERIE_DATABASE_URL, or start everything with: reverie up")
    database_url = settings.server.database_url.get_secret_value()
    redis_url = settings.server.redis_url.get_secret_value() if settings.server.redis_url else None
    encryption = settings.server.encryption_key
    secret = encryption.get_secret_value() if encryption else None
    codec = Codec(level=1, keys=secret)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, Any]]:
        _tracing.check()
        store = GatewayStore(database_url, codec)
        auth = Auth(store)
        webhooks = WebhookSender(store, settings.webhooks)
        policies = CloudPolicies(store, settings)

        def on_control(message: dict[str, Any]) -> None:
            if message.get("kind") == "keys":
                auth.forget()
                hub.look()
            elif message.get("kind") == "policies":
                policies.forget()

        hub = Hub(store, redis_url, on_control=on_control, on_end=webhooks.ended)
        celery = make_celery(settings)
        dispatcher = make_dispatcher(celery, settings)
        admission = Admission(store, settings.limits)
        result_cache = ResultCache(redis_url)
        durations = DurationEstimator(store)
        view_store = ViewStore(store)
        current = CurrentViews(view_store, codec, redis_url, settings.upkeep)
        placer = Placer(view_store, dispatcher)
        planner = UpkeepPlanner(view_store, hub, dispatcher, durations, settings.upkeep)
        retention = MemoryRetention(result_cache, settings.upkeep.memory_retention_days, codec)
        loop_watch = LoopWatch()
        rounds = (planner.round, DigestRound(hub, codec).round, retention.round)
        sweeper = Sweeper(database_url, store, hub, dispatcher, admission, celery, settings.queue, rounds)
        state = State(
            settings=settings,
            store=store,
            auth=auth,
            hub=hub,
            event_frames=EventFrames(store),
            log_rewriter=LogRewriter(database_url, redis_url),
            group_commit=GroupCommit(store),
            result_cache=result_cache,
            dispatcher=dispatcher,
            durations=durations,
            cloud_policies=policies,
            precision=KeptPrecision(store, settings.embedding),
            admission=admission,
            sweeper=sweeper,
            webhooks=webhooks,
            stored_answers=Batcher(store.cached_many),
            in_flight_or_done=Batcher(store.known_many),
            memories=Memories(MemoryStore(store), result_cache, settings.limits, on_change=placer.soon),
            metrics=Metrics(store, result_cache, sweeper, dispatcher, hub, loop_watch, durations, webhooks),
            parser=BodyParser(ParseLimits(settings.limits.memories, settings.limits.text_chars), parser),
            view_store=view_store,
            views=current,
            context_views=ContextViews(current),
            planner=planner,
        )
        app.state.reverie = state
        noting = Background()
        async with contextlib.AsyncExitStack() as stack:
            # They stop in the opposite order, also when one of them cannot start.
            stack.push_async_callback(asyncio.to_thread, _tracing.shut_down)
            await started(stack, state.parser.stop, state.parser.start)
            await started(stack, store.close, store.open)
            for close in (state.views.close, placer.stop, state.result_cache.close):
                stack.push_async_callback(close)
            await started(stack, dispatcher.stop, dispatcher.start)
            await started(stack, hub.stop, hub.start)
            for stop in (state.memories.groups.stop, state.group_commit.stop):
                stack.push_async_callback(stop)
            for part in (state.sweeper, state.durations, webhooks):
                await started(stack, part.stop, part.start)
            await _warm(app)
            state.tracing = _tracing.set_up("gateway")
            await started(stack, state.log_rewriter.stop, state.log_rewriter.start)
            await started(stack, loop_watch.stop, loop_watch.start)
            await started(stack, noting.stop, partial(noting.run, auth.note_use, "note-key-use"))
            if mcp is not None:
                await stack.enter_async_context(mcp.run())
            yield {STATE: state}

    app = FastAPI(
        title="Reverie",
        version=release(),
        description="Themes, patterns and importance of user memories, computed off your bot's event loop.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.models = listed(settings.embedding.model, settings.embedding.embedder)
    static = StaticFiles(directory=str(files("reverie.gateway") / "static"), html=True)
    problems.install(app, partial(_allowed, static))
    for router in VERSIONED:
        app.include_router(router, responses=PROBLEMS)
        app.include_router(router, prefix="/v1", include_in_schema=False)
    for router in UNVERSIONED:
        app.include_router(router, responses=PROBLEMS)

    @app.get("/docs", include_in_schema=False)
    async def docs(request: Request) -> Response:
        return await static.get_response("docs.html", request.scope)

    if mcp is not None:
        app.router.routes.append(
            Route("/mcp", _WithKey(mcp), methods=["GET", "POST", "DELETE"], include_in_schema=False)
        )
    app.mount("/", static, name="dashboard")
    app.add_middleware(AnswerHeaders)
    app.add_middleware(RawPaths)
    app.openapi = lambda: openapi.document(app)  # type: ignore[method-assign]
    return app


def _allowed(static: StaticFiles, path: str) -> list[str]:
    """Methods that a path takes; the framework knows only those of the first route that it tries."""
    found: set[str] = set()
    plain = path.removeprefix("/v1")
    for routers, wanted in ((VERSIONED, plain), (UNVERSIONED, path)):
        for route in (route for router in routers for route in router.routes):
            if isinstance(route, APIRoute) and route.path_regex.match(wanted):
                found |= route.methods or set()
    if not found and (path in ("/", "/docs", "/openapi.json") or _is_file(static, path)):
        found = {"GET", "HEAD"}
    return sorted(found)


def _is_file(static: StaticFiles, path: str) -> bool:
    with contextlib.suppress(OSError, ValueError):  # a path may be too long for a file, or hold a NUL
        facts = static.lookup_path(path.lstrip("/"))[1]
        return facts is not None and S_ISREG(facts.st_mode)
    return False


async def _warm(app: FastAPI) -> None:
    """Make what FastAPI makes at its first requests (a tenth of a second), before somebody waits for an answer."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Any) -> None:
        pass

    for method, path in (("GET", "/healthz"), ("POST", "/cluster/submit"), ("GET", "/tasks/none")):
        scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"", "headers": [],
            "client": None, "server": None,
        }  # fmt: skip
        await app(scope, receive, send)
