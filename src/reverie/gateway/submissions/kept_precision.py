"""The precision that this installation computes in, as the gateway knows it: stored answers are kept apart by it."""

from __future__ import annotations

from reverie._models import CHOOSES_PRECISION
from reverie.settings import EmbeddingSettings
from reverie.store import GatewayStore
from reverie.store.installation import PRECISION

__all__ = ["KeptPrecision"]


class KeptPrecision:
    """Asked once: until the first worker has chosen there is no answer to keep apart, and then the choice stays."""

    def __init__(self, store: GatewayStore, settings: EmbeddingSettings) -> None:
        self._store = store
        self._known = None if settings.precision == "auto" else settings.precision
        if self._known is None and settings.embedder not in CHOOSES_PRECISION:
            self._known = "float32"

    async def __call__(self) -> str:
        """``float32``, ``int8``, ...; ``auto`` while nothing is chosen yet. Raises ``ServiceUnavailable``."""
        if self._known is None:
            row = await self._store.row("get_chosen", choice=PRECISION)
            self._known = str(row["value"]) if row is not None else None
        return self._known or "auto"
