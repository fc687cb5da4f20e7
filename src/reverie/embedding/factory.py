"""Choosing an embedder by name."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from reverie._models import CHOOSES_PRECISION, ENGLISH, NICKNAMES, full_name
from reverie.embedding.base import Embedder
from reverie.embedding.hashed import HashEmbedder
from reverie.embedding.precision import Measurement, fastest, processor
from reverie.errors import MissingExtra, ReverieError, UnsupportedModel, WrongSetting

if TYPE_CHECKING:
    from reverie.settings import EmbeddingSettings

__all__ = [
    "DEFAULT_MODEL",
    "LOCAL_BACKENDS",
    "check_embedder",
    "chosen_precision",
    "create_embedder",
    "explain_choice",
    "explain_precision",
    "served_model",
    "wants_host",
]

DEFAULT_MODEL = ENGLISH
LOCAL_BACKENDS = ("auto", "ctranslate2", "openvino", "sentence-transformers", "hash")
PRECISIONS = ("float32", "int8", "bfloat16")


@dataclass(frozen=True)
class _Choice:
    backend: str
    reason: str


def create_embedder(
    name: str = "auto",
    model: str = DEFAULT_MODEL,
    precision: str = "float32",
    threads: int = 0,
    *,
    data_dir: Path,
) -> Embedder:
    """Build the embedder called ``name``; nothing heavy is imported before it is needed.

    ``name`` is ``auto``, ``ctranslate2``, ``openvino``, ``sentence-transformers``, ``hash``, or a provider of
    ``reverie.embedding.providers`` (``openai``, ...). ``model`` is a name or a folder. ``precision`` is ``float32``,
    ``int8`` (ctranslate2), ``bfloat16`` (openvino, on a processor that has it) or ``auto`` (``chosen_precision``).
    ``threads`` 0 is one a core.
    ``data_dir`` keeps converted models. Raises ``MissingExtra`` or ``UnsupportedModel``, both saying the cure.
    """
    if precision == "auto":
        precision = chosen_precision(name, model, data_dir=data_dir)
    if precision not in PRECISIONS:
        raise UnsupportedModel(f"precision {precision!r} is not known; use one of {', '.join(PRECISIONS)}")
    if name == "auto":
        name = _choose(model, precision, data_dir).backend
    if name == "hash":
        return HashEmbedder()
    if name == "ctranslate2":
        from reverie.embedding.ct2 import CTranslate2Embedder

        return CTranslate2Embedder.load(model, precision=precision, threads=threads, data_dir=data_dir)
    if name == "openvino":
        from reverie.embedding.openvino_backend import OpenVinoEmbedder

        return OpenVinoEmbedder.load(model, precision=precision, threads=threads, data_dir=data_dir)
    if name == "sentence-transformers":
        from reverie.embedding.torch_backend import SentenceTransformersEmbedder

        return SentenceTransformersEmbedder.load(model, precision=precision, threads=threads, data_dir=data_dir)
    return _provider(name, model, precision)


def explain_choice(model: str = DEFAULT_MODEL, precision: str = "float32", *, data_dir: Path) -> str:
    """One line on what ``auto`` chooses here and why, for ``reverie doctor``."""
    try:
        choice = _choose(model, precision, data_dir)
    except ReverieError as error:
        return f"none: {error.message}"
    return f"{choice.backend}: {choice.reason}"


def chosen_precision(name: str, model: str = DEFAULT_MODEL, *, data_dir: Path) -> str:
    """What the precision ``auto`` is for embedder ``name`` on this machine; nothing is loaded.

    ``float32`` unless another one was measured to be faster and as good for this model on this kind of processor.
    """
    row = _measured(name, model, data_dir)
    return row.precision if row is not None else "float32"


def explain_precision(name: str, model: str = DEFAULT_MODEL, *, data_dir: Path) -> str:
    """The same in a line, with the reason."""
    row = _measured(name, model, data_dir)
    if row is not None:
        return f"{row.precision}: {row}"
    return f"float32: nothing faster was measured to be as good for this model on {processor()}"


def _measured(name: str, model: str, data_dir: Path) -> Measurement | None:
    from reverie.embedding.models import find_model

    engines = [engine for engine in CHOOSES_PRECISION if engine != "auto" and name in ("auto", engine)]
    try:
        if not engines or (name == "auto" and _choose(model, "auto", data_dir).backend not in engines):
            return None
        found = find_model(model, data_dir).name
    except ReverieError:  # the process that loads the model reports it
        return None
    return fastest(found, processor(), tuple(engine for engine in engines if _installed(engine)))


def check_embedder(settings: EmbeddingSettings, data_dir: Path) -> None:
    """Whether the embedder that the settings name could be made here; nothing is loaded.

    Raises ``WrongSetting`` naming the variable, so that a service is not started whose every task would fail.
    """
    name, model, precision = settings.embedder, settings.model, settings.precision
    try:
        if name == "auto" or (name in ("ctranslate2", "openvino") and precision != "bfloat16"):
            _choose(model, precision, data_dir)
        elif name not in LOCAL_BACKENDS:
            lacks = importlib.import_module("reverie.embedding.providers").missing(name)
            if lacks is not None:
                raise WrongSetting(f"REVERIE_EMBEDDER: {name} also needs {lacks}")
    except MissingExtra as error:
        raise WrongSetting(f"REVERIE_EMBEDDER: {error.message}") from None
    except UnsupportedModel as error:
        wrong = "REVERIE_PRECISION" if precision == "bfloat16" else "REVERIE_MODEL"
        raise WrongSetting(f"{wrong}: {error.message}") from None


def served_model(settings: EmbeddingSettings) -> str:
    """Name of the model that answers with these settings; nothing is loaded."""
    if settings.embedder == "hash":
        return HashEmbedder().model.name
    model = full_name(settings.model)
    if settings.embedder not in LOCAL_BACKENDS and model == DEFAULT_MODEL:
        # A provider has a model of its own, and the local default is not meant.
        providers = importlib.import_module("reverie.embedding.providers")
        own = providers.PROVIDERS[settings.embedder].settings()
        return str(getattr(own, "model", None) or getattr(own, "endpoint", None) or settings.embedder)
    return model.rsplit("/", 1)[-1] if model.startswith(("/", ".")) else model


def wants_host(name: str, model: str, precision: str = "float32", *, data_dir: Path) -> bool:
    """Whether embedder ``name`` would run on a GPU here, and so in one process for all workers of the machine."""
    if not _cuda_device():
        return False
    if name == "auto" and precision == "bfloat16":
        return False
    try:
        return (_choose(model, precision, data_dir).backend if name == "auto" else name) == "sentence-transformers"
    except ReverieError:
        return False


def _choose(model: str, precision: str, data_dir: Path) -> _Choice:
    from reverie.embedding.models import find_model, is_packed

    packed = is_packed(model, data_dir)
    if precision == "bfloat16" and not packed:
        return _for_bfloat16(model, data_dir)
    if not _installed("ctranslate2", "tokenizers", "safetensors") and not _installed("sentence_transformers"):
        raise MissingExtra("worker", what="Embedding")
    has_torch = _installed("sentence_transformers", "torch")
    if has_torch and _cuda_device() and not packed:
        return _Choice("sentence-transformers", "an NVIDIA GPU is present and sentence-transformers is installed")
    try:
        folder = find_model(model, data_dir)
    except (UnsupportedModel, MissingExtra):
        if has_torch and model not in NICKNAMES:
            return _Choice("sentence-transformers", f"{model!r} is not on this machine and may be downloaded")
        raise
    refusal = folder.refusal()
    if refusal is None:
        why = "no CUDA GPU" if not _cuda_device() else "sentence-transformers is not installed for the GPU"
        return _Choice("ctranslate2", f"{why}; the fastest on a CPU, torch not needed ({folder.path})")
    if has_torch:
        return _Choice("sentence-transformers", refusal)
    raise UnsupportedModel(f"{refusal}; pip install 'reverie[torch]' runs any SentenceTransformers model")


def _for_bfloat16(model: str, data_dir: Path) -> _Choice:
    from reverie.embedding.models import find_model
    from reverie.embedding.openvino_backend import refusal

    reason = refusal("bfloat16") or find_model(model, data_dir).refusal()
    if reason is not None:
        raise UnsupportedModel(reason)
    return _Choice("openvino", "bfloat16 is wanted, and this processor has it")


def _provider(name: str, model: str, precision: str) -> Embedder:
    if not _installed("reverie.embedding.providers"):
        raise UnsupportedModel(f"there is no embedder {name!r}; choose one of {', '.join(LOCAL_BACKENDS)}")
    providers = importlib.import_module("reverie.embedding.providers")
    if precision != "float32":
        raise UnsupportedModel(f"{name} serves its own precision; use float32")
    embedder: Embedder = providers.create_provider(name, model)
    return embedder


def _installed(*modules: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in modules)


def _cuda_device() -> bool:
    """Whether an NVIDIA GPU is visible, found out without importing torch."""
    if os.environ.get("CUDA_VISIBLE_DEVICES", "all") in ("", "-1"):
        return False
    return os.path.exists("/dev/nvidiactl") or os.path.exists("/dev/dxg")
