"""What pyleak doctor finds is what an attach is refused with."""

import subprocess
import unittest

from pyleak_testing import LiveTest, compiled_target, python_target, require
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import CLOCK_NANOSLEEP, in_system_call, pyleak, state_of
from pyleak_testing.unharmed import Snapshot
from pyleak_testing.users import ALICE, BOB, OtherUsers
from pyleak_testing.watch import valid_record


def checks_of(result):
    return [valid_record(line) for line in result.stdout.splitlines()]


class Doctor(LiveTest):
    def assert_agrees(self, pid, subject):
        """The problem, its words and the hint are those of attach."""
        result = pyleak("doctor", pid, "--format", "json")
        self.assertEqual((result.returncode, result.stderr), (1, ""))
        checks = checks_of(result)
        self.assertEqual({check["pid"] for check in checks}, {int(pid)})
        (problem,) = [check for check in checks if check["verdict"] == "problem"]
        self.assertEqual(problem["subject"], subject)
        refused = pyleak("attach", pid)
        self.assertEqual(refused.returncode, 1)
        what, hint = refused.stderr.splitlines()
        self.assertTrue(what.endswith(problem["finding"]), (what, problem))
        self.assertEqual(hint, f"  hint: {problem['hint']}")

    def assert_agrees_without_agent(self, pid, subject):
        """It is noted, and attach names the same reason for which it looks from outside."""
        result = pyleak("doctor", pid, "--format", "json")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        (note,) = [check for check in checks_of(result) if check["verdict"] != "ok"]
        self.assertEqual((note["verdict"], note["subject"]), ("note", subject))
        self.assertIn("from outside", note["hint"])
        watch = self.attach_at_once(pid)
        self.assertEqual(watch.records[0]["agent"], "none")
        self.assertTrue(watch.records[0]["no_agent_because"].endswith(note["finding"]), note)
        self.assertIn(note["finding"], watch.wait_for("Warning", 10, code="no_agent")["message"])
        self.assertEqual(watch.stop(), 0)

    def test_a_process_that_can_be_watched(self):
        target = self.start(python_target("asyncio_service.py"))
        before = Snapshot(target.pid)
        result = pyleak("doctor", target.pid)
        before.assert_unharmed()
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        lines = result.stdout.splitlines()
        self.assertEqual([line for line in lines if not line.startswith("ok ")], [])
        self.assertRegex(lines[-1], r"python: CPython 3\.11")

    def test_agrees_with_attach(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assert_agrees(gone.pid, "process")
        zombie = subprocess.Popen(["true"])
        self.addCleanup(zombie.wait)
        wait_until(lambda: state_of(zombie.pid) == "Z", "the process is a zombie")
        self.assert_agrees(zombie.pid, "process")
        static = self.start(compiled_target("static_loop", "epoll_wait"))
        self.assert_agrees_without_agent(static.pid, "program")
        word32 = subprocess.Popen(compiled_target("word32"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(lambda: (word32.stdin.close(), word32.kill(), word32.wait(), word32.stdout.close()))
        word32.stdout.readline()
        self.assert_agrees(word32.pid, "process")

    def test_a_filter_of_system_calls(self):
        script = "import ctypes, sys; libc = ctypes.CDLL(None); libc.prctl(38, 1, 0, 0, 0); "
        # PR_SET_SECCOMP, SECCOMP_MODE_FILTER: one instruction that allows everything, linux/filter.h.
        script += "code = ctypes.create_string_buffer((0x7fff0000 << 32 | 6).to_bytes(8, 'little'), 8); "
        script += "program = (ctypes.c_uint64 * 2)(1, ctypes.addressof(code)); "
        script += "print(libc.prctl(22, 2, ctypes.byref(program)), flush=True); sys.stdin.read()"
        process = subprocess.Popen(["/usr/bin/python3", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(lambda: (process.stdin.close(), process.wait(10), process.stdout.close()))
        self.assertEqual(process.stdout.readline(), b"0\n")
        self.assert_agrees_without_agent(process.pid, "system calls")

    def test_another_tracer(self):
        require("strace")
        target = self.start(python_target("asyncio_service.py"))
        strace = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(target.pid)], stderr=subprocess.PIPE)
        try:
            self.assertIn(b"attached", strace.stderr.readline())
            self.assert_agrees(target.pid, "tracer")
        finally:
            strace.terminate()
            strace.communicate(timeout=10)

    def test_another_pyleak(self):
        target = self.start(python_target("asyncio_service.py"))
        self.attach(target)
        self.assert_agrees(target.pid, "other watch")

    def test_a_process_that_sleeps_can_be_watched_from_outside(self):
        process = subprocess.Popen(["sleep", "60"])
        self.addCleanup(lambda: (process.kill(), process.wait()))
        wait_until(lambda: in_system_call(process.pid, CLOCK_NANOSLEEP), "sleep sleeps")
        result = pyleak("doctor", process.pid, "--format", "json")
        self.assertEqual(result.returncode, 0)
        (note,) = [check for check in checks_of(result) if check["verdict"] != "ok"]
        self.assertEqual((note["verdict"], note["subject"]), ("note", "threads"))
        self.assertIn("sleeps in clock_nanosleep", note["finding"])


class Rights(OtherUsers, LiveTest):
    def findings(self, *arguments, **who):
        result = self.pyleak("doctor", *arguments, "--format", "json", **who)
        self.assertEqual(result.stderr, "")
        return result.returncode, {check["subject"]: check for check in checks_of(result)}

    def test_of_an_ordinary_user(self):
        status, found = self.findings()
        self.assertEqual((status, found["rights"]["verdict"], found["run"]["verdict"]), (0, "note", "ok"))

    def test_of_root(self):
        result = pyleak("doctor", "--format", "json")
        self.assertEqual(result.returncode, 0)
        self.assertEqual([check["verdict"] for check in checks_of(result)], ["ok", "ok"])

    def test_without_a_right_to_the_process(self):
        target = self.start(self.target("asyncio_service.py", user=BOB))
        status, found = self.findings(target.pid)
        self.assertEqual((status, list(found)), (1, ["process"]))
        self.assertIn(f"belongs to uid {BOB}, you are uid {ALICE}", found["process"]["hint"])
        status, found = self.findings(target.pid, capabilities=["sys_ptrace"])
        self.assertEqual(status, 1)
        self.assertIn("CAP_DAC_READ_SEARCH", found["memory"]["hint"])


if __name__ == "__main__":
    unittest.main()
