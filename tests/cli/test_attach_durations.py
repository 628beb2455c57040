"""Exact and complete: durations against the target's own clock, and many blocks in a row."""

import unittest

from pyleak_testing import LiveTest, compiled_target, node_target, python_target, require


class Durations(LiveTest):
    def check_errors(self, name, records, blocks):
        """Prints how far the durations are from the target's own. No more than one in a hundred is off by 5 ms: between
        its clock and its wait call the target itself may lose the CPU on a busy machine."""
        errors = sorted(record["duration"] - block.seconds for record, block in zip(records, blocks))
        quantiles = {percent: errors[(len(errors) - 1) * percent // 100] * 1e3 for percent in (0, 50, 90, 99, 100)}
        print(f"{name}: {len(errors)} blocks, error in ms:", {key: round(value, 3) for key, value in quantiles.items()})
        self.assertGreaterEqual(quantiles[0], -0.1)
        self.assertLess(quantiles[99], 5)

    def check_burst(self, name, target, count):
        """None is lost and none merged: the records are the target's blocks, one by one and in order."""
        watch = self.attach(target, "--threshold", "10ms", "--check-interval", "5ms")
        blocks = target.burst(count, 0.02, 0.002)
        records = [watch.block() for _ in blocks]
        self.assertEqual([record["block_id"] for record in records], list(range(1, count + 1)))
        for record, block in zip(records, blocks):
            self.assert_timestamp(record, block, 0.02)
        self.check_errors(name, records, blocks)
        self.assertEqual(watch.stop(), 0)
        # The answer to so many blocks is long, and to write it may block too; that is after them all.
        records = [record for record in watch.records if record["type"] == "EventLoopBlock" and not record["ongoing"]]
        for record in records[count:]:
            self.assertGreater(record["timestamp"], records[count - 1]["timestamp"] + records[count - 1]["duration"])
        self.assertLessEqual(len(records), count + 1)
        ended = watch.records[-1]
        self.assertEqual((ended["type"], ended["blocks"]), ("WatchEnded", len(records)))
        self.assertAlmostEqual(ended["blocked_seconds"], sum(record["duration"] for record in records), delta=0.001)

    def test_several_hundred_blocks_of_asyncio(self):
        self.check_burst("asyncio", self.start(python_target("asyncio_service.py")), 300)

    def test_several_hundred_blocks_of_node(self):
        require("node")
        self.check_burst("node", self.start(node_target(), jit=True), 300)

    def test_a_bare_loop(self):
        target = self.start(compiled_target("bare_loop", "epoll_wait"))
        watch = self.attach(target, "--threshold", "10ms")
        blocks = [target.block(seconds, "sleep") for seconds in (0.011, 0.02, 0.05, 0.1, 0.5) * 4]
        self.check_errors("epoll_wait", [watch.block() for _ in blocks], blocks)

    def test_a_long_block_is_told_while_it_lasts(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "100ms")
        target.tell("block", 2.5, "sleep")
        for age in (1, 2):
            record = watch.wait_for("EventLoopBlock", 10, ongoing=True)
            self.assertAlmostEqual(record["duration"], age, delta=0.3)
            self.assertEqual(record["block_id"], 1)
        block = target.blocked(2.5)
        record = watch.block()
        self.assertEqual(record["block_id"], 1)
        self.assert_duration(record, block, 0.02)
        self.assert_python_stack(record, block)


if __name__ == "__main__":
    unittest.main()
