"""For operators: liveness, readiness, metrics, status, tickets."""

from __future__ import annotations

from typing import Any, Literal

import orjson
from fastapi import APIRouter
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel, Field

from reverie.aio.deadline import within
from reverie.errors import ReverieError
from reverie.gateway.routes.deps import GatewayState, Reader

__all__ = ["router", "versioned"]

router = APIRouter(tags=["operations"])
versioned = APIRouter(tags=["operations"])


@router.get("/healthz", operation_id="healthz")
async def healthz() -> dict[str, str]:
    """The process lives and its event loop turns."""
    return {"status": "ok"}


class Readiness(BaseModel):
    """Whether submissions are accepted, and how each dependency is."""

    status: Literal["ready", "not ready"] = Field(description="Whether submissions are accepted.")
    checks: dict[str, str] = Field(description="How each dependency is, by name.")


@router.get("/readyz", operation_id="readyz", response_model=Readiness)
async def readyz(state: GatewayState) -> Response:
    """Whether submissions are accepted, by dependency. Redis is not needed for that."""
    # Asked twice a second anyway; a frozen server must not freeze this answer too.
    database = state.store.reachable
    if database:
        try:
            await within(2.0, state.store.ping(), otherwise="")
        except ReverieError:
            database = False
    space = not database or await state.store.has_space()
    checks = {
        "database": "unreachable" if not database else "ok" if space else "disk full",
        "redis": "ok" if await state.result_cache.ping() else "unreachable",
        "events": "ok" if state.hub.connected else "polling",
        "broker": "unreachable" if state.dispatcher.broken else "ok",
        "parser": "ok" if state.parser.ready else "starting",
    }
    # Work is accepted while no worker is there, and done when one comes; not while those that are there cannot do it.
    able = {worker.get("embeds") for worker in await state.result_cache.workers() or []}
    checks["workers"] = "none seen" if not able else "cannot embed" if able == {False} else "ok"
    ready = database and space and checks["workers"] != "cannot embed" and state.parser.ready
    body = {"status": "ready" if ready else "not ready", "checks": checks}
    return Response(orjson.dumps(body), 200 if ready else 503, media_type="application/json")


@router.get("/metrics", operation_id="metrics", response_class=Response)
async def metrics(state: GatewayState) -> Response:
    """Prometheus metrics of this process and of the queue."""
    return Response(await state.metrics.render(), media_type=CONTENT_TYPE_LATEST)


@versioned.get("/status", operation_id="getStatus")
async def status(state: GatewayState, key: Reader) -> dict[str, Any]:
    """A summary for people: queues, workers, the day's tasks, cache, recovery.

    A key with the scope ``admin`` sees the whole service; others see the work and the streams of their own tenant.
    """
    admin = "admin" in key.scopes
    queues = await state.store.queued(tenant=None if admin else key.tenant)
    counts = await state.store.count_by_status(key.tenant)
    looks = state.result_cache.hits + state.result_cache.misses
    return {
        "queues": [
            {"queue": queue, "waiting": waiting, "oldest_seconds": round(oldest, 3)}
            for queue, (waiting, oldest) in sorted(queues.items())
        ],
        "workers": await state.result_cache.workers() if admin else None,
        "tasks": counts,
        "cache": {"hits": state.result_cache.hits, "misses": state.result_cache.misses,
                  "hit_rate": round(state.result_cache.hits / looks, 4) if looks else None},
        "recovery": dict(state.sweeper.repaired),
        "sockets": state.hub.open_streams(None if admin else key.id),
        "drain_per_second": round((await state.admission.drain_rate(key.tenant))[0 if admin else 1], 3),
    }  # fmt: skip


class Ticket(BaseModel):
    """Good once, for ``expires_in`` seconds."""

    ticket: str = Field(description="Send it as the query parameter `ticket`.")
    expires_in: float = Field(description="Seconds for which it is good.")


@versioned.post("/tickets", operation_id="createTicket", status_code=201, response_model=Ticket)
async def create_ticket(state: GatewayState, key: Reader) -> Ticket:
    """A single-use pass for a browser's WebSocket or EventSource: ``/results?ticket=...``."""
    ticket, seconds = await state.auth.issue_ticket(key)
    return Ticket(ticket=ticket, expires_in=seconds)
