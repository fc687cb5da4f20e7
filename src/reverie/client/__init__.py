"""The SDK: submit in milliseconds, never block the loop, follow the result as it comes."""

from reverie.client.aio import AsyncReverie, AsyncTask
from reverie.client.sync import Reverie, SyncTask

__all__ = ["AsyncReverie", "AsyncTask", "Reverie", "SyncTask"]
