"""A target that forges all that pyleak reads of it: pyleak says what it can, and is not harmed itself."""

import pathlib
import re
import subprocess
import unittest

from pyleak_testing import BINARY, LiveTest, Target, Watch, python_target, rounds
from pyleak_testing.processes import pyleak

MOST_MEMORY_KIB = 400 << 10


def peak_memory_kib(pid):
    return int(re.search(r"VmHWM:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


class Hostile(LiveTest):
    def start_hostile(self):
        target = Target(python_target("hostile.py"))  # What it does to itself is no harm of ours: nothing is compared.
        self.addCleanup(target.stop)
        return target

    def block_by_each(self, target):
        for _ in range(rounds(1, 20) * target.facts["files"]):
            target.tell("block")
            target.wait_for("blocked", 20)

    def test_json_stays_valid(self):
        """Every record fits the schema, which the watch checks; the words that the target forges are none of ours."""
        target = self.start_hostile()
        watch = Watch.attach(target.pid, "--threshold", "50ms")
        self.addCleanup(self._end_watch, watch)
        self.block_by_each(target)
        self.assertLess(peak_memory_kib(watch.process.pid), MOST_MEMORY_KIB)
        self.assertEqual(watch.stop(), 0)
        lines = [frame["line"] or "" for record in watch.blocks() for frame in record["blocking_stack"] or []]
        self.assertFalse([line for line in lines if line.startswith("root:")], "a file that is none of the target's")
        longest = max((record["duration"] for record in watch.blocks()), default=0)
        self.assertLess(longest, watch.records[-1]["duration"] + 20, "longer than pyleak has run")

    def test_text_is_fit_for_a_terminal(self):
        target = self.start_hostile()
        command = [BINARY, "attach", str(target.pid), "--threshold", "50ms", "--duration", "8s"]
        watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(watch.kill)
        self.block_by_each(target)
        said = watch.communicate(timeout=60)[0].decode()
        self.assertIn(watch.returncode, (0, 1), said[-1000:])
        self.assertNotRegex(said, r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]")
        self.assertFalse([line for line in said.splitlines() if line.startswith("Event Loop Block: block-99")])

    def test_looks_from_outside(self):
        target = self.start_hostile()
        for command in ("dump", "list"):
            done = pyleak(command, target.pid)
            self.assertNotRegex(done.stdout + done.stderr, r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
            self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
