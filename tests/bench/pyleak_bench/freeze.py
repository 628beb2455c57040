"""freeze: how long a thread is held for a sample."""

import contextlib
import json
import os
import subprocess
import time

from pyleak_testing import Target

from . import places
from .figure import Figure

ROUNDS = 400
LOOKS = 5
JAVASCRIPT = "const f = n => { if (n) f(n - 1); else for (;;); }; console.log('{\"event\": \"ready\"}'); f(20)"

# By name: how to start the thread, and what to tell it then.
THREADS = {
    "C++, 30 frames, on the CPU": (places.SUBJECT, "pauses 3600"),
    "C++, 30 frames, asleep": (places.SUBJECT, "sleep"),
    "CPython, 20 frames, on the CPU": ([*places.PYTHON_SUBJECT, "spin"], "pauses 3600"),
    "CPython, 20 frames, asleep": ([*places.PYTHON_SUBJECT, "sleep"], None),
    "Node, in JavaScript": (["node", "-e", JAVASCRIPT], None),
}

# What else shows where a Python thread is, and what else shows a native one.
PYTHON_PEERS = {
    "py-spy": lambda pid: ["py-spy", "dump", "--pid", pid],
    "pystack": lambda pid: ["pystack", "remote", pid],
}
NATIVE_PEERS = {
    "gdb": lambda pid: ["gdb", "-p", pid, "-batch", "-ex", "bt"],
    "eu-stack": lambda pid: ["eu-stack", "-p", pid],
}


@contextlib.contextmanager
def started(command):
    """A target that is killed at the end, whatever it does then."""
    target = Target(command)
    try:
        yield target
    finally:
        target.process.kill()
        target.process.wait()
        target.process.stdin.close()


@contextlib.contextmanager
def hogs():
    """As many programs as there are processors, that use them up."""
    programs = [subprocess.Popen([places.PYTHON, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


def costs(command, order):
    """What freeze_cost says of a thread."""
    with started(command) as target:
        if order:
            target.tell(order)
        output = subprocess.run([places.FREEZE_COST, str(target.pid), str(ROUNDS)], capture_output=True, timeout=120)
    return json.loads(output.stdout)


def held(name, command, order):
    times = {key: [nanoseconds / 1e3 for nanoseconds in values] for key, values in costs(command, order).items()}
    for at, aim in ((0.5, "1.5"), (0.99, "3")):
        yield Figure(
            f"{name}, p{at * 100:.0f}", "us", times["sample"], "the floor", times["floor"], f"ratio {aim}", at=at
        )


def pauses_during(target, command):
    """The target's longest pauses while `command` runs, in ms, several times over."""
    begin = time.monotonic()
    subprocess.run(command, capture_output=True, timeout=60)
    seconds = (time.monotonic() - begin) * 1.5 + 0.2
    for _ in range(LOOKS):
        target.tell("pauses", seconds)
        subprocess.run(command, capture_output=True, timeout=60)
        yield target.wait_for("pauses", 60)["longest_ns"] / 1e6


def seen(language, subject, peers):
    """The longest pause that the target itself sees while a stack of it is taken."""
    with started(subject) as target:
        pid = str(target.pid)
        ours = list(pauses_during(target, [places.BINARY, "dump", pid]))
        nothing = list(pauses_during(target, ["sleep", "0.1"]))
        yield Figure(f"{language}, longest pause that the target sees", "ms", ours, "alone", nothing)
        for name, arguments in peers.items():
            program, *rest = arguments(pid)
            if not places.peer(program):
                yield Figure(f"{language}, pyleak's pause and that of {name}", note=f"{name} is not installed")
                continue
            theirs = list(pauses_during(target, [places.peer(program), *rest]))
            aim = "ratio 0.02" if name in PYTHON_PEERS else ""
            yield Figure(f"{language}, longest pause that the target sees", "ms", ours, name, theirs, aim)


def measure():
    for name, (command, order) in THREADS.items():
        yield from held(name, command, order)
    with hogs():
        yield from held("CPython asleep, beside hogs", [*places.PYTHON_SUBJECT, "sleep"], None)
    yield from seen("C++", places.SUBJECT, NATIVE_PEERS)
    yield from seen("CPython", [*places.PYTHON_SUBJECT, "spin"], PYTHON_PEERS)
