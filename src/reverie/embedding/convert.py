"""Converting a BERT-family model for an engine, from its safetensors, without torch or transformers.

A conversion lives in ``<data_dir>/models/<name>-<source hash>-<form>`` beside a manifest with the hashes of its
source and of its own files. One that is missing, stale or damaged is made again: under a lock, in a temporary
folder that is renamed into place, so several starting workers share one conversion and none ever sees half of it.
What is in it is the engine's affair: ``ct2_model``, ``openvino_model``.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reverie.embedding.models import ModelFolder
from reverie.errors import UnsupportedModel

__all__ = ["Weights", "prepare", "source_hash"]

_FORMAT = 1
"""Raised when the conversion's layout changes, so that older ones are made again."""

_WEIGHTS = "model.safetensors"
_MANIFEST = "manifest.json"
_BLOCK = 1 << 20


def prepare(folder: ModelFolder, form: str, data_dir: Path, write: Callable[[Path], None]) -> tuple[Path, str]:
    """The converted model's folder, made if need be, and the source's hash (16 hexadecimal digits).

    ``form`` tells this conversion of the model from its others; ``write`` puts its files into the folder it is given.
    Raises ``UnsupportedModel`` when the model is not of a family that can be converted.
    """
    if refusal := folder.refusal():
        raise UnsupportedModel(refusal)
    root = data_dir / "models"
    root.mkdir(parents=True, exist_ok=True)
    for target in root.glob(f"{glob.escape(folder.name)}-{'[0-9a-f]' * 16}-{glob.escape(form)}"):
        manifest = _manifest(target)
        seen = _seen(folder, target, manifest)
        if seen is not None and manifest.get("seen") == seen:
            return target, str(manifest["source"])
    digest = source_hash(folder)
    target = root / f"{folder.name}-{digest}-{form}"
    # First without the lock: an image's model may lie where nothing can be written, and conversions appear whole.
    if not _intact(target, digest):
        with _locked(root / f".{target.name}.lock"):
            if not _intact(target, digest):
                _make(folder, form, target, digest, write)
    _note(folder, target)
    return target, digest


def source_hash(folder: ModelFolder) -> str:
    """16 hexadecimal digits over the weights, the tokenizer and the configuration."""
    total = hashlib.sha256(f"format {_FORMAT}".encode())
    for name in folder.sources:
        total.update(_file_hash(folder.path / name).encode())
    return total.hexdigest()[:16]


def _make(folder: ModelFolder, form: str, target: Path, digest: str, write: Callable[[Path], None]) -> None:
    if not (folder.path / folder.sources[0]).exists():
        raise UnsupportedModel(f"{folder.name} is here without its weights, and not converted to {form}")
    temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        write(temporary)
        manifest = {"source": digest, "files": {path.name: _file_hash(path) for path in sorted(temporary.iterdir())}}
        (temporary / _MANIFEST).write_text(json.dumps(manifest, indent=1))
        if target.exists():
            shutil.rmtree(target)
        os.rename(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _intact(target: Path, digest: str) -> bool:
    try:
        manifest = _manifest(target)
        return bool(manifest["source"] == digest) and all(
            _file_hash(target / name) == expected for name, expected in manifest["files"].items()
        )
    except (OSError, KeyError, AttributeError):
        return False


def _manifest(target: Path) -> dict[str, Any]:
    """What was written down of a conversion; nothing when that cannot be read."""
    try:
        manifest = json.loads((target / _MANIFEST).read_text())
    except (OSError, ValueError):
        return {}
    return manifest if isinstance(manifest, dict) else {}


def _seen(folder: ModelFolder, target: Path, manifest: dict[str, Any]) -> dict[str, Any] | None:
    """Size and times of change of a conversion's source and of its own files.

    While these are as they were when all hashes were right, nobody has written to a file, and reading 180 MB at every
    start (a third of a second) can be left out.
    """
    files = manifest.get("files")
    if not isinstance(files, dict):
        return None
    found: dict[str, Any] = {"format": _FORMAT}
    for path in (*_sources(folder), *(target / name for name in files)):
        try:
            about = path.stat()
        except OSError:
            return None
        found[str(path)] = [about.st_size, about.st_mtime_ns, about.st_ctime_ns]
    return found


def _note(folder: ModelFolder, target: Path) -> None:
    """Write down that a conversion and its source are right as they are."""
    manifest = _manifest(target)
    manifest["seen"] = _seen(folder, target, manifest)
    with contextlib.suppress(OSError):  # an image's model may lie where nothing can be written
        with tempfile.NamedTemporaryFile("w", dir=target, prefix=".manifest.", delete=False) as file:
            json.dump(manifest, file, indent=1)
        shutil.copymode(target / _MANIFEST, file.name)
        os.replace(file.name, target / _MANIFEST)


def _sources(folder: ModelFolder) -> Iterator[Path]:
    """The files that a conversion depends on; for weights that are not here, the file with their hash."""
    for name in folder.sources:
        path = folder.path / name
        yield path if path.exists() else _stand_in(path)


class Weights:
    """Tensors of a checkpoint, as float32, by their name in the encoder, whatever the checkpoint puts before it.

    A name that the checkpoint lacks raises ``UnsupportedModel``.
    """

    def __init__(self, folder: ModelFolder) -> None:
        from safetensors.numpy import load_file

        self._tensors = load_file(folder.path / _WEIGHTS)
        self._offset = folder.position_offset
        anchor = "embeddings.word_embeddings.weight"
        self._prefix = next((name.removesuffix(anchor) for name in self._tensors if name.endswith(anchor)), "")

    def __getitem__(self, name: str) -> NDArray[np.float32]:
        try:
            return np.asarray(self._tensors[self._prefix + name], dtype=np.float32)
        except KeyError:
            raise UnsupportedModel(f"the checkpoint has no tensor {self._prefix + name!r}") from None

    def positions(self) -> NDArray[np.float32]:
        """The position table, (window, hidden), from the first token's row on.

        One segment only, so the row of its type is folded in: one lookup and one addition less.
        """
        table = self["embeddings.position_embeddings.weight"][self._offset :]
        return np.asarray(table + self["embeddings.token_type_embeddings.weight"][0])


def _stand_in(path: Path) -> Path:
    return path.with_name(path.name + ".sha256")


def _file_hash(path: Path) -> str:
    stand_in = _stand_in(path)
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
