"""Reads memories from files: jsonl, json, csv, text, a Discord data package. Pure; nothing is sent anywhere."""

from reverie.readers.base import Rejected, Source
from reverie.readers.files import FORMATS, read_file, read_memories

__all__ = ["FORMATS", "Rejected", "Source", "read_file", "read_memories"]
