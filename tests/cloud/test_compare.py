"""``reverie compare``: real measurements of what is configured, and plain words on what is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reverie.cli import main
from reverie.cli._comparison import Measured, break_even, people, recommendation
from reverie.testing.cloud import FakeCloud, Fault
from tests.cloud.conftest import SECRET

CHAT = Path(__file__).parents[1] / "readers" / "data" / "telegram_all_chats.json"


@pytest.fixture
def memories(tmp_path: Path) -> Path:
    topics = ("rowing on the lake at dawn", "sourdough bread with rye", "the cat and its vet", "piano lessons at home")
    lines = [
        json.dumps({"id": f"m{i}", "text": f"{topics[i % 4]} number {i}", "metadata": {"label": topics[i % 4]}})
        for i in range(48)
    ]
    path = tmp_path / "memories.jsonl"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, cloud: FakeCloud) -> None:
    cloud.dimensions = 256
    monkeypatch.setenv("REVERIE_EMBEDDER", "hash")
    monkeypatch.setenv("REVERIE_OPENAI_BASE_URL", f"{cloud.url}/v1")
    monkeypatch.setenv("REVERIE_OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("REVERIE_OPENAI_USD_PER_MILLION", "0.02")
    monkeypatch.setenv("REVERIE_CLOUD_ATTEMPTS", "1")
    for name in ("REVERIE_VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT"):
        monkeypatch.delenv(name, raising=False)


def test_speed_cost_and_agreement_of_what_is_configured(
    memories: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    chart = tmp_path / "compare.png"
    arguments = ["--file", str(memories), "--providers", "local,openai,azure,vertex", "--usd-per-hour", "0.05"]
    assert main(["compare", *arguments, "--singles", "5", "--chart", str(chart), "--json"]) == 0
    printed = capsys.readouterr()
    answer = json.loads(printed.out)
    local, openai, azure, vertex = answer["rows"]
    assert local["ami"] == pytest.approx(1.0)
    assert openai["ami"] == pytest.approx(1.0), "the fake's vectors are the local fake's"
    assert openai["ami_labels"] == local["ami_labels"]
    assert openai["texts_per_second"] > 0
    assert 0 < openai["p50"] <= openai["p95"]
    assert openai["usd_per_million"] == pytest.approx(openai["tokens"] / 48 * 0.02)
    assert azure["missing"] == "not configured: REVERIE_AZURE_ENDPOINT"
    assert vertex["missing"].startswith("not configured")
    assert azure["ami"] is None
    assert answer["measured_at"]
    assert answer["prices_as_of"]
    assert any("a machine at $0.05/h" in line for line in answer["recommendation"])
    assert chart.read_bytes().startswith(b"\x89PNG")
    assert "these memories go to" in printed.err
    assert SECRET not in printed.out + printed.err
    assert main(["compare", *arguments, "--singles", "2"]) == 0
    table = capsys.readouterr().out
    assert "azure   not configured: REVERIE_AZURE_ENDPOINT" in table
    assert "themes agree (AMI)  local  openai  labels" in table
    assert "break-even a month" in table


def test_a_provider_that_fails_is_a_row_that_says_so(
    memories: Path, cloud: FakeCloud, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud.always = Fault(status=500)
    assert main(["compare", "--file", str(memories), "--providers", "local,openai"]) == 0
    out = capsys.readouterr().out
    assert "openai  failed: openai text-embedding-3-small does not work at the moment: HTTP 500" in out
    assert "nothing to compare" in out


def test_the_ceiling_of_fees_holds(memories: Path, cloud: FakeCloud, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "--file", str(memories), "--providers", "openai", "--max-usd", "0"]) == 0
    assert "ceiling" in capsys.readouterr().out
    assert not cloud.seen


def test_break_even_and_recommendation() -> None:
    assert break_even(0.1, 1.0) == pytest.approx(73_000_000)
    assert break_even(0.1, 0.0) is None
    local = Measured("local", texts_per_second=500, usd_per_million=0.05, ami=1.0, ami_labels=0.6)
    dear = Measured("openai", texts_per_second=50, usd_per_million=1.0, ami=0.7, ami_labels=0.61)
    lines = "\n".join(recommendation([local, dear], 0.1))
    assert "10.0 x openai's" in lines
    assert "Below 73 million new memories a month openai costs less" in lines
    assert lines.endswith("Recommendation: stay local; nothing measured here speaks against it, and no text leaves.")
    better = Measured("openai", texts_per_second=50, usd_per_million=0.001, ami=0.7, ami_labels=0.9)
    lines = "\n".join(recommendation([local, better], 10.0))
    assert "never pays off" in lines
    assert "Recommendation: openai, if texts may leave" in lines
    cheap = Measured("openai", texts_per_second=50, usd_per_million=0.001, ami=0.7, ami_labels=0.6)
    lines = "\n".join(recommendation([local, cheap], 10.0))
    assert "Recommendation: stay local where texts must not leave" in lines


@pytest.mark.parametrize(
    ("number", "words"), [(12, "12"), (4_700, "4.7 thousand"), (47_248_670, "47.2 million"), (2e12, "2,000 billion")]
)
def test_large_numbers_as_people_say_them(number: float, words: str) -> None:
    assert people(number) == words


def test_one_author_of_a_chat_is_compared(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["compare", "--file", str(CHAT), "--providers", "local", "--singles", "1"]
    assert main(command) != 0
    assert "has texts of 2 people; choose one with --author" in capsys.readouterr().err
    assert main([*command, "--author", "Mira", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["memories"] == 2
