"""Grouping memories into themes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from reverie.contracts._base import Identifier, Request, Response
from reverie.contracts.common import CallbackUrl, CloudPolicy, ModelUsed
from reverie.contracts.memory import Memories

__all__ = [
    "ClusterOptions",
    "ClusterRequest",
    "ClusterResult",
    "MapPoint",
    "Merge",
    "Split",
    "SubTheme",
    "Theme",
    "ThemeChanges",
]


class ClusterOptions(Request):
    """How to group. The defaults need no tuning."""

    #: From few broad themes (coarse, 0) to many narrow ones (fine, 1).
    granularity: Literal["coarse", "medium", "fine"] | Annotated[float, Field(ge=0, le=1)] = "medium"
    #: Fewest memories that make a theme.
    min_cluster_size: Annotated[int, Field(ge=2, le=10_000)] | None = None
    #: Most themes to return.
    max_themes: Annotated[int, Field(ge=1, le=10_000)] | None = None
    #: Language of the stop words for labels (ISO 639-1), detected when not given.
    stopwords_language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = None
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0
    #: Whether to compute the 2-D map.
    map: bool = True
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class ClusterRequest(Request):
    """Body of ``POST /cluster/submit``."""

    user_id: Identifier
    memories: Memories
    options: ClusterOptions = Field(default_factory=ClusterOptions)
    cloud: CloudPolicy | None = None
    callback_url: CallbackUrl | None = None


class SubTheme(Response):
    """A narrower group inside a theme of a large set."""

    id: str
    label: str
    keywords: list[str] = []
    size: int
    memory_ids: list[str]


class Theme(Response):
    """Memories that belong together."""

    id: str
    label: str
    keywords: list[str]
    size: int
    memory_ids: list[str]
    #: The most typical members, the medoid first.
    representative_ids: list[str]
    #: Mean cosine similarity of the members to the theme's centre, -1 to 1.
    cohesion: float
    first_at: datetime | None = None
    last_at: datetime | None = None
    subthemes: list[SubTheme] = []
    label_source: Literal["keywords", "llm"] = "keywords"


class MapPoint(Response):
    """A memory's place on the map; both axes run from -1 to 1."""

    id: str
    x: float
    y: float


class Merge(Response):
    """Earlier themes that became one."""

    into: str
    themes: list[str]


class Split(Response):
    """An earlier theme that became several."""

    theme: str
    into: list[str]


class ThemeChanges(Response):
    """How the themes differ from the user's previous run."""

    born: list[str] = []
    gone: list[str] = []
    merged: list[Merge] = []
    split: list[Split] = []


class ClusterResult(Response):
    """Themes of one user's memories."""

    themes: list[Theme]
    #: Memories that belong to no theme.
    unclustered: list[str]
    assignments: dict[str, str | None]
    map: list[MapPoint] | None = None
    born: list[str] = []
    gone: list[str] = []
    merged: list[Merge] = []
    split: list[Split] = []
    model: ModelUsed | None = None
    stats: dict[str, Any] = {}
