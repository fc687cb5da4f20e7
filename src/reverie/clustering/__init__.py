"""Themes of short texts: grouping that needs no k, labels people understand, ids that last. Pure: no I/O."""

from reverie.clustering.identity import ThemeState, dump_states, load_states
from reverie.clustering.pipeline import ClusterOutcome, cluster, options_of
from reverie.clustering.placing import Placement, place
from reverie.clustering.steps import Steps
from reverie.clustering.topics import Topics, topic_wordings

__all__ = [
    "ClusterOutcome",
    "Placement",
    "Steps",
    "ThemeState",
    "Topics",
    "cluster",
    "dump_states",
    "load_states",
    "options_of",
    "place",
    "topic_wordings",
]
