"""Texts in, unit vectors out: a local model on the CPU or GPU, a provider, or a fake."""

from reverie.embedding.base import Embedder, Embeddings, EmbedKind, ModelSpec, OnProgress, Vectors, silent
from reverie.embedding.factory import (
    DEFAULT_MODEL,
    chosen_precision,
    create_embedder,
    explain_choice,
    explain_precision,
)
from reverie.embedding.hashed import HashEmbedder
from reverie.embedding.text import text_key

__all__ = [
    "DEFAULT_MODEL",
    "EmbedKind",
    "Embedder",
    "Embeddings",
    "HashEmbedder",
    "ModelSpec",
    "OnProgress",
    "Vectors",
    "chosen_precision",
    "create_embedder",
    "explain_choice",
    "explain_precision",
    "silent",
    "text_key",
]
