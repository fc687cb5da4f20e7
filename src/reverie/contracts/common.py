"""Small models that several operations share."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from reverie.contracts._base import Request, Response

__all__ = ["CLOUD_PROVIDERS", "CallbackUrl", "CloudPolicy", "ModelUsed"]

CLOUD_PROVIDERS = (
    "openai",
    "azure",
    "sagemaker",
    "bedrock",
    "vertex",
    "azure-language",
    "sagemaker-endpoint",
    "vertex-endpoint",
    "azureml-endpoint",
)
"""Who may get texts: embedders, a language service, and endpoints that run whole tasks."""

CallbackUrl = Annotated[str, StringConstraints(min_length=8, max_length=2048, pattern=r"^https?://")]
"""Where a signed webhook is sent when the task ends."""


class CloudPolicy(Request):
    """Whether this request may use a cloud embedder. Not unless the tenant and the request both allow it."""

    allowed: bool = False
    #: Ceiling of provider fees for this task, US dollars.
    max_usd: Annotated[float, Field(ge=0)] | None = None
    #: Preferred provider: "openai", "azure", "sagemaker", "bedrock", "vertex" embed; "sagemaker-endpoint",
    #: "vertex-endpoint" and "azureml-endpoint" run the whole task.
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
