"""Messages made after Celery's own sample are what Celery itself would have sent."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import redis
from celery import Celery

from reverie.queue import make_celery
from reverie.queue.celery_app import broker_name, send_task
from reverie.queue.celery_messages import CeleryMessages
from reverie.settings import Settings


@pytest.fixture
def app(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Celery:
    monkeypatch.setenv("REVERIE_REDIS_URL", redis_url)
    return make_celery(Settings.load())


def read(raw: Any) -> tuple[dict[str, Any], str]:
    """``(message, delivery tag)``, without what Celery makes anew for every connection."""
    message: dict[str, Any] = json.loads(raw)
    message["body"] = json.loads(base64.b64decode(message["body"]))
    properties = message["properties"]
    assert len(properties.pop("reply_to")) == 36
    return message, properties.pop("delivery_tag")


def test_the_same_messages_as_celery(app: Celery, redis_url: str) -> None:
    tasks = [("tsk_1", "fast"), ("tsk_2", "fast"), ("tsk_3", "analysis"), ("tsk_4", "fast")]
    with app.connection_for_write() as connection, redis.Redis.from_url(redis_url) as client:
        producer = app.amqp.Producer(connection, auto_declare=False)
        for task_id, queue in tasks:
            send_task(app, producer, task_id, queue)
        queues = [broker_name(queue) for queue in ("fast", "analysis")]
        theirs = {queue: [read(raw) for raw in client.lrange(queue, 0, -1)] for queue in queues}
        client.delete(*queues)
        envelopes = CeleryMessages(app)
        for task_id, queue in tasks:
            client.lpush(broker_name(queue), envelopes.message(task_id, queue))
        ours = {queue: [read(raw) for raw in client.lrange(queue, 0, -1)] for queue in queues}
        client.delete(*queues)
    for queue in queues:
        assert [message for message, _ in ours[queue]] == [message for message, _ in theirs[queue]]
    assert len({tag for found in ours.values() for _, tag in found}) == len(tasks)
