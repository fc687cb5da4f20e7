"""Vectors of built-in sentences in the model in use: what lasts about a person, and what themes are named after."""

from __future__ import annotations

from pathlib import Path

from reverie.analysis import Prototypes, prototype_texts
from reverie.clustering.topics import Topics, topic_wordings
from reverie.embedding import Embedder
from reverie.embedding.anchors import anchor_vectors
from reverie.embedding.providers import PROVIDERS

__all__ = ["Anchors"]


class Anchors:
    """Made at a model's first use, and kept in ``data_dir``. None for a provider: its fees are for users' texts."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "anchors"
        self._prototypes: dict[str, Prototypes] = {}
        self._topics: dict[str, Topics] = {}

    def prototypes(self, embedder: Embedder) -> Prototypes | None:
        """The sentences that tell lasting from passing; without them the wording tells."""
        if embedder.model.provider in PROVIDERS:
            return None
        key = embedder.model.key
        if key not in self._prototypes:
            anchors = [(text,) for text in prototype_texts().texts]
            self._prototypes[key] = Prototypes(anchor_vectors(embedder, anchors, self._folder))
        return self._prototypes[key]

    def topics(self, embedder: Embedder) -> Topics | None:
        """What themes can be named after; without them phrases name them."""
        if embedder.model.provider in PROVIDERS:
            return None
        key = embedder.model.key
        if key not in self._topics:
            self._topics[key] = Topics(anchor_vectors(embedder, topic_wordings(), self._folder))
        return self._topics[key]
