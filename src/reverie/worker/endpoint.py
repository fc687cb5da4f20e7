"""``reverie serve-endpoint``: whole tasks behind one address, for SageMaker, Vertex AI and Azure ML endpoints.

``GET /ping`` says whether the model is loaded. ``POST /invocations`` takes

    {"operation": "cluster", "request": {...}, "states": "<base64>" | null, "states_model": "<key>" | null}

where ``request`` is the body of ``/cluster/submit`` (or analyze, recall, embed) and ``states`` the user's themes as the
last answer gave them, and answers

    {"status": "succeeded", "result": {...}, "states": "<base64>" | null, "states_count": 3,
     "vector_model": "<key>", "cost": {"tokens": 812, "compute_ms": 930.1}}

or ``{"status": "failed", "error": {problem}}`` with the problem's status. Vertex's ``{"instances": [...]}`` is answered
with ``{"predictions": [...]}``. Nothing is kept between calls.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hmac
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
from aiohttp import web
from pydantic import ValidationError
from zstandard import ZstdError

from reverie._models import full_name
from reverie.clustering.reference import steps_named
from reverie.contracts import OPERATIONS, Lane
from reverie.embedding import Embedder, create_embedder
from reverie.embedding.base import silent
from reverie.embedding.measuring import Scales
from reverie.embedding.providers import PROVIDERS
from reverie.errors import InvalidInput, UnsupportedModel
from reverie.queue.cache import VectorCache
from reverie.settings import Settings
from reverie.store import ClaimedTask, compressed, decompressed
from reverie.worker.anchors import Anchors
from reverie.worker.operations import WITHOUT_DATABASE
from reverie.worker.resources import Bill
from reverie.worker.run import problem_of

__all__ = ["main", "make_app"]

log = logging.getLogger(__name__)

_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class _Call:
    """One call as the operations see a task: nobody claims it, and nobody can take it away."""

    operation: str
    user_id: str
    created_at: datetime
    id: str = "-"
    tenant: str = "-"
    token: int = 0
    lane: Lane = Lane.HEAVY
    deadline_at: datetime | None = None
    lease_until: datetime | None = None


class _SentThemes:
    """What is stored of a user: the themes that the call brings, and nothing else."""

    def __init__(self, states: tuple[str, bytes] | None) -> None:
        self._states = states

    def vectors(self, task: ClaimedTask, model: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        return {}

    def put_vectors(self, *_: Any, **__: Any) -> bool:
        return False

    def themes(self, task: ClaimedTask, model: str) -> bytes | None:
        return self._states[1] if self._states is not None and self._states[0] == model else None

    def themes_of_another_model(self, task: ClaimedTask, key: str) -> bytes | None:
        return self._states[1] if self._states is not None else None


class _Resources:
    """What the operations may use here: no database, no Redis, no cloud, one model."""

    cloud = database = user_models = None

    def __init__(self, settings: Settings, embedder: Embedder, states: tuple[str, bytes] | None) -> None:
        self.settings = settings
        self.store = _SentThemes(states)
        self.vectors = VectorCache(None)
        self.bill = Bill()
        self.steps = steps_named(settings.clustering.steps)
        self.scales = Scales(settings.server.data_dir)
        self.anchors = Anchors(settings.server.data_dir)
        self._embedder = embedder

    def embedder(self, model: str | None = None) -> Embedder:
        served = self.settings.embedding.model
        if model is not None and full_name(model) != full_name(served):
            raise UnsupportedModel(f"model {model!r} is not served here; this endpoint runs {served!r}")
        return self._embedder


def _invoke(settings: Settings, embedder: Embedder, call: Any) -> tuple[int, dict[str, Any]]:
    """One task: ``(HTTP status, answer)``. Never raises."""
    started = time.process_time()
    try:
        operation, payload, states = _parse(call)
        resources = _Resources(settings, embedder, states)
        task = _Call(operation, str(call["request"].get("user_id", "-")), datetime.now(UTC))
        outcome = WITHOUT_DATABASE[operation](resources, task, payload, silent)
    except ValidationError as error:
        items = [
            {"item": ".".join(map(str, e["loc"])), "message": e["msg"]}
            for e in error.errors(include_input=False, include_context=False, include_url=False)
        ]
        first = f"request.{items[0]['item']}: {items[0]['message']}"
        return 422, {"status": "failed", "error": problem_of(InvalidInput(first, errors=items[:20]))}
    except Exception as error:
        problem = problem_of(error)
        log.error("a task failed: %s", type(error).__name__, exc_info=problem["status"] >= 500)
        return int(problem["status"]), {"status": "failed", "error": problem}
    themes = outcome.themes
    return 200, {
        "status": "succeeded",
        "operation": operation,
        "result": orjson.Fragment(outcome.body),
        "states": base64.b64encode(compressed(themes[1])).decode() if themes else None,
        "states_count": themes[2] if themes else 0,
        "vector_model": outcome.cost.get("vector_model"),
        "cost": {
            "tokens": outcome.cost.get("tokens", 0),
            "compute_ms": round((time.process_time() - started) * 1000, 2),
        },
    }


def _parse(call: Any) -> tuple[str, bytes, tuple[str, bytes] | None]:
    if not isinstance(call, dict) or not isinstance(call.get("request"), dict):
        raise InvalidInput('the body is {"operation": ..., "request": {...}}')
    operation = call.get("operation")
    if not isinstance(operation, str) or operation not in WITHOUT_DATABASE:
        raise InvalidInput(f"operation: choose one of {', '.join(WITHOUT_DATABASE)}")
    if OPERATIONS[operation].items == "memories" and call["request"].get("memories") is None:
        # Here is no database with stored ones.
        message = "Field required"
        raise InvalidInput(f"request.memories: {message}", errors=[{"item": "memories", "message": message}])
    # The cloud sent the task here, so its request to go there was allowed before.
    request = {key: value for key, value in call["request"].items() if key not in ("cloud", "callback_url")}
    states = None
    if call.get("states") is not None:
        try:
            states = (str(call.get("states_model")), decompressed(base64.b64decode(call["states"], validate=True)))
        except (binascii.Error, ValueError, TypeError, ZstdError):
            raise InvalidInput("states: not base64 of what an endpoint or a worker gave") from None
    return operation, orjson.dumps(request), states


def make_app(
    settings: Settings, *, key: str | None = None, predict: str = "/invocations", health: str = "/ping"
) -> web.Application:
    """The application. One task at a time: an endpoint scales by instances."""
    if settings.embedding.embedder in PROVIDERS:
        raise InvalidInput("An endpoint embeds by itself: REVERIE_EMBEDDER names a provider.")
    pool = ThreadPoolExecutor(1, thread_name_prefix="task")
    loaded: list[Embedder] = []

    def load() -> Embedder:
        embedding = settings.embedding
        if not loaded:
            loaded.append(
                create_embedder(
                    embedding.embedder,
                    embedding.model,
                    precision=embedding.precision,
                    threads=embedding.embed_threads,
                    data_dir=settings.server.data_dir,
                )
            )
        return loaded[0]

    def work(call: Any) -> tuple[int, dict[str, Any]]:
        try:
            embedder = load()
        except Exception as error:
            return 503, {"status": "failed", "error": problem_of(error)}
        return _invoke(settings, embedder, call)

    async def ping(_: web.Request) -> web.Response:
        return web.json_response({"ready": bool(loaded)}, status=200 if loaded else 503)

    async def invocations(request: web.Request) -> web.Response:
        given = request.headers.get("authorization", "")
        if key is not None and not hmac.compare_digest(given.encode(), f"Bearer {key}".encode()):
            return _json(401, {"status": "failed", "error": {"title": "A valid key is required.", "status": 401}})
        try:
            call = orjson.loads(await request.read())
        except ValueError:
            return _json(422, {"status": "failed", "error": problem_of(InvalidInput("The body is not JSON."))})
        loop = asyncio.get_running_loop()
        if isinstance(call, dict) and isinstance(call.get("instances"), list):
            answers = [(await loop.run_in_executor(pool, work, one))[1] for one in call["instances"]]
            return _json(200, {"predictions": answers})
        status, answer = await loop.run_in_executor(pool, work, call)
        return _json(status, answer)

    async def start(_: web.Application) -> None:
        asyncio.get_running_loop().run_in_executor(pool, _quietly(load))

    async def stop(_: web.Application) -> None:
        pool.shutdown(wait=False, cancel_futures=True)

    app = web.Application(client_max_size=_MOST_BYTES)
    for path in dict.fromkeys((health, "/ping")):
        app.router.add_get(path, ping)
    for path in dict.fromkeys((predict, "/invocations")):
        app.router.add_post(path, invocations)
    app.on_startup.append(start)
    app.on_cleanup.append(stop)
    return app


def _json(status: int, answer: dict[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(answer), status=status, content_type="application/json")


def _quietly(load: Any) -> Any:
    def attempt() -> None:
        try:
            load()
        except Exception:
            log.exception("the embedding model is not ready")

    return attempt


def main(host: str, port: int, *, key: str | None, predict: str, health: str) -> int:
    """Serve until SIGTERM; returns the exit status."""
    settings = Settings.load()
    logging.basicConfig(level=settings.server.log_level, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    app = make_app(settings, key=key, predict=predict, health=health)
    web.run_app(app, host=host, port=port, access_log=None, print=lambda *_: None)
    return 0
