"""What ``reverie compare`` measures and concludes. Pure but for the embedders it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

from reverie.clustering import cluster
from reverie.contracts import ClusterOptions, Memory
from reverie.embedding import Embedder

__all__ = ["Measured", "agreement", "break_even", "measure", "people", "recommendation", "unmeasured"]

_HOURS_A_MONTH = 730
_CLOSE = 0.02


@dataclass(slots=True)
class Measured:
    """One embedder's figures; ``missing`` says why there are none."""

    name: str
    model: str = ""
    missing: str | None = None
    texts: int = 0
    dimensions: int = 0
    texts_per_second: float = 0.0
    #: One text at a time, seconds.
    p50: float = 0.0
    p95: float = 0.0
    tokens: int = 0
    #: US dollars for a million memories like these; None when no price is known.
    usd_per_million: float | None = None
    #: AMI of the themes against the first embedder's, against everybody's, and against labels where the file has them.
    ami: float | None = None
    amis: dict[str, float] = field(default_factory=dict)
    ami_labels: float | None = None
    themes: int = 0
    #: Who was asked: an address, or this machine.
    where: str = ""
    #: Memories a month from which the self-hosted machine is cheaper.
    break_even: float | None = None
    assigned: list[str | None] = field(default_factory=list)

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        values = asdict(self)
        del values["assigned"]
        return values


def unmeasured(name: str, why: str) -> Measured:
    """A row of a provider that cannot be asked."""
    return Measured(name, missing=why)


def measure(
    name: str,
    embedder: Embedder,
    memories: Sequence[Memory],
    *,
    singles: int,
    usd_per_token: float | None,
    usd_per_hour: float | None,
    where: str,
    say: Callable[[str], None],
) -> Measured:
    """Embed all at once, then some one by one, then group. Raises what the embedder raises."""
    texts = [memory.text for memory in memories]
    embedder.embed(texts[:1])  # connections, and the model's first use
    say(f"{name}: {len(texts)} texts at once")
    began = time.perf_counter()
    done = embedder.embed(texts)
    took = time.perf_counter() - began
    say(f"{name}: {min(singles, len(texts))} texts one by one")
    each = []
    for text in texts[:singles]:
        began = time.perf_counter()
        embedder.embed([text])
        each.append(time.perf_counter() - began)
    rate = len(texts) / took
    usd: float | None = None
    if usd_per_token is not None:
        usd = done.tokens * usd_per_token / len(texts) * 1e6
    elif usd_per_hour is not None:
        usd = usd_per_hour / (rate * 3600) * 1e6
    outcome = cluster(memories, done.vectors, ClusterOptions(map=False))
    return Measured(
        name=name,
        model=embedder.model.name,
        texts=len(texts),
        dimensions=embedder.model.dimensions,
        texts_per_second=rate,
        p50=float(np.percentile(each, 50)),
        p95=float(np.percentile(each, 95)),
        tokens=done.tokens,
        usd_per_million=usd,
        themes=len(outcome.result.themes),
        where=where,
        assigned=[outcome.result.assignments[memory.id] for memory in memories if memory.id is not None],
    )


def agreement(rows: Sequence[Measured], labels: Sequence[str] | None) -> None:
    """Fill in the adjusted mutual information (Vinh et al. 2010); what is in no theme counts as a theme of its own."""
    present = [row for row in rows if row.missing is None]
    for row in present:
        mine = _apart(row.assigned)
        row.amis = {r.name: float(adjusted_mutual_info_score(_apart(r.assigned), mine)) for r in present}
        row.ami = row.amis[present[0].name]
        if labels is not None:
            row.ami_labels = float(adjusted_mutual_info_score(list(labels), mine))


def _apart(assigned: Sequence[str | None]) -> list[str]:
    return [theme if theme is not None else f"alone-{i}" for i, theme in enumerate(assigned)]


def break_even(usd_per_hour: float, cloud_usd_per_million: float) -> float | None:
    """Memories a month at which a machine that runs all month costs as much as the provider; None when never."""
    if cloud_usd_per_million <= 0:
        return None
    return usd_per_hour * _HOURS_A_MONTH / cloud_usd_per_million * 1e6


def people(number: float) -> str:
    """A large number as people say it: 47 million."""
    for size, name in ((1e9, "billion"), (1e6, "million"), (1e3, "thousand")):
        if number >= size:
            return f"{number / size:,.3g} {name}" if number / size < 1000 else f"{number / size:,.0f} {name}"
    return f"{number:,.0f}"


def recommendation(rows: Sequence[Measured], usd_per_hour: float | None) -> list[str]:
    """Plain sentences, each with the figure it rests on; the last one says what to do."""
    present = [row for row in rows if row.missing is None]
    if len(present) < 2:
        return ["Only one embedder could be measured, so there is nothing to compare; configure another."]
    local = next((row for row in present if row.name == "local"), None)
    best, quality = _quality(present)
    out = [_speed(present), *quality]
    cheaper: list[Measured] = []
    for row in present:
        if row is local or local is None or row.usd_per_million is None or usd_per_hour is None:
            continue
        said, always = _cost(row, local, usd_per_hour)
        out.append(said)
        cheaper += [row] if always else []
    if usd_per_hour is None and local is not None:
        out.append("Say what your machine costs (--usd-per-hour) to get a break-even volume.")
    out.append("Recommendation: " + _advice(local, best, cheaper))
    return out


def _speed(present: Sequence[Measured]) -> str:
    fastest = max(present, key=lambda row: row.texts_per_second)
    slowest = min(present, key=lambda row: row.texts_per_second)
    times = fastest.texts_per_second / slowest.texts_per_second
    return (
        f"{fastest.name} embeds fastest: {fastest.texts_per_second:,.0f} texts/s, {times:.1f} x {slowest.name}'s."
        if fastest is not slowest
        else "All embed equally fast."
    )


def _quality(present: Sequence[Measured]) -> tuple[Measured | None, list[str]]:
    """Whose themes are nearest to the labels, if there are any, and what is to be said of the themes."""
    labelled = [row for row in present if row.ami_labels is not None]
    if labelled:
        best = max(labelled, key=lambda row: row.ami_labels or 0.0)
        close = [r.name for r in labelled if r is not best and (best.ami_labels or 0) - (r.ami_labels or 0) < _CLOSE]
        near = f"; {', '.join(close)} within {_CLOSE:g} of it" if close else ""
        return best, [f"{best.name} finds the given labels best (AMI {best.ami_labels:.2f}){near}."]
    said = [
        f"{row.name} finds {'much the same themes as' if (row.ami or 0) > 0.8 else 'other themes than'} "
        f"{present[0].name} (AMI {row.ami:.2f})."
        for row in present[1:]
        if row.ami is not None
    ]
    if any((row.ami or 0) <= 0.8 for row in present[1:]):
        said.append("Which are better only labels tell: put them in metadata.label.")
    return None, said


def _cost(row: Measured, local: Measured, usd_per_hour: float) -> tuple[str, bool]:
    """What is to be said of a provider's cost, and whether it is the cheaper one at every volume."""
    assert row.usd_per_million is not None
    row.break_even = break_even(usd_per_hour, row.usd_per_million)
    month = usd_per_hour * _HOURS_A_MONTH
    if row.break_even is None:
        return f"{row.name} has no fee; a machine of your own (${month:,.2f} a month) never pays off against it.", True
    most = local.texts_per_second * 3600 * _HOURS_A_MONTH
    if row.break_even > most:
        return (
            f"Against {row.name} a machine at ${usd_per_hour:g}/h (${month:,.2f} a month) never pays off: it embeds at "
            f"most {people(most)} a month, and {people(row.break_even)} would be needed."
        ), True
    return (
        f"Below {people(row.break_even)} new memories a month {row.name} costs less than a machine at "
        f"${usd_per_hour:g}/h (${month:,.2f} a month), above it more."
    ), False


def _advice(local: Measured | None, best: Measured | None, cheaper: Sequence[Measured]) -> str:
    if local is None:
        return f"{best.name}, by its themes." if best is not None else "none; local was not measured."
    better = best is not None and best is not local and (best.ami_labels or 0) - (local.ami_labels or 0) >= _CLOSE
    if better and best is not None:
        return (
            f"{best.name}, if texts may leave: its themes are nearer to your labels "
            f"({best.ami_labels:.2f}, local {local.ami_labels:.2f}). Otherwise stay local."
        )
    if cheaper:
        names = " or ".join(row.name for row in cheaper)
        return (
            f"stay local where texts must not leave or the machine is there anyway; {names} where a machine would be "
            "paid for this alone."
        )
    return "stay local; nothing measured here speaks against it, and no text leaves."


def where_of(name: str, settings: Mapping[str, Any]) -> str:
    """The address a provider was asked at, without credentials."""
    for key in ("base_url", "endpoint", "url", "location", "region"):
        if value := settings.get(key):
            return str(value).split("?")[0]
    return name
