"""pyleak writing to a file, so that nobody reads along while it is measured."""

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from pyleak_testing.lines import Lines, wait_until

from . import places


def cpu_seconds(pid):
    """What all threads of a process have used, those that have ended too."""
    clock = ~pid << 3 | 2  # As clock_getcpuclockid(3) makes it: CPUCLOCK_SCHED of include/linux/posix-timers.h.
    return time.clock_gettime(clock)


class Recording:
    """`pyleak attach`, watching already."""

    def __init__(self, pids, output, options):
        self._output = output
        command = [places.BINARY, "attach", *map(str, pids), "--format", "json", "--output", str(output), *options]
        self.process = subprocess.Popen(command)
        wait_until(lambda: output.exists() and output.read_text().count("\n"), "the watch has begun", 30)

    def cost(self):
        """Seconds of CPU that it has used, and its memory in MiB."""
        pages = int(pathlib.Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return cpu_seconds(self.process.pid), pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)

    def blocks(self):
        """Of the watch that has ended, the blocks that were over."""
        records = map(json.loads, self._output.read_text().splitlines())
        return [record for record in records if record["type"] == "EventLoopBlock" and not record["ongoing"]]


class Beginning:
    """`pyleak attach` that has just begun to watch: its lines, and when on CLOCK_MONOTONIC it was started and watched."""

    def __init__(self, pid, *options):
        command = [places.BINARY, "attach", str(pid), "--format", "json", *options]
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.lines = Lines(self.process.stdout)
        self.lines.next(self.started + 20)
        self.watching = time.monotonic()

    def stop(self):
        self.process.send_signal(signal.SIGINT)
        self.process.wait(30)


@contextlib.contextmanager
def recording(*pids, options=()):
    with tempfile.TemporaryDirectory(prefix="pyleak-bench-") as folder:
        record = Recording(pids, pathlib.Path(folder, "records"), options)
        try:
            yield record
        finally:
            if record.process.poll() is None:
                record.stop()
