"""The SDK: submit in milliseconds, never block the loop, follow the result as it comes."""

from reverie.client.aio import AsyncReverie
from reverie.client.sync import Reverie, SyncTask
from reverie.client.task import AsyncTask

__all__ = ["AsyncReverie", "AsyncTask", "Reverie", "SyncTask"]
