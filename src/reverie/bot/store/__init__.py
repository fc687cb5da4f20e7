"""What the bot itself keeps, consent above all: a small store in SQLite or PostgreSQL, encrypted when a key is set."""

from reverie.bot.store.databases import Database, open_database
from reverie.bot.store.memories import (
    Forgotten,
    MemoryStore,
    NoConsent,
    Pending,
    Person,
    Remembered,
    StoreFull,
    Waiting,
)

__all__ = [
    "Database",
    "Forgotten",
    "MemoryStore",
    "NoConsent",
    "Pending",
    "Person",
    "Remembered",
    "StoreFull",
    "Waiting",
    "open_database",
]
