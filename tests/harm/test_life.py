"""What a process does with its own life while pyleak comes, watches and goes: children and threads without end, other
programs by exec, and its own end."""

import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

from pyleak_testing import BINARY, LiveTest, Target, Watch, compiled_target, rounds
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import state_of
from pyleak_testing.spaces import PID_NAMESPACE
from pyleak_testing.unharmed import stopped_threads

_LOOP = compiled_target("bare_loop", "epoll_wait")
_OPTIONS = ["--threshold", "5ms", "--check-interval", "1ms"]


class Storms(LiveTest):
    """A target that starts something in each round of its loop, and aborts unless that comes to its right end."""

    def _watch_to_the_end_of(self, what, count, *options):
        target = self.start(compiled_target("restless", what))
        freezes = 0
        while target.state()["work"] < count:
            watch = self.attach(target, *_OPTIONS, *options)
            for _ in range(3):
                self._block(watch, target)
            self.assertEqual(watch.stop(), 0)
            freezes += watch.records[-1]["freezes"]
        self.assertGreater(freezes, 0)

    def _block(self, watch, target):
        """It is told of; rounds that take long on a busy machine are blocks too."""
        block = target.block(0.02, "cpu")
        next(record for record in iter(watch.block, None) if record["duration"] >= block.seconds)

    def test_fork(self):
        self._watch_to_the_end_of("fork", rounds(300, 10_000))

    def test_fork_of_children_that_are_watched_too(self):
        self._watch_to_the_end_of("fork", rounds(300, 10_000), "--children")

    def test_vfork(self):
        self._watch_to_the_end_of("vfork", rounds(500, 10_000))

    def test_posix_spawn(self):
        self._watch_to_the_end_of("spawn", rounds(200, 10_000))

    def test_threads(self):
        self._watch_to_the_end_of("threads", rounds(1000, 10_000))

    def test_under_run(self):
        for what in ("fork", "vfork", "spawn", "threads"):
            with self.subTest(what):
                watch, target = self.run_watched(compiled_target("restless", what), *_OPTIONS)
                while target.state()["work"] < rounds(100, 10_000):
                    self._block(watch, target)
                self.assertEqual(target.state()["interrupted"], 0)
                target.tell("quit")
                self.assertEqual(watch.finish(), 0)


class Moments(LiveTest):
    """Something happens to the target at a random moment of an attach, or of what follows it."""

    def setUp(self):
        self._chance = random.Random(4243)
        target = self.start(_LOOP)
        begin = time.monotonic()
        watch = self.attach_at_once(target.pid)
        self._attach_takes = time.monotonic() - begin
        self.assertEqual(watch.stop(), 0)

    def _attach(self, target):
        """One that may fail, begun a random time ago."""
        command = [BINARY, "attach", str(target.pid), "--format", "json", *_OPTIONS]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        watch = Watch(process, process.stdout)
        self.addCleanup(self._end_watch, watch)
        time.sleep(self._chance.uniform(0, 1.5 * self._attach_takes))  # The moment: nothing waits for it.
        return watch

    def _assert_refused(self, watch, why):
        """It said why in one line, and what to do in another, instead of a watch."""
        self.assertEqual(watch.process.wait(20), 1)
        first, second = watch.process.stderr.read().splitlines()
        self.assertRegex(first, f"^pyleak: .*({why})")
        self.assertRegex(second, "^  hint: .")


class Exec(Moments):
    """The target begins another program, from its first thread or from another, during attach and run."""

    def _become(self, target, program, says="ready"):
        target.tell(self._chance.choice(["exec", "exec_aside"]), *program)
        target.wait_for(says, 20)

    def _assert_watched(self, watch, target):
        """Exactly, from some block on: what is seen from outside, before the agent is there, may look shorter."""

        def is_exact():
            block = target.block(0.02, "sleep")
            try:
                record = next(record for record in iter(lambda: watch.block(2), None) if record["duration"] >= block.seconds)
            except TimeoutError:
                return False
            self.assertEqual(record["pid"], target.pid)
            return not any("from outside" in note for note in record["capture"]["notes"])

        self.turn(target)
        wait_until(is_exact, "a block of the new program is told of exactly", 30)

    def _assert_nothing_left(self, target):
        maps = pathlib.Path(f"/proc/{target.pid}/maps").read_text()
        self.assertNotIn("/memfd:pyleak", maps)
        self.assertNotRegex(maps, re.compile(r"^\S+ r-xp 00000000 00:00 0\s*$", re.MULTILINE))
        self.assertEqual(stopped_threads(target.pid), [])
        self.assertEqual(target.state()["interrupted"], 0)
        self.assertEqual(target.stop(), 0)

    def _watched_by_attach(self, program, count):
        for _ in range(count):
            target = Target(_LOOP)
            self.addCleanup(target.stop)
            watch = self._attach(target)
            for _ in range(self._chance.randint(1, 3)):
                self._become(target, program)
            watch.wait_for("WatchStarted", 20)
            self.turn_once_watched(target)
            self._assert_watched(watch, target)
            self.assertEqual(watch.stop(), 0)
            self._assert_nothing_left(target)

    def test_64_bit_programs(self):
        self._watched_by_attach(_LOOP, rounds(15, 500))

    def test_set_user_id_programs(self):
        if os.geteuid() != 0:
            self.skipTest("only root can give a file away")
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = shutil.copy(_LOOP[0], folder)
            shutil.chown(program, "nobody")
            os.chmod(program, 0o4755)
            self._watched_by_attach([program, *_LOOP[1:]], rounds(5, 200))

    def test_static_programs(self):
        for _ in range(rounds(5, 200)):
            target = Target(_LOOP)
            self.addCleanup(target.stop)
            watch = self._attach(target)
            self._become(target, compiled_target("static_loop", "epoll_wait"))
            self._assert_named(watch, "static")
            self._assert_nothing_left(target)

    def test_32_bit_programs(self):
        for _ in range(rounds(5, 200)):
            target = Target(_LOOP)
            self.addCleanup(target.stop)
            watch = self._attach(target)
            target.tell(self._chance.choice(["exec", "exec_aside"]), *compiled_target("word32"))
            self._assert_named(watch, "64-bit")
            self.assertEqual(stopped_threads(target.pid), [])
            target.process.kill()

    def _assert_named(self, watch, why):
        """As the reason why it cannot be watched: instead of a watch, or in one that had begun before."""
        record = watch.next(20)
        if record is None:
            self._assert_refused(watch, why)
            return
        self.assertEqual(record["type"], "WatchStarted")
        while why not in watch.wait_for("Warning", 20)["message"]:
            continue
        self.assertEqual(watch.stop(), 0)

    def test_under_run(self):
        for _ in range(rounds(5, 200)):
            watch, target = self.run_watched(_LOOP, *_OPTIONS)
            time.sleep(self._chance.uniform(0, 0.05))  # The moment: nothing waits for it.
            for _ in range(self._chance.randint(1, 3)):
                self._become(target, _LOOP)
            self._assert_watched(watch, target)
            self.assertEqual(target.state()["interrupted"], 0)
            self.assertEqual(target.stop(), 0)
            self.assertEqual(watch.finish(), 0)


class Endings(Moments):
    """The target ends: pyleak says so in its one way, ends too, and is nowhere in the way of who waits for the end."""

    def _end_at_once(self, target, end, status):
        end(target)
        self.assertEqual(target.process.wait(20), status)

    def _ends_during_attach(self, command, end, status, count):
        for _ in range(count):
            target = Target(command)
            self.addCleanup(target.stop)
            watch = self._attach(target)
            self._end_at_once(target, end, status)
            self._assert_ended_with_it(watch)

    def _assert_ended_with_it(self, watch):
        record = watch.next(20)
        if record is None:
            self._assert_refused(watch, "ended|no process|not found|No such process|gone")
            return
        self.assertEqual(watch.finish(), 0)
        last = watch.records[-1]
        self.assertEqual((last["type"], last["reason"]), ("WatchEnded", "target_ended"))

    def _kill(self, target):
        os.kill(target.pid, signal.SIGKILL)

    def test_killed(self):
        self._ends_during_attach(_LOOP, self._kill, -signal.SIGKILL, rounds(15, 500))

    def _end_its_input(self, target):
        target.process.stdin.close()

    def test_exits(self):
        self._ends_during_attach(_LOOP, self._end_its_input, 0, rounds(10, 500))

    def test_terminated_among_threads_that_come_and_go(self):
        threads = compiled_target("restless", "threads")
        self._ends_during_attach(threads, lambda target: target.process.terminate(), -signal.SIGTERM, rounds(10, 500))

    def test_init_of_a_pid_namespace(self):
        self._ends_during_attach(PID_NAMESPACE + _LOOP, self._end_its_input, 0, rounds(5, 200))

    def test_killed_during_captures(self):
        for _ in range(rounds(10, 500)):
            target = Target(_LOOP)
            self.addCleanup(target.stop)
            watch = self.attach(target, *_OPTIONS)
            target.tell("block", 0.1, "cpu")
            time.sleep(self._chance.uniform(0, 0.05))  # The moment: nothing waits for it.
            self._end_at_once(target, self._kill, -signal.SIGKILL)
            self._assert_ended_with_it(watch)

    def test_first_thread_ends_before_the_others(self):
        for _ in range(rounds(5, 200)):
            target = Target(compiled_target("lasting_thread"))
            self.addCleanup(target.stop)
            watch = self._attach(target)
            target.tell("to", 0, "end")
            watch.wait_for("WatchStarted", 20)
            wait_until(lambda: state_of(target.pid) == "Z", "the first thread has ended")
            self.turn(target)
            self.assertEqual(watch.stop(), 0)
            self.assertEqual(stopped_threads(target.pid), [])
            self.assertEqual(target.stop(), 0)


if __name__ == "__main__":
    unittest.main()
