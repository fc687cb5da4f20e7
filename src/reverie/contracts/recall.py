"""Finding the memories that answer a question, and embedding texts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from reverie.contracts._base import AwareDatetime, Identifier, Request, Response
from reverie.contracts.common import CallbackUrl, CloudPolicy, ModelUsed
from reverie.contracts.memory import MAX_TEXT_CHARS, Memories

__all__ = [
    "EmbedOptions",
    "EmbedRequest",
    "EmbedResult",
    "RecallOptions",
    "RecallRequest",
    "RecallResult",
    "RecallTerms",
    "RecalledMemory",
]


class RecallOptions(Request):
    """How to rank: the weighted sum of relevance, importance and recency."""

    top: Annotated[int, Field(ge=1, le=1000)] = 10
    weights: dict[str, Annotated[float, Field(ge=0, le=100)]] | None = None
    now: AwareDatetime | None = None
    half_life_days: Annotated[float, Field(gt=0, le=36_500)] = 90.0
    #: 0 ranks by score alone; towards 1, memories that say the same thing are spread out (MMR).
    diversity: Annotated[float, Field(ge=0, le=1)] = 0.0
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class RecallRequest(Request):
    """Body of ``POST /recall/submit``."""

    user_id: Identifier
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8192)]
    memories: Memories
    options: RecallOptions = Field(default_factory=RecallOptions)
    cloud: CloudPolicy | None = None
    callback_url: CallbackUrl | None = None


class RecallTerms(Response):
    """The three terms of a recall score, each 0 to 1 before weighting."""

    relevance: float
    importance: float
    recency: float


class RecalledMemory(Response):
    """One hit."""

    memory_id: str
    text: str
    score: float
    rank: int
    terms: RecallTerms


class RecallResult(Response):
    """Memories ranked for a query."""

    memories: list[RecalledMemory]
    model: ModelUsed | None = None
    stats: dict[str, Any] = {}


class EmbedOptions(Request):
    """How to embed."""

    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    #: Shorten vectors to this many dimensions, where the model was trained for it.
    dimensions: Annotated[int, Field(ge=1, le=8192)] | None = None
    #: "query" adds the model card's query prefix, where it has one.
    kind: Annotated[str, StringConstraints(pattern="^(document|query)$")] = "document"


class EmbedRequest(Request):
    """Body of ``POST /embed/submit``."""

    texts: Annotated[list[Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]], Field(max_length=100_000)]
    user_id: Identifier = "-"
    options: EmbedOptions = Field(default_factory=EmbedOptions)
    cloud: CloudPolicy | None = None
    callback_url: CallbackUrl | None = None


class EmbedResult(Response):
    """Vectors in the order of the texts: base64 of little-endian float32, row after row."""

    vectors: str
    count: int
    dimensions: int
    #: Texts longer than the model's window; how they were handled is in ``stats``.
    truncated: int = 0
    tokens: int = 0
    model: ModelUsed | None = None
    stats: dict[str, Any] = {}
