"""Results as embeds. Pure: a result, the person's memories and a language go in, a card comes out.

Discord's limits are kept here: 25 fields, 256 and 1,024 characters a field, 4,096 a description, 6,000 an embed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import discord

from reverie.bot.patterns import factor_name, pattern_sentence
from reverie.bot.safe import clip, one_line, when
from reverie.bot.store import Remembered
from reverie.bot.texts import Texts
from reverie.contracts import InsightsView, Pattern, RecallResult, Stale, Theme, ThemesView

__all__ = [
    "Card",
    "important_card",
    "important_examples",
    "insights_card",
    "memory_card",
    "note_card",
    "page_card",
    "progress_line",
    "recall_card",
    "theme_examples",
    "theme_label",
    "themes_card",
]

_COLOUR = 0x5865F2
_TOTAL = 5_900
_FIELD, _NAME = 1_024, 256
_SHOWN_THEMES, _EXAMPLES, _SHOWN_PATTERNS, _SHOWN_MEMORIES = 8, 2, 8, 8
_SKETCH = "▏▎▍▌▋▊▉█"

Memories = Mapping[str, Remembered]


@dataclass(slots=True)
class Card:
    """What a reply holds. ``images`` are PNG files by name; the embed shows the first."""

    embed: discord.Embed | None = None
    content: str | None = None
    images: dict[str, bytes] = field(default_factory=dict)

    def attach(self, name: str, png: bytes, limit: int) -> None:
        """Show a picture, unless it is larger than ``limit`` bytes: the words stand for themselves then."""
        if self.embed is not None and len(png) <= limit:
            self.images[name] = png
            self.embed.set_image(url=f"attachment://{name}")

    def files(self) -> list[discord.File]:
        """The pictures as uploads. A file can be sent once: every attempt takes new ones."""
        return [discord.File(io.BytesIO(png), name) for name, png in self.images.items()]


def _embed(title: str, description: str = "") -> discord.Embed:
    return discord.Embed(title=clip(title, 256, literal=True), description=description or None, colour=_COLOUR)


def _add(embed: discord.Embed, name: str, value: str) -> bool:
    """Add a field if it still fits."""
    if len(embed.fields) >= 25 or not name.strip() or not value.strip():
        return False
    if len(name) > _NAME or len(value) > _FIELD or len(embed) + len(name) + len(value) > _TOTAL:
        return False
    embed.add_field(name=name, value=value, inline=False)
    return True


def note_card(title: str, text: str) -> Card:
    """A short notice."""
    return Card(_embed(title, text))


def theme_label(theme: Theme, texts: Texts) -> str:
    """The theme's name in plain characters, never empty."""
    return one_line(theme.label) or ", ".join(theme.keywords[:3]) or texts("themes.untitled")


def _quote(memory: Remembered, limit: int) -> str:
    return clip(one_line(memory.text), limit) or "…"


def _shown_themes(view: ThemesView) -> list[Theme]:
    return sorted((theme for theme in view.themes if theme.memory_ids), key=lambda theme: -len(theme.memory_ids))


def _examples(theme: Theme) -> list[str]:
    # One more than is shown: one may be forgotten between the view and its card.
    return (theme.representative_ids or theme.memory_ids)[: _EXAMPLES + 1]


def theme_examples(view: ThemesView) -> list[str]:
    """Ids of the memories that the card of themes quotes."""
    return [memory_id for theme in _shown_themes(view)[:_SHOWN_THEMES] for memory_id in _examples(theme)]


def _currency(stale: Stale | None, texts: Texts) -> str:
    """How current a view is."""
    return texts.count("view.stale", stale.changes) if stale is not None and stale.changes else texts("view.current")


def themes_card(view: ThemesView, memories: Memories, texts: Texts) -> Card:
    """Themes with their counts and examples, and how current they are."""
    themes = _shown_themes(view)
    current = _currency(view.stale, texts)
    if not themes:
        return note_card(texts("themes.title"), f"{texts('themes.none')}\n-# {current}")
    loose = len(view.unclustered)
    total = texts.count("themes.memories", sum(len(theme.memory_ids) for theme in themes) + loose)
    lines = [texts.count("themes.summary", len(themes), memories=total)]
    if loose:
        lines.append(texts.count("themes.loose", loose))
    embed = _embed(texts("themes.title"), f"{' '.join(lines)}\n-# {current}")
    # On a first run every theme is new, which says nothing.
    born = set(view.born) if len(view.born) < len(view.themes) else set()
    shown = 0
    for theme in themes[:_SHOWN_THEMES]:
        tail = f" · {len(theme.memory_ids)}" + (f" · {texts('themes.new')}" if theme.id in born else "")
        name = clip(theme_label(theme, texts), 120) + tail
        chosen = [memories[i] for i in _examples(theme) if i in memories]
        examples = "\n".join(f"• {_quote(memory, 150)}" for memory in chosen[:_EXAMPLES]) or "…"
        if not _add(embed, name, examples):
            break
        shown += 1
    if len(themes) > shown:
        embed.set_footer(text=texts.count("themes.more", len(themes) - shown))
    return Card(embed)


def insights_card(result: InsightsView, texts: Texts) -> Card:
    """Patterns, each with how likely chance would be the cause, and what could not be looked at."""
    embed = _embed(texts("insights.title"))
    for pattern in sorted(result.patterns, key=lambda p: p.p_value)[:_SHOWN_PATTERNS]:
        title = texts.get(f"pattern.{pattern.kind}", pattern.kind.replace("_", " ").capitalize())
        certainty = texts("insights.certainty", percent=_chance(pattern, texts))
        _add(embed, clip(title, 200), f"{pattern_sentence(pattern, texts)}\n-# {certainty}")
    if not embed.fields:
        embed.description = texts("insights.none")
    if result.duplicates:
        duplicates = texts.count("insights.duplicates", len(result.duplicates))
        embed.description = f"{embed.description or ''}\n{duplicates}".strip()
    # Moods are not shown here, and so neither is what could not be said about them.
    notes = [note for note in result.notes if not note.startswith("sentiment")]
    if notes:
        _add(embed, texts("insights.notes"), "\n".join(f"• {clip(one_line(note), 200)}" for note in notes[:4]))
    embed.description = f"{embed.description or ''}\n-# {_currency(result.stale, texts)}".strip()
    return Card(embed)


def _chance(pattern: Pattern, texts: Texts) -> str:
    p = pattern.q_value if pattern.q_value is not None else pattern.p_value
    return f"{'< ' if p < 0.001 else ''}{texts.decimal(max(0.1, p * 100))} %"


def important_examples(view: InsightsView) -> list[str]:
    """Ids of the memories that the ranking quotes."""
    ranked = [entry.memory_id for entry in view.importance[:_SHOWN_MEMORIES]]
    return [*ranked, *(view.graph.central[:2] if view.graph else [])]


def important_card(result: InsightsView, memories: Memories, texts: Texts) -> Card:
    """The ranking with its reasons, and apart from it what is typical: the two are not the same."""
    ranked = [entry for entry in result.importance if entry.memory_id in memories][:_SHOWN_MEMORIES]
    if not ranked:
        return note_card(texts("important.title"), texts("important.none"))
    embed = _embed(texts("important.title"))
    for place, entry in enumerate(ranked, 1):
        factors = sorted(entry.factors.items(), key=lambda item: -item[1].contribution)
        reasons = ", ".join(factor_name(name, texts) for name, factor in factors[:2] if factor.contribution > 0)
        why = f"\n-# {texts('important.why', factors=clip(reasons, 160))}" if reasons else ""
        _add(embed, f"{place} · {_bar(entry.score)}", _quote(memories[entry.memory_id], 350) + why)
    central = [i for i in (result.graph.central if result.graph else []) if i in memories][:2]
    if central:
        _add(embed, texts("important.typical"), "\n".join(f"• {_quote(memories[i], 200)}" for i in central))
    return Card(embed)


def _bar(score: float, width: int = 8) -> str:
    """A score of 0 to 1 as a bar of block characters, in eighths."""
    eighths = round(max(0.0, min(1.0, score)) * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_SKETCH[rest - 1] if rest else "")) or _SKETCH[0]


def recall_card(query: str, result: RecallResult, memories: Memories, texts: Texts) -> Card:
    """The hits for a question, best first."""
    found = [memories[hit.memory_id] for hit in result.memories if hit.memory_id in memories]
    embed = _embed(texts("recall.title", query=clip(one_line(query), 200, literal=True)))
    lines: list[str] = []
    for memory in found[:_SHOWN_MEMORIES]:
        line = f"{len(lines) + 1}. {_quote(memory, 400)}\n-# {when(memory.created_at)}"
        if sum(map(len, lines)) + len(line) > 3_900:
            break
        lines.append(line)
    embed.description = "\n".join(lines) or texts("recall.none")
    return Card(embed)


def memory_line(number: int, memory: Remembered) -> str:
    """A memory in a page's list."""
    note = f" *({clip(one_line(memory.note), 80)})*" if memory.note else ""
    return f"**{number}.** {_quote(memory, 300)}{note}\n-# {when(memory.created_at)}"


def page_card(page: Sequence[Remembered], number: int, pages: int, total: int, first: int, texts: Texts) -> Card:
    """A page of memories; ``number`` counts from 0, ``first`` is the number of the first line."""
    lines = [memory_line(first + offset, memory) for offset, memory in enumerate(page)]
    embed = _embed(texts.count("memories.title", total), "\n".join(lines))
    embed.set_footer(text=texts("memories.page", page=number + 1, pages=pages))
    return Card(embed)


def memory_card(memory: Remembered, texts: Texts) -> Card:
    """One memory in full."""
    embed = _embed(texts.count("memories.title", 1), clip(memory.text, 4_000))
    if memory.note:
        _add(embed, texts("remember.note"), clip(memory.note, 1_000))
    _add(embed, texts(f"memories.source.{memory.source}"), when(memory.created_at, "f"))
    return Card(embed)


def progress_line(stage: str, fraction: float, texts: Texts) -> str:
    """The line shown while a task runs."""
    filled = round(max(0.0, min(1.0, fraction)) * 10)
    name = texts.get(f"wait.{stage}", texts("wait.working"))
    return texts("wait.line", bar="▰" * filled + "▱" * (10 - filled), percent=round(fraction * 100), stage=name)
