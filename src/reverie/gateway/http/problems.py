"""Errors as RFC 9457 problem documents with stable types."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from reverie.errors import PROBLEM_BASE, InvalidInput, ReverieError
from reverie.gateway.http.openai import is_openai_path, openai_error
from reverie.gateway.http.security import REQUEST_ID, STRICT_HEADERS, request_id

__all__ = ["install", "item_errors", "problem_response"]

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"

_MAX_ITEMS = 20
"""Most items listed in one problem; a hundred thousand bad memories need no hundred thousand lines."""

_SLUGS = {
    400: "bad-request",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    415: "unsupported-media-type",
}


def problem_response(error: ReverieError, instance: str | None = None) -> Response:
    """The HTTP answer for one of our errors, with Retry-After where waiting helps."""
    document = error.problem()
    if instance:
        document["instance"] = instance
        if is_openai_path(instance):
            document["error"] = openai_error(document)
    headers = dict(getattr(error, "headers", {}))
    retry_after = getattr(error, "retry_after", None)
    if retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(document), error.status, headers, MEDIA_TYPE)


def item_errors(errors: Sequence[Any]) -> tuple[str, list[dict[str, str]]]:
    """``(detail, items)`` of pydantic's errors: every item by its path, without echoing the input."""
    items = []
    for error in errors[:_MAX_ITEMS]:
        path = ""
        for part in error["loc"]:
            if isinstance(part, int):
                path += f"[{part}]"
            elif not str(part).startswith(("function-", "constrained-", "literal[")):
                path += f".{part}" if path else str(part)
        message = str(error["msg"]).removeprefix("Value error, ")
        items.append({"item": path or "body", "message": message})
    first = items[0]
    detail = f"{first['item']}: {first['message']}"
    if len(errors) > 1:
        detail += f" (and {len(errors) - 1} more)"
    return detail, items


def invalid(error: ValidationError | RequestValidationError) -> InvalidInput:
    """Our error for pydantic's."""
    errors: Sequence[Any] = (
        error.errors(include_url=False, include_context=False, include_input=False)
        if isinstance(error, ValidationError)
        else error.errors()
    )
    detail, items = item_errors(errors)
    return InvalidInput(detail, errors=items)


def install(app: FastAPI, allowed: Callable[[str], Sequence[str]]) -> None:
    """Answer every error as a problem; ``allowed`` tells the methods of a path."""

    @app.exception_handler(ReverieError)
    async def ours(request: Request, error: ReverieError) -> Response:
        return problem_response(error, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def parameters(request: Request, error: RequestValidationError) -> Response:
        return problem_response(invalid(error), request.url.path)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        methods = allowed(request.url.path) if error.status_code in (404, 405) else ()
        # The dashboard's files are behind every path: they say 404 of what is a route of another method, and 405 of
        # whatever is not.
        if methods and request.method not in methods:
            error = HTTPException(405)
        elif error.status_code == 405 and not methods:
            error = HTTPException(404)
        document: dict[str, Any] = {
            "type": PROBLEM_BASE + _SLUGS.get(error.status_code, "http"),
            "title": str(error.detail),
            "status": error.status_code,
            "instance": request.url.path,
        }
        if is_openai_path(request.url.path):
            document["error"] = openai_error(document)
        headers = dict(error.headers or {})
        if error.status_code == 405:
            headers["Allow"] = ", ".join(methods)
        return Response(orjson.dumps(document), error.status_code, headers, MEDIA_TYPE)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        # Beyond all middleware: what that adds to other answers is added here.
        own: bytes = request.scope.get("x-request-id") or request_id(None)
        log.error("request %s failed", own.decode())
        response = problem_response(ReverieError(), request.url.path)
        response.raw_headers += [*STRICT_HEADERS, (REQUEST_ID, own)]
        return response
