"""Lasting facts: what is found among passing lines, what counts as a boundary, and what no text can do."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from reverie._models import ENGLISH, MULTILINGUAL
from reverie.analysis import LASTING, Prototypes, prototype_texts, read_durable
from reverie.analysis.cues import read_cues
from reverie.analysis.junk import noise
from reverie.clustering.topics import topic_wordings
from reverie.embedding import HashEmbedder, create_embedder
from reverie.embedding.anchors import Anchor, anchor_vectors, pack

_SET = Path(__file__).resolve().parents[2] / "benchmarks" / "lasting.jsonl"
_LANGUAGES = _SET.with_name("lasting_languages.jsonl")
_ANCHORS: list[Anchor] = [(text,) for text in prototype_texts().texts]


def test_lasting_facts_are_found_among_passing_lines(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in _SET.read_text("utf-8").splitlines()]
    embedder = create_embedder("ctranslate2", data_dir=tmp_path)
    texts = [row["text"] for row in rows]
    prototypes = Prototypes(anchor_vectors(embedder, _ANCHORS))
    found = read_durable(texts, embedder.embed(texts).vectors, prototypes)
    scores = np.array([d.score for d in found])
    lasting = np.array([row["durable"] for row in rows], dtype=bool)
    won = (scores[lasting][:, None] > scores[~lasting][None, :]).mean()
    assert won >= 0.95  # the area under the curve
    assert lasting[np.argsort(-scores)[:20]].all()


def test_lasting_facts_in_six_languages_are_found_in_lines_that_chose_no_rule(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in _LANGUAGES.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["held"]]
    texts = [row["text"] for row in rows]
    embedder = create_embedder("ctranslate2", data_dir=tmp_path)
    prototypes = Prototypes(anchor_vectors(embedder, _ANCHORS))
    scores = np.array([d.score for d in read_durable(texts, embedder.embed(texts).vectors, prototypes)])
    lasting = np.array([row["durable"] for row in rows], dtype=bool)
    assert (scores[lasting][:, None] > scores[~lasting][None, :]).mean() >= 0.95
    for language in ("en", "de", "es", "fr", "pt", "ru"):
        own = np.array([row["language"] == language for row in rows])
        assert lasting[own][np.argsort(-scores[own], kind="stable")[:10]].mean() >= 0.9, language


def test_the_wording_alone_tells_when_there_are_no_prototypes() -> None:
    facts = [
        "I am allergic to nuts",
        "Meine Tochter heißt Ida",
        "Vivo en Lima",
        "J'habite à Lyon",
        "Sou alérgico a ovos",
    ]
    passing = ["It rained today", "Heute war es kalt", "Hoy llovió", "Il pleut aujourd'hui", "Hoje choveu"]
    assert min(d.score for d in read_durable(facts)) > LASTING > max(d.score for d in read_durable(passing))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("I am allergic to hazelnuts", "allergy"),
        ("У меня аллергия на орехи", "allergy"),
        ("My cat is called Luna", "name"),
        ("Trabajo de enfermera en un hospital", "work"),
        ("Mein Geburtstag ist am 3. Mai", "birthday"),
        ("J'habite à Rennes depuis deux ans", "home"),
        ("I take 50 mg every morning", "health"),
        ("Nehme Blutverdünner", "health"),
        ("Blood group is 0 negative", "health"),
        ("Mi grupo sanguíneo es 0 negativo", "health"),
        ("Faço hemodiálise", "health"),
        ("Ma fille risque un choc anaphylactique", "allergy"),
        ("По четвергам веду кружок", "habit"),
        ("Llámame Nando", "name"),
        ("Perdi minha irmã", "family"),
        ("Prometi à minha mãe que ia todos os meses", "promise"),
    ],
)
def test_the_kind_of_fact_is_named(text: str, kind: str) -> None:
    found = read_durable([text])[0]
    assert found.kind == kind
    assert found.reason == f"names a lasting fact: {kind}"


@pytest.mark.parametrize(
    "text",
    [
        "Never bring up my old school.",
        "Please don't call me Katie",
        "don't text me before ten, I mean it",
        "I don't want to talk about my father.",
        "My weight is off limits.",
        "Keep this between us.",
        "Frag mich nie nach meinem Vater",
        "Nenn mich bitte nicht Kathi",
        "Por favor, no me preguntes por mi ex",
        "Ne me parle jamais de ma belle-mère.",
        "Não me fales do meu irmão",
        "Никогда не спрашивай меня об отце",
        "I'd rather nobody brings up the trial",
        "Bitte nie nach meinem Vater fragen",
        "no me hables de mi ex",
        "Prefiero no hablar de mi familia",
        "Évite de mentionner la faillite",
        "Evite falar do meu irmão",
        "Лучше не упоминай развод",
    ],
)
def test_what_must_never_be_said_is_a_boundary(text: str) -> None:
    found = read_durable([text])[0]
    assert found.boundary
    assert found.kind == "boundary"
    assert found.score >= LASTING


@pytest.mark.parametrize(
    "text",
    [
        "They never call me back",
        "My neighbours never talk about anything else",
        "I don't want to go to work",
        "I never drink alcohol",
        "We lost, I don't want to talk about it",
        "Why did she stop writing?",
        "Ich habe nie Zeit",
        "No me gusta el café",
        "Je n'ai jamais vu la mer",
        "I'd rather stay in tonight",
        "Bitte nicht stören",
        "Prefiero el té",
        "J'évite les autoroutes",
    ],
)
def test_what_others_do_or_the_person_avoids_is_no_boundary(text: str) -> None:
    assert not read_durable([text])[0].boundary


def test_a_model_that_tells_nothing_leaves_the_word_to_the_wording() -> None:
    rng = np.random.default_rng(0)
    noise_vectors = rng.normal(size=(len(_ANCHORS), 64)).astype(np.float32)
    noise_vectors /= np.linalg.norm(noise_vectors, axis=1, keepdims=True)
    prototypes = Prototypes(noise_vectors)
    texts = ["I am allergic to nuts", "It rained today"]
    with_noise = read_durable(texts, noise_vectors[:2], prototypes)
    assert [d.kind for d in with_noise] == ["allergy", None]


def test_a_score_depends_on_nothing_but_the_text() -> None:
    embedder = HashEmbedder(64)
    prototypes = Prototypes(anchor_vectors(embedder, _ANCHORS))
    texts = ["I live in Berlin", "The bus was late", "I owe Ana ten euros"]
    vectors = embedder.embed(texts).vectors
    together = read_durable(texts, vectors, prototypes)
    assert together[1:] == read_durable(texts[1:], vectors[1:], prototypes)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://example.com/a?b=c", "link"),
        ("I wrote this about my allergy: https://example.com/a", None),
        ("```js\nconst a = 1;\n```", "code"),
        ("x = compute(a, b); y = compute(c);", "code"),
        ('[{"id": "1", "name": "x"}]', "embed"),
        ("<@123> <@!456>", "mention"),
        ("<:pog:1234>", "reaction"),
        ("🎉", "reaction"),
        ("今日は雨でした", None),
        ("I am allergic to nuts", None),
        ("-buy milk", None),
        ("!играть рок", "command"),
        ("/опрос да нет", "command"),
        ("+1", "reaction"),
        ("`git push`", "code"),
        ("`git push` hat mir gestern alles gelöscht", None),
        ("**[Embed] Wordle 4/6**", "embed"),
        ("jajaja vale", "phrase"),
        ("my favourite emoji is :tada: for sure", None),
    ],
)
def test_what_says_nothing_is_told_by_kind(text: str, kind: str | None) -> None:
    assert noise(text) == kind


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        "i ",
        "my ",
        "<@",
        "@a",
        "never ",
        "don't ",
        ":a",
        "(",
        "{",
        '"a":',
        "```",
        "http://",
        "\n",
        "мой ",
        "je ",
        "\u0301",
        "😀",
    ],
)
def test_a_megabyte_of_any_piece_is_read_within_a_second(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    started = time.process_time()
    read_cues(text)
    noise(text)
    read_durable([text])
    assert time.process_time() - started < 1.0


def test_anchors_are_computed_once_and_kept(tmp_path: Path) -> None:
    calls: list[int] = []

    class Counting(HashEmbedder):
        def embed(self, texts, **options):  # type: ignore[no-untyped-def]
            calls.append(len(texts))
            return super().embed(texts, **options)

    anchors: list[Anchor] = [("one",), ("two", "deux")]
    first = anchor_vectors(Counting(64), anchors, tmp_path)
    again = anchor_vectors(Counting(64), anchors, tmp_path)
    assert calls == [3]
    assert np.array_equal(first, again)
    assert np.allclose(np.linalg.norm(first, axis=1), 1.0, atol=1e-6)
    next(tmp_path.glob("*.npy")).write_bytes(b"damaged")
    assert np.array_equal(anchor_vectors(Counting(64), anchors, tmp_path), first)
    assert len(pack(HashEmbedder(64), anchors)) > 0


@pytest.mark.parametrize("model", [ENGLISH, MULTILINGUAL])
def test_the_shipped_anchors_are_those_of_the_models(model: str, tmp_path: Path) -> None:
    embedder = create_embedder("ctranslate2", model, data_dir=tmp_path)
    some = _ANCHORS[::40]
    shipped = anchor_vectors(embedder, some)
    assert np.einsum("nd,nd->n", shipped, embedder.embed([a[0] for a in some]).vectors).min() > 0.999
    folder = tmp_path / "anchors"
    anchor_vectors(embedder, [*_ANCHORS, *topic_wordings()], folder)
    assert not folder.exists(), "run scripts/anchor_vectors.py: the lists have changed since"
