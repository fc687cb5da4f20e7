"""The gateway: accepts, routes, caches and pushes. It keeps no state of its own, so any number may run."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reverie.gateway.app import create_app

__all__ = ["create_app"]


def __getattr__(name: str) -> object:
    if name == "create_app":
        from reverie.gateway.app import create_app

        return create_app
    raise AttributeError(name)
