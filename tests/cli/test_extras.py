"""A command whose packages are missing prints the cure; a mistake of our own does not hide behind it."""

from __future__ import annotations

import pytest

from reverie.cli._extras import needed
from reverie.errors import MissingExtra


def test_a_missing_package_names_the_extra_that_brings_it() -> None:
    with pytest.raises(MissingExtra, match=r"The bot.*pip install 'reverie\[discord\]'"):
        with needed("discord", "The bot"):
            raise ModuleNotFoundError("No module named 'discord'", name="discord")


def test_a_missing_module_of_our_own_is_raised_as_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="gone"):
        with needed("discord", "The bot"):
            raise ModuleNotFoundError("gone", name="reverie.gone")
