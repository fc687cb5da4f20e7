"""SentenceTransformers and scikit-learn's AgglomerativeClustering, one setting away, through the whole service."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from reverie.gateway.submissions.parse import Summary
from reverie.gateway.submissions.submit import _content_key
from reverie.settings import ClusteringSettings, Settings
from reverie.store.cloud import CloudChoice
from tests.live import LiveService

TOPICS = {
    "cat": "my grey cat {} sleeps on the warm sofa cushion",
    "bread": "sourdough bread dough {} rises in the oven kitchen",
    "climb": "climbing boulder wall {} chalk rope gym evening",
}
WORDS = ["amber", "birch", "cedar", "dahlia", "elm", "fern"]
MEMORIES = [{"id": f"{name}-{word}", "text": text.format(word)} for word in WORDS for name, text in TOPICS.items()]

# Stands in for the packages where they are not installed: the members that the embedder uses, no weights. What the
# service does around it (its choice, loading, batches, the name and revision in results) is the real thing.
FAKE_TORCH = """
class cuda:
    is_available = staticmethod(lambda: False)

set_num_threads = lambda threads: None
"""
FAKE_NET = """
from reverie.embedding import HashEmbedder

class SentenceTransformer:
    max_seq_length, prompts, tokenizer = 256, {}, object()

    def __init__(self, path, device):
        self.inner = HashEmbedder(384)

    def get_sentence_embedding_dimension(self):
        return 384

    def eval(self):
        return self

    def encode(self, texts, **options):
        return self.inner.embed(texts).vectors
"""


@pytest.fixture(scope="module")
def packages() -> Iterator[Path | None]:
    """A folder with the stand-ins; None where the real packages are."""
    if importlib.util.find_spec("sentence_transformers") and importlib.util.find_spec("torch"):
        yield None
        return
    folder = Path(tempfile.mkdtemp(prefix="reverie-fakes-"))
    (folder / "torch.py").write_text(FAKE_TORCH)
    (folder / "sentence_transformers.py").write_text(FAKE_NET)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def reference(database_url: str, redis_url: str, packages: Path | None) -> Iterator[LiveService]:
    environment = {"REVERIE_EMBEDDER": "sentence-transformers", "REVERIE_STEPS": "sklearn", "REVERIE_MODEL": "english"}
    if packages is not None:
        environment["PYTHONPATH"] = os.pathsep.join([str(packages), os.environ.get("PYTHONPATH", "")])
    workers = {"worker": ("fast,clustering,analysis,upkeep", 1)}
    with LiveService(database_url, redis_url, environment=environment, workers=workers) as live:
        yield live
        live.check_invariants()


def test_the_reference_path_answers_like_any_other(reference: LiveService) -> None:
    body = {"user_id": "reference", "memories": MEMORIES}
    with reference.client(prefer="wait=30") as client:
        grouped = client.post("/cluster/submit", json=body)
        assert grouped.status_code == 200, grouped.text
        result = grouped.json()["result"]
        analysed = client.post("/analyze/submit", json={**body, "options": {"sections": ["graph"]}})
        assert analysed.status_code == 200, analysed.text
    assert result["stats"]["method"] == "sklearn"
    assert (result["model"]["name"], result["model"]["provider"]) == ("all-MiniLM-L6-v2", "sentence-transformers")
    found = sorted(sorted(theme["memory_ids"]) for theme in result["themes"])
    assert found == [sorted(f"{name}-{word}" for word in WORDS) for name in sorted(TOPICS)]
    # The analysis groups by the same steps, and so speaks of the same themes.
    themes = {theme["id"]: theme["label"] for theme in result["themes"]}
    communities = analysed.json()["result"]["graph"]["communities"]
    assert {one["id"]: one["label"] for one in communities} == themes


def test_an_answer_of_other_steps_is_not_given_again() -> None:
    summary = Summary("cluster", "u", b"content", None, None, None)

    def key(steps: str) -> bytes:
        state: Any = SimpleNamespace(settings=Settings(clustering=ClusteringSettings(steps=steps)))
        return _content_key(state, summary, CloudChoice(None), None, "float32")

    assert key("own") == key("own") != key("sklearn")


def test_an_answer_of_another_release_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    summary, state = Summary("cluster", "u", b"content", None, None, None), SimpleNamespace(settings=Settings())

    def key() -> bytes:
        return _content_key(cast("Any", state), summary, CloudChoice(None), None, "float32")

    now = key()
    monkeypatch.setattr("reverie.gateway.submissions.submit.release", lambda: "9.9.9")
    assert key() == key() != now
