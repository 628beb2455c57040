"""The base of tests of event loops of many kinds."""

from .case import LiveTest

SECONDS = 0.4  # of blocks, and of pauses in which the loop goes round
GREEN = ("gevent", "eventlet")  # Below a greenlet's native frames lie what is left of another one's.
OPTIONS = ("--threshold", "100ms")


class LoopTest(LiveTest):
    """A block is reported with its stack, its task and the right kind of loop, and as long a pause is not.

    How exact its duration is other tests say: frameworks do more in an iteration than the block.
    """

    def assert_reported(self, watch, block, kind):
        record = watch.block()
        while record["tid"] != block.tid or record["duration"] < block.seconds - 0.0001:
            record = watch.block()  # Of a framework's own work, on a busy machine.
        self.assertEqual(record["loop"]["kind"], kind)
        self.assertLess(record["duration"], block.seconds + 2)
        self.assert_python_stack(record, block)
        if kind not in GREEN:
            self.assertTrue(record["capture"]["complete"], record["capture"])

    def assert_nothing_else(self, watch, count=1):
        """Ends the watch: of all that took so long, no more than the blocks was reported."""
        self.assertEqual(watch.stop(), 0)
        long_ones = [record for record in watch.blocks() if record["duration"] > SECONDS * 0.9]
        self.assertEqual(len(long_ones), count, long_ones)
