"""Charts as PNG: what is drawn, that nothing breaks them, and that labels keep apart."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from numpy.typing import NDArray

from reverie.charts import render
from reverie.charts.palette import LIGHT, theme_colour
from reverie.charts.sheet import Sheet
from reverie.errors import InvalidInput

START = datetime(2026, 3, 1, 9, tzinfo=UTC)


def cluster_result(themes: int = 4, each: int = 12, *, label: str = "theme {}") -> dict[str, Any]:
    rng = np.random.default_rng(5)
    found: dict[str, Any] = {"themes": [], "unclustered": ["alone"], "map": [{"id": "alone", "x": 0.0, "y": 0.0}]}
    for theme in range(themes):
        ids = [f"t{theme}m{i}" for i in range(each)]
        middle = rng.uniform(-0.8, 0.8, 2)
        for memory in ids:
            x, y = middle + rng.normal(0, 0.06, 2)
            found["map"].append({"id": memory, "x": float(x), "y": float(y)})
        name = label.format(theme)
        found["themes"].append({"id": f"th_{theme}", "label": name, "keywords": [name], "memory_ids": ids})
    return found


def analyze_result(communities: int = 3, each: int = 9) -> dict[str, Any]:
    ids = [[f"c{c}m{i}" for i in range(each)] for c in range(communities)]
    edges = [{"source": g[i], "target": g[i + 1], "weight": 0.8} for g in ids for i in range(each - 1)]
    edges.append({"source": ids[0][0], "target": ids[1][0], "weight": 0.5})
    return {
        "graph": {
            "communities": [{"id": f"c{n}", "memory_ids": g, "keywords": [f"word{n}"]} for n, g in enumerate(ids)],
            "central": [g[0] for g in ids],
            "bridges": [ids[0][0], ids[1][0]],
            "isolated": [],
            "edges": edges,
            "metrics": {},
        },
        "timeline": {"2026-05-01": 3, "2026-05-04": 9},
    }


def dates_of(result: dict[str, Any], *, days: int = 40) -> dict[str, str]:
    ids = [m for theme in result["themes"] for m in theme["memory_ids"]]
    return {m: (START + timedelta(days=i % days)).isoformat() for i, m in enumerate(ids)}


def pixels(png: bytes) -> NDArray[np.float32]:
    return np.asarray(imread(io.BytesIO(png), format="png"))[:, :, :3]


def colours(png: bytes) -> int:
    return len(np.unique((pixels(png) * 255).astype(np.uint8).reshape(-1, 3), axis=0))


CHARTS = [("map", cluster_result()), ("timeline", cluster_result()), ("graph", analyze_result())]


@pytest.mark.parametrize(("kind", "result"), CHARTS, ids=[k for k, _ in CHARTS])
@pytest.mark.parametrize("width", [200, 360, 1000])
@pytest.mark.parametrize("dark", [False, True])
def test_a_chart_has_the_asked_width_and_paper(kind: Any, result: dict[str, Any], width: int, dark: bool) -> None:
    image = pixels(render(kind, result, {}, dark=dark, width=width, dates=dates_of(cluster_result())))
    assert image.shape[1] == width
    assert bool(image[0, 0].mean() < 0.2) is dark
    # Something was drawn, in colours that stand out from the paper.
    assert (np.abs(image - image[0, 0]).max(axis=2) > 0.3).mean() > 0.005


@pytest.mark.parametrize(("kind", "result"), CHARTS, ids=[k for k, _ in CHARTS])
def test_the_same_result_gives_the_same_bytes_in_any_thread(kind: Any, result: dict[str, Any]) -> None:
    with ThreadPoolExecutor(3) as pool:
        drawn = list(pool.map(lambda _: render(kind, result, {}, width=400), range(3)))
    assert drawn[0] == drawn[1] == drawn[2]


NASTY = [
    "日本語のラベル と 中文",  # CJK
    "🎉🧑‍🚀🏳️‍🌈",  # emoji with joiners: no font may have them
    "مرحبا بالعالم שלום",  # right to left
    "costs $5 or $x_{2}$ \\frac",  # what matplotlib would read as mathematics, or refuse
    "<script>alert(1)</script>",  # markup is text
    "line\nbreak\x07\u202e override",  # controls
    "",  # nothing at all
    "long " * 80,  # longer than the sheet
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("label", NASTY)
def test_any_label_is_drawn_without_a_warning_about_missing_glyphs(label: str) -> None:
    result = cluster_result(label=label.replace("{", "{{").replace("}", "}}"))
    assert colours(render("map", result, {}, title=label, width=500)) > 50
    assert colours(render("timeline", result, {}, dates=dates_of(result), width=500)) > 20
    graph = analyze_result()
    graph["graph"]["communities"][0]["keywords"] = [label]
    assert colours(render("graph", graph, {"c0m0": label}, width=500)) > 50


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_memories_make_a_chart_too(count: int) -> None:
    ids = [str(i) for i in range(count)]
    result = {"themes": [], "unclustered": ids, "map": [{"id": i, "x": 0.0, "y": 0.0} for i in ids]}
    for kind in ("map", "timeline", "graph"):
        assert render(kind, result, {}, width=300, dates=dict.fromkeys(ids, "2026-05-01T00:00:00Z"))  # type: ignore[arg-type]


def test_a_result_without_a_map_says_so_instead_of_failing() -> None:
    result = cluster_result() | {"map": None}
    assert colours(render("map", result, {}, width=300)) > 10


def test_every_theme_brings_its_own_colour_to_the_timeline() -> None:
    drawn = {}
    for themes in (2, 6):
        result = cluster_result(themes)
        image = pixels(render("timeline", result, {}, dates=dates_of(result)))
        drawn[themes] = set(map(tuple, np.unique(image.reshape(-1, 3), axis=0)))
    hues = [tuple(np.float32(round(c * 255) / 255) for c in theme_colour(i, LIGHT)) for i in range(6)]
    assert [hue in drawn[2] for hue in hues] == [True, True, False, False, False, False]
    assert all(hue in drawn[6] for hue in hues)


def test_a_timeline_of_an_analysis_needs_no_dates() -> None:
    assert colours(render("timeline", analyze_result(), {}, width=400)) > 20


def test_a_timeline_marks_bursts_and_changes_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    result = analyze_result()
    plain = pixels(render("timeline", result, {}, width=600))
    result["patterns"] = [
        {"kind": "burst", "p_value": 0.0002, "details": {"from": "2026-05-02", "to": "2026-05-03"}},
        {"kind": "rate_change", "p_value": 0.01, "details": {"since": "2026-05-04"}},
        {"kind": "rate_change", "p_value": 0.01, "details": {"since": "2031-01-01"}},  # after the last memory
        {"kind": "burst", "p_value": 0.01, "details": {}},  # without its days there is nothing to mark
        {"kind": "weekly_rhythm", "p_value": 0.01, "details": {"from": "2026-05-02"}},  # no stretch of time
    ]
    marked = pixels(render("timeline", result, {}, width=600))
    # The band of the burst covers its two days of four, above the bars as well.
    shade = pixels(render("timeline", result | {"patterns": result["patterns"][:1]}, {}, width=600))
    row = shade[100, :, 0] - plain[100, :, 0]
    assert 0.3 < (np.abs(row) > 0.02).mean() < 0.7
    assert not np.array_equal(marked, shade)
    written: list[str] = []
    text = Sheet.text

    def noted(sheet: Sheet, x: float, y: float, words: str, *more: Any, **named: Any) -> Any:
        written.append(words)
        return text(sheet, x, y, words, *more, **named)

    monkeypatch.setattr(Sheet, "text", noted)
    render("timeline", result, {}, width=600)
    assert {"Burst", "Change"} <= set(written)
    assert any("memories, a bar for each day, " in words for words in written)  # not so many a day
    assert not [words for words in written if words.startswith("p ")]


@pytest.mark.parametrize("width", [0, 199, 3001])
def test_an_impossible_width_is_refused(width: int) -> None:
    with pytest.raises(InvalidInput, match="200 to 3000"):
        render("map", cluster_result(), {}, width=width)


def test_an_unknown_chart_is_refused() -> None:
    with pytest.raises(InvalidInput, match="there are map, timeline and graph"):
        render("pie", {}, {})  # type: ignore[arg-type]
