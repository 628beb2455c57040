"""Which blocks are reported: --caller, --ignore, --loop and --thread."""

import unittest

from pyleak_testing import LiveTest, python_target
from pyleak_testing.case import python_frames


class Filters(LiveTest):
    def setUp(self):
        self.target = self.start(python_target("asyncio_service.py"))

    def kinds_reported(self, *options):
        """The innermost Python functions of the reported ones among three blocks."""
        watch = self.attach(self.target, "--threshold", "50ms", *options)
        for kind in ("sleep", "lock", "sleep"):
            self.target.block(0.1, kind)
        self.target.state()  # Answered in a later iteration: the last block is over.
        self.assertEqual(watch.stop(), 0)
        return [python_frames(record)[-1][2] for record in watch.blocks()]

    def test_caller(self):
        self.assertEqual(self.kinds_reported("--caller", "blocks.py:lock"), ["lock"])
        self.assertEqual(self.kinds_reported("--caller", "commands.py"), ["sleep", "lock", "sleep"])
        self.assertEqual(self.kinds_reported("--caller", "other.py"), [])

    def test_ignore(self):
        self.assertEqual(self.kinds_reported("--ignore", "blocks.py:sleep"), ["lock"])
        self.assertEqual(self.kinds_reported("--ignore", "commands.py"), ["sleep", "lock", "sleep"])

    def test_loop_and_thread(self):
        self.assertEqual(self.kinds_reported("--loop", "asyncio"), ["sleep", "lock", "sleep"])
        self.assertEqual(self.kinds_reported("--loop", "node"), [])
        self.assertEqual(self.kinds_reported("--thread", str(self.target.pid)), ["sleep", "lock", "sleep"])
        self.assertEqual(self.kinds_reported("--thread", "1"), [])


if __name__ == "__main__":
    unittest.main()
