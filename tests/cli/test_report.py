"""`pyleak report`: what it makes of a real recording, checked against the records themselves."""

import json
import math
import pathlib
import statistics
import subprocess
import tempfile
import unittest
from collections import defaultdict

from pyleak_testing import BINARY, LiveTest, python_target


def report(*arguments, **keywords):
    return subprocess.run([BINARY, "report", *arguments], capture_output=True, text=True, timeout=20, **keywords)


def places(stack):
    """What a block's stack is told by; None: it has none."""
    return stack and tuple((frame["filename"], frame["lineno"], frame["name"], frame["module"]) for frame in stack)


class OfARealWatch(LiveTest):
    def record(self):
        """A recording of blocks of two kinds, and the records in it."""
        target = self.start(python_target("asyncio_service.py"))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "blocks.jsonl")
        watch = self.attach(target, "--threshold", "30ms")
        for seconds in (0.05, 0.2, 0.1, 0.06):
            target.block(seconds, "sleep")
            target.block(seconds / 1.2, "cpu")
            watch.block()
            watch.block()
        self.assertEqual(watch.stop(), 0)
        path.write_text("".join(json.dumps(record) + "\n" for record in watch.records))
        return path, [record for record in watch.records if record["type"] == "EventLoopBlock" and not record["ongoing"]]

    def test_all_formats(self):
        path, blocks = self.record()
        total = sum(block["duration"] for block in blocks)
        with self.subTest("json"):
            self.check_json(json.loads(report(path, "--format", "json").stdout), blocks, total)
        with self.subTest("text"):
            self.check_text(report(path).stdout, blocks, total)
        with self.subTest("folded"):
            # flamegraph.pl, inferno and speedscope read "frame;frame;frame count".
            lines = report(path, "--format", "folded").stdout.splitlines()
            counts = [int(line.rsplit(" ", 1)[1]) for line in lines]
            self.assertLess(abs(sum(counts) - total * 1000), len(lines))
            self.assertTrue(all(line.startswith("python3 (pid ") for line in lines), lines)
        with self.subTest("speedscope"):
            self.check_speedscope(json.loads(report(path, "--format", "speedscope").stdout), total)
        with self.subTest("chrome"):
            self.check_chrome(json.loads(report(path, "--format", "chrome").stdout), blocks)

    def check_json(self, summary, blocks, total):
        self.assertEqual(summary["blocks"], len(blocks))
        self.assertAlmostEqual(summary["blocked_seconds"], total, places=6)
        groups = defaultdict(list)
        for block in blocks:
            groups[places(block["blocking_stack"])].append(block["duration"])
        self.assertEqual(len(summary["groups"]), len(groups))
        for found in summary["groups"]:
            durations = sorted(groups[places(found["blocking_stack"])])
            self.assertEqual(found["count"], len(durations))
            self.assertAlmostEqual(found["total_seconds"], math.fsum(durations), places=6)
            self.assertAlmostEqual(found["median_seconds"], statistics.median_low(durations), places=6)
            self.assertAlmostEqual(found["max_seconds"], durations[-1], places=6)

    def check_text(self, text, blocks, total):
        self.assertTrue(text.startswith(f"{len(blocks)} blocks, {total:.3f}s blocked\n"), text[:100])
        longest = max(blocks, key=lambda block: block["duration"])
        self.assertIn(f"block-{longest['block_id']} at ", text)
        python = [frame for frame in longest["blocking_stack"] if frame["language"] == "python"]
        own = [frame for frame in python if frame["filename"].endswith("blocks.py")][-1]
        self.assertIn(f"{own['name']} ({own['filename']}:{own['lineno']})", text)

    def check_speedscope(self, file, total):
        """As its file-format-schema.json and its importer have it."""
        self.assertEqual(file["$schema"], "https://www.speedscope.app/file-format-schema.json")
        (profile,) = file["profiles"]
        self.assertEqual((profile["type"], profile["unit"]), ("sampled", "milliseconds"))
        self.assertEqual(len(profile["samples"]), len(profile["weights"]))
        self.assertAlmostEqual(sum(profile["weights"]), total * 1000, places=3)
        frames = file["shared"]["frames"]
        for sample in profile["samples"]:
            if sample:  # Empty: a block without a stack.
                self.assertEqual(frames[sample[0]]["name"], "<module>")
                self.assertLess(max(sample), len(frames))

    def check_chrome(self, file, blocks):
        events = [event for event in file["traceEvents"] if event["ph"] == "X"]
        self.assertEqual(len(events), len(blocks))
        for event, block in zip(events, blocks):
            self.assertEqual((event["pid"], event["tid"]), (block["pid"], block["tid"]))
            self.assertAlmostEqual(event["ts"] / 1e6, block["timestamp"], places=5)
            self.assertAlmostEqual(event["dur"] / 1e6, block["duration"], places=6)
        named = {(event["name"], event["pid"]) for event in file["traceEvents"] if event["ph"] == "M"}
        self.assertEqual(named, {(name, blocks[0]["pid"]) for name in ("process_name", "thread_name")})


class Input(unittest.TestCase):
    START = '{"type":"WatchStarted","schema_version":1}\n'

    def test_standard_input(self):
        result = report("-", input=self.START)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertTrue(result.stdout.startswith("0 blocks, "), result.stdout)

    def test_what_cannot_be_read_is_said(self):
        result = report("-", input=self.START + 'half a li')
        self.assertEqual(result.returncode, 0)
        self.assertIn("1 line(s) are no records of pyleak", result.stdout)

    def test_failures(self):
        for arguments, keywords in (
            (("/nonexistent",), {}),
            (("-",), {"input": ""}),
            (("-",), {"input": "hello\n" * 1000}),
            (("/",), {}),
            (("-", "-o", "/dev/full"), {"input": self.START}),
        ):
            result = report(*arguments, **keywords)
            self.assertEqual((result.returncode, result.stdout), (1, ""), arguments)
            self.assertRegex(result.stderr, r"\Apyleak: [^\n]+\n(  hint: [^\n]+\n)?\Z")

    def test_a_long_line_is_no_record(self):
        result = report("-", input=self.START + "x" * (100 << 20) + "\n")
        self.assertEqual(result.returncode, 0)
        self.assertIn("1 line(s) are no records of pyleak", result.stdout)


if __name__ == "__main__":
    unittest.main()
