"""Causes: of each kind of block a target that knows its own truth, and what pyleak makes of it."""

import collections
import os
import pathlib
import random
import signal
import tempfile
import time
import unittest

from pyleak_testing import LiveTest, compiled_target, interpreters, node_target, python_target, require, rounds
from pyleak_testing.late import late_acceptor, late_answer, late_owner, late_writer
from pyleak_testing.lines import wait_until
from pyleak_testing.load import late_server

SECONDS = 0.3


class Causes(LiveTest):
    def watch(self, command, jit=False):
        self.target = self.start(command, jit=jit)
        self.watcher = self.attach(self.target, "--threshold", "100ms")

    def explained(self, kind, argument=None, seconds=SECONDS):
        """A block of the target, and the cause that pyleak gives for it."""
        block = self.target.block(seconds, kind, argument)
        record = self.watcher.block()
        self.assert_duration(record, block, 0.05)
        return block, record["cause"]

    def assert_cause(self, cause, kind, call=None, object=None):
        self.assertEqual(cause["kind"], kind, cause)
        self.assertEqual(cause.get("syscall"), call, cause)
        if object is not None:
            self.assertEqual(cause.get("target"), object, cause)
            self.assertIn(object, cause["summary"])

    def assert_times(self, cause, block):
        """By the target's own clock of the thread; the parts make the whole."""
        self.assertAlmostEqual(cause["cpu_seconds"], block.cpu_ns / 1e9, delta=0.02, msg=cause)
        parts = cause["cpu_seconds"] + cause["wait_seconds"] + cause["runqueue_seconds"]
        self.assertAlmostEqual(parts, block.seconds, delta=0.05, msg=cause)

    def check_common_calls(self):
        cases = {
            "receive": (late_answer, "syscall", "recvfrom"),
            "connect": (late_acceptor, "syscall", "connect"),
            "flock": (late_owner, "lock", "flock"),
        }
        for kind, (late, expected, call) in cases.items():
            with self.subTest(kind), late(SECONDS) as argument:
                block, cause = self.explained(kind, argument)
                self.assert_cause(cause, expected, call, block.object)
                self.assert_times(cause, block)
        with self.subTest("child"):
            block, cause = self.explained("child")
            self.assert_cause(cause, "syscall", "wait4", block.object)
        with self.subTest("sleep"):
            block, cause = self.explained("sleep")
            self.assert_cause(cause, "syscall", "clock_nanosleep")
            self.assert_times(cause, block)

    def test_calls_of_a_program_in_c(self):
        self.watch(compiled_target("bare_loop", "epoll_wait"))
        self.check_common_calls()
        with late_writer(SECONDS) as path:
            block, cause = self.explained("fifo", path)
            self.assert_cause(cause, "syscall", "read", block.object)
        _, cause = self.explained("poll")
        self.assert_cause(cause, "nested_wait", "poll")
        self.assertRegex(cause["target"], r"^pipe:\[\d+\]$")

    def test_calls_of_asyncio(self):
        self.watch(python_target("asyncio_service.py"))
        self.check_common_calls()
        with self.subTest("fifo"), late_writer(SECONDS) as path:
            os.unlink(path)
            os.mkfifo(path)
            _, cause = self.explained("fifo", path)
            self.assert_cause(cause, "syscall", "openat", path)
        with self.subTest("http"), late_server(SECONDS) as url:
            _, cause = self.explained("http", url)
            self.assert_cause(cause, "nested_wait", "poll", url[len("http://") :].rstrip("/"))
            self.assertIn("use an asynchronous client or asyncio.to_thread", cause["summary"])
        with self.subTest("subprocess"):
            _, cause = self.explained("subprocess_run")
            self.assertIn("use asyncio.create_subprocess_exec", cause["summary"])

    def test_advice_on_time_sleep(self):
        self.watch(python_target("asyncio_service.py"))
        _, cause = self.explained("sleep")
        self.assertRegex(
            cause["summary"],
            r"^system call clock_nanosleep, 0\.\d\d\ds of 0\.\d\d\ds asleep.*; "
            r"time\.sleep blocks the loop, use asyncio\.sleep$",
        )

    def test_calls_of_node(self):
        require("node")
        self.watch(node_target(), jit=True)
        _, cause = self.explained("exec")
        self.assert_cause(cause, "nested_wait", "epoll_pwait")
        self.assertIn("use exec or spawn", cause["summary"])
        _, cause = self.explained("fifo")
        self.assert_cause(cause, "syscall", "openat")
        self.assertRegex(cause["target"], "/pyleak-node-[^/]*/fifo$")
        self.assertIn("use those of fs.promises", cause["summary"])

    def check_computation(self):
        """The largest part is the cause: on a machine that others load that may be the want of a CPU."""
        block, cause = self.explained("cpu")
        self.assert_times(cause, block)
        is_cpu = cause["cpu_seconds"] >= cause["runqueue_seconds"]
        self.assert_cause(cause, "cpu" if is_cpu else "not_scheduled")

    def test_computation(self):
        for command in (compiled_target("bare_loop", "epoll_wait"), python_target("asyncio_service.py")):
            with self.subTest(command[-1]):
                self.watch(command)
                self.check_computation()

    def test_stopped_by_a_signal(self):
        self.watch(compiled_target("bare_loop", "epoll_wait"))
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fifo")
            os.mkfifo(path)
            fifo = os.open(path, os.O_RDWR)
            self.target.tell("block", 1, "fifo", path)
            look = pathlib.Path(f"/proc/{self.target.pid}/syscall")
            wait_until(lambda: look.read_text().startswith("0 "), "the target reads")
            os.kill(self.target.pid, signal.SIGSTOP)
            stopped_at = time.monotonic()
            time.sleep(SECONDS)
            os.kill(self.target.pid, signal.SIGCONT)
            stopped = time.monotonic() - stopped_at
            os.write(fifo, b"x")
            block = self.target.blocked(1)
            os.close(fifo)
        cause = self.watcher.block()["cause"]
        self.assert_cause(cause, "stopped")
        self.assertAlmostEqual(cause["wait_seconds"], stopped, delta=0.05, msg=(cause, block))

    def test_without_a_cpu(self):
        """The target and others that compute, all on one CPU."""
        self.watch(compiled_target("bare_loop", "epoll_wait"))
        cpu = max(os.sched_getaffinity(0))
        os.sched_setaffinity(self.target.pid, {cpu})
        hogs = [self.start(compiled_target("bare_loop", "epoll_wait")) for _ in range(4)]
        for hog in hogs:
            os.sched_setaffinity(hog.pid, {cpu})
            hog.tell("block", 3, "cpu")
        block, cause = self.explained("cpu", seconds=0.6)
        self.assert_cause(cause, "not_scheduled")
        self.assert_times(cause, block)
        for hog in hogs:
            hog.blocked(3)


class GarbageCollection(LiveTest):
    def record_of(self, watch, block):
        """The block's own: there may be others before it."""
        end = block.end_ns / 1e9 + time.time() - time.monotonic()
        while True:
            record = watch.block()
            if record["timestamp"] + record["duration"] > end - 0.005:
                return record

    def assert_collection(self, record, what):
        cause = record["cause"]
        if cause["kind"] == "not_scheduled":  # on a machine that others load
            return self.assertGreater(cause["runqueue_seconds"], cause["cpu_seconds"], cause)
        self.assertEqual(cause["kind"], "gc", (cause, record["capture"]))
        self.assertRegex(cause["summary"], rf"^garbage collection \({what}\), ")

    def sampled_collection(self, target, watch, generation):
        """One that was sampled more than once, as those are not that pyleak has no CPU for."""
        for _ in range(10):
            target.block(0, "grow", 2_000_000)
            block = target.block(0, "collect", generation)
            record = self.record_of(watch, block)
            if len(record["capture"]["freeze_seconds"]) > 1:
                return block, record
        raise AssertionError(f"hardly a sample: {record['capture']}")

    def test_every_interpreters(self):
        for version, path in interpreters().items():
            target = self.start(python_target("asyncio_service.py", interpreter=path))
            watch = self.attach(target, "--threshold", "10ms")
            for generation in (0, 1, 2):
                with self.subTest(version, generation=generation):
                    block, record = self.sampled_collection(target, watch, generation)
                    self.assertGreaterEqual(record["duration"], float(block.object))
                    self.assert_python_stack(record, block)
                    self.assert_collection(record, f"generation {generation}")
            self.assertEqual(watch.stop(), 0)

    def test_nodes(self):
        require("node")
        command = node_target()
        target = self.start([command[0], "--expose-gc", *command[1:]], jit=True)
        watch = self.attach(target, "--threshold", "50ms")
        target.block(0, "grow")
        self.assert_collection(self.record_of(watch, target.block(0.4, "collect")), "mark-compact")

    def test_computing_beside_the_collector_is_none(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "50ms")
        record = self.record_of(watch, target.block(0.3, "cpu"))
        self.assertIn(record["cause"]["kind"], ("cpu", "not_scheduled"), record["cause"])


class Precision(LiveTest):
    """Of many blocks of many kinds no kind of cause is wrong, and hardly one is unknown."""

    EXPECTED = {
        "sleep": "syscall",
        "cpu": "cpu",
        "read": "syscall",
        "recv": "syscall",
        "lock": "lock",
        "poll": "nested_wait",
        "epoll": "nested_wait",
        "child": "syscall",
    }

    def truths_of(self, kind, block):
        """The largest part of the block by the target's own accounts; two where they are as good as equal."""
        cpu, runqueue = block.cpu_ns / 1e9, block.runqueue_ns / 1e9
        asleep = block.seconds - cpu - runqueue
        parts = {"cpu": cpu, "not_scheduled": runqueue}
        if kind != "cpu":
            parts[self.EXPECTED[kind]] = asleep
        largest = max(parts.values())
        return [part for part, time in parts.items() if largest - time <= 0.15 * block.seconds]

    def test_confusion_matrix(self):
        target = self.start(compiled_target("bare_loop", "epoll_wait"))
        watch = self.attach(target, "--threshold", "30ms")
        count, seconds = rounds(100, 1000), 0.06
        matrix = collections.Counter()
        kinds = random.Random(1).choices(list(self.EXPECTED), k=count)
        for kind in kinds:
            block = target.block(seconds, kind)
            truths, said = self.truths_of(kind, block), watch.block()["cause"]["kind"]
            matrix[said if said in truths else truths[0], said] += 1
        print("\ntruth -> said: " + ", ".join(f"{a} -> {b} {n}" for (a, b), n in sorted(matrix.items())))
        unknown = sum(n for (_, said), n in matrix.items() if said == "unknown")
        wrong = {pair: n for pair, n in matrix.items() if pair[1] not in (pair[0], "unknown")}
        self.assertEqual(wrong, {})
        self.assertLess(unknown, 0.02 * count)


if __name__ == "__main__":
    unittest.main()
