"""growth: how what pyleak costs grows with the loops, threads, modules and frames of the target, and with its blocks."""

import ctypes.util
import json
import pathlib
import shutil
import subprocess
import tempfile
import time

from . import places
from .figure import Figure
from .places import started
from .recording import Beginning, recording

SECONDS = 4
ATTACHES = 5
FREEZES = 100
LOOPS = (1, 10, 100, 250)
PROCESSES = (1, 10, 100)
THREADS = (1, 10, 100, 1000)
MODULES = (1, 10, 100, 400)
FRAMES = (10, 100, 1000)
BLOCKS = (1, 10, 30)  # A second, of 25 ms each.


def measure():
    for count in LOOPS:
        yield point("CPU of pyleak", "loops", count, "% of a core", beside("loops", count - 1))
    for count in PROCESSES:
        yield point("CPU of pyleak", "processes", count, "% of a core", beside("processes", count - 1, 1))
    for count in BLOCKS:
        shares = watching(("blocks", 100 * count, 0.025, 0.025, 1 / count - 0.025), "--threshold", "20ms")
        yield point("CPU of pyleak", "blocks a second", count, "% of a core", shares)
    for count in THREADS:
        yield point("exec of pyleak to watching", "threads", count, "ms", attaching(count))
    for count in MODULES:
        yield point("exec of pyleak to watching", "modules", count, "ms", with_modules(count))
    for count in FRAMES:
        with started(places.SUBJECT) as target:
            target.tell("sleep", count)
            freezes = ask(places.FREEZE_COST, target.pid, FREEZES)["sample"]
            events = ask(places.SYMBOLISE_COST, target.pid, FREEZES)
        yield point("a thread is held", "frames", count, "us", [nanoseconds / 1e3 for nanoseconds in freezes])
        yield point("CPU for an event", "frames", count, "us", [nanoseconds / 1e3 for nanoseconds in events])


def point(what, of, count, unit, values):
    return Figure(f"{what}, {count} {of}", unit, values, growth=(f"{what} ({unit}), by {of}", count))


def ask(program, pid, rounds):
    output = subprocess.run([program, str(pid), str(rounds)], capture_output=True, timeout=120)
    return json.loads(output.stdout)


def beside(command, *arguments):
    """Shares of a processor that pyleak uses for loops that go round ten times a second, each."""
    return watching((command, *arguments), "--children", answer="started")


def watching(order, *options, answer=None):
    with started(places.SUBJECT) as target:
        target.tell(*order)
        if answer:
            target.wait_for(answer, 20)
        with recording(target.pid, options=options) as record:
            time.sleep(1)  # What comes with the beginning is not measured here.
            before, _ = record.cost()
            time.sleep(SECONDS)  # The time over which it is measured.
            return [100 * (record.cost()[0] - before) / SECONDS]


def milliseconds_to_watching(target):
    times = []
    for _ in range(ATTACHES):
        watch = Beginning(target.pid)
        watch.stop()
        times.append((watch.watching - watch.started) * 1e3)
    return times


def attaching(threads):
    with started(places.SUBJECT) as target:
        target.tell("threads", threads - 1)
        target.wait_for("started", 20)
        return milliseconds_to_watching(target)


def with_modules(count):
    """Of a process that has loaded so many libraries: copies of one, since a file is loaded once."""
    library = pathlib.Path("/lib/x86_64-linux-gnu", ctypes.util.find_library("z"))
    with tempfile.TemporaryDirectory(prefix="pyleak-bench-") as folder:
        for number in range(count):
            shutil.copy(library, pathlib.Path(folder, f"library{number}.so"))
        with started(places.SUBJECT) as target:
            target.tell("modules", count, folder)
            target.wait_for("started", 60)
            return milliseconds_to_watching(target)
