"""What matters in a user's memories, how it hangs together, what changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, get_args
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from reverie.contracts._base import AwareDatetime, Identifier, Request, Response
from reverie.contracts._descriptions import CALLBACK_URL, CLOUD, MEMORIES, MODEL, MODEL_USED, NOW, USER_ID, VERSION
from reverie.contracts._frames import graph_of, tables_of_analysis
from reverie.contracts.common import CallbackUrl, CloudPolicy, ModelUsed
from reverie.contracts.memory import Memories, Memory

__all__ = [
    "PATTERN_KINDS",
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
    "PatternKind",
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

    now: AwareDatetime | None = Field(default=None, description=NOW)
    timezone: TimeZone = Field(
        default="UTC", description="IANA name of the user's time zone, for rhythms and the timeline."
    )
    top: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="Most entries of the importance ranking; null is all."
    )
    sections: Annotated[list[Section], Field(min_length=1)] | None = Field(
        default=None, description="What to compute; null is everything."
    )
    weights: dict[str, Annotated[float, Field(ge=0, le=100)]] | None = Field(
        default=None, description="Weights of importance factors by name; others keep their default."
    )
    half_life_days: Annotated[float, Field(gt=0, le=36_500)] = Field(
        default=90.0, description="Days after which the recency factor has halved."
    )
    time_budget: Annotated[float, Field(gt=0, le=3600)] | None = Field(
        default=None,
        description=("Seconds after which unfinished sections are dropped and named in notes; null is no limit."),
    )
    edges: bool = Field(default=True, description="Whether edges are listed in the result.")
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=0, description="Runs with the same seed and content give the same result."
    )
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description=MODEL)


class AnalyzeRequest(Request):
    """Body of ``POST /analyze/submit``."""

    user_id: Identifier = Field(description=USER_ID)
    memories: Memories | None = Field(default=None, description=MEMORIES)
    options: AnalyzeOptions = Field(default_factory=AnalyzeOptions, description="How to analyse.")
    cloud: CloudPolicy | None = Field(default=None, description=CLOUD)
    callback_url: CallbackUrl | None = Field(default=None, description=CALLBACK_URL)


class Factor(Response):
    """One reason for a score: ``contribution`` = ``weight`` share x ``value``; contributions add up to the score."""

    value: float = Field(description="How strongly the reason holds, 0 to 1.")
    weight: float = Field(description="Its share of all weights, 0 to 1.")
    contribution: float = Field(description="What it adds to the score: weight times value.")


class Importance(Response):
    """How much a memory is worth keeping, 0 to 1."""

    memory_id: str = Field(description="Id of the memory.")
    score: float = Field(description="How much it is worth keeping, 0 to 1.")
    rank: int = Field(description="Place in the ranking, from 1.")
    factors: dict[str, Factor] = Field(description="The reasons by name; their contributions add up to the score.")
    core: bool = Field(default=False, description="Whether it is one of the few that define the user.")
    kind: str | None = Field(
        default=None,
        description='What lasting fact it names: "allergy", "family", "home", ...; null where it names none.',
    )
    boundary: bool = Field(default=False, description="Whether the user asks for something never to be said or done.")
    reason: str = Field(
        default="",
        description='Why it is worth keeping in words: "names a lasting fact: allergy"; empty where nothing is.',
    )


class GraphEdge(Response):
    """Two memories that are alike or share a name."""

    source: str = Field(description="Id of one memory.")
    target: str = Field(description="Id of the other.")
    weight: float = Field(description="How strong the tie is, 0 to 1.")
    kind: Literal["similar", "shared"] = Field(
        default="similar", description="Whether the two are alike in meaning, or share a name."
    )
    shared: list[str] = Field(default=[], description="The shared names or phrases of a shared edge.")


class Community(Response):
    """A part of the graph: the user's themes, with the ids and labels that ``cluster`` gives them."""

    id: str = Field(description="Id of the theme.")
    label: str = Field(default="", description="Name of the theme.")
    memory_ids: list[str] = Field(description="Ids of its memories.")
    keywords: list[str] = Field(default=[], description="Words that set it apart, the strongest first.")


class GraphResult(Response):
    """The similarity graph."""

    communities: list[Community] = Field(description="Its parts: the themes, the largest first.")
    central: list[str] = Field(
        description="Ids of the most typical memories, the most typical first. Typical is not important."
    )
    bridges: list[str] = Field(description="Ids of memories that connect themes, the strongest first.")
    isolated: list[str] = Field(description="Ids of memories that belong to no theme.")
    edges: list[GraphEdge] = Field(
        description="Ties between memories, the strongest first; empty when they were not asked for."
    )
    metrics: dict[str, Any] = Field(description="Figures of the graph: nodes, edges, components, density, modularity.")

    def to_networkx(self, memories: Iterable[Memory] = ()) -> Any:
        """An undirected ``networkx.Graph``: nodes are memory ids.

        Nodes carry ``community`` (its id, or "" for an isolated memory), ``central`` and ``bridge`` (rank from 1, 0 for
        none) and, where ``memories`` are given, ``text`` and ``created_at``. Edges carry ``weight``, ``kind``,
        ``shared``. Raises ``MissingExtra`` without networkx.
        """
        return graph_of(self, memories)


PatternKind = Literal[
    "weekly_rhythm",
    "daily_rhythm",
    "monthly_recurrence",
    "yearly_recurrence",
    "burst",
    "rate_change",
    "theme_trend",
    "theme_stopped",
    "theme_cooccurrence",
]
"""All kinds of patterns. A result's ``kind`` is a plain text, so that an older client reads a newer service."""

PATTERN_KINDS: tuple[str, ...] = get_args(PatternKind)


class Pattern(Response):
    """A regularity that chance does not explain."""

    kind: str = Field(description="Kind of regularity: weekly_rhythm, burst, theme_trend, ...")
    description: str = Field(description="The regularity in one sentence.")
    strength: float = Field(description="Effect size, 0 to 1 where the test has one.")
    p_value: float = Field(description="Chance of seeing this much without the regularity, 0 to 1.")
    q_value: float | None = Field(
        default=None, description="The p-value after Benjamini-Hochberg over all tests of the report."
    )
    period: str | None = Field(
        default=None, description='Length of what repeats: "day", "week", "month", "year"; null where nothing does.'
    )
    memory_ids: list[str] = Field(description="Ids of the memories that show it.")
    details: dict[str, Any] = Field(default={}, description="Figures of its kind.")


class DuplicateGroup(Response):
    """Memories that say the same."""

    memory_ids: list[str] = Field(description="Ids of the memories.")
    similarity: float = Field(description="How alike they are, 0 to 1; 0 for boilerplate.")
    kind: Literal["exact", "normalized", "near", "similar", "boilerplate", "contradiction"] = Field(
        default="near",
        description="How they are the same. Similar ones may be, which is for a person to tell; of a contradiction not "
        "both can hold.",
    )
    keep: str | None = Field(default=None, description="Id of the memory worth keeping; null where none stands out.")
    reason: str = Field(default="", description="Why they are grouped, in one sentence.")


class ForgetAdvice(Response):
    """What could go, and why. Advice only: nothing is ever deleted."""

    action: Literal["merge", "look", "archive", "drop"] = Field(
        description="What could be done; look: a person should see whether they say the same."
    )
    memory_ids: list[str] = Field(description="Ids of the memories it is about.")
    reason: str = Field(description="Why, in one sentence.")


class Emotion(Response):
    """Sentiment of one memory, -1 to 1; null where the language has no lexicon."""

    memory_id: str = Field(description="Id of the memory.")
    sentiment: float | None = Field(
        description="-1 (negative) to 1 (positive); null where the language has no lexicon."
    )
    language: str | None = Field(default=None, description="Language of the text (ISO 639-1), where it was recognised.")


class AnalyzeResult(Response):
    """An analysis of one user's memories."""

    importance: list[Importance] = Field(description="How much each memory is worth keeping, the most first.")
    graph: GraphResult | None = Field(
        description="How the memories hang together; null when the section was not asked for."
    )
    patterns: list[Pattern] = Field(description="Regularities that chance does not explain, the surest first.")
    duplicates: list[DuplicateGroup] = Field(
        description="Memories that say the same, and pairs that may contradict each other."
    )
    core: list[str] = Field(default=[], description="Ids of at most 12 memories that define the user.")
    advice: list[ForgetAdvice] = Field(
        default=[], description="What could go, and why. Nothing is ever deleted by itself."
    )
    emotion: list[Emotion] = Field(default=[], description="Sentiment by memory.")
    entities: dict[str, list[str]] = Field(
        default={}, description="Named entities and key phrases with the ids of the memories they appear in."
    )
    timeline: dict[str, int] = Field(
        default={}, description='Memories per day, {"2026-05-01": 3}, in the user\'s time zone.'
    )
    notes: list[str] = Field(description="What could not be found and why, in sentences.")
    version: int | None = Field(default=None, description=VERSION)
    model: ModelUsed | None = Field(default=None, description=MODEL_USED)
    stats: dict[str, Any] = Field(description="Figures of the run: counts, seconds by section.")

    def to_pandas(self) -> dict[str, Any]:
        """DataFrames: ``importance`` (with each factor's contribution), ``patterns`` and ``timeline`` (day, count).

        Raises ``MissingExtra`` without pandas."""
        return tables_of_analysis(self)
