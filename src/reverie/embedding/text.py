"""Names for texts: the part of a vector's cache key that the text decides."""

from reverie._text_key import text_key

__all__ = ["text_key"]
