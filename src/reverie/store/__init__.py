"""PostgreSQL, the truth about tasks, results, vectors and keys. All SQL is in ``queries.sql``."""

from reverie.store.cloud import LOCAL, CloudChoice, PolicyStore, TenantPolicy, choose
from reverie.store.codec import Codec, Compressed, Place, compressed, decompressed
from reverie.store.gateway_store import GatewayStore
from reverie.store.keys import SCOPES, Key, KeyStore, hash_key, key_id
from reverie.store.migrate import migrate
from reverie.store.rows import ClaimedTask, TaskRow
from reverie.store.submissions import NewTask, Submitted
from reverie.store.webhook_store import Delivery, WebhookStore
from reverie.store.worker_store import UserModel, WorkerStore, is_outage

__all__ = [
    "LOCAL",
    "SCOPES",
    "ClaimedTask",
    "CloudChoice",
    "Codec",
    "Compressed",
    "Delivery",
    "GatewayStore",
    "Key",
    "KeyStore",
    "NewTask",
    "Place",
    "PolicyStore",
    "Submitted",
    "TaskRow",
    "TenantPolicy",
    "UserModel",
    "WebhookStore",
    "WorkerStore",
    "choose",
    "compressed",
    "decompressed",
    "hash_key",
    "is_outage",
    "key_id",
    "migrate",
]
