"""The OpenAPI document by the recommended rules of Redocly and Spectral, whose packages are the TypeScript client's."""

from __future__ import annotations

import pytest

from tests.typescript.conftest import CLIENT, ROOT, node

pytestmark = pytest.mark.typescript


def test_redocly_and_spectral_find_nothing() -> None:
    assert node(["node", "test/lint.mjs", str(ROOT / "tests/gateway/openapi.json")], CLIENT) == "\n"
