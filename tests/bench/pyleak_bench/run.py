"""run: how much later a program's main begins under `pyleak run`."""

import subprocess
import time

from . import places
from .figure import Figure

ROUNDS = 40


def milliseconds_to_main(*before):
    begin = time.monotonic_ns()
    output = subprocess.run([*before, *places.SUBJECT, "time"], stdout=subprocess.PIPE, timeout=20).stdout
    return (int(output.split()[-1]) - begin) / 1e6


def measure():
    watched = []
    bare = []
    for _ in range(ROUNDS):
        watched.append(milliseconds_to_main(places.BINARY, "run", "--output", "/dev/null", "--"))
        bare.append(milliseconds_to_main())
    yield Figure("from exec to main", "ms", watched, "the bare program", bare, "3 ms more")
