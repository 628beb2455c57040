"""preload_runner, and the facts that a program tells of itself when it is run by it."""

import contextlib
import os
import pathlib
import subprocess
import sys
import tempfile

from pyleak_testing.lines import wait_until

RUNNER = os.environ["PYLEAK_PRELOAD_RUNNER"]


class Regions:
    """The file in which the runner says at its end who claimed a region."""

    def __init__(self):
        self._file = tempfile.NamedTemporaryFile("r", encoding="utf-8")
        self.path = self._file.name

    def read(self):
        """Loops of each process, by pid."""
        with self._file:
            return {int(pid): int(loops) for pid, loops in map(str.split, self._file)}


def run(command, **options):
    """Runs a command to its end: the CompletedProcess, and the loops of each process that claimed a region."""
    options.setdefault("stdin", subprocess.DEVNULL)
    regions = Regions()
    done = subprocess.run(
        [RUNNER, regions.path, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, **options
    )
    return done, regions.read()


def alone(command, **options):
    """The same without the runner: the CompletedProcess."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60, **options)


def python(script, *arguments):
    return [sys.executable, "-c", script, *arguments]


@contextlib.contextmanager
def running(command, **options):
    """The runner as a running process with pipes, and its regions; it has ended when the context does."""
    regions = Regions()
    process = subprocess.Popen(
        [RUNNER, regions.path, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options
    )
    try:
        yield process, regions
    finally:
        process.stdin.close()
        process.stdout.close()
        if process.poll() is None:
            process.terminate()
        process.wait(20)


def children_of(pid):
    """As procps tells them."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], stdout=subprocess.PIPE, text=True)
    return [int(word) for word in listed.stdout.split()]


def wait_for_end(pid):
    wait_until(lambda: not pathlib.Path(f"/proc/{pid}").exists(), f"process {pid} ends", 20)
