"""What is particular to OpenVINO: its precisions, who chooses it, and that it keeps to itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reverie.cli.doctor import examine
from reverie.embedding import create_embedder, explain_choice, openvino_backend
from reverie.embedding.factory import wants_host
from reverie.errors import MissingExtra, UnsupportedModel

from . import tiny_model

pytest.importorskip("openvino")

TEXTS = ["the cat sleeps", "we drink green tea while rain falls", "a dog runs on the hill at night", "tea", ""]
HAS_BFLOAT16 = openvino_backend.refusal("bfloat16") is None


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    tiny_model.build(tmp_path / "tiny")
    return str(tmp_path / "tiny")


def _without_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_backend, "_capabilities", lambda: ["FP32", "INT8"])


@pytest.mark.skipif(not HAS_BFLOAT16, reason="this processor has no bfloat16; the refusal is tested instead")
def test_bfloat16_has_a_key_of_its_own_nearly_the_same_vectors_and_the_same_conversion(
    tmp_path: Path, tiny: str
) -> None:
    exact, short, other = (
        create_embedder(engine, tiny, precision, data_dir=tmp_path)
        for engine, precision in (("openvino", "float32"), ("auto", "bfloat16"), ("ctranslate2", "float32"))
    )
    assert (short.model.provider, short.model.precision) == ("openvino", "bfloat16")
    assert len({exact.model.key, short.model.key, other.model.key}) == 3
    cosines = (exact.embed(TEXTS).vectors * short.embed(TEXTS).vectors).sum(1)
    assert 0.999 < cosines.min() < 0.9999999
    assert len(list((tmp_path / "models").glob("tiny-*-openvino-*"))) == 1
    for embedder in (exact, short, other):
        embedder.close()


@pytest.mark.parametrize(
    ("engine", "precision", "message"),
    [
        ("openvino", "int8", "int8 is ctranslate2's"),
        ("ctranslate2", "bfloat16", "bfloat16 is openvino's"),
        ("openai", "bfloat16", "its own precision"),
        ("openvino", "float8", "use one of float32, int8, bfloat16"),
    ],
)
def test_a_precision_that_an_engine_lacks_is_refused_with_the_cure(
    tmp_path: Path, tiny: str, engine: str, precision: str, message: str
) -> None:
    with pytest.raises(UnsupportedModel, match=message):
        create_embedder(engine, tiny, precision, data_dir=tmp_path)


@pytest.mark.parametrize("engine", ["openvino", "auto"])
def test_bfloat16_is_refused_where_the_processor_lacks_it(
    tmp_path: Path, tiny: str, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _without_bfloat16(monkeypatch)
    with pytest.raises(UnsupportedModel, match="no bfloat16 arithmetic; use REVERIE_PRECISION=float32 or int8"):
        create_embedder(engine, tiny, "bfloat16", data_dir=tmp_path)
    create_embedder("openvino", tiny, "float32", data_dir=tmp_path).close()


@pytest.mark.parametrize(
    ("engine", "capabilities", "ok", "said"),
    [
        ("auto", ["FP32", "BF16"], True, "openvino: bfloat16 is wanted"),
        ("auto", ["FP32"], False, "no bfloat16 arithmetic"),
        ("openvino", ["FP32", "BF16"], True, "as REVERIE_EMBEDDER says"),
        ("openvino", ["FP32"], False, "no bfloat16 arithmetic"),
        ("ctranslate2", ["FP32", "BF16"], False, "bfloat16 is openvino's"),
    ],
)
def test_doctor_tells_who_does_bfloat16_here(
    tmp_path: Path,
    tiny: str,
    monkeypatch: pytest.MonkeyPatch,
    engine: str,
    capabilities: list[str],
    ok: bool,
    said: str,
) -> None:
    settings = {"DATA_DIR": str(tmp_path), "MODEL": tiny, "PRECISION": "bfloat16", "EMBEDDER": engine}
    for name, value in settings.items():
        monkeypatch.setenv(f"REVERIE_{name}", value)
    monkeypatch.setattr(openvino_backend, "_capabilities", lambda: capabilities)
    (found,) = [finding for finding in examine(None) if finding.name == "embedding"]
    assert found.ok is ok
    assert said in found.text


def test_without_the_extra_its_name_is_the_cure(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    for engine, precision in (("auto", "bfloat16"), ("openvino", "bfloat16"), ("openvino", "float32")):
        with pytest.raises(MissingExtra, match=r"pip install 'reverie\[openvino\]'"):
            create_embedder(engine, tiny, precision, data_dir=tmp_path)
    assert "reverie[openvino]" in explain_choice(tiny, "bfloat16", data_dir=tmp_path)


def test_batches_of_all_kinds_have_few_shapes(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = create_embedder("openvino", tiny, threads=1, data_dir=tmp_path)
    assert isinstance(embedder, openvino_backend.OpenVinoEmbedder)
    shapes: list[tuple[int, ...]] = []
    run = embedder._hidden

    def spy(ids: Any, lengths: Any) -> Any:
        shapes.append(ids.shape)
        return run(ids, lengths)

    monkeypatch.setattr(embedder, "_hidden", spy)
    for count in range(1, 60):
        for length in (1, 3, 4, 11, 12, 13, 19):
            embedder.embed([" ".join(tiny_model.WORDS[n % 18] for n in range(t, t + length)) for t in range(count)])
    # Each costs a compilation, and a megabyte for as long as the process lives; as they come there are over 100.
    assert len(set(shapes)) <= 40
    assert all(rows * longest <= 512 * 4 / 3 for rows, longest in shapes)
    embedder.close()


def test_a_gpu_changes_nothing_for_who_asks_for_bfloat16(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reverie.embedding.factory._cuda_device", lambda: True)
    monkeypatch.setattr(openvino_backend, "_capabilities", lambda: ["FP32", "BF16"])
    assert explain_choice(tiny, "bfloat16", data_dir=tmp_path).startswith("openvino: ")
    assert not wants_host("auto", tiny, "bfloat16", data_dir=tmp_path)


def test_the_model_loads_in_a_child_forked_after_the_import_and_nothing_else_is_imported(
    tmp_path: Path, tiny: str
) -> None:
    # The home folder is where the package's converter keeps what it reports: it must stay empty.
    home = tmp_path / "home"
    home.mkdir()
    code = """
import json, os, sys
from pathlib import Path
from reverie.embedding import create_embedder
from reverie.embedding.openvino_backend import refusal
refusal("bfloat16")
child = os.fork()
if child == 0:
    embedder = create_embedder("openvino", sys.argv[1], data_dir=Path(sys.argv[2]))
    vectors = embedder.embed(json.loads(sys.argv[3])).vectors
    unwanted = {"openvino.tools.ovc", "openvino_telemetry", "torch", "onnx", "transformers"} & set(sys.modules)
    print(json.dumps([vectors.tolist(), sorted(unwanted)]), flush=True)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tiny, str(tmp_path / "data"), json.dumps(TEXTS)],
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
        env={**os.environ, "HOME": str(home), "CI": ""},
    )
    vectors, unwanted = json.loads(done.stdout)
    embedder = create_embedder("openvino", tiny, data_dir=tmp_path / "data")
    np.testing.assert_allclose(vectors, embedder.embed(TEXTS).vectors, atol=1e-6)
    assert unwanted == []
    assert list(home.iterdir()) == []
    embedder.close()
