"""The fake service for commands that run in the test's own process."""

from tests.client.conftest import fake_service

__all__ = ["fake_service"]
