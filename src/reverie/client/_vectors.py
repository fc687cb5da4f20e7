"""Vectors as the SDK hands them out."""

from __future__ import annotations

import base64

from reverie.contracts import EmbedResult, ModelUsed

__all__ = ["EmbeddedTexts"]


class EmbeddedTexts(list["memoryview[float]"]):
    """A memoryview of float32 for each text, in order, and what they were made by."""

    def __init__(self, result: EmbedResult) -> None:
        raw, size = memoryview(base64.b64decode(result.vectors)), result.dimensions * 4
        super().__init__(raw[i * size : (i + 1) * size].cast("f") for i in range(result.count))
        #: The model, its revision and the precision that it was computed in.
        self.model: ModelUsed | None = result.model
