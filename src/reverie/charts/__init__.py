"""Results as pictures: the map of themes, the timeline and the graph, as PNG."""

from reverie.charts.render import render

__all__ = ["render"]
