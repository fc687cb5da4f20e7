"""Pushing events: to sockets and streams, and as webhooks."""
