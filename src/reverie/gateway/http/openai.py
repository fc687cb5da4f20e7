"""What clients of OpenAI's API expect of answers: its error object, and names of models that mean ours."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

__all__ = ["is_openai_path", "openai_error", "served_model"]

# Served or not: a client that asks for what is not served here must be able to read the refusal.
_PATHS = re.compile(
    "/v1/(assistants|audio|batches|chat|completions|conversations|edits|embeddings|engines|files|fine_tuning|images|"
    "models|moderations|rerank|responses|threads|uploads|vector_stores|videos)(/|$)"
)
_MAKERS = ("sentence-transformers", "intfloat")
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_CODES = {"unauthorized": "invalid_api_key", "unsupported-model": "model_not_found", "too-many-requests": "rate_limit"}


def is_openai_path(path: str) -> bool:
    """Whether a path belongs to OpenAI's API and not to ours."""
    return _PATHS.match(path) is not None


def openai_error(problem: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's error object for a problem document: its clients show nothing else to their callers."""
    status = problem["status"]
    kind = "server_error" if status >= 500 else _TYPES.get(status, "invalid_request_error")
    slug = str(problem["type"]).rsplit("/", 1)[-1]
    if slug == "not-found" and str(problem.get("instance", "")).startswith("/v1/models/"):
        slug = "unsupported-model"
    items = problem.get("errors") or [{}]
    return {
        "message": problem.get("detail") or problem["title"],
        "type": kind,
        "param": items[0].get("item"),
        "code": _CODES.get(slug, slug.replace("-", "_")),
    }


def served_model(name: str, served: Sequence[str]) -> str:
    """The served model's own name for the names that clients call it by; any other name as it is."""
    if name == "default":
        return served[0]
    return next((own for own in served if name.endswith(f"/{own}") and name.split("/")[0] in _MAKERS), name)
