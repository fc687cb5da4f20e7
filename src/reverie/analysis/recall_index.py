"""Memories as questions need them: texts, vectors and what else ranks them, made once and asked often."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from reverie.analysis.durable import Prototypes, read_durable
from reverie.analysis.importance import HALF_ACCESSES, is_pinned, moments, shares, specificity
from reverie.analysis.junk import noise
from reverie.contracts import Memory
from reverie.embedding.alphabet import legible
from reverie.embedding.base import Vectors
from reverie.errors import InvalidInput

__all__ = ["RecallIndex"]

_CONVERSATION = timedelta(minutes=10)
"""Pause after which a conversation is another one."""

_ROOM, _LEAST_ROOM = 20, 64
"""Room for later memories: a twentieth of those that are there, and at least so many."""

Values = NDArray[np.float64]


@dataclass(slots=True)
class _Room:
    """Vectors of an index and of those made from it by additions: each sees the rows up to its own length."""

    rows: Vectors
    used: int


class RecallIndex:
    """Memories as questions need them, column by column: made once, asked often.

    ``vectors`` is (n, d) float32 of unit length, of one model. ``moments`` (n,): seconds since 1970 of making or last
    use, minus infinity where neither is known; ``created`` (n,): of making alone, NaN where it is not known;
    ``accesses`` (n,) and ``pinned`` (n,) as numbers; ``speakers`` (n,): who said it, where that is not the user.
    ``alphabet``: the characters that the model knows (``ModelSpec``). What it cannot read is compared by characters;
    ``lost`` (n,) says which that are, where it was found out before. ``prototypes`` tell what lasts, in the vectors'
    model; without them the wording alone tells. ``lasting`` (n,): what was read of that before, NaN where nothing was.
    Raises ``InvalidInput`` when the lengths differ.
    """

    def __init__(
        self,
        ids: Sequence[str],
        texts: Sequence[str],
        vectors: Vectors,
        *,
        moments: Values,
        accesses: Values,
        pinned: Values,
        created: Values,
        speakers: Sequence[str | None],
        alphabet: str | None = None,
        lost: NDArray[np.bool_] | None = None,
        prototypes: Prototypes | None = None,
        lasting: Values | None = None,
    ) -> None:
        self.ids, self.texts = ids, texts
        self.alphabet = alphabet
        self.vectors = np.asarray(vectors, dtype=np.float32)
        self.moments = moments
        self.accesses, self.pinned = accesses, pinned
        self.created, self.speakers = created, speakers
        columns = (texts, self.vectors, moments, accesses, pinned, created, speakers)
        if any(len(column) != len(ids) for column in columns):
            raise InvalidInput(f"{len(self.vectors)} vectors for {len(ids)} memories")
        self._room: _Room | None = None
        if lost is None:
            self.vectors, lost = legible(texts, self.vectors, alphabet)
        self.lost = lost
        self.prototypes = prototypes
        # Reading the wording costs more than all else: a memory is read when a question comes near it, and once.
        self._lasting = np.full(len(ids), np.nan) if lasting is None else lasting

    @classmethod
    def of(
        cls,
        memories: Sequence[Memory],
        vectors: Vectors,
        alphabet: str | None = None,
        prototypes: Prototypes | None = None,
    ) -> RecallIndex:
        """From memories and their vectors."""
        return cls(
            [m.id for m in memories],
            [m.text for m in memories],
            vectors,
            moments=moments(memories),
            accesses=np.array([m.access_count for m in memories], dtype=np.float64),
            pinned=np.array([is_pinned(m) for m in memories], dtype=np.float64),
            created=np.array(
                [m.created_at.timestamp() if m.created_at else np.nan for m in memories], dtype=np.float64
            ),
            speakers=[m.speaker for m in memories],
            alphabet=alphabet,
            prototypes=prototypes,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def changed(self, memories: Sequence[Memory], vectors: Vectors, gone: Collection[str] = ()) -> RecallIndex:
        """The index without ``gone``, and with ``memories``, new ones or old ones that changed, at its end."""
        left = {*gone, *(m.id for m in memories)}
        if left.isdisjoint(self.rows):
            return self._longer(RecallIndex.of(memories, vectors, self.alphabet))
        stay = np.array([memory not in left for memory in self.ids], dtype=bool)
        kept = np.flatnonzero(stay).tolist()
        new = RecallIndex.of(memories, vectors, self.alphabet)
        return RecallIndex(
            [*(self.ids[i] for i in kept), *new.ids],
            [*(self.texts[i] for i in kept), *new.texts],
            np.concatenate([self.vectors[stay], new.vectors]) if len(new) else self.vectors[stay],
            moments=np.concatenate([self.moments[stay], new.moments]),
            accesses=np.concatenate([self.accesses[stay], new.accesses]),
            pinned=np.concatenate([self.pinned[stay], new.pinned]),
            created=np.concatenate([self.created[stay], new.created]),
            speakers=[*(self.speakers[i] for i in kept), *new.speakers],
            alphabet=self.alphabet,
            lost=np.concatenate([self.lost[stay], new.lost]),
            prototypes=self.prototypes,
            lasting=np.concatenate([self._lasting[stay], new._lasting]),
        )

    def _longer(self, new: RecallIndex) -> RecallIndex:
        """The index with ``new`` at its end; what was found out of its texts stays found out."""
        if not len(new):
            return self
        longer = RecallIndex(
            [*self.ids, *new.ids],
            [*self.texts, *new.texts],
            self._with_room(new.vectors),
            moments=np.concatenate([self.moments, new.moments]),
            accesses=np.concatenate([self.accesses, new.accesses]),
            pinned=np.concatenate([self.pinned, new.pinned]),
            created=np.concatenate([self.created, new.created]),
            speakers=[*self.speakers, *new.speakers],
            alphabet=self.alphabet,
            lost=np.concatenate([self.lost, new.lost]),
            prototypes=self.prototypes,
            lasting=np.concatenate([self._lasting, new._lasting]),
        )
        longer._room = self._room
        if len(self) and "joined" in self.__dict__:
            (text, ends), (more, more_ends) = self.joined, new.joined
            longer.joined = f"{text}\n{more}", [*ends, *(ends[-1] + end for end in more_ends)]
        longer.rows = self.rows | {id_: len(self) + row for id_, row in new.rows.items()}
        return longer

    def _with_room(self, more: Vectors) -> Vectors:
        """The vectors and ``more``, one after the other, where possible without moving those that are there."""
        before, after = len(self), len(self) + len(more)
        if self._room is None or self._room.used != before or len(self._room.rows) < after:
            room = np.empty((after + max(_LEAST_ROOM, after // _ROOM), self.vectors.shape[1]), dtype=np.float32)
            room[:before] = self.vectors
            self._room = _Room(room, before)
        self._room.rows[before:after] = more
        self._room.used = after
        return self._room.rows[:after]

    @cached_property
    def rows(self) -> dict[str, int]:
        """Where each memory stands, by its id."""
        return {id_: row for row, id_ in enumerate(self.ids)}

    @cached_property
    def known_speakers(self) -> frozenset[str]:
        """Who said something, beside the user."""
        return frozenset(filter(None, self.speakers))

    @cached_property
    def joined(self) -> tuple[str, list[int]]:
        """All texts in small letters, end to end, and where each ends: one search costs less than one of each."""
        lowered = [text.lower() for text in self.texts]
        return "\n".join(lowered), list(accumulate(len(text) + 1 for text in lowered))

    @cached_property
    def most_importance(self) -> Values:
        """(n,) what ``importance`` could be at most: as if every memory stated something lasting."""
        weight = self._weights
        return weight["durable"] + weight["specificity"] * self._specificity + self._used

    def importance(self, rows: NDArray[np.intp]) -> Values:
        """(len(rows),) 0 to 1: how much these memories are worth keeping.

        ``analyze``'s factors durable, specificity, access and pinned, with its weights. The other factors compare each
        memory with all others, or are terms of their own here.
        """
        new = rows[np.isnan(self._lasting[rows])]
        if len(new):
            texts = [self.texts[i] for i in new.tolist()]
            read = read_durable(texts, self.vectors[new], self.prototypes)
            # What says nothing is unlike everything else, and yet specific of nothing: kept as a negative number.
            said = [noise(text) is None for text in texts]
            self._lasting[new] = [d.score if says else -1.0 for d, says in zip(read, said, strict=True)]
        lasting, weight = self._lasting[rows], self._weights
        says = lasting >= 0
        return np.asarray(
            weight["durable"] * np.maximum(lasting, 0.0)
            + weight["specificity"] * self._specificity[rows] * says
            + self._used[rows]
        )

    @cached_property
    def _weights(self) -> dict[str, float]:
        return shares(("durable", "specificity", "access", *(("pinned",) if self.pinned.any() else ())))

    @cached_property
    def _specificity(self) -> Values:
        return specificity(self.vectors)

    @cached_property
    def _used(self) -> Values:
        weight = self._weights
        used = self.accesses / (self.accesses + HALF_ACCESSES)
        return np.asarray(weight["access"] * used + weight.get("pinned", 0.0) * self.pinned)

    @cached_property
    def conversations(self) -> NDArray[np.intp]:
        """(k, 2) memories that were said one right after the other."""
        dated = [i for i, who in enumerate(self.speakers) if who and not np.isnan(self.created[i])]
        dated.sort(key=lambda i: (self.created[i], i))
        limit = _CONVERSATION.total_seconds()
        pairs = [(a, b) for a, b in pairwise(dated) if self.created[b] - self.created[a] <= limit]
        return np.array(pairs, dtype=np.intp).reshape(-1, 2)
