"""Several samples of one block: one long call is told from many short ones."""

import re
import subprocess
import unittest

from pyleak_testing import BINARY, LiveTest, python_target
from pyleak_testing.case import python_frames


class Samples(LiveTest):
    def setUp(self):
        self.target = self.start(python_target("asyncio_service.py"))

    def text_of_a_block(self, seconds, kind):
        """What `pyleak attach` prints for people of one block, and the target's own view of it."""
        with subprocess.Popen(
            [BINARY, "attach", str(self.target.pid), "--threshold", "100ms", "--max-blocks", "1"],
            stdout=subprocess.PIPE,
            text=True,
        ) as attach:
            self.turn_once_watched(self.target)
            block = self.target.block(seconds, kind)
            return attach.communicate(timeout=20)[0], block

    def test_one_long_call_is_one_stack(self):
        watch = self.attach(self.target, "--threshold", "100ms")
        self.target.block(1.0, "sleep")
        record = watch.block()
        self.assertEqual([sample["count"] for sample in record["samples"]], [len(record["capture"]["freeze_seconds"])])
        self.assertGreaterEqual(record["samples"][0]["count"], 2)
        self.assertEqual(record["samples"][0]["blocking_stack"], record["blocking_stack"])
        text, _ = self.text_of_a_block(1.0, "sleep")
        self.assertNotIn("Samples:", text)

    def test_many_short_calls_have_no_single_culprit(self):
        text, block = self.text_of_a_block(1.5, "batch")
        caller = block.stack[-2]
        self.assertEqual(caller["name"], "batch")
        said = re.search(r"Samples: no single culprit: (\d+) samples, (\d+) stacks; all under batch \((.*)\)\n", text)
        self.assertTrue(said, text)
        samples, stacks, place = said.groups()
        self.assertLessEqual(2, int(stacks))
        self.assertLessEqual(int(stacks), min(5, int(samples)))
        self.assertEqual(place, f"blocks.py:{caller['lineno']}")
        self.assertRegex(text, rf"line {caller['lineno']}, in batch\n .*\n    <the samples part here: \d of {samples} ")

    def test_a_stack_that_was_seen(self):
        """What stands for the block is one of its samples, and more than half of them stood elsewhere."""
        watch = self.attach(self.target, "--threshold", "100ms")
        self.target.block(1.5, "batch")
        record = watch.block()
        same = [sample for sample in record["samples"] if python_frames(sample) == python_frames(record)]
        self.assertTrue(same)
        self.assertLessEqual(2 * sum(sample["count"] for sample in same), len(record["capture"]["freeze_seconds"]))


if __name__ == "__main__":
    unittest.main()
