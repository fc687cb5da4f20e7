"""Small models that several operations share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from reverie.contracts._base import Request, Response

__all__ = ["CallbackUrl", "CloudPolicy", "ModelUsed"]

CallbackUrl = Annotated[str, StringConstraints(min_length=8, max_length=2048, pattern=r"^https?://")]
"""Where a signed webhook is sent when the task ends."""


class CloudPolicy(Request):
    """Whether this request may use a cloud embedder. Not unless the tenant and the request both allow it."""

    allowed: bool = False
    #: Ceiling of provider fees for this task, US dollars.
    max_usd: Annotated[float, Field(ge=0)] | None = None
    #: Preferred provider ("openai", "azure", "sagemaker", "bedrock", "vertex").
    provider: Annotated[str, Field(max_length=32)] | None = None
    #: Whether the local model may step in when the provider fails (everything is embedded again).
    fallback: bool = True


class ModelUsed(Response):
    """The embedding model behind a result."""

    name: str
    revision: str
    dimensions: int
    provider: str
    precision: str = "float32"
