"""What a provider's adapter and the shared core say to each other: one call, its answer, its failure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from reverie import _retry_after
from reverie.embedding.base import EmbedKind

__all__ = [
    "CallFailed",
    "ProviderAnswer",
    "RequestLimits",
    "Service",
    "estimate_tokens",
    "http_failure",
    "retry_after",
    "unexpected",
]

FailureKind = Literal["outage", "busy", "too_long", "auth", "refused"]


class CallFailed(Exception):
    """One call did not succeed.

    ``outage``: no answer, or a broken one, or 5xx: try again. ``busy``: 429, try again when it says. ``too_long``: send
    less at once. ``auth`` and ``refused``: trying again is of no use.
    """

    def __init__(self, kind: FailureKind, what: str, *, retry_after: float | None = None, paid: bool = False) -> None:
        super().__init__(what)
        self.kind = kind
        #: A short description without credentials and without a word of the texts.
        self.what = what
        #: Seconds the provider asked to wait.
        self.retry_after = retry_after
        #: Whether the provider did its work, and so charges for it: it answered, but not with what was asked for.
        self.paid = paid


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """What one request may hold."""

    items: int
    #: Tokens of all texts together.
    tokens: int
    #: Tokens of one text; longer ones are cut.
    text_tokens: int


@dataclass(frozen=True, slots=True)
class ProviderAnswer:
    """Vectors in the order of the texts, as the provider gave them."""

    #: (n, d) float32, any length.
    vectors: NDArray[np.float32]
    #: Tokens charged; None when the provider does not say.
    tokens: int | None = None
    #: Texts that the provider cut itself, where it says so.
    truncated: int = 0


class Service(Protocol):
    """One provider's wire format. No retries, no batching, no cost: that is the core's."""

    #: ``openai``, ``azure``, ...
    provider: str
    #: Name of the model or deployment.
    name: str
    #: What else decides the vectors: a version, or which server.
    revision: str
    #: Length of the vectors; None when only the first answer tells.
    dimensions: int | None
    limits: RequestLimits

    def call(self, texts: Sequence[str], kind: EmbedKind, timeout: float) -> ProviderAnswer:
        """Embed at most ``limits`` in one request. Raises ``CallFailed`` and nothing else on purpose."""

    def close(self) -> None:
        """Close the connections."""


def estimate_tokens(text: str) -> int:
    """An upper estimate without a tokenizer.

    A token is 4 to 5 letters of English and 1 character of CJK on average; 3 bytes, or 2 outside ASCII, leave room.
    Short words are a token each. Random letters can have more.
    """
    if text.isascii():
        return max(len(text) // 3, text.count(" ")) + 1
    return len(text.encode("utf-8", "surrogatepass")) // 2 + 1


_TOO_LONG = re.compile(
    r"context.length|context_length|max(imum)?[ _]?(input|context|tokens|batch)|too (long|large|many)|token limit"
    r"|batch size|exceeds? the (limit|maximum)|less than \d+ tokens|limit.*exceeded",
    re.IGNORECASE,
)
# Letters alone: whatever an answer quotes in place of a code, keys have digits.
_CODE = re.compile(r"""["'](?:code|type|status|__type)["']\s*:\s*["']([A-Za-z][A-Za-z_.-]{1,60})["']""")
_NO_QUOTA = ("insufficient_quota", "billing_hard_limit_reached")


def http_failure(status: int, headers: Mapping[str, str], body: str) -> CallFailed:
    """What an error status means. Of the body only an error code is kept: its message may quote a text or a key."""
    codes = _CODE.findall(body[:4000])
    what = f"HTTP {status}" + (f" ({codes[-1]})" if codes else "")
    if 300 <= status < 400:
        return CallFailed("refused", f"HTTP {status}, and redirects are not followed")
    if status == 429:
        if any(code in _NO_QUOTA for code in codes):
            return CallFailed("refused", what)
        return CallFailed("busy", what, retry_after=retry_after(headers))
    if status in (401, 403):
        return CallFailed("auth", what)
    if status == 413 or (status in (400, 422, 424) and _TOO_LONG.search(body[:4000])):
        return CallFailed("too_long", what)
    if status in (408, 409) or status >= 500:
        return CallFailed("outage", what, retry_after=retry_after(headers))
    return CallFailed("refused", what)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds from ``retry-after-ms`` or ``Retry-After`` (seconds or a date, RFC 9110); None without a sane one."""
    lower = {key.lower(): value for key, value in headers.items()}
    try:
        if (milliseconds := lower.get("retry-after-ms")) is not None:
            return max(0.0, float(milliseconds) / 1000)
    except ValueError:
        pass
    seconds = _retry_after.retry_after(lower.get("retry-after"))
    return seconds if seconds is not None and seconds < 86_400 else None


def unexpected(error: Exception, timeout: float) -> CallFailed:
    """What any other exception of a client library means. Its text is dropped: it may hold a request."""
    name = type(error).__name__
    if "Timeout" in name:
        return CallFailed("outage", f"no answer within {timeout:.1f} s")
    if "Credential" in name or "Auth" in name or "Refresh" in name or "Token" in name:
        return CallFailed("auth", name)
    broken = ValueError | KeyError | TypeError | AttributeError | IndexError | RecursionError
    if "Validation" in name or "JSON" in name or isinstance(error, broken):
        return CallFailed("outage", f"an answer that cannot be read ({name})", paid=True)
    return CallFailed("outage", f"connection failed ({name})")
