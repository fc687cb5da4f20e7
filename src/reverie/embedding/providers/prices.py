"""What providers charge, from a dated table in data."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from reverie.errors import InvalidInput

__all__ = ["PriceTable", "load_prices"]


@dataclass(frozen=True)
class PriceTable:
    """US dollars for a million tokens, by ``provider/model``, and the day they were looked up."""

    as_of: str
    prices: dict[str, float]

    def usd_per_million(self, provider: str, model: str) -> float | None:
        """The price; None when the table does not have it."""
        return self.prices.get(f"{provider}/{model}")


@lru_cache(maxsize=4)
def load_prices(path: Path | None = None) -> PriceTable:
    """The packaged table, or the file at ``path``. Raises ``InvalidInput`` naming the entry at fault."""
    try:
        text = (
            path.read_text(encoding="utf-8")
            if path is not None
            else (files("reverie.embedding.providers") / "prices.json").read_text(encoding="utf-8")
        )
        data = json.loads(text)
        prices = {}
        for name, value in data["prices"].items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e6:
                raise InvalidInput(f"{path}: the price of {name!r} is not a number of US dollars")
            prices[str(name)] = float(value)
        return PriceTable(as_of=str(data["as_of"]), prices=prices)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidInput(f"{path}: not a table of prices ({type(error).__name__}: {error})") from None
