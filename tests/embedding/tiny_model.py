"""Tiny models with random weights, built on the spot, and the textbook forward pass to judge them by."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

WORDS = ["the", "cat", "dog", "sleeps", "runs", "on", "a", "hill", "at", "night", "and", "we", "drink", "green", "tea"]
WORDS += ["while", "rain", "falls"]
HIDDEN, LAYERS, HEADS, WINDOW = 32, 2, 4, 24

Array = NDArray[np.float32]


def build(
    folder: Path,
    *,
    family: str = "bert",
    pooling: str = "mean",
    activation: str = "gelu",
    seed: int = 0,
    **extra: Any,
) -> dict[str, Array]:
    """Write a SentenceTransformers model folder of ``family`` (``bert`` or ``xlm-roberta``); returns its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    roberta = family == "xlm-roberta"
    special = ["<s>", "<pad>", "</s>", "<unk>"] if roberta else ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = [*special, *WORDS, *(["▁" + w for w in WORDS] if roberta else [])]
    first, last = (special[0], special[2]) if roberta else (special[2], special[3])
    if roberta:
        tokenizer = Tokenizer(models.Unigram([(token, -float(i)) for i, token in enumerate(vocabulary)], unk_id=3))
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    else:
        tokenizer = Tokenizer(models.WordPiece({t: i for i, t in enumerate(vocabulary)}, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ids = {token: index for index, token in enumerate(vocabulary)}
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, ids[first]), (last, ids[last])]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "model_type": family,
        "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "intermediate_size": 2 * HIDDEN,
        "hidden_act": activation,
        "layer_norm_eps": 1e-5,
        "max_position_embeddings": WINDOW + (2 if roberta else 0),
        "pad_token_id": 1 if roberta else 0,
        "vocab_size": len(vocabulary) + 3,
    }
    weights = _weights(np.random.default_rng(seed), config, segments=1 if roberta else 2)
    save_file(
        {("roberta." if roberta else "") + name: value for name, value in weights.items()}, folder / "model.safetensors"
    )
    kinds = ["Transformer", "Pooling", "Normalize"]
    (folder / "1_Pooling").mkdir(exist_ok=True)
    files = {
        "config.json": config,
        "modules.json": [
            {
                "idx": i,
                "name": str(i),
                "path": "" if not i else f"{i}_{kind}",
                "type": f"sentence_transformers.models.{kind}",
            }
            for i, kind in enumerate(kinds)
        ],
        "1_Pooling/config.json": {
            "pooling_mode_cls_token": pooling == "cls",
            "pooling_mode_mean_tokens": pooling == "mean",
        },
        "sentence_bert_config.json": {"max_seq_length": WINDOW},
        **extra,
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    return weights


def forward(weights: dict[str, Array], ids: list[int], *, offset: int = 0, activation: str = "gelu") -> Array:
    """The encoder's last hidden state of one row, ``(len(ids), HIDDEN)`` (Devlin et al. 2019), in float64."""
    w = {name: value.astype(np.float64) for name, value in weights.items()}
    places = np.arange(len(ids)) + offset
    x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][places]
    x = _norm(x + w["embeddings.token_type_embeddings.weight"][0], w, "embeddings.LayerNorm")
    size = HIDDEN // HEADS
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        q, k, v = (
            _linear(x, w, f"{at}.attention.self.{part}").reshape(len(ids), HEADS, size).swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = q @ k.swapaxes(1, 2) / math.sqrt(size)
        share = np.exp(scores - scores.max(-1, keepdims=True))
        share /= share.sum(-1, keepdims=True)
        mixed = (share @ v).swapaxes(0, 1).reshape(len(ids), HIDDEN)
        x = _norm(x + _linear(mixed, w, f"{at}.attention.output.dense"), w, f"{at}.attention.output.LayerNorm")
        inner = _linear(x, w, f"{at}.intermediate.dense")
        inner = _ACTIVATIONS[activation](inner)
        x = _norm(x + _linear(inner, w, f"{at}.output.dense"), w, f"{at}.output.LayerNorm")
    return x.astype(np.float32)


_ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "gelu": lambda x: x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2))),
    "gelu_new": lambda x: x * 0.5 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),
    "relu": lambda x: np.maximum(x, 0),
}


def unit(vector: Array) -> Array:
    return vector / np.linalg.norm(vector)


def _linear(x: Any, w: dict[str, Any], name: str) -> Any:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def _norm(x: Any, w: dict[str, Any], name: str) -> Any:
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return x * w[f"{name}.weight"] + w[f"{name}.bias"]


def _weights(rng: np.random.Generator, config: dict[str, Any], segments: int) -> dict[str, Array]:
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (config["vocab_size"], HIDDEN),
        "embeddings.position_embeddings.weight": (config["max_position_embeddings"], HIDDEN),
        "embeddings.token_type_embeddings.weight": (segments, HIDDEN),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        at = f"encoder.layer.{layer}"
        norms += [f"{at}.attention.output.LayerNorm", f"{at}.output.LayerNorm"]
        parts = [f"attention.self.{part}" for part in ("query", "key", "value")]
        for name in (*parts, "attention.output.dense"):
            shapes |= {f"{at}.{name}.weight": (HIDDEN, HIDDEN), f"{at}.{name}.bias": (HIDDEN,)}
        shapes |= {
            f"{at}.intermediate.dense.weight": (2 * HIDDEN, HIDDEN),
            f"{at}.intermediate.dense.bias": (2 * HIDDEN,),
        }
        shapes |= {f"{at}.output.dense.weight": (HIDDEN, 2 * HIDDEN), f"{at}.output.dense.bias": (HIDDEN,)}
    weights = {name: rng.normal(0, 0.4, shape).astype(np.float32) for name, shape in shapes.items()}
    for name in norms:
        weights[f"{name}.weight"] = rng.normal(1, 0.2, HIDDEN).astype(np.float32)
        weights[f"{name}.bias"] = rng.normal(0, 0.2, HIDDEN).astype(np.float32)
    return weights
