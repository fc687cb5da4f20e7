"""Every exception Reverie raises on purpose.

ReverieError
├── InvalidInput ............ the caller's data is wrong; names the item
│   ├── TooLarge ............ a stated limit was passed
│   ├── UnsupportedModel .... the model is unknown or not allowed here
│   └── IdempotencyMismatch . the key was used with another body
├── RequestTimeout .......... the request came too slowly
├── HeadersTooLarge ......... its head is too large
├── UnsupportedMediaType .... its body is not JSON
├── Unauthorized ............ no key, or a wrong or revoked one
├── Forbidden ............... the key lacks the scope
│   └── CloudRefused ........ ... or policy keeps the texts out of the cloud
├── NotFound ................ no such thing for this tenant
├── Conflict ................ the thing's state does not allow it
├── TooManyRequests ......... a limit in time or in flight; carries retry_after
├── ServiceUnavailable ...... cannot be served now; carries retry_after
├── TaskFailed .............. the task ended without a result
│   ├── DeadLettered ........ ... since its worker died or fell silent at every attempt
│   ├── DeadlinePassed ...... ... since its client would wait no longer
│   ├── TimeLimit ........... ... since it ran longer than allowed
│   ├── OutOfMemory ......... ... since a worker has not enough memory for it
│   └── TaskCancelled ....... ... because somebody cancelled it
│       └── TaskErased ...... ... because its user was erased
├── ResultTimeout ........... no result within the caller's timeout; the task goes on
├── LeaseLost ............... (worker) another attempt owns the task now
├── SealBroken .............. a stored value was changed, or was moved from another row
├── ProviderError ........... an embedding provider failed for good
├── MissingExtra ............ a role's optional packages are not installed
└── StartupError ............ an embedded server or a role could not start
    └── WrongSetting ........ an option or a variable has a value that cannot be used; names it

An exception's docstring is its default message.
"""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "CloudRefused",
    "Conflict",
    "DeadLettered",
    "DeadlinePassed",
    "Forbidden",
    "HeadersTooLarge",
    "IdempotencyMismatch",
    "InvalidInput",
    "LeaseLost",
    "MissingExtra",
    "NotFound",
    "OutOfMemory",
    "ProviderError",
    "RequestTimeout",
    "ResultTimeout",
    "ReverieError",
    "SealBroken",
    "ServiceUnavailable",
    "StartupError",
    "TaskCancelled",
    "TaskErased",
    "TaskFailed",
    "TimeLimit",
    "TooLarge",
    "TooManyRequests",
    "Unauthorized",
    "UnsupportedMediaType",
    "UnsupportedModel",
    "WrongSetting",
]


PROBLEM_BASE = "https://reverie.dev/problems/"
"""What the types of all problems begin with; the rest is the error's slug."""


class ReverieError(Exception):
    """Something went wrong in Reverie."""

    #: Last part of the problem's stable type, ``https://reverie.dev/problems/<slug>``.
    slug: ClassVar[str] = "internal"
    #: HTTP status of the problem when it reaches a client.
    status: ClassVar[int] = 500

    def __init__(self, message: str | None = None, **extra: Any) -> None:
        self.message = message or (type(self).__doc__ or "").strip().splitlines()[0]
        #: Further members of the problem document (JSON values only).
        self.extra = extra
        super().__init__(self.message)

    def problem(self) -> dict[str, Any]:
        """This error as an RFC 9457 problem document."""
        title = (type(self).__doc__ or "").strip().splitlines()[0]
        document: dict[str, Any] = {"type": PROBLEM_BASE + self.slug, "title": title, "status": self.status}
        if self.message != title:
            document["detail"] = self.message
        return document | self.extra


class InvalidInput(ReverieError):
    """The input is not valid."""

    slug = "invalid-input"
    status = 422

    @classmethod
    def at(cls, item: str, message: str) -> InvalidInput:
        """What is wrong with one item of the input, by its path."""
        return cls(f"{item}: {message}", errors=[{"item": item, "message": message}])


class TooLarge(InvalidInput):
    """The input is larger than the limit."""

    slug = "too-large"
    status = 413


class UnsupportedModel(InvalidInput):
    """That model is not available here."""

    slug = "unsupported-model"


class IdempotencyMismatch(InvalidInput):
    """This idempotency key was used with another body."""

    slug = "idempotency-mismatch"


class RequestTimeout(ReverieError):
    """The request did not arrive in time."""

    slug = "request-timeout"
    status = 408


class HeadersTooLarge(ReverieError):
    """The request's headers are too large."""

    slug = "headers-too-large"
    status = 431


class UnsupportedMediaType(ReverieError):
    """Send the body as application/json."""

    slug = "unsupported-media-type"
    status = 415


class Unauthorized(ReverieError):
    """A valid API key is required."""

    slug = "unauthorized"
    status = 401


class Forbidden(ReverieError):
    """This key may not do that."""

    slug = "forbidden"
    status = 403


class CloudRefused(Forbidden):
    """Policy does not allow the cloud for this task."""

    slug = "cloud-refused"


class NotFound(ReverieError):
    """There is no such thing."""

    slug = "not-found"
    status = 404


class Conflict(ReverieError):
    """The present state does not allow that."""

    slug = "conflict"
    status = 409


class _RetryLater(ReverieError):
    """Try again later."""

    def __init__(self, message: str | None = None, *, retry_after: float = 1.0, **extra: Any) -> None:
        super().__init__(message, **extra)
        #: Seconds after which another try is likely to be accepted.
        self.retry_after = retry_after
        #: Further headers of the answer.
        self.headers: dict[str, str] = {}


class TooManyRequests(_RetryLater):
    """Too many requests."""

    slug = "too-many-requests"
    status = 429


class ServiceUnavailable(_RetryLater):
    """The service is not available right now."""

    slug = "unavailable"
    status = 503


class TaskFailed(ReverieError):
    """The task ended without a result."""

    slug = "task-failed"


class TaskCancelled(TaskFailed):
    """The task was cancelled."""

    slug = "task-cancelled"


class TaskErased(TaskCancelled):
    """The task was erased with everything else of its user."""

    slug = "task-erased"


class DeadLettered(TaskFailed):
    """The task was given up."""

    slug = "dead-lettered"


class DeadlinePassed(TaskFailed):
    """The deadline passed before the task was done."""

    slug = "deadline-passed"
    status = 504


class TimeLimit(TaskFailed):
    """The task ran longer than allowed."""

    slug = "time-limit"


class OutOfMemory(TaskFailed):
    """The task needs more memory than a worker has."""

    slug = "out-of-memory"


class ResultTimeout(ReverieError, TimeoutError):
    """The result did not arrive in time; the task goes on and its result can be fetched later."""

    slug = "result-timeout"
    status = 504


class LeaseLost(ReverieError):
    """Another attempt owns this task now."""

    slug = "lease-lost"


class SealBroken(ReverieError):
    """A stored value was changed, is damaged, or belongs to another row."""

    slug = "seal-broken"


class ProviderError(ReverieError):
    """The embedding provider failed."""

    slug = "provider"
    status = 502


class MissingExtra(ReverieError, ImportError):
    """An optional part of Reverie is not installed."""

    slug = "missing-extra"

    def __init__(self, extra: str, *, what: str | None = None) -> None:
        super().__init__(f"{what or 'This'} needs: pip install 'reverie[{extra}]'")


class StartupError(ReverieError):
    """A part of Reverie could not start."""

    slug = "startup"


class WrongSetting(StartupError):
    """An option or a variable has a value that cannot be used."""

    slug = "wrong-setting"
