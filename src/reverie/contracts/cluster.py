"""Grouping memories into themes."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from reverie.contracts._base import Identifier, Request, Response
from reverie.contracts._descriptions import CALLBACK_URL, CLOUD, MEMORIES, MODEL, MODEL_USED, USER_ID, VERSION
from reverie.contracts._frames import tables_of_themes
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

    granularity: Literal["coarse", "medium", "fine"] | Annotated[float, Field(ge=0, le=1)] = Field(
        default="medium", description="From few broad themes (coarse, 0) to many narrow ones (fine, 1)."
    )
    min_cluster_size: Annotated[int, Field(ge=2, le=10_000)] | None = Field(
        default=None, description="Fewest memories that make a theme; chosen from the data when null."
    )
    max_themes: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Most themes to return; null is no limit."
    )
    stopwords_language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] | None = Field(
        default=None, description="Language of the stop words for labels (ISO 639-1); detected when null."
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = Field(
        default=0, description="Runs with the same seed and content give the same themes."
    )
    map: bool = Field(default=True, description="Whether to compute the 2-D map.")
    preview: bool = Field(
        default=False,
        description=(
            "Only look: themes get the ids they would have, and the user's history of themes stays as it is. The "
            "result is kept like any other."
        ),
    )
    model: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(default=None, description=MODEL)


class ClusterRequest(Request):
    """Body of ``POST /cluster/submit``."""

    user_id: Identifier = Field(description=USER_ID)
    memories: Memories | None = Field(default=None, description=MEMORIES)
    options: ClusterOptions = Field(default_factory=ClusterOptions, description="How to group.")
    cloud: CloudPolicy | None = Field(default=None, description=CLOUD)
    callback_url: CallbackUrl | None = Field(default=None, description=CALLBACK_URL)


class SubTheme(Response):
    """A narrower group inside a theme of a large set."""

    id: str = Field(description="Id of the sub-theme, unique in the result.")
    label: str = Field(description="A short name, made from its keywords.")
    keywords: list[str] = Field(
        default=[], description="Words that set it apart from the rest of the theme, the strongest first."
    )
    size: int = Field(description="Number of its memories.")
    memory_ids: list[str] = Field(description="Ids of its memories.")


class Theme(Response):
    """Memories that belong together."""

    id: str = Field(description="Id of the theme. It stays over the runs for a user while its members mostly stay.")
    label: str = Field(description="A short name.")
    keywords: list[str] = Field(description="Words that set the theme apart, the strongest first.")
    size: int = Field(description="Number of its memories.")
    memory_ids: list[str] = Field(description="Ids of its memories.")
    representative_ids: list[str] = Field(description="The most typical members, the medoid first.")
    cohesion: float = Field(description="Mean cosine similarity of the members to the theme's centre, -1 to 1.")
    first_at: datetime | None = Field(
        default=None, description="When its earliest dated memory was made; null without dates."
    )
    last_at: datetime | None = Field(
        default=None, description="When its latest dated memory was made; null without dates."
    )
    subthemes: list[SubTheme] = Field(
        default=[], description="Narrower groups inside it; empty for all but large sets."
    )
    label_source: Literal["keywords", "llm"] = Field(
        default="keywords", description="Who wrote the label: the keywords, or a language model."
    )


class MapPoint(Response):
    """A memory's place on the map; both axes run from -1 to 1."""

    id: str = Field(description="Id of the memory.")
    x: float = Field(description="Left to right, -1 to 1.")
    y: float = Field(description="Bottom to top, -1 to 1.")


class Merge(Response):
    """Earlier themes that became one."""

    into: str = Field(description="Id of the theme they became.")
    themes: list[str] = Field(description="Ids of the earlier themes.")


class Split(Response):
    """An earlier theme that became several."""

    theme: str = Field(description="Id of the earlier theme.")
    into: list[str] = Field(description="Ids of the themes it became.")


class ThemeChanges(Response):
    """How the themes differ from the user's previous run."""

    born: list[str] = Field(default=[], description="Ids of themes that are new.")
    gone: list[str] = Field(default=[], description="Ids of earlier themes that are no more.")
    merged: list[Merge] = Field(default=[], description="Earlier themes that became one.")
    split: list[Split] = Field(default=[], description="Earlier themes that became several.")


class ClusterResult(Response):
    """Themes of one user's memories."""

    themes: list[Theme] = Field(description="The themes, the largest first.")
    unclustered: list[str] = Field(description="Ids of the memories that belong to no theme.")
    assignments: dict[str, str | None] = Field(
        description="The theme of each memory, by memory id; null for those that belong to none."
    )
    map: list[MapPoint] | None = Field(
        default=None, description="A place for each memory, alike ones near each other; null when it was not asked for."
    )
    born: list[str] = Field(default=[], description="Ids of themes that the user's previous run did not have.")
    gone: list[str] = Field(default=[], description="Ids of the previous run's themes that are no more.")
    merged: list[Merge] = Field(default=[], description="Themes of the previous run that became one.")
    split: list[Split] = Field(default=[], description="Themes of the previous run that became several.")
    version: int | None = Field(default=None, description=VERSION)
    model: ModelUsed | None = Field(default=None, description=MODEL_USED)
    notes: list[str] = Field(default=[], description="What could not be read and why, in sentences.")
    stats: dict[str, Any] = Field(default={}, description="Figures of the run: counts, the method, seconds by stage.")

    def to_pandas(self) -> dict[str, Any]:
        """DataFrames: ``themes`` (one row each) and ``assignments`` (memory_id, theme_id, label, x, y: places if there
        is a map). Raises ``MissingExtra`` without pandas."""
        return tables_of_themes(self)
