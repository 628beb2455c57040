"""Loops at the moment when pyleak arrives: waiting without a timeout, about to block, or blocked already."""

import contextlib
import os
import subprocess
import sys
import unittest

from pyleak_testing import LiveTest, compiled_target, node_target, python_target, require
from pyleak_testing.case import python_frames, summary
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import CLOCK_NANOSLEEP, in_system_call


@contextlib.contextmanager
def hardly_running(pid):
    """The process wants a processor that another one uses up, and so is on its way into a wait for a long time."""
    processor = min(os.sched_getaffinity(0))
    hog = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        for each in (pid, hog.pid):
            os.sched_setaffinity(each, {processor})
        os.setpriority(os.PRIO_PROCESS, pid, 10)
        yield
    finally:
        hog.kill()
        hog.wait()


class Arrival(LiveTest):
    def check_first_iteration(self, target, kind):
        """A block in the iteration that follows the wait in which pyleak found the loop, and one after it."""
        watch = self.attach_at_once(target.pid, "--threshold", "50ms")
        for tolerance in (0.05, 0.02):
            block = target.block(0.2, kind)
            record = watch.block()
            self.assertAlmostEqual(record["duration"], block.seconds, delta=tolerance)
            self.assertTrue(record["native_stack"], record["capture"])
        self.assertEqual(watch.stop(), 0)
        self.assertEqual(len(watch.blocks()), 2)

    def test_idle_asyncio(self):
        self.check_first_iteration(self.start(python_target("asyncio_service.py", "--interval", "0")), "sleep")

    def test_busy_asyncio(self):
        for selector in ("epoll", "poll", "select"):
            with self.subTest(selector):
                self.check_first_iteration(self.start(python_target("asyncio_service.py", "--loop", selector)), "sleep")

    def test_bare_loops(self):
        for wait_call in ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect"):
            with self.subTest(wait_call):
                self.check_first_iteration(self.start(compiled_target("bare_loop", wait_call)), "sleep")

    def test_on_its_way_into_a_wait(self):
        """Found running, it goes on into a wait through the old import, and is blocked right after that."""
        for wait_call in ("epoll_wait", "poll", "select"):
            with self.subTest(wait_call):
                target = self.start(compiled_target("bare_loop", wait_call))
                with hardly_running(target.pid):
                    watch = self.attach_at_once(target.pid, "--threshold", "50ms")
                    block = target.block(0.3, "sleep")
                self.assertAlmostEqual(watch.block()["duration"], block.seconds, delta=0.2)
                watch.stop()

    def test_libraries(self):
        for name in ("uv_loop", "event_loop", "ev_loop", "glib_loop"):
            with self.subTest(name):
                self.check_first_iteration(self.start(compiled_target(name)), "cpu")

    def test_node(self):
        require("node")
        self.check_first_iteration(self.start(node_target(), jit=True), "cpu")

    def test_blocked_already(self):
        target = self.start(python_target("asyncio_service.py"))
        target.tell("block", 2.5, "sleep")
        wait_until(lambda: in_system_call(target.pid, CLOCK_NANOSLEEP), "the block has begun")
        watch = self.attach_at_once(target.pid, "--threshold", "50ms")
        ongoing = watch.wait_for("EventLoopBlock", 10, ongoing=True)
        block = target.blocked(2.5)
        record = watch.block()
        self.assertEqual(record["block_id"], ongoing["block_id"])
        self.assertEqual(python_frames(record), [summary(frame) for frame in block.stack])
        self.assertLessEqual(record["duration"], block.seconds + 0.05)
        self.assertGreater(record["duration"], 1)
        watch.stop()
        self.attach(target).stop()  # Takes out what had to stay in a target whose only thread slept.


if __name__ == "__main__":
    unittest.main()
