"""The table of operations: one row says everything that the parts of the service must agree on.

Add an operation by adding a row here, its function to ``worker/operations.py``, and a method to the SDK; a test walks
the table and names what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from reverie.contracts._base import Request, Response
from reverie.contracts.analyze import AnalyzeRequest, AnalyzeResult
from reverie.contracts.cluster import ClusterRequest, ClusterResult
from reverie.contracts.context import Context, ContextRequest
from reverie.contracts.recall import EmbedRequest, EmbedResult, RecallRequest, RecallResult
from reverie.contracts.stored import UpkeepResult
from reverie.contracts.tasks import Operation

__all__ = ["INTERNAL_OPERATIONS", "OPERATIONS", "OperationSpec"]

_FAST_SECONDS = 0.1
"""Work predicted to be shorter than this takes the fast lane."""

_CONVERSATION_SECONDS = 1.0
"""The same where a person waits for the answer in a conversation: it may hold up its like a little longer."""


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """What is known of one operation."""

    name: str
    #: One sentence for the documentation.
    summary: str
    #: Model of the request's body; None for work that only the service itself orders.
    request: type[Request] | None
    #: Model of the result; None where the result is not JSON, or nothing that a caller waits for.
    result: type[Response] | None
    #: Member of the request that holds the texts; they are counted and limited.
    items: Literal["memories", "texts"] | None
    #: The queue of heavy work.
    queue: Literal["clustering", "analysis", "upkeep"]
    #: Stages with their share of a cold run, in order; they shape the progress bar.
    stages: tuple[tuple[str, float], ...]
    #: First guess of its cost in seconds: once, per text, per 1,000 tokens (two AVX2 cores, nothing cached).
    first_cost: tuple[float, float, float]
    #: Method of the SDK's clients that submits it; None for work that only the service orders.
    sdk_method: str | None = None
    #: Predicted seconds below which it takes the fast lane.
    fast_seconds: float = _FAST_SECONDS
    #: Whether a submission waits briefly for the answer, unasked.
    waits: bool = False
    #: Whether the result depends on the day unless the request names a moment.
    depends_on_day: bool = False
    #: Whether users see it: in lists, events, webhooks and exports.
    public: bool = True
    #: A request for the documentation.
    example: dict[str, Any] | None = None


_MEMORIES = [
    {"id": "cat", "text": "I adopted a cat called Miso", "created_at": "2026-05-01T09:00:00Z"},
    {"id": "vacuum", "text": "Miso hides when the vacuum runs"},
    "The rock gym opened a new wall",
]

_ROWS = (
    OperationSpec(
        name=Operation.CLUSTER,
        summary="Group memories into themes.",
        request=ClusterRequest,
        result=ClusterResult,
        items="memories",
        queue="clustering",
        stages=(("embedding", 0.75), ("clustering", 0.12), ("labelling", 0.05), ("mapping", 0.08)),
        first_cost=(0.03, 0.0006, 0.3),
        sdk_method="submit_clustering_task",
        example={"user_id": "42", "memories": _MEMORIES, "options": {"granularity": "fine"}},
    ),
    OperationSpec(
        name=Operation.ANALYZE,
        summary="Find what matters, how it hangs together and what changes.",
        request=AnalyzeRequest,
        result=AnalyzeResult,
        items="memories",
        queue="analysis",
        stages=(
            ("embedding", 0.6),
            ("graph", 0.12),
            ("importance", 0.08),
            ("duplicates", 0.06),
            ("patterns", 0.1),
            ("emotion", 0.02),
            ("advice", 0.02),
        ),
        first_cost=(0.05, 0.0008, 0.3),
        depends_on_day=True,
        sdk_method="submit_analysis_task",
        example={"user_id": "42", "memories": _MEMORIES, "options": {"timezone": "Europe/Berlin"}},
    ),
    OperationSpec(
        name=Operation.RECALL,
        summary="Rank memories for a question.",
        request=RecallRequest,
        result=RecallResult,
        items="memories",
        queue="clustering",
        stages=(("embedding", 0.9), ("ranking", 0.1)),
        first_cost=(0.006, 0.00003, 0.3),
        fast_seconds=_CONVERSATION_SECONDS,
        waits=True,
        depends_on_day=True,
        sdk_method="submit_recall_task",
        example={"user_id": "42", "query": "pets", "memories": _MEMORIES, "options": {"top": 3}},
    ),
    OperationSpec(
        name=Operation.EMBED,
        summary="Turn texts into vectors.",
        request=EmbedRequest,
        result=EmbedResult,
        items="texts",
        queue="clustering",
        stages=(("embedding", 1.0),),
        first_cost=(0.004, 0.0001, 0.3),
        waits=True,
        sdk_method="embed",
        example={"texts": ["I adopted a cat called Miso", "The rock gym opened a new wall"]},
    ),
    OperationSpec(
        name=Operation.UPKEEP,
        summary="Bring a user's views up to date.",
        request=None,
        result=UpkeepResult,
        items=None,
        queue="upkeep",
        stages=(
            ("reading", 0.05),
            ("embedding", 0.3),
            ("clustering", 0.2),
            ("labelling", 0.1),
            ("mapping", 0.05),
            ("graph", 0.12),
            ("importance", 0.05),
            ("duplicates", 0.04),
            ("patterns", 0.06),
            ("emotion", 0.02),
            ("advice", 0.01),
        ),
        first_cost=(0.08, 0.0014, 0.3),
    ),
    OperationSpec(
        name="place",
        summary="Put new memories into the themes of the user's view.",
        request=None,
        result=None,
        items=None,
        queue="clustering",
        stages=(("embedding", 1.0),),
        first_cost=(0.01, 0.0, 0.3),
        fast_seconds=_CONVERSATION_SECONDS,
        public=False,
    ),
    OperationSpec(
        name="context",
        summary="What a language model should know of a user.",
        request=ContextRequest,
        result=Context,
        items="memories",
        queue="clustering",
        stages=(("embedding", 0.9), ("ranking", 0.1)),
        first_cost=(0.02, 0.00003, 0.3),
        fast_seconds=_CONVERSATION_SECONDS,
        depends_on_day=True,
        public=False,
    ),
    OperationSpec(
        name="chart",
        summary="Draw a finished task's result as PNG.",
        request=None,
        result=None,
        items=None,
        queue="clustering",
        stages=(),
        first_cost=(0.5, 0.0, 0.0),
        fast_seconds=_CONVERSATION_SECONDS,
        public=False,
    ),
)

OPERATIONS: dict[str, OperationSpec] = {str(row.name): row for row in _ROWS}
"""All operations by name."""

INTERNAL_OPERATIONS = tuple(row.name for row in _ROWS if not row.public)
"""Work that the service orders for itself; nobody sees it as a task."""
