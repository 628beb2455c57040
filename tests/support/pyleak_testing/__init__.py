"""What the tests of the built binary stand on: targets, the watch of them, and the check that they were not harmed.

The environment says where things are: PYLEAK_BINARY, PYLEAK_TARGETS (the folder of the compiled targets), and
PYLEAK_REQUIRE (see requirements.py). Nothing here waits without a deadline.
"""

from .case import LiveTest
from .places import BINARY, compiled_target, node_target, python_target
from .requirements import interpreters, require
from .rounds import rounds
from .target import Target
from .watch import Watch

__all__ = [
    "BINARY",
    "LiveTest",
    "Target",
    "Watch",
    "compiled_target",
    "interpreters",
    "node_target",
    "python_target",
    "require",
    "rounds",
]
