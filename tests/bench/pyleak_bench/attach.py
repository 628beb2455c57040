"""attach: how soon pyleak watches, and what the target sees of its coming."""

import subprocess
import time

from pyleak_testing import Target, node_target, python_target

from . import places
from .figure import Figure
from .recording import Beginning
from .services import RedisService

ROUNDS = 8
BLOCK_SECONDS = 0.03


class Obedient:
    """A target that blocks three times when it is told, and then says when the first block ended."""

    def __init__(self, command):
        self._target = Target(command)
        self.pid = self._target.pid

    def begin_blocks(self):
        if self._target.facts.get("loop"):
            self._target.tell("burst", 3, BLOCK_SECONDS, 0.02)
        else:
            self._target.tell("blocks", 3, BLOCK_SECONDS, BLOCK_SECONDS, 0.02)

    def first_end(self):
        answer = self._target.wait_for("burst" if self._target.facts.get("loop") else "blocks", 20)
        first = answer["blocks"][0]
        return (first["end_ns"] if isinstance(first, dict) else first[1]) / 1e9

    def stop(self):
        self._target.stop()


class Redis(RedisService):
    """It answers when its block is over."""

    def begin_blocks(self):
        self.block(BLOCK_SECONDS)
        self._end = time.monotonic()

    def first_end(self):
        return self._end


TARGETS = {
    "C++": lambda: Obedient(places.SUBJECT),
    "CPython": lambda: Obedient(python_target("asyncio_service.py")),
    "Node": lambda: Obedient(node_target()),
    "redis": Redis,
}


def measure():
    for name, start in TARGETS.items():
        target = start()
        try:
            watching, first_event = zip(*(attach(target) for _ in range(ROUNDS)))
        finally:
            target.stop()
        yield Figure(f"{name}, exec of pyleak to watching", "ms", watching, aim="50 ms", headline=True)
        yield Figure(f"{name}, exec of pyleak to the first event", "ms", first_event, aim="150 ms", headline=True)
    yield from held(0, "1 ms more")
    yield from held(99, "5 ms more")


def attach(target):
    """Milliseconds from the start of pyleak to its first record, and to the first block that it tells of, which began
    with the watch; without the time that this block lasted."""
    watch = Beginning(target.pid, "--threshold", "20ms", "--max-blocks", "1")
    target.begin_blocks()
    watch.lines.next(watch.started + 20)
    event = time.monotonic()
    watch.process.wait(20)
    waited = target.first_end() - watch.watching
    return (watch.watching - watch.started) * 1e3, (event - watch.started - waited) * 1e3


def held(others, aim):
    """What a thread that computes misses in all while pyleak comes and goes, beside what it misses alone."""
    target = Target(places.SUBJECT)
    watched = []
    alone = []
    command = [places.BINARY, "attach", str(target.pid), "--duration", "300ms", "--output", "/dev/null"]
    try:
        target.tell("loops", others)
        target.wait_for("started", 20)
        for _ in range(ROUNDS):
            for program, results in ((command, watched), (["sleep", "0.3"], alone)):
                target.tell("pauses", 1)
                subprocess.run(program, stderr=subprocess.DEVNULL, timeout=30)
                results.append(target.wait_for("pauses", 20)["held_ns"] / 1e6)
    finally:
        target.stop()
    what = f"C++, {others + 1} loop(s), held in all by attach and detach"
    yield Figure(what, "ms", watched, "alone", alone, aim, headline=True)
