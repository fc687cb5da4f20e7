"""Settings of cloud providers: one small group each, read from the environment, secrets without defaults."""

from __future__ import annotations

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import SettingsConfigDict

from reverie.settings import Group

__all__ = [
    "AzureSettings",
    "BedrockSettings",
    "OpenAISettings",
    "SageMakerSettings",
    "VertexSettings",
]


def _config(prefix: str) -> SettingsConfigDict:
    return SettingsConfigDict(
        env_prefix=prefix, extra="ignore", env_ignore_empty=True, populate_by_name=True, protected_namespaces=()
    )


class OpenAISettings(Group):
    """OpenAI, and every server that speaks its embeddings API."""

    model_config = _config("REVERIE_OPENAI_")

    api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("REVERIE_OPENAI_API_KEY", "OPENAI_API_KEY", "api_key"),
        description="Bearer key; a server of your own may need none",
    )
    base_url: str = Field(
        "https://api.openai.com/v1", pattern="^https?://", description="Address up to and including /v1"
    )
    model: str = Field("text-embedding-3-small", description="Model name sent to the server")
    dimensions: int | None = Field(None, ge=1, le=8192, description="Shorter vectors, where the model can")
    usd_per_million: float | None = Field(
        None, ge=0, description="Price of a million tokens at a server that is not OpenAI's, US dollars"
    )


class AzureSettings(Group):
    """Azure OpenAI. Without a key, the identity of the machine is used (azure-identity)."""

    model_config = _config("REVERIE_AZURE_")

    endpoint: str | None = Field(
        None,
        pattern="^https?://",
        validation_alias=AliasChoices("REVERIE_AZURE_ENDPOINT", "AZURE_OPENAI_ENDPOINT", "endpoint"),
        description="Address of the resource, as https://NAME.openai.azure.com",
    )
    api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("REVERIE_AZURE_API_KEY", "AZURE_OPENAI_API_KEY", "api_key"),
        description="Key of the resource",
    )
    api_version: str = Field("2024-10-21", description="Version of the REST API")
    deployment: str | None = Field(None, description="Name of the deployment; the model's name without one")
    model: str = Field("text-embedding-3-small", description="Model behind the deployment (decides limits and price)")
    dimensions: int | None = Field(None, ge=1, le=8192, description="Shorter vectors, where the model can")


class SageMakerSettings(Group):
    """A SageMaker endpoint that embeds. Credentials are boto3's (environment, profile, role)."""

    model_config = _config("REVERIE_SAGEMAKER_")

    endpoint: str | None = Field(None, description="Name of the endpoint")
    region: str | None = Field(None, description="AWS region; boto3's default without one")
    url: str | None = Field(None, pattern="^https?://", description="Another address of the service (VPC, a test)")
    model: str | None = Field(None, description="Name of the model in results; the endpoint's name without one")
    request: str = Field(
        '{"inputs": "$texts"}', description='JSON body of a request; "$texts" becomes the list, "$text" the only text'
    )
    response: str = Field(
        "",
        description="Path to the vectors in the answer, as embeddings or data.*.embedding; empty is the whole answer",
    )
    tokens: str | None = Field(None, description="Path to the number of tokens in the answer, as usage.total_tokens")
    pooling: str = Field(
        "none", pattern="^(none|mean|cls)$", description="How to make one vector where the answer has one per token"
    )
    batch: int = Field(32, ge=1, le=2048, description='Most texts in a request; 1 with "$text"')
    text_tokens: int = Field(512, ge=16, description="Window of the model, tokens")
    usd_per_million: float | None = Field(
        None, ge=0, description="Price of a million tokens, US dollars; 0 where the instance is paid by the hour"
    )


class BedrockSettings(Group):
    """Amazon Bedrock: Titan or Cohere. Credentials are boto3's."""

    model_config = _config("REVERIE_BEDROCK_")

    model: str = Field("amazon.titan-embed-text-v2:0", description="Model id: amazon.titan-... or cohere.embed-...")
    region: str | None = Field(None, description="AWS region; boto3's default without one")
    url: str | None = Field(None, pattern="^https?://", description="Another address of the service (VPC, a test)")
    dimensions: int | None = Field(None, ge=1, le=8192, description="256, 512 or 1024 for Titan v2")


class VertexSettings(Group):
    """Google Vertex AI (with a project) or the Gemini API (with a key)."""

    model_config = _config("REVERIE_VERTEX_")

    project: str | None = Field(
        None,
        validation_alias=AliasChoices("REVERIE_VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT", "project"),
        description="Google Cloud project; credentials are the machine's",
    )
    location: str = Field("us-central1", description="Region, or global")
    api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("REVERIE_VERTEX_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY", "api_key"),
        description="Key of the Gemini API, in place of a project",
    )
    model: str = Field("gemini-embedding-001", description="Model name, as gemini-embedding-001 or text-embedding-005")
    dimensions: int | None = Field(None, ge=1, le=8192, description="Shorter vectors, where the model can")
    url: str | None = Field(None, pattern="^https?://", description="Another address of the service (a proxy, a test)")
    access_token: SecretStr | None = Field(None, description="A ready OAuth token in place of the machine's identity")
