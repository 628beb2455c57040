"""symbolising: how many blocks with a stack of their own pyleak names, explains and writes in a second."""

import json
import subprocess

from . import places
from .figure import Figure

ROUNDS = 2000

THREADS = {
    "C++, 30 frames": places.SUBJECT,
    "CPython, 20 frames": [*places.PYTHON_SUBJECT, "spin"],
}


def measure():
    for name, command in THREADS.items():
        with places.started(command) as target:
            target.tell("wander")
            program = [places.SYMBOLISE_COST, str(target.pid), str(ROUNDS)]
            output = subprocess.run(program, capture_output=True, timeout=120)
        rates = [1e9 / nanoseconds for nanoseconds in json.loads(output.stdout)]
        yield Figure(f"{name}, distinct stacks, warm", "events/s", rates, aim="5000", headline=True)
