"""Themes of short texts: grouping that needs no k, labels people understand, ids that last. Pure: no I/O."""

from reverie.clustering.identity import ThemeState, dump_states, load_states
from reverie.clustering.pipeline import ClusterOutcome, cluster

__all__ = ["ClusterOutcome", "ThemeState", "cluster", "dump_states", "load_states"]
