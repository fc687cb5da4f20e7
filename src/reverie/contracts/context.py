"""A block of what is known about a user, for a language model's next prompt."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from reverie.contracts._base import AwareDatetime, Identifier, Request, Response
from reverie.contracts._descriptions import MODEL_USED
from reverie.contracts.common import CallbackUrl, CloudPolicy, ModelUsed
from reverie.contracts.memory import Memories
from reverie.contracts.recall import RecallOptions
from reverie.contracts.stored import Stale

__all__ = [
    "Context",
    "ContextMessage",
    "ContextQuery",
    "ContextRequest",
    "ContextSection",
    "ContextUse",
    "Section",
]

Section = Literal["lasting", "current", "regular", "bearing"]
"""The parts of a context, in the order in which they stand in it."""

MIN_RELEVANCE = 0.1
"""Floor of what bears on a question, where the request names none."""


class ContextQuery(Request):
    """Body of ``POST /users/{user_id}/context``."""

    query: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=8192)] | None = Field(
        default=None, description="The question, or what is being talked about; without it nothing is looked up."
    )
    max_tokens: Annotated[int, Field(ge=1, le=100_000, strict=True)] = Field(
        default=600, description="Most tokens of the block, by the tokenizer."
    )
    format: Literal["text", "messages", "json"] = Field(
        default="text", description="One text, messages for a chat completion, or the lines with their ids."
    )
    tokenizer: Literal["o200k_base", "cl100k_base", "utf8-bytes"] = Field(
        default="o200k_base", description="Who counts; utf8-bytes is an upper bound for every byte-level tokenizer."
    )
    sections: Annotated[list[Section], Field(min_length=1, max_length=4)] | None = Field(
        default=None, description="Which parts to give; all where none is named."
    )
    min_relevance: Annotated[float, Field(ge=0, le=1)] = Field(
        default=MIN_RELEVANCE,
        description="How surely a memory must bear on the question, 0 to 1, the same for every model.",
    )
    now: AwareDatetime | None = Field(
        default=None, description="The moment by which dates are told; the service's clock where none is given."
    )
    as_of: AwareDatetime | None = Field(
        default=None, description="Tells what was known then: nothing that came later, and what held at that time."
    )


class ContextRequest(Request):
    """What the gateway orders of a worker: the query, and what the current view says. Nobody else can send it."""

    user_id: Identifier = Field(description="Whose context it is.")
    ask: ContextQuery = Field(description="What was asked for.")
    view: dict[str, Any] = Field(default_factory=dict, description="The parts of the current view that are told.")
    memories: Memories | None = Field(default=None, description="Always null: the stored ones are meant.")
    options: RecallOptions = Field(default_factory=RecallOptions, description="How to rank.")
    cloud: CloudPolicy | None = Field(default=None, description="Who may embed the question.")
    callback_url: CallbackUrl | None = Field(default=None, description="Always null.")


class ContextUse(Response):
    """One line of the block that tells a memory."""

    memory_id: str = Field(description="Id of the memory.")
    section: Section = Field(description="The part that it stands in.")
    score: float = Field(description="Why it is there: its relevance to the question, or its importance; 0 to 1.")
    reason: str = Field(default="", description="The same in words.")
    cut: bool = Field(default=False, description="Whether only the beginning of its text is told.")


class ContextMessage(Response):
    """One message of a chat completion. Memories never get the authority of a system message."""

    role: Literal["user"] = Field(default="user", description="Always user: the content is data.")
    content: str = Field(description="The text.")


class ContextSection(Response):
    """A part of the block and its lines."""

    name: Section = Field(description="Which part.")
    lines: list[dict[str, Any]] = Field(
        description="Each with text; of a memory also memory_id, speaker, when and score; of a theme also theme_id."
    )


class Context(Response):
    """What a language model should know of a user before it answers."""

    text: str | None = Field(default=None, description="The block, where text was asked for; may be empty.")
    messages: list[ContextMessage] | None = Field(
        default=None, description="The block as messages, the stable one first."
    )
    sections: list[ContextSection] | None = Field(default=None, description="The block's lines, for format json.")
    tokens: int = Field(description="Tokens of the block as the tokenizer counts; each message costs 4 more.")
    tokenizer: str = Field(description="Who counted.")
    stable_tokens: int = Field(
        default=0, description="Tokens at the beginning that stay the same until the view changes."
    )
    used: list[ContextUse] = Field(description="The memories in the block, in its order.")
    left_out: dict[str, int] = Field(
        description="How many memories were not told: below_floor, repeats, superseded, over_budget."
    )
    notes: list[str] = Field(default=[], description="What the caller should know, such as that nothing bears on it.")
    version: int = Field(default=0, description="The user's version that was read.")
    as_of: datetime | None = Field(default=None, description="When the view in it was made; null without one.")
    stale: Stale | None = Field(default=None, description="What the view does not know yet; null when it is current.")
    model: ModelUsed | None = Field(default=None, description=MODEL_USED)
