"""What checking a submission's body costs, by four ways: ``./dev bench parsers`` (docs/decisions/parsers.md).

The models of the contract alone; a parser for plain bodies written by hand, as it was before; msgspec's structs, as
they are in use; and pydantic's typed dictionaries, which skip the making of objects. All four run inside
``parse_submission``, so that a row is what the gateway pays. ``--check`` compares their answers to the models' over the
bodies of the agreement test.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import orjson
from hypothesis import HealthCheck, given, settings, strategies
from pydantic import ConfigDict, FailFast, StringConstraints, TypeAdapter, ValidationError
from pydantic import Field as Bounds
from tests.gateway import test_plain
from typing_extensions import TypedDict

from benchmarks import _hand_parser
from benchmarks._report import machine, table
from benchmarks.gateway import WORDS
from reverie.contracts import (
    MAX_ACCESSES,
    MAX_ID_CHARS,
    MAX_KIND_CHARS,
    MAX_SOURCE_CHARS,
    MAX_SPEAKER_CHARS,
    Operation,
    Request,
)
from reverie.gateway.submissions import fast_parser, parse
from reverie.gateway.submissions.parse import ParseLimits, parse_submission

LIMITS = ParseLimits(memories=100_000, text_chars=100_000)
SIZES = (1, 10, 100, 847, 5000)
Parser = Callable[[type[Request], bytes, int], "tuple[str, Any, list[str], bytes] | None"]

# -- bodies --------------------------------------------------------------------------------------------


def body(count: int, kind: str, chance: random.Random) -> bytes:
    """A submission of ``count`` memories of about 75 characters: texts alone, or what a bot keeps beside them."""
    texts = [" ".join(chance.choices(WORDS, k=chance.randint(6, 16)))[:92] for _ in range(count)]
    if kind == "texts":
        return json.dumps({"user_id": "183746", "memories": texts}, ensure_ascii=False).encode()
    start = datetime(2026, 1, 1, tzinfo=UTC)
    memories = [
        {
            "id": f"mem-{number}",
            "text": text,
            "created_at": (start + timedelta(minutes=97 * number)).isoformat().replace("+00:00", "Z"),
            "access_count": number % 3,
            "kind": "fact",
        }
        for number, text in enumerate(texts)
    ]
    return json.dumps({"user_id": "183746", "memories": memories, "options": {"seed": 3}}, ensure_ascii=False).encode()


def _finish(
    model: type[Request], rest: dict[str, Any], user: Any, texts: list[str], memories: bytes
) -> tuple[str, Any, list[str], bytes] | None:
    """The models look at what is beside the memories, as in ``fast_parser``."""
    rest["memories"] = []
    if not (type(user) is str and 0 < len(user) <= MAX_ID_CHARS and user.isprintable()):
        return None
    rest["user_id"] = "-"
    document = orjson.dumps(rest)
    found = (fast_parser._known if len(document) <= 500 else fast_parser._checked)(model, document)
    if found is None:
        return None
    request, canonical = found
    frame = orjson.dumps(canonical | {"user_id": user, "memories": []})
    return user, request, texts, frame.replace(b'"memories":[]', b'"memories":' + memories, 1)


def _plain(texts: list[str], ids: list[str], text_chars: int) -> bool:
    return (
        bool(texts)
        and max(map(len, texts)) <= text_chars
        and not any(map(str.isspace, texts))
        and all(texts)
        and len(set(ids)) == len(ids)
        and all(map(str.isprintable, ids))
    )


# -- pydantic's typed dictionaries ------------------------------------------------------------------------

_STRICT = ConfigDict(extra="forbid", strict=True)
_Iso = Annotated[
    str,
    StringConstraints(
        pattern=r"^(?:19[7-9]|20\d|21\d)\d-[01]\d-[0-3]\dT[0-2]\d:[0-5]\d:[0-5]\d(?:\.\d{6})?(?:Z|\+00:00)$"
    ),
]


class DictMemory(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    id: Annotated[str, StringConstraints(min_length=1, max_length=MAX_ID_CHARS)]
    text: Annotated[str, StringConstraints(min_length=1)]
    created_at: _Iso
    last_accessed_at: _Iso
    access_count: Annotated[int, Bounds(ge=0, le=MAX_ACCESSES)]
    kind: Annotated[str, StringConstraints(max_length=MAX_KIND_CHARS)]
    source: Annotated[str, StringConstraints(max_length=MAX_SOURCE_CHARS)]
    speaker: Annotated[str, StringConstraints(max_length=MAX_SPEAKER_CHARS)]


class DictBody(TypedDict, total=False):
    __pydantic_config__ = _STRICT  # type: ignore[misc]

    user_id: str
    memories: Annotated[list[Annotated[str | DictMemory, Bounds(union_mode="left_to_right")]], FailFast()]
    options: dict[str, Any]


_validate = TypeAdapter(DictBody).validate_json


def by_typed_dicts(model: type[Request], body: bytes, text_chars: int) -> tuple[str, Any, list[str], bytes] | None:
    if b"\\u0000" in body:
        return None
    try:
        document: Any = _validate(body)
    except (ValidationError, ValueError, RecursionError):
        return None
    out: list[dict[str, Any]] = []
    for index, item in enumerate(document.pop("memories", ())):
        if type(item) is str:
            out.append({"id": str(index), "text": item})
            continue
        memory = {"id": str(index), **item}
        if "text" not in memory:
            return None
        if not memory.get("access_count", 1):
            del memory["access_count"]
        for name in ("created_at", "last_accessed_at"):
            if (moment := memory.get(name)) is None:
                continue
            try:
                datetime.fromisoformat(moment)
            except ValueError:
                return None
            memory[name] = moment.removesuffix("Z").removesuffix("+00:00").removesuffix(".000000") + "Z"
        out.append(memory)
    texts = [memory["text"] for memory in out]
    if not _plain(texts, [memory["id"] for memory in out], text_chars):
        return None
    try:
        return _finish(model, document, document.pop("user_id", None), texts, orjson.dumps(out))
    except TypeError:  # lone surrogates
        return None


PARSERS: dict[str, Parser] = {
    "models alone": lambda *_: None,
    "by hand": _hand_parser.parse_fast,
    "msgspec (ours)": fast_parser.parse_fast,
    "pydantic, typed dictionaries": by_typed_dicts,
}

# -- measuring and checking --------------------------------------------------------------------------------


def microseconds(parser: Parser, payload: bytes, count: int) -> float:
    """CPU of ``parse_submission``, the least of several goes: a loaded machine only ever adds."""
    parse.parse_fast = parser  # type: ignore[assignment]
    runs = max(3, 4000 // count)
    best = float("inf")
    for _ in range(9):
        began = time.process_time()
        for _ in range(runs):
            parse_submission(Operation.CLUSTER, payload, LIMITS, pack=False)
        best = min(best, (time.process_time() - began) / runs)
    return best * 1e6


def rows(kind: str) -> Iterator[list[object]]:
    chance = random.Random(5)
    for count in SIZES:
        payload = body(count, kind, chance)
        spent = [microseconds(parser, payload, count) for parser in PARSERS.values()]
        yield [
            f"{count:,} {kind}, {len(payload) / 1000:,.1f} kB",
            *(f"{one:,.0f} ({one / count:.2f})" for one in spent),
        ]


def check(examples: int) -> None:
    """Say how many bodies each answers as the models do, and how many of those without the models' help."""
    for name, parser in PARSERS.items():
        counts = Comparison(name, parser)
        counts.run(examples)
        print(f"{name}: {counts.same:,} of {counts.all:,} bodies answered alike, {counts.alone:,} without the models")


class Comparison:
    """A parser beside the models over the bodies of the agreement test."""

    def __init__(self, name: str, parser: Parser) -> None:
        self._name, self._parser = name, parser
        self.all = self.same = self.alone = 0

    def run(self, examples: int) -> None:
        """Compare on about so many bodies."""
        right = strategies.builds(
            lambda memories: {"user_id": "u", "memories": memories}, strategies.lists(test_plain.usual, max_size=3)
        )

        @settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(test_plain.documents | right)
        def compare(document: dict[str, Any]) -> None:
            self._compare(json.dumps(document).encode())

        compare()

    def _compare(self, sent: bytes) -> None:
        parse.parse_fast = lambda *_: None  # type: ignore[assignment]
        wanted = test_plain.outcome(sent)
        took: list[bool] = []

        def counted(*arguments: Any) -> Any:
            found = self._parser(*arguments)
            took.append(found is not None)
            return found

        parse.parse_fast = counted
        same = test_plain.outcome(sent) == wanted
        self.all, self.same, self.alone = self.all + 1, self.same + same, self.alone + any(took)
        if not same and self.all - self.same <= 3:
            print(f"  {self._name}: {sent[:200]!r}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", type=int, default=0, metavar="BODIES", help="compare the answers instead")
    chosen = arguments.parse_args()
    if chosen.check:
        check(chosen.check)
        return
    print(f"{machine()}; CPU microseconds a body (and a memory)\n")
    print(table(["body", *PARSERS], [row for kind in ("texts", "objects") for row in rows(kind)]))


if __name__ == "__main__":
    main()
