"""Small helpers for the libraries that bots are written with."""
