"""``REVERIE_PRECISION=auto``: the fastest precision that was measured to be as good, by model and kind of processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from reverie.cli.doctor import examine
from reverie.embedding import chosen_precision, create_embedder, factory, precision
from reverie.embedding.precision import PROCESSORS, Measurement, fastest, processor
from reverie.errors import WrongSetting
from reverie.settings import EmbeddingSettings, ServerSettings, Settings
from reverie.worker.precision import settle_precision
from tests.embedding import tiny_model

MODEL = "all-MiniLM-L6-v2"
INT8 = Measurement(MODEL, "avx2", "ctranslate2", "int8", 1.6, 0.993, -0.002)
BF16 = Measurement(MODEL, "avx2", "openvino", "bfloat16", 3.0, 0.9999, 0.0)


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        ("fpu avx2 avx512f avx512_vnni avx512_bf16 amx_tile amx_bf16", "amx_bf16"),
        ("fpu avx2 avx512_vnni", "avx512_vnni"),
        ("fpu avx2", "avx2"),
    ],
)
def test_a_processor_is_known_by_the_best_of_its_instructions(tmp_path: Path, flags: str, kind: str) -> None:
    file = tmp_path / kind
    file.write_text(f"processor\t: 0\nflags\t\t: {flags}\n")
    assert processor(file) == kind


def test_a_processor_that_says_nothing_is_no_kind_of_its_own(tmp_path: Path) -> None:
    assert processor(tmp_path / "none") not in PROCESSORS


@pytest.mark.parametrize(
    ("rows", "embedders", "found"),
    [
        ([INT8, BF16], ("ctranslate2", "openvino"), BF16),  # the fastest
        ([INT8, BF16], ("ctranslate2",), INT8),  # of those that are installed
        ([INT8._replace(cosine=0.989)], ("ctranslate2",), None),  # vectors too far from float32's
        ([INT8._replace(themes=-0.011)], ("ctranslate2",), None),  # themes worse
        ([INT8._replace(speed=1.05)], ("ctranslate2",), None),  # nothing gained
        ([INT8._replace(model="another")], ("ctranslate2",), None),  # never measured for this model
        ([INT8._replace(processor="avx512_vnni")], ("ctranslate2",), None),  # nor on this processor
    ],
)
def test_the_fastest_that_is_as_good_is_taken(
    monkeypatch: pytest.MonkeyPatch, rows: list[Measurement], embedders: tuple[str, ...], found: Measurement | None
) -> None:
    monkeypatch.setattr(precision, "_rows", lambda: tuple(rows))
    assert fastest(MODEL, "avx2", embedders) == found


@pytest.mark.parametrize("kind", PROCESSORS)
def test_every_kind_of_processor_has_a_choice_that_is_as_good(kind: str) -> None:
    found = fastest(MODEL, kind, ("ctranslate2", "openvino"))
    assert found is not None
    assert found.good


@pytest.fixture
def of_avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(factory, "processor", lambda: "avx2")
    monkeypatch.setattr(precision, "_rows", lambda: (INT8,))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.usefixtures("of_avx2")
@pytest.mark.parametrize(
    ("embedder", "chosen"), [("auto", "int8"), ("ctranslate2", "int8"), ("openvino", "float32"), ("hash", "float32")]
)
def test_auto_is_what_was_measured_for_the_embedder(tmp_path: Path, embedder: str, chosen: str) -> None:
    assert chosen_precision(embedder, data_dir=tmp_path) == chosen


@pytest.mark.usefixtures("of_avx2")
def test_a_model_that_was_never_measured_is_computed_in_float32(tmp_path: Path) -> None:
    tiny_model.build(tmp_path / "tiny")
    with_auto = create_embedder("ctranslate2", str(tmp_path / "tiny"), "auto", threads=1, data_dir=tmp_path)
    assert with_auto.model.precision == "float32"
    with_auto.close()


@pytest.mark.usefixtures("of_avx2")
def test_doctor_tells_what_auto_takes_and_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REVERIE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("REVERIE_PRECISION", "auto")
    told = {finding.name: finding for finding in examine(None)}
    assert "int8: 1.6 times float32's speed" in told["precision"].text
    assert told["embedding"].ok


def settings(database_url: str, folder: Path, wish: str, embedder: str = "ctranslate2") -> Settings:
    server = ServerSettings(database_url=database_url, data_dir=folder)  # type: ignore[arg-type,call-arg]
    return Settings(server, EmbeddingSettings(embedder=embedder, precision=wish))  # type: ignore[call-arg]


@pytest.mark.usefixtures("of_avx2")
def test_an_installation_keeps_what_its_first_worker_chose(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def settled(wish: str, embedder: str = "ctranslate2") -> str:
        found = settings(database_url, tmp_path, wish, embedder)
        settle_precision(found)
        return found.embedding.precision

    assert settled("auto", "hash") == "float32", "the fake has one of its own, and chooses for nobody"
    assert settled("auto") == "int8"
    monkeypatch.setattr(factory, "processor", lambda: "of another kind")
    assert settled("auto") == "int8", "another machine, or more measurements, change nothing"
    assert settled("float32") == "float32"
    assert settled("auto") == "float32", "what a person set is kept as well"
    monkeypatch.setattr("reverie.embedding.openvino_backend._capabilities", lambda: ["FP32", "BF16"])
    assert settled("bfloat16", "auto") == "bfloat16"
    monkeypatch.setattr("reverie.embedding.openvino_backend._capabilities", lambda: ["FP32"])
    with pytest.raises(WrongSetting, match=r"no bfloat16 arithmetic.*since its first start"):
        settled("auto", "auto")
