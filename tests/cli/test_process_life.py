"""What becomes of a process while it is watched: other programs by exec, the end of its first thread, new parents."""

import json
import os
import pathlib
import re
import shutil
import tempfile
import unittest

from pyleak_testing import LiveTest, Target, compiled_target, python_target
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import pyleak, state_of

LOOP = compiled_target("bare_loop", "epoll_wait")


def warnings(watch):
    """But for those of a busy machine."""
    return [record for record in watch.records if record["type"] == "Warning" and record["code"] != "late"]


class Exec(LiveTest):
    """Both commands go on with the next program, and say once why not where it cannot be watched."""

    def watched_in_both_ways(self):
        """By attach and by run: the watch, and its target."""
        options = ["--threshold", "50ms"]
        target = Target(LOOP)
        self.addCleanup(target.stop)
        return (self.attach(target, *options), target), self.run_watched(LOOP, *options)

    def become(self, target, command, how="exec"):
        target.tell(how, *command)
        target.wait_for("ready", 20)

    def assert_watched(self, watch, target):
        """By its agent: what is seen from outside says so in a note."""
        block, record = wait_until(lambda: self.exact_block(watch, target), "the agent of the new program is in place")
        self.assert_duration(record, block, 0.02)
        self.assertEqual(record["pid"], target.pid)

    def exact_block(self, watch, target):
        target.state()
        block = target.block(0.1, "sleep")
        try:
            record = watch.block(2)
        except TimeoutError:
            return None  # From outside, a busy machine may have seen too little of it.
        return None if record["capture"]["notes"] else (block, record)

    def test_another_64_bit_program(self):
        for watch, target in self.watched_in_both_ways():
            self.assert_watched(watch, target)
            self.become(target, python_target("asyncio_service.py"))
            self.await_agent(target)
            self.assert_watched(watch, target)
            self.assertEqual(warnings(watch), [])
            target.stop()
            self.assertEqual(watch.finish(), 0)

    def await_agent(self, target):
        """A new program is found at the next survey."""
        maps = pathlib.Path(f"/proc/{target.pid}/maps")
        wait_until(lambda: re.search("/memfd:pyleak|/pyleak-agent", maps.read_text()), "the new program has an agent")

    def test_exec_from_another_thread(self):
        for watch, target in self.watched_in_both_ways():
            self.become(target, LOOP, "exec_aside")
            self.await_agent(target)
            self.assert_watched(watch, target)
            self.assertEqual(warnings(watch), [])

    def test_a_static_program_and_back(self):
        for watch, target in self.watched_in_both_ways():
            self.become(target, compiled_target("static_loop", "epoll_wait"))
            self.assertIn("static", watch.wait_for("Warning", 20)["message"])
            self.become(target, LOOP)
            self.await_agent(target)
            self.assert_watched(watch, target)
            self.assertEqual(len(warnings(watch)), 1)

    def test_a_32_bit_program(self):
        for watch, target in self.watched_in_both_ways():
            target.tell("exec", *compiled_target("word32"))
            self.assertIn("64-bit", watch.wait_for("Warning", 20)["message"])
            target.process.kill()
            watch.finish()
            self.assertEqual(len(warnings(watch)), 1)

    def test_a_program_with_other_rights(self):
        """attach goes on; the dynamic linker of a set-user-ID program loads no agent of run."""
        if os.geteuid() != 0:
            self.skipTest("only root can give a file away")
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = shutil.copy(LOOP[0], folder)
            shutil.chown(program, "nobody")
            os.chmod(program, 0o4755)
            attached, run = self.watched_in_both_ways()
            self.become(attached[1], [program, "epoll_wait"])
            self.await_agent(attached[1])
            self.assert_watched(*attached)
            self.assertEqual(warnings(attached[0]), [])
            self.become(run[1], [program, "epoll_wait"])
            self.assertIn("rights", run[0].wait_for("Warning", 20)["message"])

    def test_a_program_without_the_environment(self):
        watch, target = self.run_watched(LOOP)
        self.become(target, ["/usr/bin/env", "-i", *LOOP])
        self.assertIn("environment", watch.wait_for("Warning", 20)["message"])


class FirstThread(LiveTest):
    """The pid of a process whose first thread has ended is a zombie's; its other threads live on."""

    def start_loop(self):
        target = Target(compiled_target("lasting_thread"))
        self.addCleanup(target.stop)
        return target

    def end_first_thread(self, target):
        target.tell("to", 0, "end")
        stat = pathlib.Path(f"/proc/{target.pid}/stat")
        wait_until(lambda: ") Z " in stat.read_text(), "the first thread has ended")

    def assert_watched_and_left(self, watch, target):
        for _ in range(3):
            block = target.block(0.1, "sleep")
            record = watch.block()
            self.assert_duration(record, block, 0.02)
            self.assert_native_frame(record, block)
            self.assertEqual(record["tid"], block.tid)
        self.assertEqual(watch.stop(), 0)
        self.assertEqual(watch.process.stderr.read(), "")
        self.assertEqual((len(watch.blocks()), warnings(watch)), (3, []))
        for task in pathlib.Path(f"/proc/{target.pid}/task").iterdir():
            self.assertNotIn("/memfd:pyleak", (task / "maps").read_text())

    def test_ends_before_the_watch(self):
        target = self.start_loop()
        self.end_first_thread(target)
        self.assert_watched_and_left(self.attach(target, "--threshold", "50ms"), target)

    def test_ends_during_the_watch(self):
        target = self.start_loop()
        watch = self.attach(target, "--threshold", "50ms")
        self.end_first_thread(target)
        self.assert_watched_and_left(watch, target)

    def test_ends_under_run(self):
        watch, target = self.run_watched(compiled_target("lasting_thread"), "--threshold", "50ms")
        self.end_first_thread(target)
        block = target.block(0.1, "sleep")
        self.assert_duration(watch.block(), block, 0.02)
        target.tell("quit")
        self.assertEqual(watch.finish(), 0)
        self.assertEqual(warnings(watch), [])

    def test_list_and_dump(self):
        target = self.start_loop()
        self.end_first_thread(target)
        tid = target.facts["tid"]
        for command in ("list", "dump"):
            result = pyleak(command, target.pid, "--format", "json")
            (loop,) = [json.loads(line) for line in result.stdout.splitlines()]
            self.assertEqual((loop["pid"], loop["tid"]), (target.pid, tid), result.stderr)


class Vfork(LiveTest):
    """A thread that waits for a child that has not become a program yet does not stop, whoever asks it to."""

    def test_block_in_uninterruptible_sleep(self):
        target = self.start(python_target("asyncio_service.py"))
        with tempfile.TemporaryDirectory() as folder:
            fifo = os.path.join(folder, "fifo")
            os.mkfifo(fifo)
            watch = self.attach(target, "--threshold", "50ms")
            target.tell("block", 0, "vfork", fifo)
            watch.wait_for("EventLoopBlock", 20, ongoing=True)
            self.assertEqual(state_of(target.pid), "D")
            with open(fifo, "wb"):
                block = target.blocked(0)
            record = watch.block()
            self.assert_duration(record, block, 0.02)
            self.assertEqual(sum(record["capture"]["freeze_seconds"]), 0)
            self.assert_python_stack(record, block)
            self.assertEqual(watch.stop(), 0)


class Daemon(LiveTest):
    """A program that leaves who started it, as daemon(3) does: the child of a child that is ended already."""

    COMMAND = ["setsid", "--fork", "setsid", "--fork", *LOOP]

    def assert_works_on(self, target):
        self.assertEqual(target.process.wait(10), 0)
        self.assertEqual(target.block(0.1, "sleep").error, 0)
        self.assertEqual(target.state()["interrupted"], 0)

    def test_attach(self):
        target = Target(self.COMMAND)
        self.addCleanup(target.stop)
        watch = self.attach_at_once(target.facts["pid"], "--threshold", "50ms")
        self.turn(target)
        block = target.block(0.1, "sleep")
        self.assert_duration(watch.block(), block, 0.02)
        self.assertEqual(watch.stop(), 0)
        self.assert_works_on(target)

    def test_run(self):
        """The watch ends with the program that it began with."""
        watch, target = self.run_watched(self.COMMAND)
        self.assertEqual(watch.finish(), 0)
        self.assert_works_on(target)


if __name__ == "__main__":
    unittest.main()
