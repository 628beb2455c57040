"""How often a fault is injected."""

import os


def rounds(short, long):
    """`short` times as a rule, `long` times under scripts/torture."""
    return long if os.environ.get("PYLEAK_LONG_TESTS") else short
