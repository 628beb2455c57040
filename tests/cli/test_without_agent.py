"""Watching from outside only: --agent none, and by itself where no agent can be placed."""

import pathlib
import time
import unittest

from pyleak_testing import LiveTest, compiled_target, node_target, python_target, require
from pyleak_testing.case import python_frames, summary
from pyleak_testing.lines import wait_until

THRESHOLD = 0.25
# What looks leave open at either end of a block; and what a busy machine adds to that.
STEP = 0.02
LOAD = 0.15


def with_a_filter(command):
    """The command behind a seccomp filter that allows everything (PR_SET_SECCOMP, linux/filter.h)."""
    script = "import ctypes, os, sys; libc = ctypes.CDLL(None); libc.prctl(38, 1, 0, 0, 0); "
    script += "code = ctypes.create_string_buffer((0x7fff0000 << 32 | 6).to_bytes(8, 'little'), 8); "
    script += "program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(code)); "
    script += "assert libc.prctl(22, 2, ctypes.byref(program)) == 0; os.execv(sys.argv[1], sys.argv[1:])"
    return ["/usr/bin/python3", "-c", script, *command]


class WithoutAgent(LiveTest):
    def watch_from_outside(self, target, *options):
        watch = self.attach_at_once(target.pid, "--threshold", f"{THRESHOLD}s", *options)
        self.assertEqual(watch.records[0]["agent"], "none")
        self.turn(target)
        return watch

    def record_of(self, watch, block):
        """The record of that block; a busy machine may have made others before it."""
        offset = time.time() - time.monotonic()
        while True:
            record = watch.block()
            begin = record["timestamp"] - offset
            if begin < block.end_ns / 1e9 and begin + record["duration"] > block.begin_ns / 1e9:
                return record

    def assert_told(self, watch, block):
        record = self.record_of(watch, block)
        self.assertGreaterEqual(record["duration"], block.seconds - 2 * STEP - LOAD)
        self.assertLessEqual(record["duration"], block.seconds + STEP + LOAD)
        self.assertTrue(any("without an agent" in note for note in record["capture"]["notes"]), record)
        return record

    def check_blocks(self, target, watch, kinds=("sleep", "cpu")):
        for kind in kinds:
            for seconds in (0.5, 0.7):
                self.assert_told(watch, target.block(seconds, kind))
                self.turn(target)
        self.assertEqual(watch.stop(), 0)
        self.assertNotIn("memfd:pyleak", pathlib.Path(f"/proc/{target.pid}/maps").read_text())

    def test_bare_loops(self):
        for wait_call in ("epoll_wait", "epoll_pwait2", "poll", "select"):
            with self.subTest(wait_call):
                target = self.start(compiled_target("bare_loop", wait_call))
                self.check_blocks(target, self.watch_from_outside(target, "--agent", "none"))

    def test_asyncio(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.watch_from_outside(target, "--agent", "none")
        block = target.block(0.6, "sleep")
        record = self.assert_told(watch, block)
        self.assertEqual(record["loop"]["kind"], "asyncio")
        self.assertEqual(python_frames(record)[: len(block.stack)], [summary(frame) for frame in block.stack])
        self.assertEqual((record["cause"]["kind"], record["cause"]["syscall"]), ("syscall", "clock_nanosleep"))
        watch.stop()

    def test_node(self):
        require("node")
        target = self.start(node_target(), jit=True)
        watch = self.watch_from_outside(target, "--agent", "none")
        self.assertEqual(self.assert_told(watch, target.block(0.6, "cpu"))["loop"]["kind"], "node")
        # A wait of a callback is part of its work, though it goes by the same instruction.
        self.assert_told(watch, target.block(0.6, "exec"))
        watch.stop()

    def test_a_static_program(self):
        target = self.start(compiled_target("static_loop", "epoll_wait"))
        watch = self.watch_from_outside(target)
        self.assertIn("static", watch.records[0]["no_agent_because"])
        self.assertIn("static", watch.wait_for("Warning", 10, code="no_agent")["message"])
        self.check_blocks(target, watch)

    def test_a_filter_of_system_calls(self):
        target = self.start(with_a_filter(compiled_target("bare_loop", "epoll_wait")))
        watch = self.watch_from_outside(target)
        self.assertIn("seccomp", watch.records[0]["no_agent_because"])
        self.check_blocks(target, watch)

    def test_run(self):
        command = compiled_target("bare_loop", "epoll_wait")
        watch, target = self.run_watched(command, "--agent", "none", "--threshold", f"{THRESHOLD}s")
        self.assertEqual(watch.records[0]["no_agent_because"], "--agent none")
        self.assertNotIn("LD_PRELOAD", pathlib.Path(f"/proc/{target.pid}/environ").read_text())
        wait_until(lambda: self.has_told(watch, target.block(0.4, "sleep")), "a block is told of")
        target.stop()
        self.assertEqual(watch.finish(), 0)

    def has_told(self, watch, _block):
        """The first blocks may come before the program has been found."""
        try:
            return watch.block(1)
        except TimeoutError:
            return None

    def test_a_loop_that_is_only_busy(self):
        """It never sleeps, and looks alone would take it for blocked. Its own clock says which iterations were long."""
        for microseconds in (10, 1_000, 40_000):
            with self.subTest(microseconds):
                target = self.start(compiled_target("busy_loop", str(microseconds), "sleep"))
                watch = self.watch_from_outside(target, "--agent", "none")
                for seconds in (0.6, 1):
                    target.block(seconds, "cpu")
                    work = target.state()["work"]
                    wait_until(lambda: target.state()["work"] > work + 10, "it is busy")
                    watch.block()
                watch.stop()
                target.process.stdin.close()
                iterations = target.wait_for("long", 20)["iterations"]
                self.assertEqual(target.stop(), 0)
                self.check_against(iterations, watch.blocks())

    def check_against(self, iterations, records):
        """No block without a long iteration, and no long iteration without a block."""
        offset = time.time() - time.monotonic()
        blocks = [(record["timestamp"] - offset, record["duration"]) for record in records]
        truth = [(begin / 1e9, end / 1e9) for begin, end in iterations]

        def lengths_within(begin, end):
            return [min(end, until) - max(begin, since) for since, until in truth if since < end and until > begin]

        for begin, duration in blocks:
            self.assertGreater(max(lengths_within(begin, begin + duration), default=0), THRESHOLD - 2 * STEP)
        for since, until in truth[:-1]:
            if until - since > THRESHOLD + 2 * STEP + LOAD:
                self.assertTrue(any(begin < until and begin + length > since for begin, length in blocks), (since, until))


if __name__ == "__main__":
    unittest.main()
