"""``./dev chaos [--minutes N --seed S]``."""

import sys

from tests.chaos.run import main

sys.exit(main())
