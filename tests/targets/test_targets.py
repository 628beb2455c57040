"""The targets and the check for harm, by themselves: what the live tests stand on. pyleak has no part in this."""

import mmap
import os
import pathlib
import signal
import subprocess
import unittest

from pyleak_testing import LiveTest, compiled_target, interpreters, node_target, python_target, require
from pyleak_testing.lines import wait_until
from pyleak_testing.load import HttpLoad, Redis, get
from pyleak_testing.processes import CLOCK_NANOSLEEP, in_system_call
from pyleak_testing.unharmed import Snapshot

WAIT_CALLS = (
    "epoll_wait", "epoll_pwait", "epoll_pwait2", "syscall_epoll_wait", "syscall_epoll_pwait2",
    "poll", "ppoll", "select", "pselect",
)  # fmt: skip


class EveryTarget(LiveTest):
    def check_blocks(self, target, kinds, seconds=0.05):
        """Each kind of block lasts as long as it was told, in the process that said so."""
        for kind in kinds:
            block = target.block(seconds, kind)
            self.assertGreaterEqual(block.seconds, seconds * 0.98, kind)
            self.assertLess(block.seconds, seconds + 2, kind)
            self.assertEqual(block.error, 0, kind)
            self.assertEqual(block.pid, target.pid)

    def test_wait_calls(self):
        for wait_call in WAIT_CALLS:
            with self.subTest(wait_call):
                self.check_blocks(self.start(compiled_target("bare_loop", wait_call)), ["sleep"])

    def test_compiled(self):
        for name in ("fragile_loop", "worker_polls", "uv_loop", "event_loop", "ev_loop", "glib_loop"):
            with self.subTest(name):
                kinds = ["sleep", "cpu", "read", "recv", "lock", "poll", "epoll"]
                self.check_blocks(self.start(compiled_target(name)), kinds)

    def test_static(self):
        self.check_blocks(self.start(compiled_target("static_loop", "epoll_wait")), ["sleep"])

    def test_several_loops(self):
        for how in ("threads", "processes"):
            with self.subTest(how):
                target = self.start(compiled_target("several_loops", how, "2"))
                target.tell("to", 1, "block", 0.05, "sleep")
                block = target.blocked(0.05)
                self.assertEqual(block.pid == target.pid, how == "threads")
                self.assertNotEqual(block.tid, target.pid)

    def test_word32_is_a_32_bit_program(self):
        self.addCleanup(lambda: (process.stdin.close(), process.wait(5), process.stdout.close()))
        process = subprocess.Popen(compiled_target("word32"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.assertIn(b"ready", process.stdout.readline())
        with open(f"/proc/{process.pid}/exe", "rb") as program:
            self.assertEqual(program.read(5)[4], 1, "ELFCLASS32")

    def test_asyncio_on_every_interpreter(self):
        for version, path in interpreters().items():
            with self.subTest(version):
                target = self.start(python_target("asyncio_service.py", interpreter=path))
                block = target.block(0.05, "sleep")
                source = pathlib.Path(block.stack[-1]["filename"]).read_text().splitlines()
                self.assertIn("time.sleep(", source[block.stack[-1]["lineno"] - 1])
                self.check_blocks(target, ["cpu", "lock", "subprocess_run", "socket_timeout", "two_kinds"])
                target.pause(0.05, "asyncio_to_thread")

    def test_python_loops(self):
        for loop in ("poll", "select", "uvloop"):
            with self.subTest(loop):
                if loop == "uvloop":
                    require("uvloop")
                self.check_blocks(self.start(python_target("asyncio_service.py", "--loop", loop)), ["sleep"])
        for name in ("trio", "tornado"):
            with self.subTest(name):
                require(name)
                self.check_blocks(self.start(python_target(f"{name}_service.py")), ["sleep"])

    def test_burst(self):
        target = self.start(python_target("asyncio_service.py"))
        blocks = target.burst(5, 0.02, 0.005)
        self.assertEqual(len(blocks), 5)
        self.assertTrue(all(block.seconds >= 0.02 for block in blocks))

    def test_node(self):
        require("node")
        target = self.start(node_target(), jit=True)
        self.check_blocks(target, ["cpu", "pbkdf2", "exec", "fifo"])
        url = f"http://127.0.0.1:{target.facts['port']}/"
        with HttpLoad(url, threads=2) as load:
            self.assertGreaterEqual(get(url + "block/0.05/cpu")["end_ns"], 0.05)
        self.assertEqual(load.errors, [])
        self.assertGreater(load.count, 0)

    def test_redis(self):
        require("redis")
        redis = Redis()
        self.addCleanup(redis.stop)
        snapshot = Snapshot(redis.pid)
        self.assertEqual(redis.command("DEBUG", "SLEEP", "0.05"), "OK")
        snapshot.assert_unharmed()


class CheckForHarm(unittest.TestCase):
    """The check can fail: each kind of harm is done to a process, and seen."""

    def setUp(self):
        self.process = subprocess.Popen(["sleep", "60"])
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.kill)
        wait_until(lambda: in_system_call(self.process.pid, CLOCK_NANOSLEEP), "sleep sleeps")
        self.snapshot = Snapshot(self.process.pid)

    def test_sees_a_stopped_thread(self):
        self.snapshot.assert_unharmed()
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        with self.assertRaisesRegex(AssertionError, "state T"):
            self.snapshot.assert_unharmed(0.1)

    def test_sees_a_tracer(self):
        require("strace")
        strace = subprocess.Popen(["strace", "-o", "/dev/null", "-p", str(self.process.pid)], stderr=subprocess.PIPE)
        self.addCleanup(lambda: (strace.terminate(), strace.wait(5), strace.stderr.close()))
        self.assertIn(b"attached", strace.stderr.readline())
        with self.assertRaisesRegex(AssertionError, f"tracer {strace.pid}"):
            self.snapshot.assert_unharmed(0.1)

    def test_sees_memory_that_somebody_put_there(self):
        snapshot = Snapshot(os.getpid())
        descriptor = os.memfd_create("someone")
        os.truncate(descriptor, 4096)
        memory = mmap.mmap(descriptor, 4096)
        self.addCleanup(memory.close)
        os.close(descriptor)
        with self.assertRaisesRegex(AssertionError, "mapping is new.*memfd:someone"):
            snapshot.assert_unharmed(0.1)

    def test_sees_a_new_descriptor(self):
        snapshot = Snapshot(os.getpid())
        descriptor = os.open("/dev/null", os.O_RDONLY)
        self.addCleanup(os.close, descriptor)
        with self.assertRaisesRegex(AssertionError, "descriptors:.*/dev/null"):
            snapshot.assert_unharmed(0.1)


if __name__ == "__main__":
    unittest.main()
