"""What operators of a bot ask about their webhooks: the signing secret, what was sent, which addresses are off."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from reverie.contracts import Request
from reverie.errors import NotFound
from reverie.gateway.routes.deps import Admin, GatewayState, Reader, Text
from reverie.store import Delivery

__all__ = ["router"]

router = APIRouter(tags=["webhooks"])


class WebhookSecret(BaseModel):
    """The secret that signs this tenant's webhooks (Standard Webhooks); for a day after a rotation, two."""

    secret: str = Field(description="The secret that signs, `whsec_` and base64.")
    previous: str | None = Field(default=None, description="The one before, which signs for a day as well.")


class WebhookDelivery(BaseModel):
    """One submission's webhook."""

    id: str = Field(description="Id of the webhook, the header `webhook-id`.")
    task_id: str | None = Field(default=None, description="Id of the task it tells of.")
    url: str = Field(description="Where it goes.")
    state: Literal["waiting", "pending", "delivered", "failed", "disabled"] = Field(
        description="Waiting for the task's end, being sent, or what became of it."
    )
    attempts: int = Field(description="How often it was sent.")
    next_at: datetime | None = Field(default=None, description="When it is sent next; null when it is not.")
    last_status: int | None = Field(default=None, description="HTTP status of the last answer.")
    last_error: str | None = Field(default=None, description="Why the last try failed.")
    created_at: datetime = Field(description="When the task was submitted.")


class DisabledAddress(BaseModel):
    """An address that answered 410 Gone."""

    url: str = Field(description="The address.")
    disabled_at: datetime = Field(description="When it was turned off.")


class WebhookList(BaseModel):
    """The newest webhooks and the addresses that are off."""

    deliveries: list[WebhookDelivery] = Field(description="The newest webhooks, the newest first.")
    disabled: list[DisabledAddress] = Field(description="Addresses that nothing is sent to.")


class EnableRequest(Request):
    """Which address to send to again."""

    url: Annotated[str, Field(min_length=8, max_length=2048, description="The address, as it is in `disabled`.")]


@router.get("/webhooks", operation_id="listWebhooks", response_model=WebhookList)
async def list_webhooks(
    state: GatewayState,
    key: Reader,
    task_id: Annotated[Text | None, Query(max_length=64, description="Of this task alone.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Most webhooks to list.")] = 50,
) -> WebhookList:
    """The tenant's newest webhooks with what became of them, and the addresses that are off."""
    webhooks = state.webhooks.webhooks
    rows = await webhooks.list(key.tenant, task_id, limit)
    return WebhookList(
        deliveries=[
            WebhookDelivery(
                id=Delivery.name(row["id"], row["seq"]), **{k: v for k, v in row.items() if k not in ("id", "seq")}
            )
            for row in rows
        ],
        disabled=[DisabledAddress(**row) for row in await webhooks.disabled(key.tenant)],
    )


@router.post("/webhooks/enable", operation_id="enableWebhook", status_code=204)
async def enable_webhook(body: EnableRequest, state: GatewayState, key: Admin) -> None:
    """Send to an address again that had answered 410 Gone."""
    if not await state.webhooks.webhooks.enable(key.tenant, body.url):
        raise NotFound("That address is not disabled.")


@router.get("/webhooks/secret", operation_id="getWebhookSecret", response_model=WebhookSecret)
async def get_secret(state: GatewayState, key: Admin) -> WebhookSecret:
    """The secret to check signatures with; made on first use."""
    secret, *previous = await state.webhooks.webhooks.secrets(key.tenant)
    return WebhookSecret(secret=secret, previous=previous[0] if previous else None)


@router.post("/webhooks/secret", operation_id="rotateWebhookSecret", status_code=201, response_model=WebhookSecret)
async def rotate_secret(state: GatewayState, key: Admin) -> WebhookSecret:
    """A new secret. For a day both sign, so that receivers can change over."""
    await state.webhooks.webhooks.rotate(key.tenant)
    return await get_secret(state, key)
