"""From the bytes of a body to memories that are valid and ready to be stored. Pure and picklable.

Small bodies are parsed at once; large ones in a process of their own, since parsing holds the interpreter. That process
leaves its batches in a file in memory, so that this one never has them all as objects.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import orjson
from pydantic import ValidationError

from reverie._ids import new_ids
from reverie.contracts import AddMemories, NewMemory, PutMemory
from reverie.errors import InvalidInput, TooLarge
from reverie.gateway.http.problems import invalid
from reverie.gateway.submissions.parse import ParseLimits, parse_body
from reverie.gateway.submissions.size_limits import check_structure
from reverie.store.memory_rows import NewRow, new_row

__all__ = [
    "LINES",
    "ParsedMemories",
    "check_metadata",
    "parse_memories",
    "parse_memories_file",
    "read_batches",
    "stored_row",
]

LINES = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
"""Media types of bodies that are a memory a line."""

_BATCH = 1000
"""Memories that one statement stores."""

_METADATA_BYTES = 64 * 1024
"""Most metadata of one memory, bytes of JSON."""


@dataclass(slots=True)
class ParsedMemories:
    """Memories of one body. Of a large one the rows are in a file, and ``ids`` is JSON already."""

    count: int
    #: JSON array of all ids, in the order of the body.
    ids: bytes
    #: Equal content gives equal hashes, however it was written. Ids that were made here do not count.
    content_hash: bytes
    upkeep: str | None = None
    rows: list[NewRow] = field(default_factory=list)


def parse_memories_file(body_path: str, rows_path: str, lines: bool, limits: ParseLimits) -> ParsedMemories:
    """``parse_memories`` of a body that another process has spooled, the rows left in ``rows_path``."""
    with open(body_path, "rb") as file:
        parsed = parse_memories(file.read(), lines, limits)
    with open(rows_path, "wb") as out:
        for start in range(0, parsed.count, _BATCH):
            packed = pickle.dumps([tuple(row) for row in parsed.rows[start : start + _BATCH]], pickle.HIGHEST_PROTOCOL)
            out.write(len(packed).to_bytes(4))
            out.write(packed)
    parsed.rows = []
    return parsed


def read_batches(file: BinaryIO) -> Iterator[list[NewRow]]:
    """The batches that ``parse_memories_file`` left."""
    while head := file.read(4):
        # Ours: the process that wrote it was started by this one, and nobody else has the file.
        yield [NewRow(*row) for row in pickle.loads(file.read(int.from_bytes(head)))]


def parse_memories(body: bytes, lines: bool, limits: ParseLimits) -> ParsedMemories:
    """Check a body of memories, one JSON object or (``lines``) one memory a line.

    Raises ``InvalidInput`` naming the items at fault, ``TooLarge`` for too many memories.
    """
    check_structure(body, limits.memories)
    if lines:
        memories, where, upkeep = *_of_lines(body, limits), None
    else:
        request: AddMemories = parse_body(AddMemories, body)
        memories, upkeep = request.memories, request.upkeep
        where = [f"memories[{index}]" for index in range(len(memories))]
    if len(memories) > limits.memories:
        raise TooLarge(f"memories: {len(memories):,} at once; at most {limits.memories:,} are taken here")
    made = iter(new_ids("mem_", sum(memory.id is None for memory in memories)))
    hashed = hashlib.blake2b(digest_size=16, person=b"add-memories")
    rows = []
    for memory, place in zip(memories, where, strict=True):
        row = stored_row(memory.id or next(made), memory, limits, place)
        hashed.update(orjson.dumps([memory.id, row.last_accessed_at, row.access_count, row.pinned]) + row.content)
        rows.append(row)
    hashed.update((upkeep or "").encode())
    return ParsedMemories(len(rows), orjson.dumps([row.id for row in rows]), hashed.digest(), upkeep, rows)


def stored_row(id: str, memory: PutMemory, limits: ParseLimits, where: str = "") -> NewRow:  # noqa: A002
    """A valid memory as it is stored, not sealed yet. Raises ``InvalidInput`` for what cannot be kept.

    ``where`` names the memory.
    """
    prefix = where + "." if where else ""
    if len(memory.text) > limits.text_chars:
        message = f"has {len(memory.text):,} characters; at most {limits.text_chars:,} are taken here"
        raise InvalidInput.at(prefix + "text", message)
    if memory.metadata:
        check_metadata(memory.metadata, prefix + "metadata")
    return new_row(id, memory.__dict__)


def check_metadata(metadata: dict[str, Any], where: str = "metadata") -> None:
    """Raises ``InvalidInput`` for metadata that cannot be kept as it is."""
    try:
        size = len(orjson.dumps(metadata))
    except TypeError:
        raise InvalidInput.at(where, "holds a number beyond 64 bits, or is nested too deeply") from None
    if size > _METADATA_BYTES:
        raise InvalidInput.at(where, f"has {size:,} bytes; at most {_METADATA_BYTES:,} are kept")


def _of_lines(body: bytes, limits: ParseLimits) -> tuple[list[NewMemory], list[str]]:
    memories: list[NewMemory] = []
    where: list[str] = []
    seen: dict[str, int] = {}
    start, number = 3 if body.startswith(b"\xef\xbb\xbf") else 0, 0
    while start < len(body):
        end = body.find(b"\n", start)
        end = len(body) if end < 0 else end
        line, start, number = body[start:end].strip(), end + 1, number + 1
        if not line:
            continue
        if len(memories) >= limits.memories:
            raise TooLarge(f"line {number}: more than {limits.memories:,} memories, the most that are taken at once")
        place = f"line {number}"
        memory = _line(line, place)
        if memory.id is not None:
            first = seen.setdefault(memory.id, number)
            if first != number:
                raise InvalidInput.at(place, f"has the same id as line {first}: {memory.id[:80]!r}")
        memories.append(memory)
        where.append(place)
    return memories, where


def _line(line: bytes, place: str) -> NewMemory:
    try:
        if line[:1] == b'"':
            return NewMemory(text=_string(line))
        return NewMemory.model_validate_json(line)
    except ValidationError as error:
        found = invalid(error)
        items = [{**item, "item": f"{place}.{item['item']}"} for item in found.extra["errors"]]
        raise InvalidInput(f"{place}: {found.message}", errors=items) from None
    except (RecursionError, ValueError):
        raise InvalidInput.at(place, "is not JSON") from None


def _string(line: bytes) -> str:
    text = orjson.loads(line)
    if not isinstance(text, str):
        raise ValueError("not a string")
    return text
