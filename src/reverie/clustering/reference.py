"""The reference way to group: scikit-learn's ``AgglomerativeClustering``, as one would write it by hand."""

from __future__ import annotations

import numpy as np

from reverie.clustering.grouping import Labels, Neighbourhood
from reverie.clustering.steps import Steps
from reverie.embedding.base import OnProgress, Vectors
from reverie.errors import MissingExtra, TooLarge

__all__ = ["LARGEST", "agglomerative_steps", "steps_named"]

LARGEST = 10_000
"""Most distinct texts: every pair's distance is held, 8 bytes each."""

_APART = 0.75
"""Mean cosine distance above which two groups stay apart, at medium granularity, of all-MiniLM-L6-v2's cosines."""


def steps_named(name: str) -> Steps:
    """The steps that ``REVERIE_STEPS`` names: ``own`` or ``sklearn``.

    Raises ``MissingExtra`` for ``sklearn`` where scikit-learn is not installed.
    """
    return agglomerative_steps() if name == "sklearn" else Steps()


def agglomerative_steps() -> Steps:
    """The engine's steps with average linkage of cosine distances, cut at a threshold, in place of its own grouping.

    Raises ``MissingExtra`` without scikit-learn. The grouping raises ``TooLarge`` above ``LARGEST`` texts.
    """
    try:
        from sklearn.cluster import AgglomerativeClustering
    except ModuleNotFoundError as error:
        raise MissingExtra("sklearn", what="REVERIE_STEPS=sklearn") from error

    def group(x: Vectors, _near: Neighbourhood, granularity: float, on_progress: OnProgress) -> Labels:
        if len(x) > LARGEST:
            raise TooLarge(
                f"REVERIE_STEPS=sklearn groups at most {LARGEST:,} different texts, not {len(x):,}: REVERIE_STEPS=own"
            )
        on_progress("clustering", 0, len(x))
        method = AgglomerativeClustering(
            n_clusters=None,
            # From coarse to fine: 1, 0.75, 0.5.
            distance_threshold=_APART + 0.25 * (1.0 - 2.0 * granularity),
            metric="cosine",
            linkage="average",
        )
        return np.asarray(method.fit_predict(x), dtype=np.int64)

    return Steps(group=group, name="sklearn")
