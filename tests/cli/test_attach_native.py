"""pyleak attach on programs in C++: every wait call and library, several loops, and waits that are no loops."""

import os
import unittest

from pyleak_testing import LiveTest, compiled_target

WAIT_CALLS = ("epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select", "pselect")
KINDS = ("sleep", "cpu", "read", "lock", "poll", "epoll")


class NativeLoops(LiveTest):
    def assert_block_reported(self, target, watch, kind):
        block = target.block(0.15, kind)
        record = watch.block()
        self.assert_duration(record, block, 0.02)
        self.assert_native_frame(record, block)
        return record

    def test_every_wait_call(self):
        for wait_call in WAIT_CALLS:
            with self.subTest(wait_call):
                target = self.start(compiled_target("bare_loop", wait_call))
                watch = self.attach(target, "--threshold", "50ms")
                record = self.assert_block_reported(target, watch, "sleep")
                self.assertEqual((record["loop"]["kind"], record["loop"]["wait"]), ("generic", wait_call))
                if wait_call.startswith("epoll"):
                    descriptor = f"/proc/{target.pid}/fd/{record['loop']['fd']}"
                    self.assertEqual(os.readlink(descriptor), "anon_inode:[eventpoll]")

    def test_wait_calls_through_syscall(self):
        for wait_call in ("epoll_wait", "epoll_pwait2"):
            with self.subTest(wait_call):
                target = self.start(compiled_target("bare_loop", "syscall_" + wait_call))
                watch = self.attach(target, "--threshold", "50ms")
                record = self.assert_block_reported(target, watch, "sleep")
                self.assertEqual(record["loop"]["wait"], wait_call)

    def test_every_library(self):
        for name, kind in {"uv": "libuv", "event": "libevent", "ev": "libev", "glib": "glib", "asio": "asio"}.items():
            with self.subTest(kind):
                target = self.start(compiled_target(name + "_loop"))
                watch = self.attach(target, "--threshold", "50ms")
                for way in KINDS:
                    with self.subTest(way):
                        record = self.assert_block_reported(target, watch, way)
                        self.assertEqual(record["loop"]["kind"], kind)

    def test_nested_waits_are_blocks(self):
        """A wait in poll, or on another epoll descriptor, within the loop's iteration."""
        for wait_call in ("epoll_wait", "poll"):
            target = self.start(compiled_target("bare_loop", wait_call))
            watch = self.attach(target, "--threshold", "50ms")
            for kind in ("poll", "epoll") * 3:
                with self.subTest(loop=wait_call, nested=kind):
                    record = self.assert_block_reported(target, watch, kind)
                    self.assertEqual(record["loop"]["wait"], wait_call)
            watch.stop()
            self.assertEqual(len(watch.blocks()), 6)

    def test_workers_that_poll_are_no_loops(self):
        target = self.start(compiled_target("worker_polls"))
        watch = self.attach(target, "--threshold", "100ms")
        for _ in range(5):
            self.assert_block_reported(target, watch, "sleep")
        watch.stop()
        self.assertEqual({record["tid"] for record in watch.blocks()}, {target.pid})

    def turn_others(self, target, count):
        """The other loops, too, have gone round under the watch."""
        for index in range(count):
            for _ in range(2):
                target.tell("to", index, "state")
                target.wait_for("state", 10)

    def test_several_loops(self):
        target = self.start(compiled_target("several_loops", "threads", "3"))
        watch = self.attach(target, "--threshold", "50ms")
        self.turn_others(target, 3)
        for index in range(3):
            target.tell("to", index, "block", 0.3, "sleep")
        blocks = {block.tid: block for block in (target.blocked(0.3) for _ in range(3))}
        records = [watch.block() for _ in blocks]
        self.assertEqual({record["tid"] for record in records}, set(blocks))
        for record in records:
            self.assert_duration(record, blocks[record["tid"]], 0.02)
            self.assertRegex(record["thread"], "^loop-[012]$")

    def test_children_of_a_running_process(self):
        target = self.start(compiled_target("several_loops", "processes", "3"))
        watch = self.attach(target, "--threshold", "50ms", "--children")
        self.turn_others(target, 3)
        for index in range(3):
            target.tell("to", index, "block", 0.3, "sleep")
            block = target.blocked(0.3)
            record = watch.block()
            self.assertEqual(record["pid"], block.pid)
            self.assert_duration(record, block, 0.02)

    def test_children_are_left_alone_unless_wanted(self):
        target = self.start(compiled_target("several_loops", "processes", "1"))
        watch = self.attach(target, "--threshold", "50ms")
        target.tell("to", 0, "block", 0.2, "sleep")
        target.blocked(0.2)
        record = self.assert_block_reported(target, watch, "sleep")
        self.assertEqual((record["pid"], record["block_id"]), (target.pid, 1))


if __name__ == "__main__":
    unittest.main()
