"""What a language model should know of a person before it answers: chosen, dated, fenced, within a token budget.

Pure: takes memories, views and hits, gives a block. Nothing here asks a model or a database.
"""

from reverie.context.block import Known, build_context
from reverie.context.fence import Line, parse_block

__all__ = ["Known", "Line", "build_context", "parse_block"]
