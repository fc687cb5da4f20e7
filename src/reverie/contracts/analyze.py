"""What matters in a user's memories, how it hangs together, what changes."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from reverie.contracts._base import AwareDatetime, Identifier, Request, Response
from reverie.contracts.common import CallbackUrl, CloudPolicy, ModelUsed
from reverie.contracts.memory import Memories

__all__ = [
    "AnalyzeOptions",
    "AnalyzeRequest",
    "AnalyzeResult",
    "Community",
    "DuplicateGroup",
    "Factor",
    "ForgetAdvice",
    "GraphEdge",
    "GraphResult",
    "Importance",
    "Pattern",
    "Section",
]

Section = Literal["importance", "graph", "patterns", "duplicates", "advice", "emotion"]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"unknown time zone {name!r}; write an IANA name such as Europe/Berlin")
    return name


TimeZone = Annotated[str, Field(max_length=64), AfterValidator(_known_zone)]


class AnalyzeOptions(Request):
    """How to analyse. ``now`` makes a run repeatable; it defaults to the time of submission."""

    now: AwareDatetime | None = None
    timezone: TimeZone = "UTC"
    #: Most entries of the importance ranking; null is all.
    top: Annotated[int, Field(ge=1, le=100_000)] | None = None
    sections: Annotated[list[Section], Field(min_length=1)] | None = None
    #: Weights of importance factors by name; others keep their default.
    weights: dict[str, Annotated[float, Field(ge=0, le=100)]] | None = None
    #: Days after which the recency factor has halved.
    half_life_days: Annotated[float, Field(gt=0, le=36_500)] = 90.0
    #: Seconds after which unfinished sections are dropped and named in ``notes``.
    time_budget: Annotated[float, Field(gt=0, le=3600)] | None = None
    #: Whether edges are listed in the result.
    edges: bool = True
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class AnalyzeRequest(Request):
    """Body of ``POST /analyze/submit``."""

    user_id: Identifier
    memories: Memories
    options: AnalyzeOptions = Field(default_factory=AnalyzeOptions)
    cloud: CloudPolicy | None = None
    callback_url: CallbackUrl | None = None


class Factor(Response):
    """One reason for a score: ``contribution`` = ``weight`` share x ``value``; contributions add up to the score."""

    value: float
    weight: float
    contribution: float


class Importance(Response):
    """How much a memory is worth keeping, 0 to 1."""

    memory_id: str
    score: float
    rank: int
    factors: dict[str, Factor]
    core: bool = False


class GraphEdge(Response):
    """Two memories that are alike or share a name."""

    source: str
    target: str
    weight: float
    kind: Literal["similar", "shared"] = "similar"
    #: The shared names or phrases of a ``shared`` edge.
    shared: list[str] = []


class Community(Response):
    """A dense part of the graph."""

    id: str
    memory_ids: list[str]
    keywords: list[str] = []


class GraphResult(Response):
    """The similarity graph."""

    communities: list[Community]
    #: Most typical memories first.
    central: list[str]
    #: Memories that connect communities.
    bridges: list[str]
    isolated: list[str]
    edges: list[GraphEdge]
    metrics: dict[str, Any]


class Pattern(Response):
    """A regularity that chance does not explain."""

    kind: str
    description: str
    #: Effect size, 0 to 1 where the test has one.
    strength: float
    p_value: float
    #: The p-value after Benjamini-Hochberg over all tests of the report.
    q_value: float | None = None
    period: str | None = None
    memory_ids: list[str]
    details: dict[str, Any] = {}


class DuplicateGroup(Response):
    """Memories that say the same."""

    memory_ids: list[str]
    similarity: float
    kind: Literal["exact", "normalized", "near", "boilerplate", "contradiction"] = "near"
    keep: str | None = None
    reason: str = ""


class ForgetAdvice(Response):
    """What could go, and why. Advice only: nothing is ever deleted."""

    action: Literal["merge", "archive", "drop"]
    memory_ids: list[str]
    reason: str


class Emotion(Response):
    """Sentiment of one memory, -1 to 1; null where the language has no lexicon."""

    memory_id: str
    sentiment: float | None
    language: str | None = None


class AnalyzeResult(Response):
    """An analysis of one user's memories."""

    importance: list[Importance]
    graph: GraphResult | None
    patterns: list[Pattern]
    duplicates: list[DuplicateGroup]
    #: Ids of at most 20 memories that define the user.
    core: list[str] = []
    advice: list[ForgetAdvice] = []
    emotion: list[Emotion] = []
    #: Named entities and key phrases with the memories they appear in.
    entities: dict[str, list[str]] = {}
    #: Memories per day, ``{"2026-05-01": 3}``, in the user's time zone.
    timeline: dict[str, int] = {}
    notes: list[str]
    model: ModelUsed | None = None
    stats: dict[str, Any]
