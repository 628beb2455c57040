"""What a watch leaves behind when it ends: nothing, after any number of them; and where something has to stay, it is
named, and taken up again by the next watch instead of being added to."""

import os
import pathlib
import re
import unittest
import unittest.mock

from pyleak_testing import LiveTest, Target, compiled_target, node_target, python_target, require, rounds
from pyleak_testing.lines import wait_until
from pyleak_testing.load import Redis
from pyleak_testing.processes import memory_files
from pyleak_testing.unharmed import Snapshot

_ANONYMOUS_CODE = re.compile(r"^\S+ r-xp 00000000 00:00 0\s*$", re.MULTILINE)


def anonymous_memory(pid):
    """In bytes."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status).group(1)) * 1024


def left_behind(pid):
    """How many agents there are, and how many pieces of their memory. (The targets here compile no code.)"""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    return len(_ANONYMOUS_CODE.findall(maps)), len(memory_files(pid))


class Detach(LiveTest):
    def _watch(self, pid):
        """One watch from its beginning to its end; what pyleak said on the way."""
        before = memory_files(pid)
        watch = self.attach_at_once(pid, "--threshold", "20ms")
        wait_until(lambda: memory_files(pid) - before, "the agent is in the target")
        self.assertEqual(watch.stop(), 0)
        complaints = watch.process.stderr.read()
        watch.process.stderr.close()
        return complaints

    def _watch_many_times(self, pid, snapshot, count):
        for number in range(count):
            self.assertEqual(self._watch(pid), "", f"cycle {number}")
            if number % 10 == 9 or number == count - 1:
                snapshot.assert_unharmed()

    def test_bare_loop(self):
        target = self.start(compiled_target("bare_loop", "epoll_wait"))
        snapshot = Snapshot(target.pid)
        self._watch_many_times(target.pid, snapshot, 10)
        before = anonymous_memory(target.pid)
        self._watch_many_times(target.pid, snapshot, rounds(30, 1000))
        # Its stack may once be used a little deeper; a page that each cycle leaves would be more.
        self.assertLessEqual(anonymous_memory(target.pid), before + 65536)

    def test_python_that_allocates(self):
        target = self.start(python_target("allocating_service.py"))
        self._watch_many_times(target.pid, Snapshot(target.pid), rounds(20, 1000))
        self.assertEqual(target.state()["wrong"], 0)

    def test_node_with_workers(self):
        require("node")
        target = Target(node_target("2"))
        self.addCleanup(target.stop)
        wait_until(lambda: target.state()["rounds"] >= 20, "its threads have begun")
        self._watch_many_times(target.pid, Snapshot(target.pid, jit=True), rounds(20, 1000))
        self.assertEqual(target.state()["wrong"], 0)

    def test_redis_under_load(self):
        require("redis")
        redis = Redis()
        self.addCleanup(redis.stop)
        benchmark = redis.benchmark()
        self.addCleanup(benchmark.wait)
        self.addCleanup(benchmark.kill)
        wait_until(lambda: redis.connections() == 5, "the load is there, and nobody else")
        self._watch_many_times(redis.pid, Snapshot(redis.pid), rounds(20, 1000))
        self.assertIsNone(benchmark.poll(), "redis-benchmark ended with an error")

    def test_programs_of_another_making(self):
        for name in ("no_plt_loop", "address_loop", "thread_loop"):
            with self.subTest(name):
                target = self.start(compiled_target(name, "epoll_wait"))
                self._watch_many_times(target.pid, Snapshot(target.pid), rounds(10, 1000))

    def test_library_that_keeps_addresses(self):
        """No loop of its own waits by them, so it is not worth an agent that has to stay."""
        (library,) = compiled_target("libkeeping_library.so")
        with unittest.mock.patch.dict(os.environ, LD_PRELOAD=library):
            target = self.start(python_target("asyncio_service.py"))
        self.assertIn(library, pathlib.Path(f"/proc/{target.pid}/maps").read_text())
        self._watch_many_times(target.pid, Snapshot(target.pid), rounds(3, 100))

    def test_address_that_the_program_has_kept(self):
        target = Target(compiled_target("kept_address"))
        self.addCleanup(target.stop)
        for _ in range(rounds(10, 100)):
            complaints = self._watch(target.pid)
            self.assertIn("the program may have kept the address", complaints)
            self.assertEqual(left_behind(target.pid), (1, 0))
            self.assertEqual(target.state()["interrupted"], 0)
        watch = self.attach(target, "--threshold", "100ms")
        self._call_all_that_it_kept(target)
        block = target.block(0.2, "sleep")
        # As long as some of what it calls is not ours, several of its rounds look like one.
        record = next(record for record in iter(watch.block, None) if record["duration"] >= block.seconds)
        self.assert_duration(record, block, 0.02)
        self.assertEqual(watch.stop(), 0)
        self._call_all_that_it_kept(target)

    def _call_all_that_it_kept(self, target):
        work = target.state()["work"]
        wait_until(lambda: target.state()["work"] > work + 100, "it has called all that it kept")

    def test_threads_that_are_inside_for_good(self):
        target = Target(compiled_target("crowd"))
        self.addCleanup(target.stop)
        snapshot = Snapshot(target.pid)
        watch = self.attach(target)
        target.tell("to", 0, "go")
        self.turn(target)
        self.assertEqual(watch.stop(), 0)
        self.assertIn("a thread is still inside the agent", watch.process.stderr.read())
        for _ in range(rounds(10, 100)):
            self.assertIn("a thread is still inside the agent", self._watch(target.pid))
            self.assertEqual(left_behind(target.pid), (1, 1))
        target.tell("to", 0, "go")
        self.turn(target)
        self.assertEqual(self._watch(target.pid), "")
        snapshot.assert_unharmed()
        self.assertEqual(target.state()["interrupted"], 0)


if __name__ == "__main__":
    unittest.main()
