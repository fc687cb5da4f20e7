"""Reverie for agents: stored memories as tools of the Model Context Protocol, over stdio or the gateway's ``/mcp``."""
