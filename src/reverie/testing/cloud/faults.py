"""Ways in which providers fail, one object each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Fault"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one request. Without any member set the request is answered properly."""

    #: Answer with this status, ``headers`` and ``body``.
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    #: Wait before answering, seconds.
    delay: float = 0.0
    #: Close the connection after half of the body.
    truncated: bool = False
    #: Close the connection without an answer.
    dropped: bool = False
    #: Add this many numbers to every vector.
    more_dimensions: int = 0
    #: Give the vectors in another order (with their indexes, where the format has indexes).
    shuffled: bool = False
    #: Leave out the last vector.
    one_short: bool = False
    #: Give every vector so many times.
    times: int = 1
    #: Put this number into every place of every vector: NaN, infinity or 0.
    number: float | None = None
    #: Say that so many tokens were read.
    tokens: object = None
    #: After the headers send this again and again, with ``pause`` seconds between, until the client goes away.
    endless: bytes = b""
    pause: float = 0.0

    @classmethod
    def refusal(cls, status: int, code: str, message: str, **headers: str) -> Fault:
        """An error in the form that OpenAI, Azure and many others share."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        quoted = message.replace('"', "'")
        body = f'{{"error": {{"message": "{quoted}", "type": "invalid_request_error", "code": "{code}"}}}}'
        return cls(status=status, headers={"content-type": "application/json", **named}, body=body)
