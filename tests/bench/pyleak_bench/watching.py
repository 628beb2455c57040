"""watching: what pyleak itself uses meanwhile."""

import contextlib
import time

from pyleak_testing import Target, python_target

from . import places
from .figure import Figure
from .recording import recording

SECONDS = 5
SAMPLES = 3


def measure():
    with started(python_target("asyncio_service.py")) as target:
        yield from cost("idle asyncio loop", target)
    with started(places.SUBJECT) as target:
        target.tell("turns", 100_000, SECONDS * SAMPLES + 5)
        yield from cost("100,000 turns a second", target)
    with started(places.SUBJECT) as target:
        target.tell("blocks", 20 * (SECONDS * SAMPLES + 5), 0.03, 0.03, 0.02)
        yield from cost("20 blocks a second", target, "--threshold", "20ms")


def cost(name, target, *options):
    with recording(target.pid, options=options) as record:
        shares = []
        memory = []
        for _ in range(SAMPLES):
            before, _ = record.cost()
            time.sleep(SECONDS)  # The time over which it is measured.
            after, mebibytes = record.cost()
            shares.append(100 * (after - before) / SECONDS)
            memory.append(mebibytes)
    yield Figure(f"{name}, CPU", "% of a core", shares, aim="0.3 %" if "idle" in name else "")
    yield Figure(f"{name}, memory", "MiB", memory, aim="20 MiB")


@contextlib.contextmanager
def started(command):
    target = Target(command)
    try:
        yield target
    finally:
        target.process.kill()
        target.process.wait()
        target.process.stdin.close()
