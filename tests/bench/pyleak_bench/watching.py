"""watching: what pyleak itself uses meanwhile."""

import time

from pyleak_testing import python_target

from . import places
from .figure import Figure
from .places import started
from .recording import recording

SECONDS = 3
SAMPLES = 3
# After that a thread that has been asleep since pyleak came is looked at less often.
SETTLING_SECONDS = 11
# Blocks of which the memory is measured: how many, how long each in seconds, and the pause after each.
LONG_RUN = (8000, 0.003, 0.001)


def measure():
    with started(python_target("asyncio_service.py", "--interval", "0")) as target:
        yield from cost("an idle asyncio loop", target, "0.3 %", settling=SETTLING_SECONDS)
    with started(python_target("asyncio_service.py")) as target:
        yield from cost("an asyncio loop, 100 turns a second", target, "0.3 %")
    with started(places.SUBJECT) as target:
        target.tell("turns", 100_000, SECONDS * SAMPLES + 5)
        yield from cost("a loop, 100,000 turns a second", target, "")
    with started(places.SUBJECT) as target:
        target.tell("blocks", 20 * (SECONDS * SAMPLES + 5), 0.03, 0.03, 0.02)
        yield from cost("a loop, 20 blocks a second", target, "", "--threshold", "20ms")
    for processes, loops in ((10, 1), (100, 1), (10, 100)):
        with started(places.SUBJECT) as target:
            target.tell("processes", processes - 1, loops)
            target.wait_for("started", 20)
            if loops > 1:
                target.tell("loops", loops - 1)
                target.wait_for("started", 20)
            name = f"{processes} processes of {loops} loop(s), 10 turns a second each"
            yield from cost(name, target, "", "--children")
    yield from long_run()


def cost(name, target, aim, *options, settling=1):
    with recording(target.pid, options=options) as record:
        time.sleep(settling)  # What comes with the beginning is not measured here.
        shares = []
        memory = []
        for _ in range(SAMPLES):
            before, _ = record.cost()
            time.sleep(SECONDS)  # The time over which it is measured.
            after, mebibytes = record.cost()
            shares.append(100 * (after - before) / SECONDS)
            memory.append(mebibytes)
    yield Figure(f"{name}, CPU", "% of a core", shares, aim=aim, headline=True)
    yield Figure(f"{name}, memory", "MiB", memory, aim="20 MiB")


def long_run():
    """Memory after the first eighth of so many blocks, and after all of them."""
    count, seconds, pause = LONG_RUN
    eighth = count // 8
    with started(places.SUBJECT) as target, recording(target.pid, options=("--threshold", "2ms")) as record:
        target.tell("blocks", eighth, seconds, seconds, pause)
        target.wait_for("blocks", 120)
        _, early = record.cost()
        target.tell("blocks", count - eighth, seconds, seconds, pause)
        target.wait_for("blocks", 120)
        _, late = record.cost()
    yield Figure(f"memory after {count} blocks", "MiB", [late], f"after {eighth}", [early], "20 MiB", headline=True)
