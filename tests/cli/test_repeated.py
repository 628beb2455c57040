"""Blocks that repeat each other: counted in text, whole in JSON and in every number."""

import os
import re
import subprocess
import tempfile
import unittest

from pyleak_testing import BINARY, LiveTest, python_target
from pyleak_testing.watch import valid_record

HEADER = re.compile(r"Event Loop Block: block-(\d+)$", re.MULTILINE)
COUNTED = re.compile(r"(\d+) more (like block-\d+|blocks of other stacks) in the last \d+ s, ([\d.]+)s$", re.MULTILINE)


class Repeated(LiveTest):
    def watch_a_burst(self, count, *options):
        """What JSON and text say of as many equal blocks, and the target's own view of them."""
        target = self.start(python_target("asyncio_service.py"))
        with tempfile.TemporaryDirectory() as folder:
            json, log = os.path.join(folder, "json"), os.path.join(folder, "log")
            with subprocess.Popen(
                [BINARY, "attach", str(target.pid), "--threshold", "50ms", "--max-blocks", str(count), *options]
                + ["--format", "json", "--output", json, "--action", "log", "--log-file", log]
            ) as attach:
                self.turn_once_watched(target)
                blocks = target.burst(count, 0.3, 0.03)
                attach.wait(30)
            with open(json, encoding="utf-8") as records, open(log, encoding="utf-8") as text:
                return [valid_record(line) for line in records], text.read(), blocks

    def assert_complete(self, records, text, blocks):
        """Every block is in JSON and in the numbers, and in text it is shown or counted. The numbers of those shown."""
        told = [record for record in records if record["type"] == "EventLoopBlock" and not record["ongoing"]]
        self.assertEqual(len(told), len(blocks))
        for record, block in zip(told, blocks):
            self.assert_duration(record, block, 0.05)
        self.assertEqual(records[-1]["blocks"], len(blocks))
        self.assertIn(f"summary: {len(blocks)} block(s)", text)
        shown = [int(number) for number in HEADER.findall(text)]
        counted = COUNTED.findall(text)
        self.assertEqual(sum(int(number) for number, _, _ in counted), len(blocks) - len(shown), text)
        not_shown = sum(record["duration"] for record in told if record["block_id"] not in shown)
        self.assertAlmostEqual(sum(float(seconds) for _, _, seconds in counted), not_shown, delta=0.005)
        return shown

    def test_the_first_few_are_shown_and_the_others_counted(self):
        records, text, blocks = self.watch_a_burst(8)
        shown = self.assert_complete(records, text, blocks)
        self.assertEqual(shown[:3], [1, 2, 3], text)
        self.assertLess(len(shown), 8, text)
        (like,) = {what for _, what, _ in COUNTED.findall(text)}
        self.assertIn(int(like.removeprefix("like block-")), shown)
        self.assertLess(text.count("Event loop blocked for"), 8, "onsets of the others are not told either")

    def test_a_limit_for_all(self):
        records, text, blocks = self.watch_a_burst(6, "--max-reports-per-minute", "1")
        self.assertEqual(self.assert_complete(records, text, blocks), [1])


if __name__ == "__main__":
    unittest.main()
