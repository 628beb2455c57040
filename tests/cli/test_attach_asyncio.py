"""pyleak attach and the examples that users of asyncio know: what is a block, and what is none."""

import os
import tempfile
import unittest

from pyleak_testing import LiveTest, python_target
from pyleak_testing.load import late_server


class AsyncioExamples(LiveTest):
    def setUp(self):
        self.target = self.start(python_target("asyncio_service.py"))

    def watch(self, threshold, *options):
        return self.attach(self.target, "--threshold", threshold, *options)

    def assert_reported(self, watch, block):
        record = watch.block()
        self.assert_duration(record, block, 0.02)
        self.assert_timestamp(record, block, 0.02)
        self.assertEqual((record["pid"], record["tid"]), (block.pid, block.tid))
        self.assertEqual(record["loop"]["kind"], "asyncio")
        return record

    def assert_nothing_until(self, watch, seconds):
        """No block is reported before the one of `seconds` that is made now."""
        record = self.assert_reported(watch, self.target.block(seconds, "sleep"))
        self.assertEqual(record["block_id"], 1)

    def test_sleep_over_the_threshold(self):
        watch = self.watch("0.1")
        block = self.target.block(0.2, "sleep")
        record = self.assert_reported(watch, block)
        self.assert_python_stack(record, block)
        self.assertEqual(record["blocking_stack"][-1]["language"], "native")
        self.assertIn("nanosleep", record["blocking_stack"][-1]["name"])
        self.assertIn("time.sleep(", [frame for frame in record["blocking_stack"] if frame["line"]][-1]["line"])

    def test_sleep_below_the_threshold(self):
        watch = self.watch("0.2")
        self.target.block(0.1, "sleep")
        self.assert_nothing_until(watch, 0.3)

    def test_small_threshold(self):
        watch = self.watch("0.01", "--check-interval", "0.001")
        block = self.target.block(0.02, "sleep")
        self.assert_python_stack(self.assert_reported(watch, block), block)

    def test_large_threshold(self):
        watch = self.watch("1.0")
        self.target.block(0.5, "sleep")
        self.assert_nothing_until(watch, 1.1)

    def test_computation(self):
        watch = self.watch("0.1")
        block = self.target.block(0, "squares", 5_000_000)
        record = self.assert_reported(watch, block)
        self.assert_python_stack(record, block)
        # What takes most of the time may be the want of a CPU, if the machine is busy; the target knows how much it had.
        mostly_computing = block.cpu_ns / 1e9 > 0.6 * block.seconds
        self.assertIn(record["cause"]["kind"], {"cpu"} if mostly_computing else {"cpu", "not_scheduled"})

    def test_two_kinds_in_one_iteration_are_one_block(self):
        watch = self.watch("0.1")
        block = self.target.block(0.6, "two_kinds")
        record = self.assert_reported(watch, block)
        innermost = {sample["blocking_stack"][-1]["name"] for sample in record["samples"]}
        self.assertGreater(len(innermost), 1, "both the sleep and the computation are sampled")

    def test_two_kinds_in_a_row_are_two_blocks(self):
        watch = self.watch("0.1")
        for kind in ("sleep", "cpu"):
            block = self.target.block(0.25, kind)
            self.assert_python_stack(self.assert_reported(watch, block), block)

    def test_synchronous_http(self):
        watch = self.watch("0.1")
        with late_server(0.3) as url:
            block = self.target.block(0, "http", url)
        self.assert_python_stack(self.assert_reported(watch, block), block)

    def test_nested_waits_are_blocks(self):
        """subprocess.run and sockets with a timeout, as requests uses them, wait in poll() within the iteration."""
        watch = self.watch("0.1")
        for kind in ("subprocess_run", "socket_timeout"):
            with self.subTest(kind):
                block = self.target.block(0.3, kind)
                self.assert_python_stack(self.assert_reported(watch, block), block)

    def test_lock(self):
        watch = self.watch("0.1")
        block = self.target.block(0.3, "lock")
        self.assert_python_stack(self.assert_reported(watch, block), block)

    def test_fifo(self):
        watch = self.watch("0.1")
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "fifo")
            os.mkfifo(path)
            block = self.target.block(0.3, "fifo", path)
        self.assert_python_stack(self.assert_reported(watch, block), block)

    def test_deep_recursion(self):
        watch = self.watch("0.1")
        block = self.target.block(0.2, "deep", 300)
        self.assertGreater(len(block.stack), 300)
        self.assert_python_stack(self.assert_reported(watch, block), block)

    def test_waiting_is_no_block(self):
        watch = self.watch("0.1")
        for kind in ("asyncio_sleep", "asyncio_to_thread", "asyncio_executor", "asyncio_http"):
            self.target.pause(0.3, kind)
        self.assert_nothing_until(watch, 0.2)


if __name__ == "__main__":
    unittest.main()
