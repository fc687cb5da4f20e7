"""A fake cloud: one server over a real socket that speaks the wire formats of the providers' public references.

**A fake**, for tests and benchmarks: its vectors are ``HashEmbedder``'s. It keeps what it was asked and can be made to
go wrong in the ways providers do.
"""

from reverie.testing.cloud.faults import Fault
from reverie.testing.cloud.server import FakeCloud, Seen

__all__ = ["FakeCloud", "Fault", "Seen"]
