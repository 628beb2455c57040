"""The base of every live test."""

import pathlib
import time
import unittest

from .lines import wait_until
from .target import Target
from .unharmed import Snapshot
from .watch import Watch


class LiveTest(unittest.TestCase):
    """Starts and attaches; at the end of each test every target that should live is checked for harm, and ended."""

    maxDiff = None

    def start(self, command, jit=False):
        """Starts a target of tests/targets."""
        target = Target(command)
        self.addCleanup(target.stop)
        self.look_after(target, jit)
        return target

    def look_after(self, target, jit=False):
        """From now on the target must not be harmed."""
        snapshot = Snapshot(target.pid, jit)
        self.addCleanup(self._check, target, snapshot)

    def attach(self, target, *options, **how):
        """Watches a target until the end of the test at most. Its loop has gone round under the watch already."""
        watch = self.attach_at_once(target.pid, *options, **how)
        self.turn(target)
        return watch

    def turn(self, target):
        """Lets the target's loop go round, so that the agent has seen a whole iteration of it."""
        for _ in range(2):
            target.state()

    def turn_once_watched(self, target):
        """The same for a watch that does not say in JSON when it begins: once the agent's memory is in the target."""
        self.wait_for_agent(target.pid)
        self.turn(target)

    def wait_for_agent(self, pid):
        """Until the process has the agent's memory."""
        maps = pathlib.Path(f"/proc/{pid}/maps")
        wait_until(lambda: "/memfd:pyleak" in maps.read_text(), "the agent is in the target")

    def attach_at_once(self, pid, *options, **how):
        """Watches a process, whose loops may still be in the iteration, or the wait, that they were in before."""
        watch = Watch.attach(pid, *options, **how)
        self.addCleanup(self._end_watch, watch)
        return watch

    def run_watched(self, command, *options):
        """Starts a target under `pyleak run`: the watch and the target."""
        watch, target = Watch.run(command, *options)
        self.addCleanup(target.stop)
        watch.wait_for("WatchStarted", 20)
        return watch, target

    def _end_watch(self, watch):
        if watch.process.poll() is None:
            watch.stop()
        if watch.process.stderr:
            watch.process.stderr.close()

    def _check(self, target, snapshot):
        if target.process.poll() is not None:
            self.assertTrue(target.process.stdin.closed, f"the target ended, status {target.process.returncode}")
            return
        snapshot.assert_unharmed()
        state = target.state()
        if not target.facts.get("idle"):
            state = wait_until(lambda: self._state_after(target, state["work"]), "the target works on")
        self.assertLessEqual(state.get("interrupted", 0), state["signals"], "waits were interrupted by no signal")
        self.assertEqual(state.get("early", 0), 0, "waits returned early")

    def _state_after(self, target, work):
        state = target.state()
        return state if state["work"] > work else None

    def assert_duration(self, record, block, tolerance=0.005):
        """The record's duration is the target's own, which begins a little later and ends a little earlier."""
        self.assertEqual(block.error, 0, "the blocking call failed")
        self.assertGreaterEqual(record["duration"], block.seconds - 0.0001)
        self.assertLessEqual(record["duration"], block.seconds + tolerance)

    def assert_told(self, watch, block):
        """The record of the iteration that the block was in, which may have begun long before and ended long after it.
        Those that ended before it are passed over: of the start of a program, of other tracers, of a busy machine."""
        self.assertEqual(block.error, 0, "the blocking call failed")
        wall_clock_offset = time.time() - time.monotonic()
        begin, end = block.begin_ns / 1e9 + wall_clock_offset, block.end_ns / 1e9 + wall_clock_offset
        record = watch.block()
        while record["timestamp"] + record["duration"] < begin:
            record = watch.block()
        self.assertLessEqual(record["timestamp"], begin + 0.01)
        self.assertGreaterEqual(record["timestamp"] + record["duration"], end - 0.01)
        return record

    def assert_timestamp(self, record, block, tolerance=0.01):
        wall_clock_offset = time.time() - time.monotonic()
        self.assertAlmostEqual(record["timestamp"], block.begin_ns / 1e9 + wall_clock_offset, delta=tolerance)

    def assert_python_stack(self, record, block):
        """Every Python frame of the target's own traceback: same file, line and name, in the same order. And its task."""
        expected = [summary(frame) for frame in block.stack]
        self.assertEqual(python_frames(record)[: len(block.stack)], expected, record["capture"])
        self.assertEqual(record["task"], block.task)

    def assert_native_frame(self, record, block):
        """The target's function and line are on the native stack."""
        (expected,) = block.stack
        frames = [frame for frame in record["native_stack"] or [] if (frame["name"] or "").startswith(expected["name"])]
        self.assertEqual([frame["lineno"] for frame in frames], [expected["lineno"]], record["native_stack"])
        self.assertTrue(frames[0]["filename"].endswith(expected["filename"]), frames[0])


def summary(frame):
    return frame["filename"], frame["lineno"], frame["name"]


def python_frames(record):
    """The Python frames of a record's blocking stack, outermost first."""
    return [summary(frame) for frame in record["blocking_stack"] or [] if frame["language"] == "python"]
