"""Themes as a scikit-learn clusterer, for pipelines, grid searches and BERTopic: ``from reverie.sklearn import ...``.

It runs here, without the service, on vectors that you have. Needs ``pip install 'reverie[sklearn]'``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from reverie.clustering import Steps, cluster, place
from reverie.clustering.labels import Label
from reverie.contracts import ClusterOptions, Memory
from reverie.embedding.calibration import REFERENCE, Scale
from reverie.errors import MissingExtra

try:
    from sklearn.base import BaseEstimator, ClusterMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ModuleNotFoundError as error:
    raise MissingExtra("sklearn", what="reverie.sklearn") from error

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ThemeClusterer"]


class ThemeClusterer(ClusterMixin, BaseEstimator):  # type: ignore[misc]
    """Themes of rows of vectors; how many there are follows from the data.

    Parameters
    ----------
    granularity : "coarse", "medium", "fine" or float from 0 to 1
        From few broad themes (0) to many narrow ones (1).
    min_cluster_size : int or None
        Fewest rows that make a theme; chosen from their number when None.
    max_themes : int or None
        Most themes; None is no limit.
    seed : int
        The same seed and rows give the same themes.
    scale : reverie.embedding.calibration.Scale or None
        What the cosines of the vectors mean (``embedder.cosines``). None: those of all-MiniLM-L6-v2, which most
        sentence models are near to; raw E5 vectors are not.

    Attributes
    ----------
    labels_ : (n,) int64
        The theme of each row from 0, the largest theme first; -1 for rows that belong to none.
    cluster_centers_ : (themes, d) float32
        Centres of unit length.
    theme_names_ : list of str, or None
        A short name a theme, if ``fit`` was given the texts.
    n_features_in_ : int
        d.

    Only the direction of a row counts, never its length: closeness is the cosine. Rows are grouped as
    ``POST /cluster/submit`` groups them (docs/themes.md).
    """

    def __init__(
        self,
        granularity: str | float = "medium",
        *,
        min_cluster_size: int | None = None,
        max_themes: int | None = None,
        seed: int = 0,
        scale: Scale | None = None,
    ) -> None:
        self.granularity = granularity
        self.min_cluster_size = min_cluster_size
        self.max_themes = max_themes
        self.seed = seed
        self.scale = scale

    def fit(self, X: ArrayLike, y: object = None, texts: Sequence[str] | None = None) -> Self:  # noqa: N803
        """Find the themes of ``X`` ((n, d) numbers).

        ``texts`` (n) name the themes, and equal texts count once; in a pipeline give ``themeclusterer__texts=texts``.
        Raises ``ValueError`` for parameters or rows that cannot be used.
        """
        x = validate_data(self, X, dtype=np.float32)
        options = ClusterOptions(
            granularity=cast("Any", self.granularity),
            min_cluster_size=self.min_cluster_size,
            max_themes=self.max_themes,
            seed=self.seed,
            map=False,
        )
        checked = None if texts is None else _checked(texts, len(x))
        memories = [Memory(id=str(i), text=text) for i, text in enumerate(checked or map(str, range(len(x))))]
        steps = Steps() if checked is not None else replace(Steps(), label=_unnamed, divide=_undivided)
        outcome = cluster(memories, x, options, steps=steps, scale=self.scale or REFERENCE)
        self._states = outcome.states
        self.theme_names_ = None if checked is None else [theme.label for theme in outcome.result.themes]
        self.labels_ = np.full(len(x), -1, dtype=np.int64)
        for number, theme in enumerate(outcome.result.themes):
            self.labels_[[int(i) for i in theme.memory_ids]] = number
        self.cluster_centers_ = (
            np.stack([state.centroid for state in self._states]) if self._states else np.empty((0, x.shape[1]), x.dtype)
        )
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803
        """(n,) the theme of each new row, -1 for rows farther from every centre than nearly all of its members."""
        return self.approximate_predict(X)[0]

    def approximate_predict(self, X: ArrayLike) -> tuple[NDArray[np.int64], NDArray[np.float64]]:  # noqa: N803
        """``predict``, and (n,) the cosine to the nearest centre; 0 where there is no theme.

        Approximate, since a new ``fit`` would also let the new rows found, join and divide themes.
        """
        check_is_fitted(self)
        x = validate_data(self, X, dtype=np.float32, reset=False)
        number: dict[str | None, int] = {state.id: i for i, state in enumerate(self._states)}
        placed = place(x, self._states, self.scale or REFERENCE)
        return (
            np.array([number.get(one.theme_id, -1) for one in placed], dtype=np.int64),
            np.array([one.closeness for one in placed], dtype=np.float64),
        )


def _checked(texts: Sequence[str], rows: int) -> list[str]:
    if isinstance(texts, str):
        raise ValueError("texts is one text; give a list with one for each row")
    checked = list(texts)
    if len(checked) != rows:
        raise ValueError(f"{len(checked)} texts for {rows} rows")
    for number, text in enumerate(checked):
        if not isinstance(text, str):
            raise ValueError(f"texts[{number}] is of type {type(text).__name__}, not a text")
    return checked


def _unnamed(_texts: object, _x: object, groups: Sequence[Any], *_more: object) -> list[Label]:
    """Labels where there is nothing to name groups after."""
    return [Label(str(number), []) for number in range(len(groups))]


def _undivided(_x: object, _graph: object, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """One part a theme: what is below themes has no place in ``labels_``."""
    return np.zeros(len(rows), dtype=np.int64)
