"""detection: blocks of 1.02 to 3 times the threshold, against the target's own clock."""

from pyleak_testing import Target

from . import places
from .figure import Figure
from .recording import recording

# By the threshold in milliseconds: how many blocks, of twice as long on average.
COUNTS = {200: 60, 20: 800, 2: 5000}
PAUSE_SECONDS = 0.002


def measure():
    for threshold, count in COUNTS.items():
        yield from detect(threshold, count)


def detect(threshold, count):
    target = Target(places.SUBJECT)
    low, high = 1.02 * threshold / 1e3, 3 * threshold / 1e3
    try:
        with recording(target.pid, options=("--threshold", f"{threshold}ms")) as record:
            target.tell("blocks", count, low, high, PAUSE_SECONDS)
            blocks = target.wait_for("blocks", count * high * 2 + 60)["blocks"]
            record.stop()
            yield from figures(threshold, blocks, record.blocks())
    finally:
        target.stop()


def figures(threshold, blocks, records):
    name = f"threshold {threshold} ms"
    yield Figure(f"{name}, blocks missed of {len(blocks)}", "", [len(blocks) - len(records)], aim="0")
    without = sum(record["blocking_stack"] is None for record in records)
    yield Figure(f"{name}, blocks without a stack", "%", [100 * without / max(1, len(records))], aim="0.1 %")
    captures = [record["capture"]["after_seconds"] for record in records]
    lateness = [after * 1e3 - threshold for after in captures if after is not None]
    for at, aim in ((0.5, "0.3 ms"), (0.99, "2 ms")):
        yield Figure(f"{name}, sample after the threshold, p{at * 100:.0f}", "ms", lateness, aim=aim, at=at)
    if len(blocks) == len(records):
        errors = [abs(record["duration"] * 1e6 - (end - begin) / 1e3) for record, (begin, end) in zip(records, blocks)]
        for at, aim in ((0.5, ""), (0.99, "50 us")):
            yield Figure(f"{name}, error of the duration, p{at * 100:.0f}", "us", errors, aim=aim, at=at)
