"""What one worker process holds: connections, the embedder, the settings. Made after the fork, never before."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable

from reverie import _tracing
from reverie._models import AUTO, MULTILINGUAL, TWO_MODELS, full_name, listed
from reverie.analysis import KnownTexts
from reverie.clustering.reference import steps_named
from reverie.embedding import Embedder, create_embedder
from reverie.embedding.host import HostedEmbedder
from reverie.embedding.measuring import Scales
from reverie.embedding.models import packed_folder
from reverie.embedding.providers import PROVIDERS, ProviderEmbedder, create_provider
from reverie.errors import MissingExtra, StartupError, UnsupportedModel
from reverie.queue import EventPublisher
from reverie.queue.cache import VectorCache
from reverie.settings import Settings
from reverie.store import Codec, WorkerStore
from reverie.worker.anchors import Anchors
from reverie.worker.keeper import Board
from reverie.worker.resources import Bill
from reverie.worker.stored import KeptByUser, KnownIndex

__all__ = ["Runtime"]

LOCAL_FALLBACK = "local fallback"


class Runtime:
    """Resources of a worker process; ``WithDatabase`` and ``Cloud`` to its operations."""

    def __init__(self, settings: Settings, *, drain_at: Callable[[], float], board: Board | None = None) -> None:
        server = settings.server
        if server.database_url is None:
            raise StartupError("No database: set REVERIE_DATABASE_URL, or start everything with: reverie up")
        database = server.database_url.get_secret_value()
        redis_url = server.redis_url.get_secret_value() if server.redis_url else None
        self.settings = settings
        #: Whether spans are sent somewhere.
        self.tracing = _tracing.set_up("worker")
        self.drain_at = drain_at
        #: Where the keeper reads which attempt is under way; None without a keeper.
        self.board = board
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        codec = Codec(keys=server.encryption_key.get_secret_value() if server.encryption_key else None)
        self.store = WorkerStore(database, codec)
        # The heartbeat must not wait behind a long write of the work itself.
        self.heartbeat_store = WorkerStore(database, statement_timeout=max(1.0, settings.queue.lease_seconds))
        self.events = EventPublisher(redis_url)
        self.vectors = VectorCache(redis_url)
        #: Stored memories of users who were asked about lately.
        self.stored: KeptByUser[KnownIndex] = KeptByUser(
            database, settings.upkeep.recall_cache_mb * 2**20, unused=600.0, name="stored-indexes"
        )
        #: What the texts of users were read as at their last upkeep.
        self.texts: KeptByUser[KnownTexts] = KeptByUser(
            database, settings.upkeep.upkeep_cache_mb * 2**20, unused=3600.0, name="known-texts"
        )
        embedding = settings.embedding
        #: Whether users have the English or the multilingual model, by what they write.
        self.both_models = (
            embedding.model == AUTO and embedding.embedder in TWO_MODELS and packed_folder(MULTILINGUAL) is not None
        )
        self._embedders: dict[str, Embedder] = {}
        self.scales = Scales(settings.server.data_dir)
        self._providers: dict[tuple[str, str | None], ProviderEmbedder] = {}
        self.anchors = Anchors(settings.server.data_dir)
        #: How memories are grouped.
        self.steps = steps_named(settings.clustering.steps)
        #: What the attempt under way has cost; a process runs one at a time.
        self.bill = Bill()
        self._lock = threading.Lock()

    @property
    def user_models(self) -> WorkerStore | None:
        """Which model each user has; None where all have the same."""
        return self.store if self.both_models else None

    @property
    def cloud(self) -> Runtime:
        """The way to a cloud."""
        return self

    @property
    def database(self) -> Runtime:
        """The same with stored memories."""
        return self

    def embedder(self, model: str | None = None) -> Embedder:
        """The local embedder for ``model``, loaded on first use.

        Raises ``UnsupportedModel`` unless it is the configured one.
        """
        embedding = self.settings.embedding
        own = full_name(embedding.model)
        name = full_name(model or own)
        if name != own and not (self.both_models and name == MULTILINGUAL):
            if name in listed(embedding.model, embedding.embedder):
                raise MissingExtra("multilingual", what=f"The model {name}")
            raise UnsupportedModel(f"model {name!r} is not served here; this service runs {own!r}")
        with self._lock:
            if name not in self._embedders and embedding.embed_host is not None and name == own:
                self._embedders[name] = HostedEmbedder(embedding.embed_host)
            if name not in self._embedders:
                self._embedders[name] = create_embedder(
                    embedding.embedder,
                    name,
                    precision=embedding.precision,
                    threads=embedding.embed_threads,
                    data_dir=self.settings.server.data_dir,
                )
            return self._embedders[name]

    def local_embedder(self) -> Embedder:
        """The embedder that steps in for a provider: the configured one, or the default of this machine."""
        embedding = self.settings.embedding
        if embedding.embedder not in PROVIDERS:
            return self.embedder()
        with self._lock:
            if LOCAL_FALLBACK not in self._embedders:
                self._embedders[LOCAL_FALLBACK] = create_embedder(
                    "auto", threads=embedding.embed_threads, data_dir=self.settings.server.data_dir
                )
            return self._embedders[LOCAL_FALLBACK]

    def provider(self, name: str, model: str | None = None) -> ProviderEmbedder:
        """The embedder of a provider, shared by this process's tasks (so its breaker remembers).

        Raises ``UnsupportedModel`` when it is not configured here, ``MissingExtra`` without its client.
        """
        embedding = self.settings.embedding
        if model is None and name == embedding.embedder:
            model = embedding.model
        with self._lock:
            if (name, model) not in self._providers:
                self._providers[name, model] = create_provider(name, model)
            return self._providers[name, model]

    def close(self) -> None:
        """Close everything."""
        _tracing.shut_down()
        self.stored.close()
        self.texts.close()
        self.store.close()
        self.heartbeat_store.close()
        self.events.close()
        self.vectors.close()
        for embedder in (*self._embedders.values(), *self._providers.values()):
            embedder.close()
