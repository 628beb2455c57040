"""attach: how soon pyleak watches, and what the target sees of its coming."""

import subprocess
import time

from pyleak_testing import Target, node_target, python_target
from pyleak_testing.lines import Lines

from . import places
from .figure import Figure

ROUNDS = 8
BLOCK_SECONDS = 0.03

TARGETS = {
    "C++": places.SUBJECT,
    "CPython": python_target("asyncio_service.py"),
    "Node": node_target(),
}


def measure():
    for name, command in TARGETS.items():
        target = Target(command)
        try:
            watching, first_event = zip(*(attach(target) for _ in range(ROUNDS)))
        finally:
            target.stop()
        yield Figure(f"{name}, exec of pyleak to watching", "ms", watching, aim="50 ms")
        yield Figure(f"{name}, exec of pyleak to the first event", "ms", first_event, aim="150 ms")
    yield from held()


def attach(target):
    """Milliseconds from the start of pyleak to its first record, and to the first block that it tells of, which began
    with the watch; without the time that this block lasted."""
    command = [places.BINARY, "attach", str(target.pid), "--format", "json", "--threshold", "20ms", "--max-blocks", "1"]
    begin = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    lines = Lines(process.stdout)
    lines.next(begin + 20)
    watching = time.monotonic()
    if target.facts.get("loop"):
        target.tell("burst", 3, BLOCK_SECONDS, 0.02)
        answer = "burst"
    else:
        target.tell("blocks", 3, BLOCK_SECONDS, BLOCK_SECONDS, 0.02)
        answer = "blocks"
    told = time.monotonic()
    lines.next(begin + 20)
    event = time.monotonic()
    process.wait(20)
    first = target.wait_for(answer, 20)["blocks"][0]
    end = first["end_ns"] if isinstance(first, dict) else first[1]
    return (watching - begin) * 1e3, (event - begin - (max(told, end / 1e9) - told)) * 1e3


def held():
    """What a thread that computes misses in all while pyleak comes and goes, beside what it misses alone."""
    target = Target(places.SUBJECT)
    watched = []
    alone = []
    command = [places.BINARY, "attach", str(target.pid), "--duration", "300ms", "--output", "/dev/null"]
    try:
        for _ in range(ROUNDS):
            for program, results in ((command, watched), (["sleep", "0.3"], alone)):
                target.tell("pauses", 1)
                subprocess.run(program, stderr=subprocess.DEVNULL, timeout=30)
                results.append(target.wait_for("pauses", 20)["total_ns"] / 1e6)
    finally:
        target.stop()
    yield Figure("C++, pauses in all, attach and detach", "ms", watched, "alone", alone, "1 ms more")
