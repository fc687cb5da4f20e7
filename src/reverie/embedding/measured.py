"""What was measured of a model once, and ships with the package: how its vectors are moved, and what cosines mean then.

``scripts/measure_model.py`` writes the files from the package's sentences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np

from reverie.embedding.calibration import Centring, Scale

__all__ = ["Measured", "measured"]


@dataclass(frozen=True, eq=False)
class Measured:
    """A model's calibration."""

    centring: Centring
    scale: Scale
    #: Put before every text, of a memory and of a question alike: the numbers hold with it.
    prompt: str


@cache
def measured(name: str, dimensions: int) -> Measured | None:
    """The calibration of the model ``name``, or ``None`` for one that has none."""
    file = resources.files("reverie.embedding") / "models_measured" / f"{name.rsplit('/', 1)[-1]}.npz"
    if not file.is_file():
        return None
    with file.open("rb") as opened, np.load(opened) as data:
        if data["mean"].shape != (dimensions,):  # another model of the same name
            return None
        knots = tuple((float(a), float(b)) for a, b in data["knots"])
        return Measured(Centring(data["mean"], data["directions"]), Scale(knots), str(data["prompt"]))
