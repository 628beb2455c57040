"""wrapper: what the agent adds to a wait call."""

from pyleak_testing import Target, Watch

from . import places
from .figure import Figure

ROUNDS = 10
CHUNKS = 40


def measure():
    target = Target(places.SUBJECT)
    try:
        yield from costs(target)
    finally:
        target.stop()


def costs(target):
    added = []
    clocks = []
    for _ in range(ROUNDS):
        bare = ask(target)
        watch = Watch.attach(target.pid)
        try:
            watched = ask(target)
        finally:
            watch.stop()
        added.append(watched["wait_ns"] - bare["wait_ns"])
        clocks.append(bare["two_clock_reads_ns"])
    yield Figure("added to a wait call", "ns", added, "two clock reads", clocks, "10 ns more")


def ask(target):
    target.tell("waits", CHUNKS)
    return target.wait_for("waits", 60)
