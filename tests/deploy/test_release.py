"""The release says of the audit what is true."""

from __future__ import annotations

from scripts import release

UNKNOWN = {"name": "a", "skip_reason": "Dependency not found on PyPI and could not be audited: a (1)"}
SOUND = {"name": "b", "version": "1.0", "vulns": []}
BROKEN = {"name": "c", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": []}]}


def test_packages_that_nobody_looked_up_are_not_called_sound() -> None:
    assert release.verdict([UNKNOWN, UNKNOWN]) == (True, "not done: none of the 2 packages could be looked up")
    assert release.verdict([UNKNOWN, SOUND]) == (True, "1 of 2 packages looked up (not: a), no known vulnerabilities")


def test_a_known_vulnerability_fails_the_release_and_is_named() -> None:
    sound, text = release.verdict([SOUND, BROKEN])
    assert not sound
    assert "2 of 2 packages looked up, 1 known vulnerabilities" in text
    assert "c 2.0: PYSEC-1, fixed in 2.1" in text


def test_the_bill_of_materials_names_every_locked_package_with_a_licence() -> None:
    parts = release.sbom()["components"]
    assert isinstance(parts, list)
    assert {part["name"] for part in parts} == set(release.locked())
    assert {"celery", "numpy", "psycopg"} <= set(release.locked())
    assert next(p for p in parts if p["name"] == "numpy")["licenses"][0]["license"]["name"] != "unknown"
