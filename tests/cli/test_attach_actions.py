"""What a watch says in text, and its exit status, under every action."""

import os
import re
import subprocess
import tempfile
import unittest

from pyleak_testing import BINARY, LiveTest, python_target


class Actions(LiveTest):
    def setUp(self):
        self.target = self.start(python_target("asyncio_service.py"))

    def watch_text(self, *options):
        """Lets the target block twice, and returns the CompletedProcess of a watch in text."""
        command = [BINARY, "attach", str(self.target.pid), "--threshold", "50ms", "--max-blocks", "2", *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.turn_once_watched(self.target)
        beginning = "" if "--log-file" in options else process.stdout.readline()
        self.turn(self.target)
        blocks = [self.target.block(0.15, "sleep") for _ in range(2)]
        output, complaints = process.communicate(timeout=20)
        return subprocess.CompletedProcess(command, process.returncode, beginning + output, complaints), blocks

    def assert_events(self, text, blocks):
        header = r"^Event Loop Block: block-(\d+)\n  Duration: ([\d.]+)s \(threshold: 0\.050s\)\n"
        events = re.findall(header, text, re.MULTILINE)
        self.assertEqual([number for number, _ in events], ["1", "2"], text)
        for _, duration in events:
            self.assertAlmostEqual(float(duration), 0.15, delta=0.05)
        innermost = blocks[0].stack[-1]
        frame = f'    File "{innermost["filename"]}", line {innermost["lineno"]}, in {innermost["name"]}\n'
        self.assertEqual(text.count(frame + "      time.sleep(here(seconds))\n"), 2, text)
        self.assertIn("  Blocking Stack:\n", text)

    def test_warn(self):
        result, blocks = self.watch_text()
        self.assertEqual(result.returncode, 0)
        self.assert_events(result.stdout, blocks)
        self.assertRegex(result.stdout, r"Event loop blocked for 0\.\d{3}s \(threshold: 0\.050s\)")
        self.assertRegex(result.stdout, r"Event loop monitoring summary: 2 block\(s\), 0\.3\ds total blocked time\n(  [^\n]+\n)+\Z")

    def test_log(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            result, _ = self.watch_text("--action", "log", "--log-file", path)
            with open(path, encoding="utf-8") as log:
                records = log.read()
        self.assertEqual(result.returncode, 0)
        self.assertIn("WARNING", records)
        self.assertIn("Event loop blocked for", records)
        self.assertIn(str(self.target.pid), records)

    def test_cancel(self):
        result, blocks = self.watch_text("--action", "cancel")
        self.assertEqual(result.returncode, 0)
        self.assert_events(result.stdout, blocks)
        self.assertIn("Cannot cancel blocking - consider using async alternatives.", result.stdout)

    def test_raise(self):
        result, blocks = self.watch_text("--action", "raise")
        self.assertEqual(result.returncode, 3)
        self.assertIn("EventLoopBlockError: Detected 2 event loop blocks", result.stdout + result.stderr)
        self.assert_events(result.stdout + result.stderr, blocks)

    def test_raise_without_a_block(self):
        watch = self.attach(self.target, "--action", "raise", "--duration", "200ms")
        self.assertEqual(watch.finish(), 0)

    def test_raise_streams_json(self):
        watch = self.attach(self.target, "--action", "raise", "--threshold", "50ms")
        block = self.target.block(0.1, "sleep")
        self.assert_duration(watch.block(), block, 0.02)
        self.assertEqual(watch.stop(), 3)


if __name__ == "__main__":
    unittest.main()
