"""Conversions on disk: shared, checked against their source, made again when damaged."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from reverie.embedding import convert, create_embedder, explain_choice
from reverie.embedding.convert import prepare, source_hash
from reverie.embedding.models import ModelFolder, find_model, prompts_for
from reverie.errors import UnsupportedModel

from . import tiny_model

ENGINES = pytest.mark.parametrize("engine", ["ctranslate2", "openvino"])


def _vector(folder: Path, data_dir: Path, engine: str = "ctranslate2") -> np.ndarray:
    pytest.importorskip(engine)
    embedder = create_embedder(engine, str(folder), data_dir=data_dir)
    try:
        return embedder.embed(["the cat drinks tea"]).vectors
    finally:
        embedder.close()


def test_a_second_start_reuses_the_conversion(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    folder = find_model(str(tmp_path / "tiny"), tmp_path / "data")

    def write(target: Path) -> None:
        (target / "model.bin").write_bytes(b"weights")

    target, digest = prepare(folder, "float32", tmp_path / "data", write)
    made = (target / "model.bin").stat().st_ino
    assert prepare(folder, "float32", tmp_path / "data", write) == (target, digest)
    assert (target / "model.bin").stat().st_ino == made
    assert target.name == f"tiny-{digest}-float32"


def test_a_conversion_carries_no_list_of_words_that_nobody_reads(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    assert np.isfinite(_vector(tmp_path / "tiny", tmp_path / "data")).all()
    (words,) = (tmp_path / "data").rglob("vocabulary.json")
    assert len(json.loads(words.read_text())) == 1


def test_files_are_read_again_only_once_they_were_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_model.build(tmp_path / "tiny")
    folder = find_model(str(tmp_path / "tiny"), tmp_path / "data")
    written = []

    def write(target: Path) -> None:
        written.append(target)
        (target / "model.bin").write_bytes(b"weights")

    def start() -> int:
        """How many files a start reads."""
        read = []
        hashed = convert._file_hash
        with monkeypatch.context() as patch:
            patch.setattr(convert, "_file_hash", lambda path: read.append(path) or hashed(path))
            prepare(folder, "float32", tmp_path / "data", write)
        return len(read)

    assert start() > 0
    assert start() == 0
    target = prepare(folder, "float32", tmp_path / "data", write)[0]
    (target / "manifest.json").chmod(0o644)
    (folder.path / "model.safetensors").touch()
    assert start() > 0
    assert start() == 0
    assert (target / "manifest.json").stat().st_mode & 0o777 == 0o644
    assert len(written) == 1
    (target / "model.bin").write_bytes(b"Weights")  # as long as before
    assert start() > 0
    assert len(written) == 2
    monkeypatch.setattr(convert, "_FORMAT", convert._FORMAT + 1)
    assert start() > 0
    assert len(written) == 3


def test_a_source_has_the_hash_that_earlier_versions_gave_it(tmp_path: Path) -> None:
    # It is in the names of conversions and in the keys of stored vectors.
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        (tmp_path / name).write_text("{}")
    assert source_hash(ModelFolder("any", tmp_path)) == "0ba304bcdeaae85f"


@ENGINES
@pytest.mark.parametrize("damage", ["flipped", "cut", "missing", "manifest"])
def test_a_damaged_conversion_is_made_again(tmp_path: Path, engine: str, damage: str) -> None:
    tiny_model.build(tmp_path / "tiny")
    expected = _vector(tmp_path / "tiny", tmp_path / "data", engine)
    (weights,) = (tmp_path / "data" / "models").glob("tiny-*/model.bin")
    whole = weights.read_bytes()
    content = bytearray(whole)
    if damage == "flipped":
        content[len(content) // 2] ^= 0xFF
        weights.write_bytes(content)
    elif damage == "cut":
        weights.write_bytes(content[:1000])
    elif damage == "missing":
        weights.unlink()
    else:
        (weights.parent / "manifest.json").write_text("[]")
    np.testing.assert_array_equal(_vector(tmp_path / "tiny", tmp_path / "data", engine), expected)
    assert weights.read_bytes() == whole


def test_other_weights_in_the_same_folder_give_another_revision(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny", seed=0)
    first = create_embedder("ctranslate2", str(tmp_path / "tiny"), data_dir=tmp_path / "data").model
    tiny_model.build(tmp_path / "tiny", seed=1)
    second = create_embedder("ctranslate2", str(tmp_path / "tiny"), data_dir=tmp_path / "data").model
    assert first.name == second.name
    assert first.key != second.key


@ENGINES
def test_several_starters_share_one_whole_conversion(tmp_path: Path, engine: str) -> None:
    tiny_model.build(tmp_path / "tiny")
    with ThreadPoolExecutor(4) as pool:
        vectors = list(pool.map(lambda _: _vector(tmp_path / "tiny", tmp_path / "data", engine), range(8)))
    for vector in vectors[1:]:
        np.testing.assert_array_equal(vector, vectors[0])
    visible = [path for path in (tmp_path / "data" / "models").iterdir() if path.is_dir()]
    assert len(visible) == 1


@ENGINES
def test_a_failed_conversion_leaves_nothing_behind(tmp_path: Path, engine: str) -> None:
    pytest.importorskip(engine)
    tiny_model.build(tmp_path / "tiny")
    config = json.loads((tmp_path / "tiny" / "config.json").read_text())
    (tmp_path / "tiny" / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 5}))
    with pytest.raises(UnsupportedModel, match=r"encoder\.layer\.2"):
        create_embedder(engine, str(tmp_path / "tiny"), data_dir=tmp_path / "data")
    assert [path for path in (tmp_path / "data" / "models").iterdir() if path.is_dir()] == []


def test_the_cpu_path_imports_neither_torch_nor_transformers(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    code = (
        "import sys\nfrom pathlib import Path\nfrom reverie.embedding import create_embedder\n"
        "e = create_embedder('auto', sys.argv[1], data_dir=Path(sys.argv[2]))\n"
        "assert e.model.provider == 'ctranslate2' and e.embed(['tea']).vectors.shape[0] == 1\n"
        "print(sorted({'torch', 'transformers', 'onnxruntime', 'openvino'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "tiny"), str(tmp_path / "data")],
        capture_output=True,
        text=True,
        check=True,
        env={"CUDA_VISIBLE_DEVICES": "", "PATH": "/usr/bin:/bin"},
    )
    assert done.stdout.strip() == "[]"


def test_a_model_that_is_not_here_names_the_cure(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel, match=r"no-such-model.*put its files into"):
        create_embedder("ctranslate2", "no-such-model", data_dir=tmp_path)


def test_a_model_of_another_family_says_why_it_is_refused(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny", pooling="max")
    with pytest.raises(UnsupportedModel, match="pools by"):
        create_embedder("ctranslate2", str(tmp_path / "tiny"), data_dir=tmp_path)


def test_auto_says_why_it_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    tiny_model.build(tmp_path / "tiny")
    assert explain_choice(str(tmp_path / "tiny"), data_dir=tmp_path).startswith("ctranslate2: no CUDA GPU")


def test_unknown_names_are_refused_with_the_choices(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedModel):
        create_embedder("no-such-backend", data_dir=tmp_path)


@pytest.mark.parametrize(
    ("model", "query", "document"),
    [
        ("all-MiniLM-L6-v2", None, None),
        ("intfloat/multilingual-e5-small", "query: ", "passage: "),
        ("BAAI/bge-small-en-v1.5", "Represent this sentence for searching relevant passages: ", None),
        ("BAAI/bge-m3", None, None),  # its card wants no instruction
        ("nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
    ],
)
def test_prefixes_follow_the_model_cards(model: str, query: str | None, document: str | None) -> None:
    found = prompts_for(model)
    assert (found.get("query"), found.get("document")) == (query, document)


def test_a_models_own_prompts_come_before_the_table() -> None:
    assert prompts_for("my-e5", {"prompts": {"query": "Q: "}}) == {"query": "Q: "}


def test_a_slim_image_keeps_the_conversion_and_only_the_hash_of_the_weights(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    expected = _vector(tmp_path / "tiny", tmp_path / "data")
    weights = tmp_path / "tiny" / "model.safetensors"
    weights.with_name("model.safetensors.sha256").write_text(hashlib.sha256(weights.read_bytes()).hexdigest() + "\n")
    weights.unlink()
    np.testing.assert_array_equal(_vector(tmp_path / "tiny", tmp_path / "data"), expected)
    with pytest.raises(UnsupportedModel, match="without its weights, and not converted to int8"):
        create_embedder("ctranslate2", str(tmp_path / "tiny"), precision="int8", data_dir=tmp_path / "data")
