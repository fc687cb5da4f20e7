"""Every parameter of the SDK's public methods is explained where it is asked for."""

from __future__ import annotations

import inspect

import pytest

from reverie import AsyncReverie
from reverie.client import AsyncTask, AsyncUser

METHODS = [
    (kind, name)
    for kind in (AsyncReverie, AsyncTask, AsyncUser)
    for name, member in vars(kind).items()
    if inspect.isfunction(member) and not name.startswith("_")
]


@pytest.mark.parametrize(("kind", "name"), METHODS, ids=lambda value: getattr(value, "__name__", value))
def test_each_option_of_a_method_is_named_in_its_docstring(kind: type, name: str) -> None:
    method = getattr(kind, name)
    options = [p.name for p in inspect.signature(method).parameters.values() if p.kind is p.KEYWORD_ONLY]
    missing = [option for option in options if f"``{option}``" not in (method.__doc__ or "")]
    assert not missing, f"{kind.__name__}.{name} does not explain {', '.join(missing)}"


def test_each_option_of_the_client_is_named_in_its_docstring() -> None:
    options = list(inspect.signature(AsyncReverie.__init__).parameters)[1:]
    assert [option for option in options if f"``{option}``" not in (AsyncReverie.__doc__ or "")] == []
