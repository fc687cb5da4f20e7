"""Secrets from the environment or from files, the way containers hand them over."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from reverie.errors import StartupError

__all__ = ["read_secret"]


def read_secret(name: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """The variable ``name``, else the content of the file that ``NAME_FILE`` names; None when neither is set.

    White space at both ends does not count: files end with a newline. Raises ``StartupError`` naming the variable
    when the file cannot be read or holds nothing, since a service without its secret must not start without it.
    """
    given = environment.get(name, "").strip()
    if given:
        return given
    path = environment.get(f"{name}_FILE", "").strip()
    if not path:
        return None
    try:
        content = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise StartupError(f"{name}_FILE: {path} cannot be read ({reason}).") from error
    if not content:
        raise StartupError(f"{name}_FILE: {path} is empty.")
    return content
