"""What matters in a user's memories, how it hangs together, what changes: every claim a test. Pure: no I/O."""

from reverie.analysis.durable import LASTING, Durable, Prototypes, prototype_texts, read_durable
from reverie.analysis.engine import analyze
from reverie.analysis.export import to_graphml, to_networkx, to_node_link
from reverie.analysis.importance import DEFAULT_WEIGHTS
from reverie.analysis.insight import Insight, LocalInsight, TextInsight
from reverie.analysis.known_texts import KnownTexts
from reverie.analysis.recall import RECALL_WEIGHTS, recall, recall_in
from reverie.analysis.recall_index import RecallIndex

__all__ = [
    "DEFAULT_WEIGHTS",
    "LASTING",
    "RECALL_WEIGHTS",
    "Durable",
    "Insight",
    "KnownTexts",
    "LocalInsight",
    "Prototypes",
    "RecallIndex",
    "TextInsight",
    "analyze",
    "prototype_texts",
    "read_durable",
    "recall",
    "recall_in",
    "to_graphml",
    "to_networkx",
    "to_node_link",
]
