"""Names of the models that come from PyPI, and which of them a service answers with."""

from __future__ import annotations

__all__ = [
    "AUTO",
    "CHOOSES_PRECISION",
    "ENGLISH",
    "MULTILINGUAL",
    "NICKNAMES",
    "TWO_MODELS",
    "accepted",
    "full_name",
    "listed",
]

AUTO = "auto"
"""English users have the English model; whoever writes another language has the multilingual one, where it is here."""

ENGLISH, MULTILINGUAL = "all-MiniLM-L6-v2", "multilingual-e5-small"

TWO_MODELS = ("auto", "ctranslate2")
"""Embedders that run both."""

CHOOSES_PRECISION = ("auto", "ctranslate2", "openvino")
"""Embedders that compute in more than one precision; all others have one of their own."""

NICKNAMES = {AUTO: ENGLISH, "english": ENGLISH, "multilingual": MULTILINGUAL}
"""What people may say instead of the name of a model that a package carries."""


def full_name(model: str) -> str:
    """The model that a setting or a request means; of ``auto``, the one to begin with."""
    return NICKNAMES.get(model, model)


def listed(setting: str, embedder: str = "auto") -> tuple[str, ...]:
    """The models that a service with ``REVERIE_MODEL=setting`` and ``REVERIE_EMBEDDER=embedder`` answers with."""
    return (ENGLISH, MULTILINGUAL) if setting == AUTO and embedder in TWO_MODELS else (full_name(setting),)


def accepted(setting: str, embedder: str = "auto") -> frozenset[str]:
    """What ``options.model`` may say to such a service."""
    models = listed(setting, embedder)
    nicknames = {name for name, model in NICKNAMES.items() if model in models and name != AUTO}
    return frozenset({setting, *models, *nicknames})
