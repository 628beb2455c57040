"""freeze: how long a thread is held for a sample."""

import json
import subprocess
import time

from . import places
from .figure import Figure
from .places import hogs, started

ROUNDS = 400
LOOKS = 5
STACKTRACE = "@sentry-internal/node-native-stacktrace"

# By name: how to start the thread, and what to tell it then.
THREADS = {
    "C++, 30 frames, on the CPU": (places.SUBJECT, "pauses 3600"),
    "C++, 30 frames, asleep": (places.SUBJECT, "sleep"),
    "CPython, 20 frames, on the CPU": ([*places.PYTHON_SUBJECT, "spin"], "pauses 3600"),
    "CPython, 20 frames, asleep": ([*places.PYTHON_SUBJECT, "sleep"], None),
    "Node, 20 frames, in JavaScript": (places.NODE_SUBJECT, "pauses 3600"),
}

# What else shows where a Python thread is, and what else shows a native one.
PYTHON_PEERS = {
    "py-spy": lambda pid: ["py-spy", "dump", "--pid", pid],
    "pystack": lambda pid: ["pystack", "remote", pid],
    "austin": lambda pid: ["austin", "--where", pid],
}
NATIVE_PEERS = {
    "gdb": lambda pid: ["gdb", "-p", pid, "-batch", "-ex", "bt"],
    "eu-stack": lambda pid: ["eu-stack", "-p", pid],
}


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
        what = f"{name}, p{at * 100:.0f}"
        yield Figure(what, "us", times["sample"], "the floor", times["floor"], f"ratio {aim}", at=at, headline=at == 0.5)


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
            aim = "ratio 0.02" if name in ("py-spy", "pystack") else ""
            what = f"{language}, longest pause that the target sees"
            yield Figure(what, "ms", ours, name, theirs, aim, headline=bool(aim))


def seen_within():
    """The same of a Node that takes stacks of itself, from a thread of its own."""
    module = places.node_module(STACKTRACE)
    what = "Node, longest pause that the target sees"
    if not module:
        yield Figure(f"{what} with {STACKTRACE}", note="not installed")
        return
    with started(places.NODE_SUBJECT) as target:
        ours = list(pauses_during(target, [places.BINARY, "dump", str(target.pid)]))
    with started([*places.NODE_SUBJECT, module]) as target:
        theirs = list(pauses_during(target, ["sleep", "1"]))
    yield Figure(what, "ms", ours, STACKTRACE, theirs)


def measure():
    for name, (command, order) in THREADS.items():
        yield from held(name, command, order)
    with hogs():
        yield from held("CPython asleep, beside hogs", [*places.PYTHON_SUBJECT, "sleep"], None)
    yield from seen("C++", places.SUBJECT, NATIVE_PEERS)
    yield from seen("CPython", [*places.PYTHON_SUBJECT, "spin"], PYTHON_PEERS)
    yield from seen("Node", places.NODE_SUBJECT, NATIVE_PEERS)
    yield from seen_within()
