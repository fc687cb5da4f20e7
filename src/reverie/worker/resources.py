"""What an operation may use: small protocols, which a worker's ``Runtime`` fulfils, an endpoint and a test's fake.

What a place of work may lack is None there: a cloud, stored memories, a model for each user.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from reverie.analysis import KnownTexts
from reverie.clustering.steps import Steps
from reverie.embedding import Embedder
from reverie.embedding.measuring import Scales
from reverie.embedding.providers import ProviderEmbedder
from reverie.queue import EventPublisher
from reverie.settings import Settings
from reverie.store import ClaimedTask, TenantPolicy, UserModel, WorkerStore
from reverie.worker.anchors import Anchors
from reverie.worker.stored import KeptByUser, KnownIndex

__all__ = ["Bill", "Cloud", "Ledger", "Resources", "Task", "TaskStore", "UserModels", "VectorsByUser", "WithDatabase"]


@dataclass(slots=True)
class Bill:
    """What one attempt has cost so far, whatever becomes of it."""

    provider: str | None = None
    tokens: int = 0
    usd: float = 0.0
    #: Whether the local model stood in for a provider: the result is kept, but is no answer to the next such request.
    stand_in: bool = False

    def beside(self, provider: str) -> str:
        """The record's name for a provider that gets the texts after whoever embedded them."""
        if self.provider is None:
            return provider
        return self.provider if provider in self.provider.split("+") else f"{self.provider}+{provider}"


class Task(ClaimedTask, Protocol):
    """The task that an operation works on."""

    @property
    def operation(self) -> str:
        """Its name in the table of operations."""

    @property
    def lane(self) -> str:
        """The lane that the gateway chose."""

    @property
    def created_at(self) -> datetime:
        """When it was accepted."""

    @property
    def deadline_at(self) -> datetime | None:
        """When its client needs no answer any more."""

    @property
    def lease_until(self) -> datetime | None:
        """Until when the attempt owns it, as the claim has set it."""


class TaskStore(Protocol):
    """What is stored of a user from one task to the next."""

    def vectors(self, task: ClaimedTask, model: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """As ``WorkerStore.vectors``."""

    def put_vectors(
        self,
        task: ClaimedTask,
        model: str,
        keys: Sequence[bytes],
        vectors: Sequence[bytes],
        tokens: Sequence[int],
        *,
        person: int | None = None,
    ) -> bool:
        """As ``WorkerStore.put_vectors``."""

    def themes(self, task: ClaimedTask, model: str) -> bytes | None:
        """As ``WorkerStore.themes``."""

    def themes_of_another_model(self, task: ClaimedTask, key: str) -> bytes | None:
        """As ``WorkerStore.themes_of_another_model``."""


class VectorsByUser(Protocol):
    """Vectors that are near at hand; losing them costs nothing but time."""

    @property
    def configured(self) -> bool:
        """Whether anything can be kept here."""

    def get(self, tenant: str, user_id: str, model: str, keys: Sequence[bytes]) -> dict[bytes, tuple[bytes, int]]:
        """As ``VectorCache.get``."""

    def put(
        self,
        tenant: str,
        user_id: str,
        model: str,
        accepted_ms: int,
        keys: Sequence[bytes],
        vectors: Sequence[bytes],
        tokens: Sequence[int],
    ) -> None:
        """As ``VectorCache.put``."""

    def forget_answers(self, tenant: str, user_id: str) -> None:
        """As ``VectorCache.forget_answers``."""


class UserModels(Protocol):
    """Which of the two models each user has."""

    def user_model(self, task: ClaimedTask) -> UserModel | None:
        """As ``WorkerStore.user_model``."""

    def set_user_model(self, task: ClaimedTask, model: str, *, moved: bool) -> None:
        """As ``WorkerStore.set_user_model``."""

    def stored_memories(self, person: int) -> int:
        """As ``WorkerStore.stored_memories``."""


class Ledger(Protocol):
    """What tenants allow and what they have spent."""

    def cloud_policy(self, tenant: str) -> TenantPolicy | None:
        """As ``WorkerStore.cloud_policy``."""

    def hold_cloud_usd(self, tenant: str, usd: float, ceiling: float | None) -> date | None:
        """As ``WorkerStore.hold_cloud_usd``."""

    def settle_cloud_usd(self, tenant: str, day: date, *, change: float, tokens: int) -> None:
        """As ``WorkerStore.settle_cloud_usd``."""

    def record_cloud(self, task: ClaimedTask, provider: str) -> None:
        """As ``WorkerStore.record_cloud``."""


class Cloud(Protocol):
    """How texts may leave this machine, and who pays."""

    @property
    def bill(self) -> Bill:
        """What the attempt has cost."""

    @property
    def store(self) -> Ledger:
        """Policies and ceilings."""

    def provider(self, name: str, model: str | None = None) -> ProviderEmbedder:
        """As ``Runtime.provider``."""

    def local_embedder(self) -> Embedder:
        """As ``Runtime.local_embedder``."""


class Resources(Protocol):
    """What every operation may use."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def bill(self) -> Bill:
        """What the attempt has cost."""

    @property
    def steps(self) -> Steps:
        """How memories are grouped."""

    @property
    def scales(self) -> Scales:
        """What a model's cosines mean."""

    @property
    def anchors(self) -> Anchors:
        """Built-in sentences in the model in use."""

    @property
    def store(self) -> TaskStore:
        """What earlier tasks left of the user."""

    @property
    def vectors(self) -> VectorsByUser:
        """Vectors near at hand."""

    @property
    def user_models(self) -> UserModels | None:
        """Which model each user has; None where all have the same."""

    @property
    def cloud(self) -> Cloud | None:
        """The way to a cloud; None where no text may leave."""

    @property
    def database(self) -> WithDatabase | None:
        """The same with a database of stored memories; None where there is none."""

    def embedder(self, model: str | None = None) -> Embedder:
        """As ``Runtime.embedder``."""


class WithDatabase(Resources, Protocol):
    """What operations on stored memories use beside that."""

    @property
    def store(self) -> WorkerStore:
        """The database."""

    @property
    def stored(self) -> KeptByUser[KnownIndex]:
        """Indexes of users who were asked about lately."""

    @property
    def texts(self) -> KeptByUser[KnownTexts]:
        """What the texts of users were read as at their last upkeep."""

    @property
    def events(self) -> EventPublisher:
        """Where to tell what happened."""
