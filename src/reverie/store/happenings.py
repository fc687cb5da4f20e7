"""What happened to a person's memories, as events: changed themes and insights, digests."""

from __future__ import annotations

from typing import Any

__all__ = ["event_of", "stream_name"]


def event_of(row: dict[str, Any]) -> dict[str, Any]:
    """The event of a happening, without what it says: that is read where it is sent."""
    return {
        "seq": row["id"],
        "type": row["kind"],
        "event_id": f"evt_{row['id']}",
        "task_id": row["task_id"],
        "at": row["at"],
        "operation": "upkeep",
        "user_id": row["user_id"],
    }


def stream_name(event: dict[str, Any]) -> str:
    """What an event's ``seq`` counts within: its task, or for a happening itself alone."""
    name: str = event.get("event_id") or event["task_id"]
    return name
