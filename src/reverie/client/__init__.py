"""The SDK: submit in milliseconds, never block the loop, follow the result as it comes."""

from reverie.client.aio import AsyncReverie
from reverie.client.sync import Reverie, SyncTask, User
from reverie.client.task import AsyncTask
from reverie.client.user import AsyncUser

__all__ = ["AsyncReverie", "AsyncTask", "AsyncUser", "Reverie", "SyncTask", "User"]
