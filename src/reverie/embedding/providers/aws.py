"""What SageMaker and Bedrock share: boto3 clients without retries of their own, and what their errors mean."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from reverie._logs import quieten
from reverie.embedding.providers.calls import CallFailed, http_failure, unexpected
from reverie.embedding.providers.guard import Guard, until_done
from reverie.settings import CloudSettings

__all__ = ["client", "failure", "invoke"]

_MOST_BYTES = 64 * 2**20
_CHUNK = 2**16

_BUSY = ("ThrottlingException", "Throttling", "TooManyRequestsException", "ServiceQuotaExceededException")
_AUTH = (
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
)


def client(service: str, region: str | None, url: str | None, *, timeout: float | None = None) -> Any:
    """A boto3 client that tries once; ``timeout`` in seconds is ``REVERIE_CLOUD_TIMEOUT`` without one."""
    import boto3
    from botocore.config import Config

    quieten("boto3", "botocore", "urllib3")
    cloud = CloudSettings()  # type: ignore[call-arg]
    timeout = timeout or cloud.timeout
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=min(5.0, timeout),
        read_timeout=timeout,
        max_pool_connections=cloud.concurrency,
    )
    return boto3.session.Session().client(service, region_name=region, endpoint_url=url, config=config)


def invoke(call: Callable[[], dict[str, Any]], timeout: float) -> tuple[bytes, dict[str, Any]]:
    """``(body, answer)`` of an invocation. Raises ``CallFailed``.

    boto3 counts its timeout from byte to byte and for every client alike, so the call is left alone when time is up.
    """
    guard = Guard()

    def work() -> tuple[bytes, dict[str, Any]]:
        answer = call()
        body = answer["body"] if "body" in answer else answer["Body"]
        with guard.call(_MOST_BYTES, timeout):
            return guard.read(body.iter_chunks(_CHUNK)), answer

    late = CallFailed("outage", f"no answer within {timeout:.1f} s")
    try:
        return until_done(work, lambda: None, until=time.monotonic() + timeout, late=late)
    except Exception as error:  # boto3 makes its classes at run time, and the stream raises urllib3's
        raise failure(error, timeout) from None


def failure(error: Exception, timeout: float) -> CallFailed:
    """A boto3 exception as the core understands it. Its message, which may quote the request, is dropped."""
    if isinstance(error, CallFailed):
        return error
    answer = getattr(error, "response", None)
    if not isinstance(answer, dict):
        return unexpected(error, timeout)
    code = str(answer.get("Error", {}).get("Code", ""))
    meta = answer.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    status = int(meta.get("HTTPStatusCode", 500))
    if code in _BUSY:
        return CallFailed("busy", f"HTTP {status} ({code})", retry_after=http_failure(429, headers, "").retry_after)
    if code in _AUTH:
        return CallFailed("auth", f"HTTP {status} ({code})")
    if code == "ModelError":  # the container's own status, wrapped in a 424
        status = int(answer.get("OriginalStatusCode") or status)
    body = f"{answer.get('OriginalMessage', '')} {answer.get('Error', {}).get('Message', '')}"
    found = http_failure(status, headers, body)
    return CallFailed(found.kind, f"HTTP {status} ({code})" if code else found.what, retry_after=found.retry_after)
