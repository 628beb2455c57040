"""pyleak says when it cannot see what it should, and its own delays are not the target's."""

import os
import signal
import time
import unittest

from pyleak_testing import LiveTest, python_target
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import state_of


class SelfCheck(LiveTest):
    def test_a_pyleak_that_does_not_run_says_so_and_its_durations_stay_exact(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "100ms")
        os.kill(watch.process.pid, signal.SIGSTOP)
        try:
            wait_until(lambda: state_of(watch.process.pid) == "T", "pyleak has stopped")
            stopped = time.monotonic()
            blocks = [target.block(0.3, "sleep"), target.block(0.5, "sleep")]
            wait_until(lambda: time.monotonic() > stopped + 1, "a second has passed")
        finally:
            os.kill(watch.process.pid, signal.SIGCONT)
        warned = watch.wait_for("Warning", 10, code="late")
        self.assertRegex(warned["message"], r"was late by \d\.\d{3}s: ")
        records = [watch.block() for _ in blocks]
        for record, block in zip(records, blocks):
            self.assert_duration(record, block)
            self.assert_timestamp(record, block)
        self.turn(target)
        self.assertEqual(watch.stop(), 0)
        ended = watch.records[-1]
        self.assertEqual(ended["blocks"], 2)
        self.assertGreaterEqual(ended["late"]["looks"], 1)
        self.assertGreaterEqual(ended["late"]["seconds"], 0.9)


if __name__ == "__main__":
    unittest.main()
