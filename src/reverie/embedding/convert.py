"""Converting a BERT-family model to CTranslate2's format, from its safetensors, without torch or transformers.

A conversion lives in ``<data_dir>/models/<name>-<source hash>-<precision>`` beside a manifest with the hashes of its
source and of its own weights. One that is missing, stale or damaged is made again: under a lock, in a temporary
folder that is renamed into place, so several starting workers share one conversion and none ever sees half of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from reverie.embedding.models import ModelFolder
from reverie.errors import MissingExtra, UnsupportedModel

__all__ = ["import_ctranslate2", "prepare", "source_hash"]

_FORMAT = 1
"""Raised when the conversion's layout changes, so that older ones are made again."""

_BLOCK = 1 << 20


def prepare(folder: ModelFolder, precision: str, data_dir: Path) -> tuple[Path, str]:
    """The converted model's folder, made if need be, and the source's hash (16 hexadecimal digits).

    Raises ``UnsupportedModel`` when the model is not of a family that can be converted.
    """
    if refusal := folder.refusal():
        raise UnsupportedModel(refusal)
    digest = source_hash(folder)
    root = data_dir / "models"
    root.mkdir(parents=True, exist_ok=True)
    target = root / f"{folder.name}-{digest}-{precision}"
    # First without the lock: an image's model may lie where nothing can be written, and conversions appear whole.
    if not _intact(target, digest):
        with _locked(root / f".{target.name}.lock"):
            if not _intact(target, digest):
                _make(folder, precision, target, digest)
    return target, digest


def source_hash(folder: ModelFolder) -> str:
    """16 hexadecimal digits over the weights, the tokenizer and the configuration."""
    total = hashlib.sha256(f"format {_FORMAT}".encode())
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        total.update(_file_hash(folder.path / name).encode())
    return total.hexdigest()[:16]


def import_ctranslate2(submodule: str = "") -> Any:
    """Import CTranslate2 without letting it import torch, which costs seconds and hundreds of megabytes.

    Its ``specs`` (and, in older versions, the package itself) import torch when it is installed, to accept its
    tensors. A ``None`` in ``sys.modules`` is Python's way to say "not importable"; it stays only during this import.
    """
    hide = "torch" not in sys.modules
    if hide:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        return importlib_import("ctranslate2" + (f".{submodule}" if submodule else ""))
    except ModuleNotFoundError as error:
        raise MissingExtra("worker", what="The ctranslate2 embedder") from error
    finally:
        if hide:
            sys.modules.pop("torch", None)


def importlib_import(name: str) -> Any:
    import importlib

    return importlib.import_module(name)


def _make(folder: ModelFolder, precision: str, target: Path, digest: str) -> None:
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        _convert(folder, precision, temporary)
        manifest = {"source": digest, "files": {path.name: _file_hash(path) for path in sorted(temporary.iterdir())}}
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=1))
        if target.exists():
            shutil.rmtree(target)
        os.rename(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _intact(target: Path, digest: str) -> bool:
    try:
        manifest = json.loads((target / "manifest.json").read_text())
        return bool(manifest["source"] == digest) and all(
            _file_hash(target / name) == expected for name, expected in manifest["files"].items()
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False


def _convert(folder: ModelFolder, precision: str, target: Path) -> None:
    specs = import_ctranslate2("specs")
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    config = folder.config
    if not (folder.path / "model.safetensors").exists():
        raise UnsupportedModel(f"{folder.name} is here without its weights, and not converted to {precision}")
    weights = _Weights(load_file(folder.path / "model.safetensors"))
    common = specs.common_spec
    activations = {"relu": common.Activation.RELU, "gelu": common.Activation.GELU}
    encoder = specs.transformer_spec.TransformerEncoderSpec(
        int(config["num_hidden_layers"]),
        int(config["num_attention_heads"]),
        pre_norm=False,
        activation=activations.get(config.get("hidden_act", "gelu"), common.Activation.GELUTanh),
        layernorm_embedding=True,
    )
    encoder.scale_embeddings = False
    encoder.embeddings[0].weight = weights["embeddings.word_embeddings.weight"]
    # One segment only, so the row of its type is folded into the positions: one lookup and one addition less.
    positions = weights["embeddings.position_embeddings.weight"][folder.position_offset :]
    encoder.position_encodings.encodings = positions + weights["embeddings.token_type_embeddings.weight"][0]
    weights.norm(encoder.layernorm_embedding, "embeddings.LayerNorm")
    for index, layer in enumerate(encoder.layer):
        path = f"encoder.layer.{index}"
        own = f"{path}.attention.self"
        weights.linear(layer.self_attention.linear[0], f"{own}.query", f"{own}.key", f"{own}.value")
        weights.linear(layer.self_attention.linear[1], f"{path}.attention.output.dense")
        weights.norm(layer.self_attention.layer_norm, f"{path}.attention.output.LayerNorm")
        weights.linear(layer.ffn.linear_0, f"{path}.intermediate.dense")
        weights.linear(layer.ffn.linear_1, f"{path}.output.dense")
        weights.norm(layer.ffn.layer_norm, f"{path}.output.LayerNorm")

    spec = specs.transformer_spec.TransformerEncoderModelSpec(encoder)
    spec.config.layer_norm_epsilon = float(config.get("layer_norm_eps", 1e-12))
    tokens = Tokenizer.from_file(str(folder.path / "tokenizer.json")).get_vocab()
    rows = len(encoder.embeddings[0].weight)
    vocabulary = [f"<unused_{index}>" for index in range(rows)]
    for token, index in tokens.items():
        if index < rows:
            vocabulary[index] = token
    spec.register_vocabulary(vocabulary)
    # Texts reach CTranslate2 as ids; it only asks that its unknown token is in the vocabulary.
    spec.config.unk_token = next((t for t in ("[UNK]", "<unk>") if t in tokens), vocabulary[0])
    spec.validate()
    spec.optimize(quantization="int8" if precision == "int8" else None)
    spec.save(str(target))


class _Weights:
    """Tensors of a checkpoint by their name in the encoder, whatever prefix the checkpoint puts before it."""

    def __init__(self, tensors: dict[str, Any]) -> None:
        self._tensors = tensors
        anchor = "embeddings.word_embeddings.weight"
        self._prefix = next((name.removesuffix(anchor) for name in tensors if name.endswith(anchor)), "")

    def __getitem__(self, name: str) -> Any:
        try:
            return self._tensors[self._prefix + name].astype(np.float32)
        except KeyError:
            raise UnsupportedModel(f"the checkpoint has no tensor {self._prefix + name!r}") from None

    def linear(self, spec: Any, *names: str) -> None:
        spec.weight = np.concatenate([self[f"{name}.weight"] for name in names])
        spec.bias = np.concatenate([self[f"{name}.bias"] for name in names])

    def norm(self, spec: Any, name: str) -> None:
        spec.gamma = self[f"{name}.weight"]
        spec.beta = self[f"{name}.bias"]


def _file_hash(path: Path) -> str:
    stand_in = path.with_name(path.name + ".sha256")
    if stand_in.exists() and not path.exists():
        return stand_in.read_text().strip()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
