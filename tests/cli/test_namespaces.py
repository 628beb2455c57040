"""Targets in namespaces of their own: numbers and times are pyleak's, files and symbols are the target's."""

import os
import signal
import subprocess
import time
import unittest

from pyleak_testing import BINARY, LiveTest, compiled_target, python_target
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import descendants, memory_files, our_pid_of, our_tid_of
from pyleak_testing.spaces import PID_NAMESPACE, time_namespace


class Namespaces(LiveTest):
    def check_block(self, target, watch):
        """A block of the target is told in our own terms."""
        block = target.block(0.5, "sleep")
        record = watch.block()
        self.assert_duration(record, block, 0.02)
        self.assertEqual(record["pid"], target.pid)
        self.assertEqual(record["tid"], our_tid_of(block.tid, target.pid))
        return record, block

    def test_pid_namespace(self):
        """Its first process, which calls itself 1, in a user and a mount namespace of its own besides."""
        target = self.start(PID_NAMESPACE + python_target("asyncio_service.py"))
        self.assertEqual(target.facts["pid"], 1)
        watch = self.attach(target, "--threshold", "100ms")
        record, block = self.check_block(target, watch)
        self.assert_timestamp(record, block)
        self.assert_python_stack(record, block)
        self.assertEqual(record["loop"]["kind"], "asyncio")
        self.assertEqual(watch.stop(), 0)

    def test_threads_of_a_pid_namespace(self):
        target = self.start(PID_NAMESPACE + compiled_target("several_loops", "threads", "3"))
        watch = self.attach(target, "--threshold", "100ms")
        for index in (2, 0, 1):
            target.tell("to", index, "state")
            target.wait_for("state", 20)
            target.tell("to", index, "block", 0.5, "sleep")
            block, record = target.blocked(0.5), watch.block()
            self.assert_duration(record, block, 0.02)
            self.assertEqual(record["tid"], our_tid_of(block.tid, target.pid))
            self.assertEqual(record["thread"], f"loop-{index}")
            self.assert_native_frame(record, block)

    def test_children_in_a_pid_namespace(self):
        target = self.start(PID_NAMESPACE + compiled_target("several_loops", "processes", "2"))
        watch = self.attach(target, "--threshold", "100ms", "--children")
        for index in (1, 0):
            target.tell("to", index, "state")
            target.wait_for("state", 20)
            target.tell("to", index, "block", 0.5, "sleep")
            block, record = target.blocked(0.5), watch.block()
            self.assert_duration(record, block, 0.02)
            self.assertEqual(record["pid"], our_pid_of(block.pid, target.pid))
            self.assert_native_frame(record, block)

    def test_run_of_a_pid_and_time_namespace(self):
        """What `run` starts makes the namespaces itself; its processes number themselves from 1."""
        spaces = [*PID_NAMESPACE, "--time", "--monotonic", "86400"]
        watch, target = self.run_watched(spaces + python_target("asyncio_service.py"), "--threshold", "100ms")
        self.turn(target)
        record, block = self.check_block(target, watch)
        block.begin_ns -= 86400 * 10**9
        self.assert_timestamp(record, block)
        self.assert_python_stack(record, block)

    def test_time_namespace(self):
        """Its CLOCK_MONOTONIC is ahead of ours, or behind it."""
        for offset in (86400, -1000):
            with self.subTest(offset=offset):
                target = self.start(time_namespace(offset) + compiled_target("bare_loop", "epoll_wait"))
                watch = self.attach(target, "--threshold", "100ms")
                record, block = self.check_block(target, watch)
                self.assertGreater(abs(block.begin_ns / 1e9 - time.monotonic()), abs(offset) - 10)
                block.begin_ns -= offset * 10**9
                self.assert_timestamp(record, block)
                self.assertTrue(0 < record["capture"]["after_seconds"] < record["duration"], record["capture"])
                self.assert_native_frame(record, block)
                self.assertEqual(watch.stop(), 0)

    def test_two_pyleaks_in_different_pid_namespaces(self):
        """One in the machine's and one in the target's: neither can tell by pids whether the other lives."""
        target = self.start(PID_NAMESPACE + compiled_target("bare_loop", "epoll_wait"))
        enter = ["nsenter", "--target", str(target.pid), "--pid", "--", "unshare", "--mount-proc", "--"]
        outside, inside = (target.pid, [BINARY]), (target.facts["pid"], [*enter, BINARY])
        for one, other in ((outside, inside), (inside, outside)):
            watch, pyleak = self.watch_from(target, one)
            pid, program = other
            for _ in range(2):
                command = [*program, "attach", str(pid)]
                refused = subprocess.run(command, stderr=subprocess.PIPE, text=True, timeout=20)
                self.assertEqual(refused.returncode, 1, refused.stderr)
                self.assertRegex(refused.stderr, "pyleak with pid [0-9]+ of another pid namespace watches it already")
                self.assert_told(watch, target.block(0.2, "sleep"))
            os.kill(pyleak, signal.SIGKILL)
            watch.process.wait(20)
            watch, pyleak = self.watch_from(target, other)
            self.assert_told(watch, target.block(0.2, "sleep"))
            os.kill(pyleak, signal.SIGINT)
            self.assertEqual(watch.finish(), 0)

    def watch_from(self, target, place):
        """A watch by a pyleak in a namespace, and its pid as we have it."""
        pid, program = place
        before = memory_files(target.pid)
        watch = self.attach_at_once(pid, "--threshold", "50ms", program=program)
        wait_until(lambda: memory_files(target.pid) - before, "its agent is in the target")
        self.turn(target)
        *_, pyleak = descendants(watch.process.pid)
        return watch, pyleak

    def test_proc_of_another_pid_namespace(self):
        """Who enters a pid namespace and keeps the /proc of another would see, and stop, the wrong processes."""
        done = subprocess.run(
            ["unshare", "--pid", "--fork", BINARY, "attach", "2"], stderr=subprocess.PIPE, text=True, timeout=20
        )
        self.assertEqual(done.returncode, 1)
        self.assertIn("/proc is of another pid namespace", done.stderr)


if __name__ == "__main__":
    unittest.main()
