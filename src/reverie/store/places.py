"""The places of everything that is stored sealed: one function a kind, so that no two callers name one differently.

A sealed value opens at its own place alone (``Codec``). What a function here gives must not change:
what is stored could not be read any more.
"""

from __future__ import annotations

from reverie.store.codec import Place

__all__ = [
    "cached_answer",
    "callback",
    "disabled_callback",
    "event",
    "idempotency_key",
    "kept_answer",
    "memory",
    "payload",
    "reason",
    "result",
    "settings",
    "shown_view",
    "side",
    "themes",
    "view",
    "webhook_secret",
]


def payload(tenant: str, task_id: str) -> Place:
    """A task's request."""
    return Place("payload", tenant, (task_id,))


def result(tenant: str, task_id: str) -> Place:
    """A task's result."""
    return Place("result", tenant, (task_id,))


def themes(tenant: str, user_id: str, model: str) -> Place:
    """The themes that are carried to a user's next run with a model."""
    return Place("themes", tenant, (user_id, model))


def memory(tenant: str, user_id: str, memory_id: str) -> Place:
    """A stored memory's words."""
    return Place("memory", tenant, (user_id, memory_id))


def reason(tenant: str, user_id: str, memory_id: str) -> Place:
    """Why a memory no longer holds."""
    return Place("supersession", tenant, (user_id, memory_id))


def settings(tenant: str, user_id: str) -> Place:
    """A user's settings."""
    return Place("settings", tenant, (user_id,))


def view(tenant: str, user_id: str, kind: str) -> Place:
    """A current view."""
    return Place("view", tenant, (user_id, kind))


def side(tenant: str, user_id: str, kind: str) -> Place:
    """What shows a view without memories that have gone since."""
    return Place("view's side", tenant, (user_id, kind))


def event(tenant: str, user_id: str, kind: str, key: str) -> Place:
    """What a happening says."""
    return Place("event", tenant, (user_id, kind, key))


def webhook_secret(tenant: str) -> Place:
    """A tenant's signing secret, the present one or the one before."""
    return Place("webhook secret", tenant, ())


def callback(tenant: str, about: str) -> Place:
    """Where a webhook goes that tells of a task, or of an event (``evt_`` and its number)."""
    return Place("callback", tenant, (about,))


def disabled_callback(tenant: str, url_hash: bytes) -> Place:
    """An address that answered 410 Gone; without a hash, what the hash is made for."""
    return Place("disabled callback", tenant, (url_hash.hex(),))


def idempotency_key(tenant: str, key_hash: str) -> Place:
    """An idempotency key; without a hash, what the hash is made for."""
    return Place("idempotency key", tenant, (key_hash,))


def kept_answer(tenant: str, key: str) -> Place:
    """What an idempotency key was answered with."""
    return Place("kept answer", tenant, (key,))


def cached_answer(tenant: str, user_id: str, content_hash: bytes) -> Place:
    """An answer at hand in Redis."""
    return Place("cached answer", tenant, (user_id, content_hash.hex()))


def shown_view(tenant: str, user_id: str, kind: str, etag: str) -> Place:
    """A view at hand in Redis as it was shown."""
    return Place("shown view", tenant, (user_id, kind, etag))
