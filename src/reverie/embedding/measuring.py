"""Learning a model's scale from sentences that are part of the package.

The pairs: every two of 64 plain sentences (unrelated, some on one subject), each with a paraphrase or a sentence on
the same subject, and with itself: misspelt, in capitals, cut in parts, or among others.
"""

from __future__ import annotations

import contextlib
import json
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.base import Embedder, ModelSpec
from reverie.embedding.calibration import Scale, scale_from

__all__ = ["LANGUAGES", "RANKS", "Scales", "measure", "pair_cosines", "sentences", "texts_to_measure"]

LANGUAGES = ("en", "de", "fr", "es", "it", "pt", "nl", "pl", "ru", "tr", "ar", "hi", "zh", "ja", "ko", "vi")
"""Languages into which the sentences are translated, line by line."""

_FORMAT = 1
"""Raised when the pairs or their ranks change, so that scales are measured again."""

RANKS: dict[float, float] = {
    0.0: 0.14042,
    0.1: 0.52417,
    0.2: 0.76167,
    0.3: 0.83125,
    0.4: 0.85042,
    0.5: 0.86542,
    0.6: 0.88833,
    0.7: 0.91542,
    0.8: 0.94458,
    0.9: 0.97,
    0.97: 0.98708,
}
"""Part of the pairs that all-MiniLM-L6-v2 gives a lower cosine than the key (``scripts/measure_model.py``)."""


def sentences(language: str = "en") -> list[str]:
    """The sentences in one of ``LANGUAGES``, in the same order in each."""
    return _lines(f"{language}.txt")


def measure(embedder: Embedder) -> Scale:
    """The scale of ``embedder``'s model: about 440 short texts are embedded. Raises what ``embed`` raises."""
    return scale_from(pair_cosines(embedder.embed(texts_to_measure()).vectors), RANKS)


def texts_to_measure() -> list[str]:
    """What ``measure`` embeds: the package's own sentences, no text of a user's."""
    return list(_texts())


def pair_cosines(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """(pairs,) cosines of the built-in pairs, from the vectors of the texts that ``measure`` embeds."""
    pairs = np.array(_pairs())
    a, b = vectors[pairs[:, 0]].astype(np.float64), vectors[pairs[:, 1]].astype(np.float64)
    length = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.maximum(length, 1e-12))


class Scales:
    """Scales of the models that one process uses; those that were measured are kept in ``data_dir`` for the next."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "scales"
        self._known: dict[str, Scale] = {}

    def of(self, embedder: Embedder) -> Scale:
        """What cosines of the embedder's model mean, measured if need be. Raises what ``embed`` raises."""
        known = self.known(embedder.model)
        if known is None:
            known = self._known[embedder.model.key] = measure(embedder)
            self._keep(embedder.model, known)
        return known

    def known(self, model: ModelSpec) -> Scale | None:
        """The scale where nothing has to be measured for it, else ``None``."""
        if model.scale is not None:
            return model.scale
        if model.key not in self._known:
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
                knots = json.loads(self._file(model).read_text())["knots"]
                self._known[model.key] = Scale(tuple(knots))
        return self._known.get(model.key)

    def _keep(self, model: ModelSpec, scale: Scale) -> None:
        path = self._file(model)
        with contextlib.suppress(OSError):  # an image's folder may be read-only: the next process measures again
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
                json.dump({"model": model.name, "knots": scale.knots}, file)
            Path(file.name).replace(path)

    def _file(self, model: ModelSpec) -> Path:
        return self._folder / f"{model.key}-{_FORMAT}.json"


@cache
def _texts() -> tuple[str, ...]:
    found = dict.fromkeys(sentences())
    for a, b in _graded():
        found[a] = found[b] = None
    return tuple(found)


@cache
def _pairs() -> tuple[tuple[int, int], ...]:
    at = {text: i for i, text in enumerate(_texts())}
    plain = [at[text] for text in sentences()]
    apart = [(a, b) for i, a in enumerate(plain) for b in plain[i + 1 :]]
    return tuple(apart + [(at[a], at[b]) for a, b in _graded()])


@cache
def _graded() -> tuple[tuple[str, str], ...]:
    """Pairs from nearly the same to the same."""
    found = [(a, b) for a, _, b in (line.partition("\t") for line in _lines("paraphrases.txt"))]
    plain = sentences()
    for number, text in enumerate(plain):
        words = text.split()
        longest = max(words, key=len)
        slip = longest[:2] + longest[3:4] + longest[2:3] + longest[4:]
        variants = (text.replace(longest, slip, 1), text.upper(), "Well, " + text, text + "!!")
        # Parts of a sentence, and the sentence in company, fill the middle of the scale.
        middle = len(words) // 2
        others = [plain[(number + step) % len(plain)] for step in (7, 23)]
        parts = (" ".join(sorted(words, key=len)[-2:]), " ".join(words[:middle]), " ".join(words[middle:]))
        company = (" ".join([text, *others[:1]]), " ".join([others[0], text, others[1]]))
        found += [(text, variants[number % 4]), (text, company[number % 2])]
        found += [(text, part) for part in parts]
    return tuple(found)


def _lines(name: str) -> list[str]:
    return (resources.files("reverie.embedding") / "sentences" / name).read_text("utf-8").splitlines()
