"""Celery's messages for our one task, many at once.

``send_task`` costs a millisecond of the interpreter's time, most of it spent on what is the same in every message. So
Celery makes one message, and the others are made after it.
"""

from __future__ import annotations

import base64
import uuid
from typing import Any

import orjson
from celery import Celery
from kombu.connection import Connection

from reverie.queue.celery_app import broker_name, send_task

__all__ = ["CeleryMessages"]


class CeleryMessages:
    """Messages as Celery and kombu's Redis transport write them."""

    def __init__(self, app: Celery) -> None:
        # kombu's transport in memory shares all but the last step with the one for Redis.
        with Connection("memory://") as connection:
            channel = connection.default_channel
            name = broker_name("fast")
            channel.queue_declare(name)
            send_task(app, app.amqp.Producer(connection, auto_declare=False), "id", "fast")
            self._sample: dict[str, Any] = channel._get(name)
            channel.queue_delete(name)
        self._embed = orjson.loads(base64.b64decode(self._sample["body"]))[1:]

    def message(self, task_id: str, queue: str) -> bytes:
        """The message for one task."""
        sample = self._sample
        return orjson.dumps(
            {
                **sample,
                "body": base64.b64encode(orjson.dumps([[task_id, queue], *self._embed])).decode(),
                "headers": {
                    **sample["headers"],
                    "id": task_id,
                    "root_id": task_id,
                    "argsrepr": repr((task_id, queue)),
                },
                "properties": {
                    **sample["properties"],
                    "correlation_id": task_id,
                    "delivery_tag": str(uuid.uuid4()),
                    "delivery_info": {"exchange": "", "routing_key": broker_name(queue)},
                },
            }
        )
