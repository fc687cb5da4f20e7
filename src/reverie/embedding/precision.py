"""Which precision ``auto`` takes: the fastest whose vectors and themes are as good as float32's on this processor.

What is "as good" was measured (``./dev bench precision``) and ships with the package, a row for each kind of processor:
a first start has no time to measure, and one machine more or less busy must not decide what an installation's vectors
are. A model or a processor without a row is computed in float32.
"""

from __future__ import annotations

import json
import platform
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

__all__ = ["MEASURED", "PROCESSORS", "Measurement", "fastest", "processor"]

MEASURED = "precisions.json"

PROCESSORS = ("amx_bf16", "avx512_bf16", "avx512_vnni", "avx2")
"""Kinds of processor by the best instructions they have, best first, named as Linux names them."""

LEAST_COSINE = 0.99
"""Cosine to float32's vectors, in the mean over texts."""

MOST_THEMES = 0.01
"""Adjusted mutual information with people's labels that may be lost."""

LEAST_SPEED = 1.1
"""Gain over float32 below which another precision is not worth having."""


class Measurement(NamedTuple):
    """What a precision costs and brings on a kind of processor."""

    #: Name of the model, as ``ModelSpec.name``.
    model: str
    #: One of ``PROCESSORS``.
    processor: str
    embedder: str
    precision: str
    #: Texts a second, as a multiple of float32's on ``ctranslate2``.
    speed: float
    #: Cosine to float32's vectors, the mean over texts.
    cosine: float
    #: Adjusted mutual information with people's labels, less that of float32.
    themes: float

    @property
    def good(self) -> bool:
        """Whether it may stand for float32."""
        return self.cosine >= LEAST_COSINE and self.themes >= -MOST_THEMES and self.speed >= LEAST_SPEED

    def __str__(self) -> str:
        return (
            f"{self.speed:.2g} times float32's speed on processors with {self.processor}, cosine {self.cosine:.3f}, "
            f"themes {self.themes:+.3f}"
        )


@cache
def processor(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The kind of processor here: one of ``PROCESSORS``, or the machine's name where it is none of them."""
    try:
        flags = next(line for line in cpuinfo.read_text().splitlines() if line.startswith("flags")).split()
    except (OSError, StopIteration):
        flags = []
    return next((kind for kind in PROCESSORS if kind in flags), platform.machine() or "unknown")


def fastest(model: str, kind: str, embedders: tuple[str, ...]) -> Measurement | None:
    """The fastest measured precision for ``model`` on that ``kind`` of processor; None where float32 is.

    ``embedders``: those that can be used here.
    """
    good = [
        row for row in _rows() if (row.model, row.processor) == (model, kind) and row.embedder in embedders and row.good
    ]
    return max(good, key=lambda row: row.speed, default=None)


@cache
def _rows() -> tuple[Measurement, ...]:
    file = resources.files("reverie.embedding") / "models_measured" / MEASURED
    return tuple(Measurement(**row) for row in json.loads(file.read_text("utf-8")))
