"""Theme ids that last: this run's groups are matched to the user's previous themes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching

from reverie.contracts import Merge, Split, ThemeChanges
from reverie.embedding.calibration import REFERENCE, Cosine, Scale

__all__ = ["ThemeState", "dump_states", "load_states", "match_themes", "recentred"]

_SAME = 0.3
"""Least score (overlap and likeness) at which a group is the earlier theme."""

_SAME_CENTRE = Cosine(0.85)
"""Likeness of centres from which a theme without one common memory is the same."""

_SHARE = 0.3
"""Part of a theme that must come from, or go to, another theme to speak of a merge or split."""


@dataclass(frozen=True, slots=True, eq=False)
class ThemeState:
    """What must be remembered of a theme until the next run."""

    id: str
    label: str
    memory_ids: tuple[str, ...]
    #: (d,) float32, unit length.
    centroid: NDArray[np.float32]
    #: Similarity to the centre that all but a fiftieth of the members have.
    reach: float = 0.0
    #: The options that made it: themes are only kept as they are under the same ones.
    made_by: str = ""
    #: Whether another model found it: such themes are kept as they are for longer.
    moved: bool = False


def dump_states(states: Sequence[ThemeState]) -> bytes:
    """States as bytes: a JSON line, then the centroids as little-endian float32."""
    head = {
        "themes": [
            {
                "id": s.id,
                "label": s.label,
                "memory_ids": s.memory_ids,
                "reach": s.reach,
                "made_by": s.made_by,
                "moved": s.moved,
            }
            for s in states
        ],
        "dimensions": len(states[0].centroid) if states else 0,
    }
    body = b"".join(np.ascontiguousarray(s.centroid, dtype="<f4").tobytes() for s in states)
    return json.dumps(head, ensure_ascii=False).encode() + b"\n" + body


def load_states(data: bytes) -> list[ThemeState]:
    """States from ``dump_states``. Raises ``ValueError`` for other bytes."""
    line, _, body = data.partition(b"\n")
    head = json.loads(line)
    d = head["dimensions"]
    centroids = np.frombuffer(body, dtype="<f4").reshape(-1, d) if d else np.empty((0, 0), dtype=np.float32)
    if len(centroids) != len(head["themes"]):
        raise ValueError("theme states are damaged")
    return [
        ThemeState(
            t["id"],
            t["label"],
            tuple(t["memory_ids"]),
            np.array(c, dtype=np.float32),
            t.get("reach", 0.0),
            t.get("made_by", ""),
            t.get("moved", False),
        )
        for t, c in zip(head["themes"], centroids, strict=True)
    ]


def recentred(states: Sequence[ThemeState], ids: Sequence[str], vectors: NDArray[np.float32]) -> list[ThemeState]:
    """The themes of a run with another model, with centres by this model's ``vectors`` ((n, d)) of memories ``ids``.

    A theme none of whose memories is among them has a centre of zeros, which is like nothing.
    """
    row = {memory: i for i, memory in enumerate(ids)}
    found = []
    for state in states:
        rows = [row[memory] for memory in state.memory_ids if memory in row]
        own = vectors[rows].astype(np.float32)
        mean = own.mean(axis=0) if rows else np.zeros(vectors.shape[1], dtype=np.float32)
        centre = (mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32)
        reach = round(float(np.quantile(own @ centre, 0.02)), 4) if rows else 1.0
        found.append(replace(state, centroid=centre, reach=reach, moved=True))
    return found


def match_themes(
    groups: Sequence[Sequence[str]],
    centroids: NDArray[np.float32],
    previous: Sequence[ThemeState],
    scale: Scale = REFERENCE,
) -> tuple[list[str], ThemeChanges]:
    """Ids for ``groups`` (memory ids of each) and what changed since ``previous``.

    An assignment problem (Kuhn 1955): overlap of members, plus likeness of centres where members are new. Members
    weigh more, so that a theme keeps its id while its memories mostly stay.
    """
    taken = {p.id for p in previous}
    if not previous:
        first = [_fresh(members, taken) for members in groups]
        return first, ThemeChanges(born=first)
    old_of = {memory: j for j, p in enumerate(previous) for memory in p.memory_ids}
    overlap = np.zeros((len(groups), len(previous)))
    for i, members in enumerate(groups):
        for memory in members:
            j = old_of.get(memory)
            if j is not None:
                overlap[i, j] += 1
    sizes_new = np.array([len(g) for g in groups], dtype=float)
    known = overlap.sum(axis=1)
    # Only memories that both runs saw can tell whether a theme stayed itself.
    here = {memory for members in groups for memory in members}
    sizes_old = np.array([sum(m in here for m in p.memory_ids) for p in previous], dtype=float)
    ids: list[str] = []
    if len(groups):
        union = np.maximum(known[:, None] + sizes_old[None, :] - overlap, 1.0)
        likeness = np.maximum(scale.read(centroids @ np.stack([p.centroid for p in previous]).T), 0.0)
        score = 0.8 * overlap / union + 0.2 * likeness
        # scipy.optimize has the same for dense matrices, and takes a third of a worker's start to load. A zero in a
        # sparse matrix is no edge, so all are raised by one, which changes no choice: matchings have as many pairs.
        rows, columns = min_weight_full_bipartite_matching(csr_array(1 + np.round(score, 9)), maximize=True)
        kept = {int(i): int(j) for i, j in zip(rows, columns, strict=True) if _is_same(score, overlap, int(i), int(j))}
        ids = [previous[kept[i]].id if i in kept else _fresh(members, taken) for i, members in enumerate(groups)]
    else:
        kept = {}
    return ids, _changes(ids, kept, overlap, sizes_new, sizes_old, previous)


def _is_same(score: NDArray[np.float64], overlap: NDArray[np.float64], i: int, j: int) -> bool:
    # Without one common memory only a very close centre counts: ids changed, but the subject did not.
    return bool(score[i, j] >= _SAME if overlap[i, j] else score[i, j] >= 0.2 * _SAME_CENTRE)


def _changes(
    ids: list[str],
    kept: dict[int, int],
    overlap: NDArray[np.float64],
    sizes_new: NDArray[np.float64],
    sizes_old: NDArray[np.float64],
    previous: Sequence[ThemeState],
) -> ThemeChanges:
    born = [ids[i] for i in range(len(ids)) if i not in kept]
    stayed = set(kept.values())
    gone = [p.id for j, p in enumerate(previous) if j not in stayed]
    shared = overlap >= 2
    # Of each earlier theme the part that went to each group, and of each group the part that came from it.
    went = overlap / np.maximum(sizes_old[None, :], 1.0)
    came = overlap / np.maximum(sizes_new[:, None], 1.0)
    sources, targets = shared & (went > 0.5), shared & (went >= _SHARE) & (came > 0.5)
    merged = [
        Merge(into=ids[i], themes=[previous[j].id for j in np.flatnonzero(sources[i]).tolist()])
        for i in np.flatnonzero(sources.sum(axis=1) > 1).tolist()
    ]
    split = [
        Split(theme=previous[j].id, into=[ids[i] for i in np.flatnonzero(targets[:, j]).tolist()])
        for j in np.flatnonzero(targets.sum(axis=0) > 1).tolist()
    ]
    return ThemeChanges(born=born, gone=gone, merged=merged, split=split)


def _fresh(members: Sequence[str], taken: set[str]) -> str:
    """A new id from the members, so that the same first run gives the same ids."""
    salt = 0
    while True:
        digest = hashlib.blake2b(digest_size=6)
        digest.update(str(salt).encode())
        for memory in sorted(members):
            digest.update(b"\x00" + memory.encode())
        name = "thm_" + digest.hexdigest()
        if name not in taken:
            taken.add(name)
            return name
        salt += 1
