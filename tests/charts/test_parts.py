"""The parts of the charts: label placement, text, time buckets, graph layout."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import font_manager

from reverie.charts.buckets import buckets_for, day_of
from reverie.charts.graph_layout import lay_out
from reverie.charts.labels import Label, place
from reverie.charts.palette import DARK, LIGHT, Paper
from reverie.charts.text import drawable, fonts, shorten


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("paper", [LIGHT, DARK], ids=["light", "dark"])
def test_text_and_points_stand_out_from_the_paper(paper: Paper) -> None:
    assert contrast(paper.ink, paper.background) > 12
    assert contrast(paper.muted, paper.background) > 4.5
    assert min(contrast(hue, paper.background) for hue in paper.hues) > 2.4


@given(st.lists(st.tuples(st.floats(0, 400), st.floats(0, 300), st.floats(20, 160)), max_size=40))
def test_labels_neither_collide_nor_leave_the_sheet(wanted: list[tuple[float, float, float]]) -> None:
    labels = [Label(x, y, width, 12) for x, y, width in wanted]
    placed = place(labels, (0, 0, 400, 300), np.zeros((0, 2)), step=14)
    boxes = []
    for spot in placed:
        half = labels[spot.index].width / 2
        boxes.append((spot.x - half, spot.y - 6, spot.x + half, spot.y + 6))
    assert all(x0 >= 0 and y0 >= 0 and x1 <= 400 and y1 <= 300 for x0, y0, x1, y1 in boxes)
    for a, b in combinations(boxes, 2):
        assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_the_first_label_is_always_placed_when_there_is_room() -> None:
    labels = [Label(200, 150, 80, 12)] * 200
    placed = place(labels, (0, 0, 400, 300), np.zeros((0, 2)), step=14)
    assert placed[0].index == 0
    assert len(placed) < 200


def test_what_no_font_can_draw_is_left_out_and_accents_go_before_letters() -> None:
    latin = frozenset(range(32, 127))
    assert drawable("Café ☕  tomorrow\n", latin) == "Cafe tomorrow"
    assert drawable("日本 🎉", latin) == ""
    # A separator never stands alone, nor at an end.
    dotted = latin | {ord("·")}
    assert drawable("日本旅行 · ラーメン", dotted) == ""
    assert drawable("日本旅行 · tea", dotted) == "tea"
    assert drawable("tea · 日本旅行", dotted) == "tea"
    assert drawable("tea · 日本旅行 · cake", dotted) == "tea · cake"
    assert drawable("col·lecció", dotted) == "col·leccio"
    assert drawable("a\u202eb\u200dc\ufe0f", latin) == "abc"


@given(st.text(max_size=60), st.integers(2, 40))
def test_a_shortened_text_keeps_its_limit_and_its_beginning(text: str, chars: int) -> None:
    short = shorten(text, chars)
    assert len(short) <= max(chars, 2)
    assert text.startswith(short.rstrip("…")) or short == text


@given(st.lists(st.dates(date(1971, 1, 1), date(2190, 1, 1)), min_size=1, max_size=30))
def test_every_day_falls_into_the_bar_that_covers_it(days: list[date]) -> None:
    buckets = buckets_for(days)
    assert len(buckets.starts) <= 300
    for day in days:
        place = buckets.of[day]
        assert buckets.starts[place] <= day
        assert place + 1 == len(buckets.starts) or day < buckets.starts[place + 1]


@pytest.mark.parametrize(
    ("days", "unit"),
    [(0, "day"), (69, "day"), (70, "week"), (700, "week"), (1200, "month"), (5000, "year")],
)
def test_the_unit_follows_the_span(days: int, unit: str) -> None:
    start = date(2020, 3, 4)
    assert buckets_for([start, start + timedelta(days=days)]).unit == unit


def test_a_moment_belongs_to_its_utc_day() -> None:
    assert day_of("2026-05-01T23:30:00-02:00") == date(2026, 5, 2)
    assert day_of("2026-05-01") == date(2026, 5, 1)
    assert day_of("yesterday") is None


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12))
def test_communities_do_not_overlap(sizes: list[int]) -> None:
    groups = [[f"{c}-{i}" for i in range(size)] for c, size in enumerate(sizes)]
    layout = lay_out(groups)
    assert set(layout.places) == {m for g in groups for m in g}
    for a, b in combinations(layout.discs, 2):
        assert np.hypot(a.x - b.x, a.y - b.y) >= a.radius + b.radius
    for disc, group in zip(layout.discs, groups, strict=True):
        for memory in group:
            x, y = layout.places[memory]
            assert np.hypot(x - disc.x, y - disc.y) <= disc.radius


def test_a_family_is_judged_by_its_upright_regular_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    # The order of matplotlib's list differs from machine to machine.
    for turn in (list, lambda found: list(reversed(found))):
        listed = turn(font_manager.fontManager.ttflist)
        monkeypatch.setattr(font_manager.fontManager, "ttflist", listed)
        fonts.cache_clear()
        assert drawable("جدتي · بيروت") == "جدتي · بيروت"
    monkeypatch.undo()
    fonts.cache_clear()
