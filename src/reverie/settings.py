"""Settings in small groups, read from the environment; every field states its unit.

``Settings.load()`` reads everything once at start-up. Nothing here has a secret as its default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import AfterValidator, Field, Json, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from reverie._models import AUTO
from reverie._paths import data_dir
from reverie._secrets import read_secret
from reverie.errors import WrongSetting

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "EMBEDDERS",
    "CloudSettings",
    "ClusteringSettings",
    "EmbeddingSettings",
    "Group",
    "LabelSettings",
    "Limits",
    "QueueSettings",
    "ServerSettings",
    "Settings",
    "UpkeepSettings",
    "WebhookSettings",
    "data_dir",
]


class _SecretFiles(PydanticBaseSettingsSource):
    """``NAME_FILE`` for every secret field that has no ``NAME``: how Docker and Kubernetes hand secrets over."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Content of the secret's file, or None."""
        prefix = self.config.get("env_prefix", "")
        return read_secret((prefix + field_name).upper()) if "SecretStr" in str(field.annotation) else None, "", False

    def __call__(self) -> dict[str, Any]:
        """All secrets that a file holds."""
        found = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Group(BaseSettings):
    """What all groups share: variables first, then files for secrets.

    Raises ``WrongSetting`` naming every variable whose value cannot be used.
    """

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise WrongSetting("; ".join(_explained(type(self), e) for e in error.errors())) from None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """See pydantic-settings."""
        return init_settings, env_settings, _SecretFiles(settings_cls)


def _explained(group: type[BaseSettings], error: ErrorDetails) -> str:
    """One wrong value in words: the variable, what is wrong, and what it is for."""
    name = str(error["loc"][0]) if error["loc"] else ""
    field = group.model_fields.get(name)
    variable = f"{group.model_config.get('env_prefix', '')}{name}".upper() if field is not None else name
    message = error["msg"].removeprefix("Value error, ")
    # A secret stands in no message.
    secret = field is None or "Secret" in str(field.annotation)
    given = "" if secret else f" (given: {str(error['input'])[:60]!r})"
    about = "" if field is None or not field.description else f"; it is: {field.description}"
    return f"{variable}: {message[0].lower()}{message[1:]}{given}{about}"


class ServerSettings(Group):
    """Addresses and servers."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_", extra="ignore", env_ignore_empty=True)

    host: str = Field("127.0.0.1", description="Address the gateway listens on")
    port: int = Field(8000, ge=0, le=65535, description="Port the gateway listens on; 0 picks a free one")
    data_dir: Path = Field(default_factory=data_dir, description="Folder for models, keys, logs and embedded servers")
    database_url: SecretStr | None = Field(None, description="PostgreSQL, as postgresql://user:password@host/db")
    database_wait: float = Field(
        0.0, ge=0, description="Longest wait at a start for a database that is not up yet, seconds"
    )
    redis_url: SecretStr | None = Field(None, description="Redis or Valkey, as redis://host:6379/0 or unix:///path")
    broker_url: SecretStr | None = Field(None, description="Celery broker when it is not the Redis above (amqp://...)")
    database_password: SecretStr | None = Field(None, description="Password for a database_url that has none")
    redis_password: SecretStr | None = Field(None, description="Password for a redis_url that has none")
    broker_password: SecretStr | None = Field(None, description="Password for a broker_url that has none")
    api_key: SecretStr | None = Field(None, description="Becomes the first key (all scopes) at the first start")
    bot_api_key: SecretStr | None = Field(
        None, description="Becomes a key for the bot (submit, read and erase, not admin) at the gateway's start"
    )
    encryption_key: SecretStr | None = Field(
        None,
        description="Encrypts stored texts and results: base64 of 32 bytes; after a comma, older keys to read with",
    )
    log_level: Annotated[str, AfterValidator(str.upper), Field(pattern="(?i)^(debug|info|warning|error|critical)$")] = (
        Field("INFO", description="DEBUG, INFO, WARNING or ERROR")
    )
    log_format: str = Field("text", pattern="^(text|json)$", description="text, or json: an object a line")

    @model_validator(mode="after")
    def _join_passwords(self) -> ServerSettings:
        for name in ("database", "redis", "broker"):
            url, password = getattr(self, f"{name}_url"), getattr(self, f"{name}_password")
            if url is not None and password is not None:
                joined = _with_password(url.get_secret_value(), password.get_secret_value())
                setattr(self, f"{name}_url", SecretStr(joined))
        return self


def _with_password(url: str, password: str) -> str:
    """The URL with a password, unless it has one already; user names stay."""
    parts = urlsplit(url)
    if parts.password is not None or not parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))


EMBEDDERS = (
    "auto", "ctranslate2", "openvino", "sentence-transformers", "hash",
    "openai", "azure", "sagemaker", "bedrock", "vertex",
)  # fmt: skip
"""Names of all embedders. Here too, since the gateway reads the settings and does not import the embedders."""


def _one_of(names: Sequence[str]) -> Callable[[str], str]:
    def known(value: str) -> str:
        if value not in names:
            raise ValueError(f"there is no {value[:60]!r}; choose one of {', '.join(names)}")
        return value

    return known


class EmbeddingSettings(Group):
    """Which model turns texts into vectors."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_", extra="ignore", env_ignore_empty=True)

    embedder: Annotated[str, AfterValidator(_one_of(EMBEDDERS))] = Field(
        "auto", description="auto, ctranslate2, openvino, sentence-transformers, a provider, or hash (a fake)"
    )
    model: str = Field(
        AUTO,
        description="Model name or folder; english, multilingual, or auto: by what each user writes",
    )
    precision: str = Field(
        "auto",
        pattern="^(auto|float32|int8|bfloat16)$",
        description="float32, int8 (ctranslate2), bfloat16 (openvino, where the processor has it), or auto: the "
        "fastest that is as good, chosen at the first start and kept",
    )
    embed_threads: int = Field(0, ge=0, le=256, description="Compute threads a worker process embeds with; 0 = cores")
    embed_shared: str = Field(
        "auto", pattern="^(auto|on|off)$", description="One process embeds for a worker's children: auto = on a GPU"
    )
    embed_host: str | None = Field(None, description="Unix socket of a running embedding process to use")


class ClusteringSettings(Group):
    """How memories are grouped."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_", extra="ignore", env_ignore_empty=True)

    steps: str = Field(
        "own", pattern="^(own|sklearn)$", description="own, or sklearn: AgglomerativeClustering, as the reference"
    )


class CloudSettings(Group):
    """Cloud providers: which one by default, how hard it is tried, where prices are read."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_CLOUD_", extra="ignore", env_ignore_empty=True)

    provider: str | None = Field(None, description="Provider for requests that allow the cloud and name none")
    fallback: bool = Field(True, description="Whether the local model steps in for REVERIE_EMBEDDER's failed provider")
    concurrency: int = Field(8, ge=1, le=64, description="Requests to a provider at the same time, per process")
    batch: int = Field(128, ge=1, le=2048, description="Most texts in one request; a provider's limit may be lower")
    timeout: float = Field(30.0, gt=0, description="Longest wait for one answer, seconds")
    attempts: int = Field(6, ge=1, le=20, description="Most tries of one request")
    patience: float = Field(20.0, ge=0, description="Time after its first failure to try a request again, seconds")
    breaker_failures: int = Field(5, ge=1, description="Outages in a row after which a provider is left alone")
    breaker_seconds: float = Field(30.0, gt=0, description="Time a failing provider is left alone, seconds")
    prices: Path | None = Field(None, description="JSON file of prices that replaces the dated table in the package")


class LabelSettings(Group):
    """A language model that names themes, and judges what holds today. Without a URL no text leaves for it."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_", extra="ignore", env_ignore_empty=True)

    label_url: str | None = Field(
        None,
        pattern="^https?://",
        description="OpenAI-compatible chat endpoint, as http://127.0.0.1:11434/v1; a public one follows cloud policy",
    )
    label_model: str = Field("gpt-4o-mini", description="Model name sent to that endpoint")
    label_api_key: SecretStr | None = Field(None, description="Bearer key for that endpoint")
    label_timeout: float = Field(10.0, gt=0, description="Longest wait for its answer, seconds")
    label_usd_per_million: float | None = Field(
        None,
        ge=0,
        description="What a million tokens cost at a public endpoint, US dollars; without it ceilings refuse it",
    )
    judge: bool = Field(
        False, description="Ask that endpoint, in upkeep, which of two statements holds where the rules are not sure"
    )
    judge_pairs: int = Field(12, ge=1, le=100, description="Most pairs of statements it is asked about in an upkeep")


class Limits(Group):
    """What one request or key may use."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_LIMIT_", extra="ignore", env_ignore_empty=True)

    body_bytes: int = Field(64 * 2**20, description="Largest request body, bytes")
    memories: int = Field(100_000, ge=1, le=100_000, description="Most memories in one task")
    text_chars: int = Field(100_000, ge=1, le=100_000, description="Longest text of one memory, characters")
    in_flight: int = Field(10_000, description="Most queued and running tasks of a tenant")
    queued_total: int = Field(100_000, description="Most queued tasks of all tenants")
    per_minute: int = Field(6_000, description="Most submissions of a key, per minute")
    changes_per_minute: int = Field(60_000, description="Most requests of a key that change memories, per minute")
    user_memories: int = Field(100_000, ge=1, le=100_000, description="Most memories kept of one user")
    tenant_memories: int = Field(10_000_000, ge=1, description="Most memories kept of all users of a tenant")
    sockets: int = Field(4_000, description="Most open WebSockets and event streams of a key")


class QueueSettings(Group):
    """Leases, retries and time limits of tasks."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_", extra="ignore", env_ignore_empty=True)

    lease_seconds: float = Field(5.0, gt=0, description="A running task whose worker is silent this long runs again")
    heartbeat_seconds: float = Field(1.0, gt=0, description="Time between a worker's signs of life, seconds")
    sweep_seconds: float = Field(1.0, gt=0, description="Time between sweeps for lost work, seconds")
    max_attempts: int = Field(3, ge=1, description="Crashes after which a task is dead-lettered")
    task_time_limit: float = Field(600.0, gt=0, description="Longest run of one attempt, seconds")
    help_queues: str = Field(
        "", description="Queues that a worker with nothing to do takes waiting tasks of, as analysis,clustering"
    )
    worker_port: int = Field(
        0, ge=0, le=65535, description="Port on which a worker answers /healthz and /readyz; 0 = none"
    )
    drain_seconds: float = Field(20.0, gt=0, description="Grace on SIGTERM to finish running work, seconds")
    retention_days: float = Field(30.0, gt=0, description="Age at which finished tasks are removed, days")


class UpkeepSettings(Group):
    """When users' views are brought up to date, and what is kept at hand for questions on stored memories."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_", extra="ignore", env_ignore_empty=True)

    upkeep: str = Field(
        "auto", pattern="^(auto|manual)$", description="Whether upkeep starts by itself, where a user has no own say"
    )
    upkeep_tenants: Json[dict[str, Literal["auto", "manual"]]] = Field(
        "{}",  # type: ignore[arg-type]  # defaults are read like given values
        description='The same for single tenants, as JSON: {"acme": "manual"}',
    )
    upkeep_quiet: float = Field(30.0, ge=0, description="Time without a change after which upkeep is due, seconds")
    upkeep_max_wait: float = Field(600.0, gt=0, description="Age of the oldest change that makes it due, seconds")
    upkeep_pause: float = Field(20.0, ge=0, description="Pause after an upkeep, in multiples of what it cost")
    upkeep_in_flight: int = Field(200, ge=1, description="Most upkeeps that are queued or running at the same time")
    upkeep_cache_mb: int = Field(
        128, ge=0, description="Memory a worker process keeps what texts were read as in for the next upkeep, MiB"
    )
    recall_cache_mb: int = Field(
        256, ge=0, description="Memory a worker process keeps stored memories in for the next question, MiB"
    )
    memory_retention_days: float = Field(
        0.0,
        ge=0,
        description="Age at which stored memories are removed, days; 0 = they stay until somebody deletes them",
    )

    def upkeep_of(self, tenant: str) -> str:
        """``auto`` or ``manual``, where a user of the tenant has no own say."""
        return self.upkeep_tenants.get(tenant, self.upkeep)


class WebhookSettings(Group):
    """Webhooks: where they may go and how often they are tried."""

    model_config = SettingsConfigDict(env_prefix="REVERIE_", extra="ignore", env_ignore_empty=True)

    webhook_allow: str = Field("", description="Networks that are not public but allowed, as 10.0.0.0/8,127.0.0.1/32")
    webhook_timeout: float = Field(15.0, gt=0, le=300, description="Longest wait for a receiver's answer, seconds")
    webhook_attempts: int = Field(8, ge=1, le=50, description="Tries after which a webhook is given up")
    webhook_retry: float = Field(5.0, gt=0, description="Pause before the second try, then five times as long, seconds")


class Settings:
    """All groups together."""

    def __init__(
        self,
        server: ServerSettings | None = None,
        embedding: EmbeddingSettings | None = None,
        limits: Limits | None = None,
        queue: QueueSettings | None = None,
        labels: LabelSettings | None = None,
        webhooks: WebhookSettings | None = None,
        cloud: CloudSettings | None = None,
        upkeep: UpkeepSettings | None = None,
        clustering: ClusteringSettings | None = None,
    ) -> None:
        self.server = server or ServerSettings()  # type: ignore[call-arg]
        self.embedding = embedding or EmbeddingSettings()  # type: ignore[call-arg]
        self.limits = limits or Limits()  # type: ignore[call-arg]
        self.queue = queue or QueueSettings()  # type: ignore[call-arg]
        self.labels = labels or LabelSettings()  # type: ignore[call-arg]
        self.webhooks = webhooks or WebhookSettings()  # type: ignore[call-arg]
        self.cloud = cloud or CloudSettings()  # type: ignore[call-arg]
        self.upkeep = upkeep or UpkeepSettings()  # type: ignore[call-arg]
        self.clustering = clustering or ClusteringSettings()  # type: ignore[call-arg]

    @classmethod
    def load(cls) -> Settings:
        """Read every group from the environment.

        Raises ``WrongSetting`` naming the variables that are wrong.
        """
        return cls()
