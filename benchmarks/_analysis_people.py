"""Invented users for the analysis: planted regularities, memories with vectors like a model's, reworded repeats."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from reverie.contracts import Memory
from reverie.demo import PEOPLE, load

__all__ = ["DAYS", "PLANTED", "START", "demo_texts", "invented", "moments", "reworded", "reworded_later", "with_dates"]

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
DAYS = 120

PLANTED = {
    "random": "events at random",
    "weekday": "40% of events moved to two opposite weekdays (57% fall there)",
    "weekday60": "60% of events on two opposite weekdays",
    "hour": "40% of events around 20:00, one hour of spread",
    "burst": "20% of events within three days",
    "shift": "half of all events in the last third",
}


def moments(kind: str, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Poisson(``count``) moments, days after ``START``, over 120 days, with the regularity ``kind`` of ``PLANTED``."""
    n = max(1, int(rng.poisson(count)))
    t = rng.uniform(0, DAYS, n)
    if kind.startswith("weekday"):
        share = 0.4 if kind == "weekday" else (0.6 - 2 / 7) / (5 / 7)
        there = rng.integers(0, DAYS // 7, n) * 7 + rng.choice([1, 4], n) + rng.random(n)
        t = np.where(rng.random(n) < share, there, t)
    elif kind == "hour":
        t = np.where(rng.random(n) < 0.4, np.floor(t) + rng.normal(20 / 24, 1 / 24, n) % 1, t)
    elif kind == "burst":
        begin = rng.uniform(10, DAYS - 13)
        t = np.where(rng.random(n) < 0.2, begin + rng.uniform(0, 3, n), t)
    elif kind == "shift":
        t = np.where(rng.random(n) < 0.5, rng.uniform(80, DAYS, n), t)
    return np.sort(t)


def with_dates(days: Sequence[float] | NDArray[np.float64], texts: Sequence[str]) -> list[Memory]:
    """Memories ``days`` after ``START``."""
    return [
        Memory(id=f"m{i}", text=text, created_at=START + timedelta(days=float(day)))
        for i, (day, text) in enumerate(zip(days, texts, strict=True))
    ]


def demo_texts() -> list[str]:
    """The memories of the demo's people."""
    return [memory.text for person in PEOPLE for memory in load(person.id)]


def invented(n: int, seed: int = 0, dimensions: int = 384) -> tuple[list[Memory], NDArray[np.float32]]:
    """``n`` memories over two years and unit vectors (n, d), themes of unequal size.

    Cosines are like a sentence model's: about .1 between themes, .3 to .7 within; one memory in fifty repeats another.
    """
    rng = np.random.default_rng(seed)
    themes = max(4, round(n**0.5 / 2))
    size = 1 / np.arange(1, themes + 1) ** 0.7
    theme = rng.choice(themes, n, p=size / size.sum())
    common = rng.normal(size=dimensions)
    common /= np.linalg.norm(common)
    centres = rng.normal(size=(themes, dimensions))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    vectors = np.empty((n, dimensions), dtype=np.float32)
    for start in range(0, n, 8192):
        part = theme[start : start + 8192]
        noise = rng.normal(size=(len(part), dimensions)) / dimensions**0.5
        vectors[start : start + 8192] = 0.35 * common + 0.65 * centres[part] + 0.68 * noise
    vocabulary = sorted({w for text in demo_texts() for w in text.split()})
    own = rng.integers(0, len(vocabulary), (themes, 24))
    at = rng.integers(0, 24, (n, 7))
    loose = rng.integers(0, len(vocabulary), (n, 4))
    texts = [
        " ".join([vocabulary[own[t, k]] for k in a] + [vocabulary[k] for k in b])
        for t, a, b in zip(theme.tolist(), at.tolist(), loose.tolist(), strict=True)
    ]
    for i in range(50, n, 50):
        texts[i], vectors[i] = texts[i - 50], vectors[i - 50]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return with_dates(rng.uniform(0, 730, n), texts), vectors


# Two texts, and whether a person would call them the same memory. Written for this table.
_SAME = [
    ("I have two cats named Milo and Luna", "I have two cats, named Milo and Luna."),
    ("My sister lives in Hamburg", "my sister lives in hamburg!!"),
    ("I work as a nurse at the city hospital", "I work as a nurse in the city hospital"),
    ("I'm learning to play the violin", "I am learning to play the violin"),
    ("She is allergic to peanuts", "She's alergic to peanuts"),
    ("We moved to Lisbon last year", "We've moved to Lisbon last year"),
    ("I really love hiking in the mountains", "I love hiking in the mountains"),
    ("My favourite colour is green", "my favorite color is green"),
    ("He plays chess every Thursday evening", "He plays chess on every Thursday evening"),
    ("I don't eat meat", "I do not eat meat"),
    ("My grandmother taught me how to bake bread", "My grandmother teached me how to bake bread"),
    ("I want to visit Japan in spring", "I want to vist Japan in the spring"),
    ("The dog is called Biscuit", "Dog is called Biscuit"),
    ("I graduated from university in 2019", "I graduated from the university in 2019"),
    ("My car broke down on the motorway", "My car has broken down on the motorway"),
    ("I collect old postage stamps", "I collect old postage stamp"),
    ("I'm afraid of spiders", "I am afraid of spiders..."),
    ("We are expecting a baby in June", "We're expecting a baby in June 🎉"),
    ("I start my new job on Monday", "I'm starting my new job on Monday"),
    ("Coffee keeps me awake at night", "coffee keeps me awake at nights"),
]
_OTHER = [
    ("I love cats", "I love dogs"),
    ("I have two cats", "I have three cats"),
    ("My sister lives in Hamburg", "My brother lives in Hamburg"),
    ("I like coffee", "I don't like coffee"),
    ("I work as a nurse", "I worked with a nurse"),
    ("I was born in 1990", "I was born in 1991"),
    ("My favourite colour is green", "My favourite colour is blue"),
    ("He plays chess every Thursday", "He plays chess every Tuesday"),
    ("I moved to Lisbon", "I moved from Lisbon"),
    ("She is taller than me", "I am taller than she is"),
    ("I can swim", "I can't swim"),
    ("My dog bit the postman", "The postman bit my dog"),
    ("I want to visit Japan", "I want to leave Japan"),
    ("We are expecting a baby in June", "We are expecting a baby in July"),
    ("I never drink alcohol", "I ever drink alcohol"),
    ("I passed the driving test", "I failed the driving test"),
    ("I sold my car to Ben", "I bought my car from Ben"),
    ("My train leaves at 9:15", "My train leaves at 9:50"),
    ("I like my job", "I like my boss"),
    ("I owe Tom 50 euros", "Tom owes me 50 euros"),
]


def reworded() -> list[tuple[str, str, bool]]:
    """Pairs of texts that say the same or, though close, do not."""
    return [(a, b, True) for a, b in _SAME] + [(a, b, False) for a, b in _OTHER]


# Written after the rules, and never used to change them.
_LATER_SAME = [
    ("My daughter started kindergarten in September", "My daughter has started kindergarten in September"),
    ("I'm allergic to cats", "I am allergic to cats"),
    ("We adopted a puppy last weekend", "we adopted a pupy last weekend"),
    ("He works night shifts at the bakery", "He works the night shifts at the bakery"),
    ("I've never been to Iceland", "I have never been to Iceland"),
    ("The rent went up again this year", "the rent went up again, this year!"),
    ("My favorite band is Radiohead", "My favourite band is Radiohead"),
    ("I usually run five kilometres before work", "I usually run five kilometers before work"),
    ("She doesn't drink milk", "She does not drink milk"),
    ("I broke my ankle skiing in Austria", "I broke my ankle while skiing in Austria"),
    ("My parents are divorced", "my parents are divorced :("),
    ("I would like to learn Korean", "I'd like to learn Korean"),
    ("We're moving into a bigger flat", "We are moving into a bigger flat"),
    ("I speak Dutch and French", "I speak French and Dutch"),
    ("The exam is on Friday morning", "The exam's on Friday morning"),
    ("My best friend is called Noor", "My best friend is named Noor"),
    ("I hate getting up early", "I really hate getting up early"),
    ("I sleep badly when it is hot", "I sleep badly when it's hot"),
    ("Our neighbour plays the drums", "Our neighbor plays drums"),
    ("I quit smoking two years ago", "I quitted smoking two years ago"),
]
_LATER_OTHER = [
    ("My daughter started kindergarten", "My daughter started university"),
    ("I am allergic to cats", "I am not allergic to cats"),
    ("We adopted a puppy last weekend", "We adopted a puppy last winter"),
    ("He works night shifts", "He works day shifts"),
    ("I have never been to Iceland", "I have never been to Ireland"),
    ("The rent went up this year", "The rent went down this year"),
    ("I run five kilometres", "I run nine kilometres"),
    ("She gave me her bike", "I gave her my bike"),
    ("I flew from Oslo to Rome", "I flew from Rome to Oslo"),
    ("My parents are divorced", "My parents are deceased"),
    ("I would like to learn Korean", "I would like to teach Korean"),
    ("The exam is on Friday morning", "The exam is on Friday evening"),
    ("I like tea with milk", "I like tea without milk"),
    ("My best friend is Noor", "My best friend is Nora"),
    ("I gained weight this year", "I lost weight this year"),
    ("Mia is older than Max", "Max is older than Mia"),
    ("I turned the heating on", "I turned the heating off"),
    ("My alarm rings at 6:30", "My alarm rings at 6:45"),
    ("I work for a bank", "I walk to a bank"),
    ("I trust my doctor", "I trust my daughter"),
]


def reworded_later() -> list[tuple[str, str, bool]]:
    """Like ``reworded``, held back from the making of the rules."""
    return [(a, b, True) for a, b in _LATER_SAME] + [(a, b, False) for a, b in _LATER_OTHER]
