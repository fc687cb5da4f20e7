"""Helpers for asyncio that know nothing of Reverie's data."""
