"""From the bytes of a body to a submission that is valid, canonical and ready to store. Pure and picklable.

Small bodies are checked at once; large ones in a process of their own, since checking holds the interpreter.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from reverie.contracts import OPERATIONS, Request
from reverie.errors import InvalidInput, TooLarge
from reverie.gateway.http.problems import invalid
from reverie.gateway.submissions.fast_parser import parse_fast
from reverie.gateway.submissions.size_limits import check_structure
from reverie.store import compressed

__all__ = [
    "Known",
    "ParseLimits",
    "Parsed",
    "Summary",
    "parse_submission",
    "parse_submission_file",
]

_SAMPLE = 24
"""Texts looked up to estimate the share that must be embedded."""


@dataclass(frozen=True, slots=True)
class ParseLimits:
    """The limits that need the parsed body."""

    memories: int
    text_chars: int


@dataclass(frozen=True, slots=True)
class Summary:
    """All of a submission that decides its answer, without a word of the memories."""

    operation: str
    user_id: str
    #: Hash of the canonical content; equal content gives equal hashes, however the JSON was written.
    content_hash: bytes
    model: str | None
    callback_url: str | None
    cloud: dict[str, Any] | None
    #: The user's stored memories are meant; which they are, and how many, is known to the database.
    stored: bool = False


@dataclass(frozen=True, slots=True)
class Parsed:
    """A valid submission."""

    summary: Summary
    items: int
    chars: int
    #: Canonical JSON; ``Compressed`` if it was large.
    body: bytes
    #: Some of the texts, evenly spread: enough to see how many have vectors already.
    sample: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """A submission whose bytes came before; it is parsed again only when its answer is not stored."""

    summary: Summary
    parse: Callable[[], Awaitable[Parsed]]


def _request_model(operation: str) -> type[Request]:
    model = OPERATIONS[operation].request
    if model is None:
        raise InvalidInput(f"{operation} is not a public operation.")
    return model


def parse_submission_file(operation: str, path: str, limits: ParseLimits) -> Parsed:
    """``parse_submission`` of a body that another process has spooled."""
    with open(path, "rb") as file:
        return parse_submission(operation, file.read(), limits)


def parse_submission(operation: str, body: bytes, limits: ParseLimits, *, pack: bool = True) -> Parsed:
    """Check a body, bring it into canonical form, and ``pack`` it while it waits for the database.

    Raises ``InvalidInput`` naming the items at fault, ``TooLarge`` for too many memories.
    """
    check_structure(body, limits.memories)
    model = _request_model(operation)
    found = parse_fast(model, body, limits.text_chars) if OPERATIONS[operation].items == "memories" else None
    user_id, request, texts, canonical = found or _checked(model, operation, body, limits)
    if len(texts) > limits.memories:
        raise TooLarge(
            f"{OPERATIONS[operation].items}: {len(texts):,} in one task; at most {limits.memories:,} are taken here"
        )
    summary = Summary(
        operation=operation,
        user_id=user_id,
        content_hash=hashlib.blake2b(canonical, digest_size=32, person=operation.encode()[:16]).digest(),
        model=request.options.model,
        callback_url=request.callback_url,
        cloud=request.cloud.model_dump() if request.cloud else None,
        stored=OPERATIONS[operation].items == "memories" and request.memories is None,
    )
    return Parsed(
        summary,
        items=len(texts),
        chars=sum(map(len, texts)),
        body=compressed(canonical) if pack else canonical,
        sample=tuple(texts[:: -(-len(texts) // _SAMPLE) or 1]),
    )


def parse_body(model: type[Any], body: bytes) -> Any:
    """A small body as one of the contract's models. Raises ``InvalidInput`` naming the members at fault."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        if any(e["type"] == "recursion_loop" for e in error.errors(include_input=False, include_context=False)):
            raise InvalidInput("The body is nested too deeply.") from None
        raise invalid(error) from None
    except RecursionError:
        raise InvalidInput("The body is nested too deeply.") from None


def _checked(
    model: type[Request], operation: str, body: bytes, limits: ParseLimits
) -> tuple[str, Any, list[str], bytes]:
    """``(user, request, texts, canonical JSON)`` by the contract's models."""
    request = parse_body(model, body)
    plain_texts = OPERATIONS[operation].items == "texts"
    texts = request.texts if plain_texts else [memory.text for memory in request.memories or ()]
    for index, text in enumerate(texts[: limits.memories]):
        if len(text) <= limits.text_chars and not plain_texts:
            continue
        where = f"texts[{index}]" if plain_texts else f"memories[{index}].text"
        if len(text) > limits.text_chars:
            message = f"has {len(text):,} characters; at most {limits.text_chars:,} are taken here"
            raise InvalidInput.at(where, message)
        if plain_texts and ("\x00" in text or not text.strip()):
            message = "is blank or holds a NUL character"
            raise InvalidInput.at(where, message)
    try:
        # Defaults are left out: adding an option to the contract must not change the hash of old requests.
        canonical = request.model_dump_json(exclude_defaults=True, exclude={"callback_url"}).encode()
        return request.user_id, request, texts, canonical
    except ValueError:  # lone surrogates, which JSON can write and UTF-8 cannot
        raise InvalidInput("The body is not valid Unicode.") from None
