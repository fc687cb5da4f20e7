"""The Celery application: settings that were tested against losing and repeating work."""

from __future__ import annotations

import ssl
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from celery import Celery
from kombu.entity import Queue

from reverie.contracts import OPERATIONS, Lane
from reverie.errors import StartupError
from reverie.settings import Settings

__all__ = ["QUEUES", "TASK_NAME", "broker_name", "broker_url", "make_celery", "plain_redis", "queue_for", "send_task"]

TASK_NAME = "reverie.run"

QUEUES = ("fast", "clustering", "analysis", "upkeep")
"""One queue for short work, one for each heavy service, and one for what nobody waits for."""


def queue_for(operation: str, lane: str) -> str:
    """Where a task waits: short work never stands behind heavy work."""
    if lane == Lane.FAST:
        return "fast"
    return OPERATIONS[operation].queue


def broker_name(queue: str) -> str:
    """A queue's name at the broker, which others may share."""
    return "reverie." + queue


def broker_url(settings: Settings) -> str:
    """The broker: its own URL, else the Redis that also caches."""
    secret = settings.server.broker_url or settings.server.redis_url
    if secret is None:
        raise StartupError("No broker: set REVERIE_REDIS_URL (or REVERIE_BROKER_URL), or start with: reverie up")
    url = secret.get_secret_value()
    # kombu's name for a Unix socket differs from redis-py's.
    return "redis+socket://" + url.removeprefix("unix://") if url.startswith("unix://") else url


def plain_redis(settings: Settings) -> str | None:
    """The broker's URL when it is a Redis that its own client reaches by it; None for all other brokers.

    Parameters of a broker's URL are kombu's, which spells some of them in another way.
    """
    url = broker_url(settings).replace("redis+socket://", "unix://", 1)
    shared = settings.server.broker_url in (None, settings.server.redis_url)
    return url if url.startswith(("redis://", "rediss://", "unix://")) and (shared or "?" not in url) else None


def make_celery(settings: Settings) -> Celery:
    """A configured application; the worker adds the task, the gateway only publishes by name."""
    queue = settings.queue
    # The hard limit is the backstop behind the attempt's own watchdog, so it comes a little later.
    hard_limit = queue.task_time_limit + 30
    url, tls = _tls(broker_url(settings))
    app = Celery("reverie", broker=url, set_as_current=False)
    app.conf.update(
        broker_use_ssl=tls,
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_time_limit=hard_limit,
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_proc_alive_timeout=30,
        accept_content=["json"],
        task_serializer="json",
        task_default_queue=broker_name("clustering"),
        task_default_exchange="reverie",
        task_queues=[Queue(broker_name(name), durable=True, queue_arguments=_arguments(settings)) for name in QUEUES],
        task_create_missing_queues=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        # A Redis whose memory is full refuses commands; without this a worker takes that for its own end.
        broker_channel_error_retry=True,
        broker_connection_timeout=4,
        broker_transport_options=_transport_options(settings, hard_limit),
        broker_pool_limit=2,
    )
    return app


def send_task(app: Celery, producer: Any, task_id: str, queue: str) -> None:
    """Send one task's message through ``producer``. Raises what the broker's transport raises; nothing is retried."""
    app.send_task(
        TASK_NAME,
        args=(task_id, queue),
        task_id=task_id,
        queue=broker_name(queue),
        producer=producer,
        retry=False,
        ignore_result=True,
    )


def _tls(url: str) -> tuple[str, dict[str, Any] | None]:
    """``amqps://`` as Celery takes it: the URL without ``ssl_...``, and how the server's certificate is verified.

    Left alone, the AMQP library accepts a certificate of any host. Redis' library verifies by itself.
    Raises ``StartupError`` naming a parameter that is not known.
    """
    if not url.startswith("amqps://"):
        return url, None
    parts = urlsplit(url)
    known = {"ssl_ca_certs": "ca_certs", "ssl_certfile": "certfile", "ssl_keyfile": "keyfile"}
    # The name is filled in by kombu with the host that is connected to.
    tls: dict[str, Any] = {"cert_reqs": ssl.CERT_REQUIRED, "server_hostname": None}
    rest = []
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name in known:
            tls[known[name]] = value
        elif name.startswith("ssl_"):
            raise StartupError(f"REVERIE_BROKER_URL: {name} is not known; there are {', '.join(known)}.")
        else:
            rest.append((name, value))
    return urlunsplit(parts._replace(query=urlencode(rest))), tls


def _arguments(settings: Settings) -> dict[str, Any] | None:
    # On RabbitMQ a message must survive the loss of a node.
    return {"x-queue-type": "quorum"} if broker_url(settings).startswith("amqp") else None


def _transport_options(settings: Settings, hard_limit: float) -> dict[str, Any]:
    # A publisher gives up after a second (the sweeper sends again); consumers have their own patience.
    tries = {"max_retries": 3, "interval_start": 0.0, "interval_step": 0.2, "interval_max": 0.5}
    if broker_url(settings).startswith("amqp"):
        return {"confirm_publish": True, **tries}
    return {
        **tries,
        # The lease decides when a task runs again; a redelivered message finds nothing to claim.
        "visibility_timeout": hard_limit + 60,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 4,
        "socket_connect_timeout": 3,
        "socket_keepalive": True,
        "health_check_interval": 5,
        "retry_on_timeout": False,
        "unacked_key": "reverie.unacked",
        "unacked_index_key": "reverie.unacked_index",
        "unacked_mutex_key": "reverie.unacked_mutex",
    }
