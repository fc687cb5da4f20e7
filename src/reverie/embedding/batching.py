"""From token lists to batches of about equal work: windows of long texts, grouped by length.

Rows of equal length need no padding, and some hundred tokens a batch keep a core's caches warm; that, not the
engine, is what makes embedding fast on a CPU.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["MAX_WINDOWS", "Row", "excerpts", "make_batches", "windows"]

MAX_WINDOWS = 32
"""Most windows of one text that are embedded. With 256 tokens a window that is about 30,000 characters of English;
a longer text is represented by this many windows spread evenly from its beginning to its end."""


_CHARS_PER_TOKEN = 16
"""More than any language's words take on average, so that an excerpt of this many characters fills its window."""


@dataclass(frozen=True, slots=True)
class Row:
    """One window: the ids the model reads, the text it belongs to, and its weight in the text's vector."""

    text: int
    ids: list[int]
    #: Tokens of the text in this window, special tokens not counted.
    weight: int


def windows(length: int, size: int, most: int = MAX_WINDOWS) -> list[tuple[int, int]]:
    """Cut ``length`` tokens into consecutive ``(start, end)`` windows of at most ``size``, all of about equal length.

    Equal lengths give every token about the same context. At most ``most`` windows come back, evenly spread.
    """
    count = max(1, -(-length // size))
    edges = [length * index // count for index in range(count + 1)]
    cut = list(itertools.pairwise(edges))
    if count <= most:
        return cut
    return [cut[index * (count - 1) // (most - 1)] for index in range(most)] if most > 1 else cut[:1]


def excerpts(text: str, size: int, most: int = MAX_WINDOWS) -> list[str]:
    """The parts of ``text`` that a tokenizer has to read: the text itself, or ``most`` excerpts of a very long one.

    Tokenizers take time by the length of a text, and some of them far more than that; what no window of ``size``
    tokens would show need not be read. The excerpts are spread evenly from the beginning to the end.
    """
    span = size * _CHARS_PER_TOKEN
    if len(text) <= most * span:
        return [text]
    last = len(text) - span
    starts = [last * index // max(1, most - 1) for index in range(most)]
    return [text[start : start + span] for start in starts]


def make_batches(
    lengths: Sequence[int], budget: int, *, slack: float = 0.25, takers: int = 0, least: int = 1
) -> list[list[int]]:
    """Group row numbers into batches of at most ``budget`` tokens (padding counted), longest rows first.

    Rows of exactly equal length go together. Only a batch that is less than half full takes rows that are shorter, by
    at most the part ``slack`` of its longest row: a little padding costs less than a batch of one row. A row longer
    than the budget is a batch by itself.

    With ``takers`` the last batches grow smaller, down to ``least`` tokens: each is half of what a taker's share of the
    rest would be, so that nobody waits long for the one who took the last (guided self-scheduling, Polychronopoulos
    and Kuck 1987).
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    batches: list[list[int]] = []
    longest = 0
    most, rest = budget, sum(lengths)
    for row in order:
        length = lengths[row]
        rows = len(batches[-1]) if batches else 0
        full = (rows + 1) * longest > budget
        unlike = length < longest and (2 * rows * longest >= budget or length < longest * (1 - slack))
        if not batches or full or unlike:
            batches.append([])
            longest = length
            if takers:
                budget = min(most, max(least, rest // (2 * takers)))
        rest -= length
        batches[-1].append(row)
    return batches
