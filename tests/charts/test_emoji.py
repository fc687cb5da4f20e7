"""Emoji in charts, with a font made here: what the machine has installed does not matter."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fontTools.colorLib.builder import buildCOLR, buildCPAL
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.image import imread

from reverie.charts import emoji as module
from reverie.charts import render
from reverie.charts.text import drawable
from tests.charts.test_render import cluster_result

GUITAR, SMILE = "\U0001f3b8", "\U0001f600"
RED, GREEN = (0.9, 0.05, 0.1), (0.0, 0.8, 0.3)


def square(side: int) -> Any:
    pen = TTGlyphPen(None)
    pen.moveTo((50, 0))
    for corner in ((50, side), (side, side), (side, 0)):
        pen.lineTo(corner)
    pen.closePath()
    return pen.glyph()


@pytest.fixture
def font(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A colour font with two emoji, each a large red square behind a small green one."""
    names = [".notdef", "guitar", "smile", "back", "front"]
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(GUITAR): "guitar", ord(SMILE): "smile"})
    builder.setupGlyf({name: square(400 if name == "front" else 900) for name in names})
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 50)))
    builder.setupHorizontalHeader(ascent=900, descent=-100)
    builder.setupOS2()
    builder.setupPost()
    layers = [("back", 0), ("front", 1)]
    builder.font["COLR"] = buildCOLR({"guitar": layers, "smile": layers}, version=0)
    builder.font["CPAL"] = buildCPAL([[(*RED, 1.0), (*GREEN, 1.0)]])
    builder.setupNameTable({"familyName": "Emoji of the test", "styleName": "Regular"})
    path = tmp_path / "NotoColorEmoji.ttf"
    builder.save(path)
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: [str(tmp_path / "missing.ttf"), str(path)])
    module.emoji.cache_clear()
    yield
    module.emoji.cache_clear()


def coloured(png: bytes, colour: tuple[float, float, float]) -> int:
    image = np.asarray(imread(io.BytesIO(png), format="png"))[:, :, :3]
    return int((np.abs(image - colour).max(axis=2) < 0.1).sum())


@pytest.mark.usefixtures("font")
@pytest.mark.parametrize("dark", [False, True])
def test_an_emoji_is_drawn_in_its_colours(dark: bool) -> None:
    plain, with_emoji = (
        render("map", cluster_result(1, label=label), dark=dark, width=600) for label in ("guitar", f"{GUITAR} guitar")
    )
    assert coloured(plain, RED) == coloured(plain, GREEN) == 0
    assert coloured(with_emoji, RED) > 50
    assert coloured(with_emoji, GREEN) > 10


@pytest.mark.usefixtures("font")
def test_an_emoji_that_the_font_lacks_is_left_out_and_the_words_stay() -> None:
    assert drawable(f"{GUITAR} guitar \U0001f9ff half") == f"{GUITAR} guitar half"
    assert drawable("\U0001f1e9\U0001f1ea flag \U0001f1e9") == "flag"


@pytest.mark.usefixtures("font")
def test_pieces_keep_their_order_and_hold_everything() -> None:
    found = module.emoji()
    assert found is not None
    text = f"a{GUITAR}b{SMILE}{SMILE}"
    assert found.pieces(text) == [("a", False), (GUITAR, True), ("b", False), (SMILE, True), (SMILE, True)]
    assert found.pieces("no emoji, 3 digits # and *") == [("no emoji, 3 digits # and *", False)]


def test_without_a_font_the_words_are_drawn_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(font_manager, "findSystemFonts", lambda *_: [])
    module.emoji.cache_clear()
    assert module.emoji() is None
    assert drawable("\U0001f9ff guitar") == "guitar"
    module.emoji.cache_clear()
