"""The HTTP and WebSocket routes, by resource."""
