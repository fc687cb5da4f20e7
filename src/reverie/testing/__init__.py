"""Fakes for testing what is built on Reverie: a gateway without engines or databases, and a local Discord."""
