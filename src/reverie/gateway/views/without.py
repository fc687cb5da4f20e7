"""A view without the memories that have gone since it was made. Pure: JSON values in, the same values changed.

A memory that was deleted, replaced or rewritten must show nowhere: not as a member, in a count, on the map, in a chart,
as the example behind a keyword or as the evidence of a pattern. What a theme says in words is judged by its supporters,
the members that use a keyword (at most eight are noted): when the last of them has gone, the keyword goes too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any

__all__ = ["insights_without", "themes_without"]

_SHOWN = 3
"""Representatives of a theme, and keywords in a label that had to be made anew."""
_EVIDENCE = 0.5
"""Part of a pattern's evidence that must still be there."""


def themes_without(result: dict[str, Any], gone: Collection[str], side: dict[str, Any]) -> set[str]:
    """Take ``gone`` out of a ``ClusterResult``; returns the keywords that went with them, in small letters.

    ``side``: ``{"at": {id: seconds since 1970}, "words": {theme id: {keyword: supporters}}}``.
    """
    themes, lost = [], set[str]()
    for theme in result["themes"]:
        left = _left(theme["memory_ids"], gone)
        if len(left) < len(theme["memory_ids"]):
            lost |= _shrunk(theme, left, gone, side)
            theme["subthemes"] = [part for part in theme.get("subthemes", []) if _part(part, gone, side, lost)]
        if left:
            themes.append(theme)
    for theme in themes:
        _unnamed(theme, lost)
    result["themes"] = themes
    result["unclustered"] = _left(result["unclustered"], gone)
    for memory in gone:
        result["assignments"].pop(memory, None)
    if result.get("map"):
        result["map"] = [point for point in result["map"] if point["id"] not in gone]
    there = {theme["id"] for theme in themes}
    result["born"] = [theme for theme in result["born"] if theme in there]
    result["merged"] = [merge for merge in result["merged"] if merge["into"] in there]
    for split in result["split"]:
        split["into"] = [theme for theme in split["into"] if theme in there]
    result["split"] = [split for split in result["split"] if split["into"]]
    stats = result["stats"]
    for name, count in (
        ("memories", len(result["assignments"])),
        ("themes", len(themes)),
        ("clustered", sum(theme["size"] for theme in themes)),
    ):
        if name in stats:
            stats[name] = count
    return lost


def insights_without(
    result: dict[str, Any], gone: Collection[str], side: dict[str, Any], lost: Collection[str] = ()
) -> None:
    """Take ``gone`` out of an ``AnalyzeResult``.

    ``side``: ``{"day": {id: local day}, "words": {community id: {keyword: supporters}}}``. ``lost``: keywords of themes
    that went; a pattern whose description names one goes too.
    """
    words = set(lost)
    graph = result.get("graph")
    if graph is not None:
        words |= _graph_without(graph, gone, side)
    importance = [entry for entry in result["importance"] if entry["memory_id"] not in gone]
    for rank, entry in enumerate(importance, 1):
        entry["rank"] = rank
    result["importance"] = importance
    result["patterns"] = [pattern for pattern in result["patterns"] if _pattern(pattern, gone, words)]
    result["duplicates"] = [group for group in result["duplicates"] if _duplicates(group, gone)]
    result["core"] = _left(result["core"], gone)
    result["advice"] = [
        advice
        for advice in result["advice"]
        if not any(memory in gone for memory in advice["memory_ids"])  # its reason speaks of all of them
    ]
    result["emotion"] = [entry for entry in result["emotion"] if entry["memory_id"] not in gone]
    entities = {name: _left(found, gone) for name, found in result["entities"].items()}
    result["entities"] = {name: found for name, found in entities.items() if found}
    timeline = result["timeline"]
    for memory in gone:
        day = side["day"].get(memory)
        if day in timeline:
            timeline[day] -= 1
            if timeline[day] <= 0:
                del timeline[day]
    stats = result["stats"]
    if "memories" in stats:
        stats["memories"] -= sum(memory in side["day"] for memory in gone)


def _left(ids: Iterable[str], gone: Collection[str]) -> list[str]:
    return [memory for memory in ids if memory not in gone]


def _shrunk(theme: dict[str, Any], left: list[str], gone: Collection[str], side: dict[str, Any]) -> set[str]:
    theme["memory_ids"], theme["size"] = left, len(left)
    theme["representative_ids"] = _left(theme["representative_ids"], gone) or left[:_SHOWN]
    known = [moment for memory in left if (moment := side["at"].get(memory)) is not None]
    for name, choose in (("first_at", min), ("last_at", max)):
        moment = choose(known) if known else None
        theme[name] = None if moment is None else datetime.fromtimestamp(moment, UTC).isoformat().replace("+00:00", "Z")
    lost = _words(theme, gone, side)
    if theme.get("label_source") == "llm":
        # Nobody can tell which of its members a language model had in mind.
        lost.add(theme["label"].casefold())
    return lost


def _words(group: dict[str, Any], gone: Collection[str], side: dict[str, Any]) -> set[str]:
    """Take away the keywords of a group whose supporters have all gone, and name them."""
    supporters = side["words"].get(group["id"], {})
    kept = [word for word in group["keywords"] if any(memory not in gone for memory in supporters.get(word, ()))]
    lost = {word.casefold() for word in group["keywords"]} - {word.casefold() for word in kept}
    group["keywords"] = kept
    return lost


def _part(part: dict[str, Any], gone: Collection[str], side: dict[str, Any], lost: set[str]) -> bool:
    left = _left(part["memory_ids"], gone)
    if len(left) < len(part["memory_ids"]):
        part["memory_ids"], part["size"] = left, len(left)
        lost |= _words(part, gone, side)
    return bool(left)


def _unnamed(theme: dict[str, Any], lost: Collection[str]) -> None:
    """A label with a word that is lost is made anew of the keywords that are left."""
    for group in (theme, *theme.get("subthemes", [])):
        label = group["label"].casefold()
        own = {word.casefold() for word in group["keywords"]}
        if any(word in label and word not in own for word in lost):
            group["label"] = " · ".join(group["keywords"][:_SHOWN]) or group["id"]
            if "label_source" in group:
                group["label_source"] = "keywords"


def _graph_without(graph: dict[str, Any], gone: Collection[str], side: dict[str, Any]) -> set[str]:
    communities, lost = [], set[str]()
    for community in graph["communities"]:
        left = _left(community["memory_ids"], gone)
        if len(left) < len(community["memory_ids"]):
            community["memory_ids"] = left
            lost |= _words(community, gone, side)
        if left:
            communities.append(community)
    graph["communities"] = communities
    for name in ("central", "bridges", "isolated"):
        graph[name] = _left(graph[name], gone)
    graph["edges"] = [edge for edge in graph["edges"] if edge["source"] not in gone and edge["target"] not in gone]
    return lost


def _pattern(pattern: dict[str, Any], gone: Collection[str], lost: Collection[str]) -> bool:
    wording = f"{pattern['description']} {pattern.get('details')}".casefold() if lost else ""
    if any(word in wording for word in lost):
        return False
    before = pattern["memory_ids"]
    left = _left(before, gone)
    if len(left) == len(before):
        return True
    if len(left) < _EVIDENCE * len(before):
        return False
    pattern["memory_ids"] = left
    if "evidence" in pattern.get("details", {}):
        pattern["details"]["evidence"] -= len(before) - len(left)
    return True


def _duplicates(group: dict[str, Any], gone: Collection[str]) -> bool:
    left = _left(group["memory_ids"], gone)
    if len(left) < len(group["memory_ids"]):
        group["memory_ids"] = left
        if group.get("keep") in gone:
            group["keep"] = None
        group["reason"] = ""
    return len(left) > 1
