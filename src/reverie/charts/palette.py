"""Colours of themes and of the paper they are drawn on. The dashboard's ``palette.js`` uses the same hues."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["DARK", "LIGHT", "Paper", "theme_colour"]

Rgb = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Paper:
    """What a chart is drawn on, and with. Ink on background is above 12:1 in contrast, muted above 4.5:1."""

    background: str
    ink: str
    muted: str
    faint: str
    #: Points, bars and links without a theme.
    none: str
    accent: str
    hues: tuple[str, ...]


# Neighbours in the list are far apart in hue, so that the largest themes never look alike.
LIGHT = Paper(
    background="#fbfaf7",
    ink="#1d1f27",
    muted="#62656f",
    faint="#e4e1da",
    none="#b9b8b4",
    accent="#4f5bd5",
    hues=("#4f5bd5", "#e4572e", "#0f9b8e", "#d39600", "#c23b8f", "#4c9a2a", "#2a8fd6", "#9a6234", "#8b4fd0", "#8a8f1f",
          "#c4314b", "#5d7389"),
)  # fmt: skip
DARK = Paper(
    background="#15171d",
    ink="#f1f0ec",
    muted="#a3a6b1",
    faint="#2b2e38",
    none="#5c5f69",
    accent="#8b95ff",
    hues=("#8b95ff", "#ff8a66", "#3fd0c0", "#f5c04a", "#f07cc0", "#8fd46a", "#6cbcf7", "#d3a077", "#bf95ff", "#cfd45a",
          "#ff7f92", "#9fb4c8"),
)  # fmt: skip


def theme_colour(index: int, paper: Paper) -> Rgb:
    """The colour of the theme at ``index`` (by size), RGB from 0 to 1.

    After the twelve hues they return paler, then darker: with that many themes the labels tell them apart.
    """
    lap, place = divmod(index, len(paper.hues))
    colour = _rgb(paper.hues[place])
    if lap % 3 == 1:
        return _mix(colour, _rgb(paper.background), 0.38)
    if lap % 3 == 2:
        return _mix(colour, _rgb(paper.ink), 0.34)
    return colour


def _rgb(text: str) -> Rgb:
    return int(text[1:3], 16) / 255, int(text[3:5], 16) / 255, int(text[5:7], 16) / 255


def _mix(colour: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (a * (1 - share) + b * share for a, b in zip(colour, other, strict=True))
    return red, green, blue
