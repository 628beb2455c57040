"""pyleak run: the command as if pyleak were not there, its children, and nothing missed from the first iteration on."""

import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

from pyleak_testing import BINARY, LiveTest, compiled_target, interpreters, node_target, python_target, require
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import pyleak
from pyleak_testing.target import Block
from pyleak_testing.watch import valid_record


class AsIfAlone(LiveTest):
    def test_exit_status(self):
        for status in (0, 1, 7, 255):
            self.assertEqual(pyleak("run", "--", "sh", "-c", f"exit {status}").returncode, status)

    def test_status_of_a_signal(self):
        for number in (signal.SIGTERM, signal.SIGKILL, signal.SIGSEGV):
            result = pyleak("run", "--", "sh", "-c", f"ulimit -c 0; kill -{int(number)} $$")
            self.assertEqual(result.returncode, 128 + number)

    def test_command_that_cannot_be_run(self):
        self.assertEqual(pyleak("run", "--", "/nonexistent/program").returncode, 127)
        with tempfile.NamedTemporaryFile() as plain:
            os.chmod(plain.name, stat.S_IRUSR)
            self.assertEqual(pyleak("run", "--", plain.name).returncode, 126)

    def test_stdin_and_stdout(self):
        data = os.urandom(300_000)
        result = subprocess.run([BINARY, "run", "--", "cat"], input=data, stdout=subprocess.PIPE, timeout=30)
        self.assertEqual(result.stdout, data)

    def test_process_group_and_environment(self):
        script = "import os; print(os.getpgrp(), os.getsid(0), os.environ['MARK'], sorted(os.listdir('/proc/self/fd')))"
        command = [sys.executable, "-c", script]
        options = {"stdout": subprocess.PIPE, "env": dict(os.environ, MARK="kept"), "timeout": 30}
        alone = subprocess.run(command, **options).stdout
        watched = subprocess.run([BINARY, "run", "--", *command], **options).stdout
        self.assertEqual(watched, alone)

    def test_signals_are_passed_on(self):
        script = "trap 'exit 5' TERM; trap 'exit 6' HUP; echo ready; while :; do sleep 0.05; done"
        for number, status in ((signal.SIGTERM, 5), (signal.SIGHUP, 6)):
            process = subprocess.Popen([BINARY, "run", "--", "sh", "-c", script], stdout=subprocess.PIPE)
            self.assertEqual(process.stdout.readline(), b"ready\n")
            process.send_signal(number)
            self.assertEqual(process.wait(10), status)
            process.stdout.close()

    def test_child_outlives_pyleak(self):
        watch, target = self.run_watched(python_target("asyncio_service.py"))
        watch.process.kill()
        watch.process.wait()
        self.assertGreater(target.block(0.1, "sleep").seconds, 0.09)
        target.tell("quit")

    def test_failing_child_goes_before_raise(self):
        script = "import time, asyncio, sys\nasyncio.run(asyncio.sleep(0.01))\nsys.exit({})"
        block = "import asyncio, time, sys\nasync def f():\n  await asyncio.sleep(.01); time.sleep(.1)\n"
        block += "  await asyncio.sleep(.01)\nasyncio.run(f())\nsys.exit({})"
        for text, child_status, expected in ((script, 0, 0), (block, 0, 3), (block, 9, 9)):
            command = [sys.executable, "-c", text.format(child_status)]
            result = pyleak("run", "--action", "raise", "--threshold", "50ms", "--", *command)
            self.assertEqual(result.returncode, expected, result.stderr)


class Watched(LiveTest):
    def run_to_the_end(self, command, *options):
        """The blocks that the children themselves tell, by pid, and those that pyleak reports."""
        with tempfile.NamedTemporaryFile("r", encoding="utf-8") as events:
            output = ["--format", "json", "--output", events.name]
            result = pyleak("run", *output, "--threshold", "50ms", *options, "--", *command)
            self.assertEqual(result.returncode, 0, result.stderr)
            records = [valid_record(line) for line in events]
        facts = [json.loads(line) for line in result.stdout.splitlines()]
        told = {fact["pid"]: Block.of(fact) for fact in facts if fact["event"] == "block"}
        return told, [record for record in records if record["type"] == "EventLoopBlock" and not record["ongoing"]]

    def test_every_way_to_have_children(self):
        ways = ["itself", "exec", "fork", "posix_spawn", "subprocess", "shell"]
        for way in ways + ["multiprocessing_fork", "multiprocessing_spawn"]:
            with self.subTest(way):
                told, records = self.run_to_the_end(python_target("children.py", way, "2", "0.2"))
                self.assertEqual(sorted(record["pid"] for record in records), sorted(told))
                for record in records:
                    self.assert_duration(record, told[record["pid"]], 0.05)
                    self.assert_python_stack(record, told[record["pid"]])

    def test_commands_are_obeyed_as_without_pyleak(self):
        commands = {
            "asyncio": python_target("asyncio_service.py"),
            "generic": compiled_target("bare_loop", "epoll_wait"),
            "libuv": compiled_target("uv_loop"),
            "node": node_target(),
        }
        for kind, command in commands.items():
            with self.subTest(kind):
                if kind == "node":
                    require("node")
                watch, target = self.run_watched(command, "--threshold", "50ms")
                block = target.block(0.15, "cpu")
                record = watch.block()
                self.assert_duration(record, block, 0.02)
                self.assertEqual((record["pid"], record["loop"]["kind"]), (target.pid, kind))
                target.tell("quit")
                self.assertEqual(watch.finish(), 0)

    def test_every_interpreter(self):
        for version, path in interpreters().items():
            with self.subTest(version):
                command = python_target("children.py", "itself", "1", "0.2", interpreter=path)
                told, (record,) = self.run_to_the_end(command)
                self.assert_python_stack(record, told[record["pid"]])

    def test_many_children_one_after_the_other(self):
        """Each gives its place in the heartbeat up again when it ends, watched or not."""
        short = " ".join(compiled_target("plain_loop", "1"))
        last = " ".join(python_target("children.py", "itself", "1", "0.2"))
        for option in ("--children", "--no-children"):
            with self.subTest(option):
                script = f"i=0; while [ $i -lt 90 ]; do {short} >&2; i=$((i+1)); done; exec {last}"
                told, records = self.run_to_the_end(["sh", "-c", script], option)
                self.assertEqual([record["pid"] for record in records], list(told))

    def test_the_first_iteration(self):
        """A block right after the loop's first wait, at the very start of the program."""
        text = "import asyncio, time\nasync def f():\n  await asyncio.sleep(0); time.sleep(.2)\nasyncio.run(f())"
        _, records = self.run_to_the_end([sys.executable, "-c", text])
        self.assertEqual(len(records), 1)
        self.assertGreaterEqual(records[0]["duration"], 0.2)

    def test_static_program_runs_unwatched(self):
        process = subprocess.run(
            [BINARY, "run", "--", *compiled_target("static_loop", "poll")],
            input=b"block 0.1 sleep\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30,
        )
        self.assertEqual(process.returncode, 0)
        self.assertIn(b'"event": "block"', process.stdout)


def waiting_threads(pid):
    """Those that sleep in epoll_wait."""
    looks = [task / "syscall" for task in pathlib.Path(f"/proc/{pid}/task").iterdir()]
    return [look for look in looks if look.read_text().split()[0] == "232"]


LOOP_THAT_RESTS = """
import asyncio, time
loop = asyncio.new_event_loop()
async def main(): time.sleep(0.2)
for _ in range(2):
    loop.run_until_complete(asyncio.sleep(0.02)); loop.run_until_complete(main()); time.sleep(0.6)
loop.run_until_complete(asyncio.sleep(0.02))
"""


class Counts(LiveTest):
    def test_more_loops_than_there_is_room_for(self):
        """300 threads wait on instances of their own, beside a loop; there are 256 slots."""
        watch, target = self.run_watched(compiled_target("crowd"))
        wait_until(lambda: len(waiting_threads(target.pid)) >= 300, "every thread waits")
        target.tell("to", 0, "round")  # Those that came while the agent was setting itself up went straight through.
        wait_until(lambda: len(waiting_threads(target.pid)) >= 300, "every thread waits again")
        target.stop()
        watch.finish()
        self.assertIn(watch.records[-1]["dropped"]["loops"], range(301 - 256, 301))

    def test_a_loop_that_rests_is_not_blocked(self):
        """The code that runs it has returned meanwhile; what it did before and after counts."""
        command = [BINARY, "run", "--threshold", "50ms", "--format", "json", "--output", "/dev/stderr", "--"]
        result = subprocess.run([*command, sys.executable, "-c", LOOP_THAT_RESTS], stderr=subprocess.PIPE, text=True)
        records = [valid_record(line) for line in result.stderr.splitlines()]
        blocks = [record for record in records if record["type"] == "EventLoopBlock"]
        self.assertEqual([block["block_id"] for block in blocks], [1, 2])
        for block in blocks:
            self.assertAlmostEqual(block["duration"], 0.2, delta=0.15)
        (loop,) = records[-1]["loops"]
        self.assertEqual(loop["blocks"], 2)


if __name__ == "__main__":
    unittest.main()
