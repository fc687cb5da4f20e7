"""The keyword arguments of the asynchronous client's methods, for the synchronous one's signatures.

A test compares them with the methods, so that the two never drift apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, TypedDict, TypeVar, cast

from pydantic import BaseModel

from reverie.contracts import Memory
from reverie.errors import InvalidInput

__all__ = [
    "AnalyzeArguments",
    "ClientArguments",
    "ClusterArguments",
    "ContextArguments",
    "EmbedArguments",
    "RecallArguments",
    "RememberArguments",
    "SettingsArguments",
    "StoredRecallArguments",
    "listed",
]

T = TypeVar("T")


def listed(value: Iterable[T], name: str) -> list[T]:
    """The items of the argument ``name``. Raises ``InvalidInput`` for one item in place of a list of them.

    Python would take a text apart into its letters and a mapping into its keys, without a word.
    """
    if isinstance(value, str | bytes | bytearray | memoryview):
        raise InvalidInput(f"{name} is one text; put it into a list: {name}=[...]")
    if isinstance(value, Mapping):
        keys = ", ".join(repr(str(key)[:40]) for key in list(value)[:3]) or "empty"
        raise InvalidInput(f"{name} is one mapping ({keys}); put it into a list, or give the list that it holds")
    if hasattr(value, "columns") and hasattr(value, "notna"):  # a DataFrame, whose items are its columns' names
        return cast("list[T]", _rows(value, name))
    if isinstance(value, BaseModel) or not isinstance(value, Iterable):
        raise InvalidInput(f"{name} is one {type(value).__name__}; put it into a list: {name}=[...]")
    return list(value)


def _rows(table: Any, name: str) -> list[dict[str, Any]]:
    """The rows of a pandas DataFrame of memories, without missing values."""
    if name != "memories":
        raise InvalidInput(f"{name} is a table; give one of its columns")
    if "text" not in table.columns:
        raise InvalidInput(f"memories is a table with no column 'text' among {list(table.columns)[:6]}; rename one")
    more = [column for column in table.columns if column not in Memory.model_fields]
    if more:
        raise InvalidInput(f"memories is a table with a column {str(more[0])[:40]!r}, which is no part of a memory")
    rows = table.astype(object).where(table.notna(), None).to_dict("records")
    return [{key: value for key, value in row.items() if value is not None} for row in rows]


class ClientArguments(TypedDict, total=False):
    """Of ``AsyncReverie``."""

    connect_timeout: float
    timeout: float
    tries: int
    remember_in: Path | None


class _Submission(TypedDict, total=False):
    model: str | None
    idempotency_key: str | None
    wait: float | None
    deadline: float | None


class ClusterArguments(_Submission, total=False):
    """Of ``submit_clustering_task``."""

    granularity: str | float | None
    min_cluster_size: int | None
    max_themes: int | None
    stopwords_language: str | None
    seed: int | None
    map: bool | None
    cloud: Mapping[str, Any] | None
    callback_url: str | None


class AnalyzeArguments(_Submission, total=False):
    """Of ``submit_analysis_task``."""

    now: datetime | str | None
    timezone: str | None
    top: int | None
    sections: Sequence[str] | None
    weights: Mapping[str, float] | None
    half_life_days: float | None
    time_budget: float | None
    edges: bool | None
    seed: int | None
    cloud: Mapping[str, Any] | None
    callback_url: str | None


class RecallArguments(_Submission, total=False):
    """Of ``submit_recall_task``."""

    top: int | None
    weights: Mapping[str, float] | None
    now: datetime | str | None
    half_life_days: float | None
    diversity: float | None


class RememberArguments(TypedDict, total=False):
    """Of ``AsyncUser.remember``."""

    id: str | int | None
    created_at: datetime | str | None
    kind: str | None
    source: str | None
    speaker: str | None
    metadata: Mapping[str, Any] | None
    pinned: bool | None


class StoredRecallArguments(TypedDict, total=False):
    """Of ``AsyncUser.recall``."""

    top: int | None
    weights: Mapping[str, float] | None
    now: datetime | str | None
    half_life_days: float | None
    diversity: float | None
    min_relevance: float | None


class ContextArguments(TypedDict, total=False):
    """Of ``AsyncUser.context``."""

    format: str | None
    tokenizer: str | None
    sections: Sequence[str] | None
    min_relevance: float | None
    now: datetime | str | None


class SettingsArguments(TypedDict, total=False):
    """Of ``AsyncUser.set_settings``."""

    timezone: str | None
    language: str | None
    upkeep: str | None
    digest: Mapping[str, Any] | None


class EmbedArguments(TypedDict, total=False):
    """Of ``embed``."""

    user_id: str | int
    kind: str | None
    dimensions: int | None
    model: str | None
    timeout: float
