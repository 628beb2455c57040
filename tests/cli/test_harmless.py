"""The target runs as if pyleak were not there, and survives pyleak's death."""

import os
import signal
import unittest

from pyleak_testing import LiveTest, Target, compiled_target, node_target, python_target, require
from pyleak_testing.lines import wait_until


class Harmless(LiveTest):
    def test_attach_and_detach_many_times(self):
        """The fragile loop aborts on EINTR, and when a register or its signal stack is not as it left it."""
        for target in (self.start(compiled_target("fragile_loop")), self.start(python_target("asyncio_service.py"))):
            for _ in range(20):
                watch = self.attach(target, "--threshold", "20ms")
                block = target.block(0.05, "sleep")
                self.assert_duration(watch.block(), block, 0.02)
                self.assertEqual(watch.stop(), 0)

    def test_every_kind_of_block(self):
        """A sample within any blocking call leaves it no error; recv with SO_RCVTIMEO is the one that shows EINTR."""
        target = self.start(compiled_target("fragile_loop"))
        watch = self.attach(target, "--threshold", "20ms")
        for kind in ("sleep", "cpu", "read", "recv", "lock", "poll", "epoll") * 3:
            with self.subTest(kind):
                block = target.block(0.1, kind)
                record = watch.block()
                self.assert_duration(record, block, 0.02)

    def test_signals_arrive(self):
        """Each of a signal's arrivals is counted by the target, and interrupts a wait at most once."""
        target = self.start(compiled_target("bare_loop", "epoll_wait"))
        self.attach(target, "--threshold", "5ms", "--check-interval", "1ms")
        for count in range(1, 51):
            os.kill(target.pid, signal.SIGUSR1)
            wait_until(lambda: target.state()["signals"] == count, "the signal has arrived")
            target.block(0.01, "sleep")

    def test_a_stopped_target_stays_stopped(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "50ms")
        os.kill(target.pid, signal.SIGSTOP)
        os.waitpid(target.pid, os.WUNTRACED)
        self.assertEqual(watch.stop(), 0)
        with open(f"/proc/{target.pid}/stat", encoding="utf-8") as stat:
            self.assertIn(") T ", stat.read())
        os.kill(target.pid, signal.SIGCONT)

    def test_another_program_in_the_same_process(self):
        """After an exec the new program is watched, and left as it was like the first."""
        target = Target(python_target("asyncio_service.py"))  # Its descriptors become others: no snapshot.
        self.addCleanup(target.stop)
        watch = self.attach(target, "--threshold", "300ms")
        for _ in range(3):
            target.pause(0.5, "asyncio_sleep")  # A new program is found at the next survey.
            block = target.block(0.4, "sleep")
            self.assert_python_stack(watch.block(), block)
            target.tell("exec")
            target.wait_for("ready", 20)
        self.assertEqual(watch.stop(), 0)
        self.assertEqual(watch.process.stderr.read(), "")
        self.assertEqual([record for record in watch.records if record["type"] == "Warning"], [])
        self.assertEqual(watch.records[-1]["blocks"], 3)
        with open(f"/proc/{target.pid}/maps", encoding="utf-8") as maps:
            self.assertNotIn("pyleak", maps.read())

    def test_node_works_on(self):
        require("node")
        target = self.start(node_target(), jit=True)
        for _ in range(5):
            watch = self.attach(target, "--threshold", "50ms")
            block = target.block(0.1, "cpu")
            self.assert_duration(watch.block(), block, 0.02)
            self.assertEqual(watch.stop(), 0)


if __name__ == "__main__":
    unittest.main()
