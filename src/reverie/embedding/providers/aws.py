"""What SageMaker and Bedrock share: boto3 clients without retries of their own, and what their errors mean."""

from __future__ import annotations

from typing import Any

from reverie.embedding.providers.calls import CallFailed, http_failure, quieten, unexpected
from reverie.settings import CloudSettings

__all__ = ["client", "failure"]

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


def client(service: str, region: str | None, url: str | None) -> Any:
    """A boto3 client that tries once."""
    import boto3
    from botocore.config import Config

    quieten("boto3", "botocore", "urllib3")
    cloud = CloudSettings()  # type: ignore[call-arg]
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=min(5.0, cloud.timeout),
        read_timeout=cloud.timeout,
        max_pool_connections=cloud.concurrency,
    )
    return boto3.session.Session().client(service, region_name=region, endpoint_url=url, config=config)


def failure(error: Exception, timeout: float) -> CallFailed:
    """A boto3 exception as the core understands it. Its message, which may quote the request, is dropped."""
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
