"""The hosts with what runs on them: servers, two gateways, three workers."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import psycopg
from kombu.exceptions import OperationalError
from psycopg.rows import dict_row

from reverie.embedded.children import spawn
from reverie.queue.celery_app import make_celery
from reverie.settings import QueueSettings, ServerSettings, Settings
from reverie.store import migrate
from tests.chaos.labels import Labels
from tests.hosts.network import Network
from tests.hosts.servers import Servers

__all__ = ["GATEWAYS", "WORKERS", "Cluster", "server_settings"]

GATEWAYS, WORKERS = ("gate-a", "gate-b"), ("work-a", "work-b", "work-c")
_AUDIT = Path(__file__).parent.parent / "chaos" / "audit.sql"


class Cluster:
    """The hosts with what runs on them."""

    def __init__(self, network: Network, folder: Path, broker: str) -> None:
        self.network, self.folder, self.broker = network, folder, broker
        self.servers = Servers(folder)
        self.key = "hosts-" + secrets.token_hex(16)
        names = ("db", "cache", "rabbit") if broker == "amqp" else ("db", "cache")
        self.hosts = {name: network.host(name) for name in (*names, *GATEWAYS, *WORKERS)}
        self.database = self.servers.database_url(self.hosts["db"])
        self.labels = Labels(network.address)
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._asking = threading.Lock()

    def environment(self) -> dict[str, str]:
        """What every gateway and worker is told."""
        own = {
            "REVERIE_DATABASE_URL": self.database,
            "REVERIE_REDIS_URL": self.servers.redis_url(self.hosts["cache"]),
            "REVERIE_API_KEY": self.key,
            "REVERIE_EMBEDDER": "hash",
            "REVERIE_LABEL_URL": self.labels.url,
            "REVERIE_LABEL_TIMEOUT": "600",
            "OMP_NUM_THREADS": "1",
        }
        if self.broker == "amqp":
            own["REVERIE_BROKER_URL"] = self.servers.broker_url(self.hosts["rabbit"])
        return {**os.environ, **own}

    def start(self) -> None:
        """Servers first, then the rest; ready when this returns."""
        self.servers.postgres(self.hosts["db"])
        self.servers.redis(self.hosts["cache"])
        if self.broker == "amqp":
            self.servers.rabbit(self.hosts["rabbit"])
        administration = self.database.replace("/reverie?", "/postgres?")
        with patient(lambda: psycopg.connect(administration, autocommit=True), psycopg.OperationalError) as connection:
            connection.execute("CREATE DATABASE reverie")
        migrate(self.database)
        self.rows(_AUDIT.read_text())
        self.labels.__enter__()
        if self.broker == "amqp":
            patient(self._broker_answers, (OSError, OperationalError))
        for name in (*GATEWAYS, *WORKERS):
            self.role(name)
        for name in GATEWAYS:
            patient(lambda name=name: self._ready(name), httpx.HTTPError)

    def role(self, name: str) -> None:
        """Start what a host is for."""
        host = self.hosts[name]
        words = ["gateway", "--host", host.address, "--port", "8000"]
        if name in WORKERS:
            words = ["worker", "--queues", "fast,clustering,analysis,upkeep", "--concurrency", "1"]
        with open(self.folder / f"{name}.log", "ab") as log:
            spawn(
                host.command([sys.executable, "-m", "reverie", *words]),
                log=log,
                env=self.environment() | {"REVERIE_DATA_DIR": str(self.folder / f"{name}-data")},
                cwd=Path.cwd(),
                death_signal=signal.SIGKILL,
            )

    def url(self, name: str) -> str:
        """Address of a gateway."""
        return f"http://{self.hosts[name].address}:8000"

    def _ready(self, name: str) -> None:
        httpx.get(self.url(name) + "/readyz", timeout=5, trust_env=False).raise_for_status()

    def _broker_answers(self) -> None:
        settings = Settings(server=server_settings(self.environment()), queue=QueueSettings())
        with make_celery(settings).connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=10)

    def rows(self, query: str, *parameters: object) -> list[dict[str, Any]]:
        """What a query finds, tried again while the database is away."""

        def ask() -> list[dict[str, Any]]:
            try:
                with self._asking:
                    if self._connection is None:
                        self._connection = psycopg.connect(
                            self.database, autocommit=True, row_factory=dict_row, connect_timeout=3,
                            tcp_user_timeout=5000,
                        )  # fmt: skip
                    cursor = self._connection.execute(query.encode(), parameters or None)
                    return cursor.fetchall() if cursor.description else []
            except psycopg.OperationalError:
                self._connection = None
                raise

        return patient(ask, psycopg.OperationalError)

    async def until(self, query: str, *parameters: object, seconds: float = 300.0) -> dict[str, Any]:
        """The first row of a query as soon as there is one."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := await asyncio.to_thread(self.rows, query, *parameters):
                return found[0]
            await asyncio.sleep(0.1)
        raise AssertionError(f"not seen within {seconds:g} s: {query}")


def server_settings(environment: dict[str, str]) -> ServerSettings:
    names = ("database_url", "redis_url", "broker_url")
    given = {name: environment[f"REVERIE_{name}".upper()] for name in names if f"REVERIE_{name}".upper() in environment}
    return ServerSettings(**given)  # type: ignore[arg-type]


def patient(act: Any, error: type[Exception] | tuple[type[Exception], ...], seconds: float = 600.0) -> Any:
    """What ``act`` returns, once it no longer raises ``error``."""
    end = time.monotonic() + seconds
    while True:
        try:
            return act()
        except error:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
