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
    "labels",
    "sagemaker-endpoint",
    "vertex-endpoint",
    "azureml-endpoint",
)
"""Who may get texts: embedders, a language service, the endpoint that names themes, and endpoints that run
whole tasks."""

CallbackUrl = Annotated[str, StringConstraints(min_length=8, max_length=2048, pattern=r"^https?://")]
"""Where a signed webhook is sent when the task ends."""


class CloudPolicy(Request):
    """Whether this request may use a cloud embedder. Not unless the tenant and the request both allow it."""

    allowed: bool = Field(default=False, description="Whether the cloud may be used at all.")
    max_usd: Annotated[float, Field(ge=0)] | None = Field(
        default=None,
        description="Ceiling of provider fees for this task, US dollars; null leaves it to the tenant's own.",
    )
    provider: Annotated[str, Field(max_length=32)] | None = Field(
        None,
        description=(
            'Preferred provider: "openai", "azure", "sagemaker", "bedrock", "vertex" embed; '
            '"sagemaker-endpoint", "vertex-endpoint" and "azureml-endpoint" run the whole task.'
        ),
    )
    fallback: bool = Field(
        True,
        description=("Whether the local model may step in when the provider fails (everything is embedded again)."),
    )


class ModelUsed(Response):
    """The embedding model behind a result."""

    name: str = Field(description="Name of the model.")
    revision: str = Field(description="Exact version of its weights; vectors of different revisions are never mixed.")
    dimensions: int = Field(description="Length of a vector.")
    provider: str = Field(description='Who computed: "local", or the provider\'s name.')
    precision: str = Field(default="float32", description='Number format of the computation: "float32", "int8", ...')
