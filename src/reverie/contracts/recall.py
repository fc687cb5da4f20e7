"""Finding the memories that answer a question, and embedding texts."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from reverie.contracts._base import AwareDatetime, Identifier, Request, Response
from reverie.contracts._descriptions import CALLBACK_URL, CLOUD, MEMORIES, MODEL, MODEL_USED, NOW, USER_ID, VERSION
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

    top: Annotated[int, Field(ge=1, le=1000)] = Field(default=10, description="Most memories to return.")
    weights: dict[str, Annotated[float, Field(ge=0, le=100)]] | None = Field(
        default=None,
        description=(
            'Weights of the terms "relevance", "importance" and "recency"; those not named keep their default.'
        ),
    )
    now: AwareDatetime | None = Field(default=None, description=NOW)
    half_life_days: Annotated[float, Field(gt=0, le=36_500)] = Field(
        default=90.0, description="Days after which the recency term has halved."
    )
    diversity: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description=("0 ranks by score alone; towards 1, memories that say the same thing are spread out (MMR)."),
    )
    min_relevance: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.0,
        description=(
            "Least fit of what is returned, 0 to 1, the same for every model: from about 0.2 on a memory has to do "
            "with the question. 0 returns the best whatever they are."
        ),
    )
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description=MODEL)


class RecallRequest(Request):
    """Body of ``POST /recall/submit``."""

    user_id: Identifier = Field(description=USER_ID)
    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8192)] = Field(
        description="The question, or what is being talked about."
    )
    memories: Memories | None = Field(default=None, description=MEMORIES)
    options: RecallOptions = Field(default_factory=RecallOptions, description="How to rank.")
    cloud: CloudPolicy | None = Field(default=None, description=CLOUD)
    callback_url: CallbackUrl | None = Field(default=None, description=CALLBACK_URL)


class RecallTerms(Response):
    """The three terms of a recall score, each 0 to 1 before weighting."""

    relevance: float = Field(description="How well the memory fits the query, 0 to 1.")
    importance: float = Field(description="How much it is worth keeping, 0 to 1.")
    recency: float = Field(description="How new it is, 0 to 1; half after half_life_days.")


class RecalledMemory(Response):
    """One hit."""

    memory_id: str = Field(description="Id of the memory.")
    text: str = Field(description="Its text.")
    score: float = Field(description="The weighted mean of the terms, 0 to 1.")
    rank: int = Field(description="Place in the ranking, from 1.")
    terms: RecallTerms = Field(description="What the score is made of.")
    fit: float = Field(
        default=0.0, description="How surely it has to do with the question, 0 to 1; min_relevance is a floor on it."
    )


class RecallResult(Response):
    """Memories ranked for a query."""

    memories: list[RecalledMemory] = Field(description="The best memories for the query, the best first.")
    notes: list[str] = Field(default=[], description="What the caller should know, such as that nothing is relevant.")
    version: int | None = Field(default=None, description=VERSION)
    model: ModelUsed | None = Field(default=None, description=MODEL_USED)
    stats: dict[str, Any] = Field(
        default={}, description="Figures of the run: counts, texts embedded and taken from the cache."
    )


class EmbedOptions(Request):
    """How to embed."""

    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description=MODEL)
    dimensions: Annotated[int, Field(ge=1, le=8192)] | None = Field(
        default=None, description="Shorten vectors to this many dimensions, where the model was trained for it."
    )
    kind: Annotated[str, StringConstraints(pattern="^(document|query)$")] = Field(
        default="document", description='"query" adds the model card\'s query prefix, where it has one.'
    )


class EmbedRequest(Request):
    """Body of ``POST /embed/submit``."""

    texts: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=MAX_TEXT_CHARS)]], Field(max_length=100_000)
    ] = Field(description="The texts, each 1 to 100,000 characters.")
    user_id: Identifier = Field(
        default="-", description='Whose texts these are, so that erasing the user erases the vectors; "-" is nobody.'
    )
    options: EmbedOptions = Field(
        default_factory=EmbedOptions, description="Which model, how long the vectors, query or document."
    )
    cloud: CloudPolicy | None = Field(default=None, description=CLOUD)
    callback_url: CallbackUrl | None = Field(default=None, description=CALLBACK_URL)


class EmbedResult(Response):
    """Vectors in the order of the texts: base64 of little-endian float32, row after row."""

    vectors: str = Field(description="All vectors: base64 of little-endian float32, count rows of dimensions numbers.")
    count: int = Field(description="Number of vectors.")
    dimensions: int = Field(description="Length of a vector.")
    truncated: int = Field(
        default=0, description="Texts longer than the model's window; how they were handled is in stats."
    )
    tokens: int = Field(default=0, description="Tokens of all texts, whether computed now or taken from the cache.")
    model: ModelUsed | None = Field(default=None, description=MODEL_USED)
    stats: dict[str, Any] = Field(
        default={}, description="Figures of the run: texts embedded and taken from the cache."
    )
