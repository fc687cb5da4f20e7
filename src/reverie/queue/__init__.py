"""Celery carries task ids; Redis carries events and caches. Nothing here is the truth."""

from reverie.queue.bus import CONTROL, EVENTS, EventPublisher
from reverie.queue.celery_app import QUEUES, TASK_NAME, broker_name, make_celery, queue_for
from reverie.queue.dispatcher import Dispatcher, make_dispatcher

__all__ = [
    "CONTROL",
    "EVENTS",
    "QUEUES",
    "TASK_NAME",
    "Dispatcher",
    "EventPublisher",
    "broker_name",
    "make_celery",
    "make_dispatcher",
    "queue_for",
]
