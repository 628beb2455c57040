"""A running target of tests/targets: told what to do by lines, answering in lines of JSON with its own truth."""

import dataclasses
import functools
import json
import subprocess
import time

from .lines import Lines
from .processes import our_pid_of


@dataclasses.dataclass
class Block:
    """One block as the target itself saw it. The stack is outermost first, and may go on below what it knows."""

    kind: str
    begin_ns: int
    end_ns: int
    pid: int
    tid: int
    stack: list
    task: dict = None
    error: int = 0
    cpu_ns: int = 0
    runqueue_ns: int = 0
    object: str = ""
    holder: dict = None  # tid and stack of the thread that held what this one waited for

    @classmethod
    def of(cls, fact):
        return cls(**{field.name: fact[field.name] for field in dataclasses.fields(cls) if field.name in fact})

    @property
    def seconds(self):
        return (self.end_ns - self.begin_ns) / 1e9


class Target:
    """Started by `command`, and ready when the constructor returns. Its end of input ends it."""

    def __init__(self, command, **popen_options):
        popen_options.setdefault("stdout", subprocess.PIPE)
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, text=True, **popen_options)
        self._lines = Lines(self.process.stdout)
        self.facts = self.wait_for("ready", 20)

    @functools.cached_property
    def pid(self):
        """As we have it; the target itself may live in another pid namespace."""
        return our_pid_of(self.facts["pid"], self.process.pid) if "pid" in self.facts else self.process.pid

    def wait_for(self, event, seconds):
        """The next fact of that kind; facts of other kinds that come before it are passed over."""
        deadline = time.monotonic() + seconds
        while True:
            line = self._lines.next(deadline)
            if line is None:
                raise AssertionError(f"the target ended (status {self.process.wait()}) instead of saying {event}")
            fact = json.loads(line)
            if fact["event"] == event:
                return fact

    def tell(self, *words):
        self.process.stdin.write(" ".join(str(word) for word in words) + "\n")
        self.process.stdin.flush()

    def block(self, seconds, kind, argument=None):
        """Blocks the loop now, and returns the target's own view of it once it is over."""
        self.tell("block", seconds, kind, *([] if argument is None else [argument]))
        return self.blocked(seconds)

    def blocked(self, seconds):
        """The answer to a block that was told before."""
        return Block.of(self.wait_for("block", seconds + 20))

    def burst(self, count, seconds, pause):
        """`count` blocks of `seconds`, the loop going round for `pause` after each."""
        self.tell("burst", count, seconds, pause)
        return [Block.of(fact) for fact in self.wait_for("burst", count * (seconds + pause) * 3 + 20)["blocks"]]

    def pause(self, seconds, kind):
        """As long without blocking."""
        self.tell("pause", seconds, kind)
        self.wait_for("pause", seconds + 20)

    def state(self):
        self.tell("state")
        return self.wait_for("state", 20)

    def stop(self):
        """Ends the target by the end of its input, or by force, and returns its status."""
        if not self.process.stdin.closed:
            self.process.stdin.close()
        try:
            return self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()
