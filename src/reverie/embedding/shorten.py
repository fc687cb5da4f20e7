"""Vectors of fewer dimensions, where the model was trained for it."""

from __future__ import annotations

import numpy as np

from reverie.embedding.base import ModelSpec, Vectors
from reverie.errors import InvalidInput

__all__ = ["check_dimensions", "shorten"]


def check_dimensions(dimensions: int, model: ModelSpec) -> None:
    """Raise ``InvalidInput`` unless ``model`` gives vectors of that size: its own, or fewer if it was trained so."""
    own = model.dimensions
    if dimensions == own or (dimensions < own and model.shortens):
        return
    why = f"has {own}" if dimensions > own else f"was not trained for shorter vectors than its {own}"
    message = f"is {dimensions}, but {model.name} {why}; leave it out"
    raise InvalidInput.at("options.dimensions", message)


def shorten(vectors: Vectors, dimensions: int, model: ModelSpec) -> Vectors:
    """The first ``dimensions`` of each vector, of unit length again (Kusupati et al. 2022).

    Raises ``InvalidInput`` where the model does not allow it.
    """
    check_dimensions(dimensions, model)
    if dimensions == vectors.shape[1]:
        return vectors
    short = vectors[:, :dimensions]
    norms = np.maximum(np.linalg.norm(short, axis=1, keepdims=True), 1e-12)
    return np.ascontiguousarray(short / norms, dtype=np.float32)
