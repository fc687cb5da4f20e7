"""Reads memories from what people have: jsonl, json, csv, text, and the exports of chats. Pure; nothing is sent."""

from reverie.readers.base import Author, Rejected, Source
from reverie.readers.files import FORMATS, read_file, read_handle, read_memories

__all__ = ["FORMATS", "Author", "Rejected", "Source", "read_file", "read_handle", "read_memories"]
