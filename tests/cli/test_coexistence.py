"""Programs that have something of their own in the way: sanitizers, another allocator; and other tracers that come."""

import os
import pathlib
import subprocess
import unittest
import unittest.mock

from pyleak_testing import LiveTest, compiled_target, python_target, require

JEMALLOC = "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"


class Programs(LiveTest):
    """A block is reported, with its time, under both commands; and the program is as it was afterwards."""

    def assert_watched(self, command, library="libc.so"):
        target = self.start(command)
        watch = self.attach(target, "--threshold", "50ms")
        self.assert_told(watch, target.block(0.1, "sleep"))
        self.assertEqual(watch.stop(), 0)
        watch, target = self.run_watched(command, "--threshold", "50ms")
        self.turn(target)
        self.assert_told(watch, target.block(0.1, "sleep"))
        self.assertIn(library, pathlib.Path(f"/proc/{target.pid}/maps").read_text())
        self.assertEqual(target.stop(), 0)

    def test_address_sanitizer(self):
        self.assert_watched(compiled_target("address_loop", "epoll_wait"))

    def test_thread_sanitizer(self):
        self.assert_watched(compiled_target("thread_loop", "epoll_wait"))

    def test_calls_through_slots_that_are_filled_like_data(self):
        self.assert_watched(compiled_target("no_plt_loop", "epoll_wait"))

    def test_another_allocator(self):
        require("jemalloc")
        with unittest.mock.patch.dict(os.environ, LD_PRELOAD=JEMALLOC):
            self.assert_watched(python_target("asyncio_service.py"), JEMALLOC)


class Tracers(LiveTest):
    """Another tracer comes while pyleak watches, does its work, and goes; pyleak watches on."""

    def test_gdb_comes_and_goes(self):
        require("gdb")
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "50ms")
        command = ["gdb", "--batch", "-ex", "bt", "-ex", "detach", "-p", str(target.pid)]
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, text=True)
        self.assertIn("epoll_wait", result.stdout)
        block = target.block(0.3, "sleep")
        self.assert_told(watch, block)

    def test_another_pyleak_comes_to_a_program_that_runs_under_pyleak(self):
        first, target = self.run_watched(python_target("asyncio_service.py"), "--threshold", "50ms")
        second = self.attach(target, "--threshold", "50ms")
        block = target.block(0.2, "sleep")
        for watch in (first, second):
            self.assert_told(watch, block)
        self.assertEqual(second.stop(), 0)
        self.assert_told(first, target.block(0.3, "sleep"))

    def test_strace_is_there_during_a_block(self):
        require("strace")
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "50ms")
        strace = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(target.pid)], stderr=subprocess.PIPE)
        try:
            self.assertIn(b"attached", strace.stderr.readline())
            block = target.block(0.3, "sleep")
            record = self.assert_told(watch, block)
            self.assertIn("strace", " ".join(record["capture"]["notes"]))
        finally:
            strace.terminate()
            strace.communicate(timeout=10)
        block = target.block(0.1, "sleep")
        self.assert_python_stack(self.assert_told(watch, block), block)


if __name__ == "__main__":
    unittest.main()
