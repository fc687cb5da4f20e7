"""Memories that live here: taking them in, many at once or one at a time, and reading them."""
