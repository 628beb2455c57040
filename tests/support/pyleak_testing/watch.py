"""pyleak itself, watching: its records as they come, each valid under the schema of the repository."""

import functools
import json
import os
import signal
import subprocess
import time

import jsonschema

from .lines import Lines
from .places import BINARY, SCHEMA
from .target import Target


@functools.lru_cache(maxsize=None)
def _validator():
    schema = json.loads(SCHEMA.read_text())
    return jsonschema.validators.validator_for(schema)(schema)


def valid_record(line):
    """The record that one line of output holds; fails unless the schema allows it."""
    record = json.loads(line)
    errors = [f"{'/'.join(map(str, error.path))}: {error.message}" for error in _validator().iter_errors(record)]
    if errors:
        raise AssertionError(f"{errors} in {line}")
    return record


class Watch:
    """A pyleak process that writes JSON Lines to `stream`."""

    def __init__(self, process, stream):
        self.process = process
        self.records = []
        self._lines = Lines(stream)

    @classmethod
    def attach(cls, pid, *options, program=(BINARY,)):
        """`pyleak attach`, watching already: its WatchStarted has come. `program`: pyleak, and what starts it."""
        command = [*program, "attach", str(pid), "--format", "json", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        watch = cls(process, process.stdout)
        try:
            watch.wait_for("WatchStarted", 20)
        except (AssertionError, TimeoutError) as error:
            process.kill()
            process.wait()
            with process.stderr as complaints:
                raise AssertionError(f"{error}; pyleak said: {complaints.read()}") from None
        return watch

    @classmethod
    def run(cls, command, *options):
        """`pyleak run` around a target: the watch and the target, which is the same process to start with."""
        read_end, write_end = os.pipe()
        arguments = [BINARY, "run", "--format", "json", "--output", f"fd:{write_end}", *options, "--", *command]
        try:
            target = Target(arguments, pass_fds=(write_end,))
        finally:
            os.close(write_end)
        return cls(target.process, os.fdopen(read_end)), target

    def next(self, seconds):
        """The next record, or None at the end of the output."""
        line = self._lines.next(time.monotonic() + seconds)
        if line is None:
            return None
        record = valid_record(line)
        self.records.append(record)
        return record

    def wait_for(self, kind, seconds, **expected):
        """The next record of that type whose fields are as expected; others that come before it are passed over."""
        deadline = time.monotonic() + seconds
        while True:
            record = self.next(max(0, deadline - time.monotonic()))
            if record is None:
                raise AssertionError(f"the output ended before a {kind} came")
            if record["type"] == kind and all(record[name] == value for name, value in expected.items()):
                return record

    def block(self, seconds=10):
        """The next block that is over."""
        return self.wait_for("EventLoopBlock", seconds, ongoing=False)

    def blocks(self):
        """Every block that was read so far and is over."""
        return [record for record in self.records if record["type"] == "EventLoopBlock" and not record["ongoing"]]

    def finish(self, seconds=20):
        """Reads to the end of the output, and returns the exit status."""
        while self.next(seconds) is not None:
            pass
        return self.process.wait(seconds)

    def stop(self, number=signal.SIGINT):
        """Ends the watch as Ctrl-C does, and returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.finish()
