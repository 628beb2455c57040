"""pyleak dump and pyleak list: the loops of a process, now."""

import unittest

from pyleak_testing import LiveTest, compiled_target, python_target
from pyleak_testing.case import python_frames
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import CLOCK_NANOSLEEP, in_system_call, pyleak
from pyleak_testing.watch import valid_record


class Now(LiveTest):
    def loops(self, command, target):
        result = pyleak(command, target.pid, "--format", "json")
        self.assertEqual(result.returncode, 0, result.stderr)
        return [valid_record(line) for line in result.stdout.splitlines()]

    def test_a_waiting_loop(self):
        target = self.start(python_target("asyncio_service.py", "--interval", "0"))
        for command in ("dump", "list"):
            with self.subTest(command):
                (loop,) = self.loops(command, target)
                self.assertEqual((loop["pid"], loop["tid"], loop["loop"]["kind"]), (target.pid, target.pid, "asyncio"))
                self.assertEqual(loop["state"], "waiting")

    def test_a_blocked_loop(self):
        target = self.start(python_target("asyncio_service.py"))
        target.tell("block", 2, "sleep")
        wait_until(lambda: in_system_call(target.pid, CLOCK_NANOSLEEP), "the block has begun")
        (loop,) = self.loops("dump", target)
        block = target.blocked(2)
        self.assertEqual(loop["state"], "busy")
        self.assertEqual(
            python_frames(loop), [(frame["filename"], frame["lineno"], frame["name"]) for frame in block.stack]
        )

    def test_several_loops(self):
        target = self.start(compiled_target("several_loops", "threads", "3"))
        self.assertEqual(len(self.loops("list", target)), 4)

    def test_text_names_the_loop(self):
        target = self.start(compiled_target("uv_loop"))
        for command in ("dump", "list"):
            result = pyleak(command, target.pid)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("libuv", result.stdout)
            self.assertIn(str(target.pid), result.stdout)


if __name__ == "__main__":
    unittest.main()
