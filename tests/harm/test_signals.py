"""Signals during captures and attaches: none lost, none doubled, none changed; stops and continues as without us."""

import ctypes
import os
import pty
import signal
import subprocess
import sys
import unittest

from pyleak_testing import BINARY, LiveTest, Target, compiled_target, rounds
from pyleak_testing.lines import wait_until

_LIBC = ctypes.CDLL(None, use_errno=True)

# Runs a command as the foreground job of a terminal, as a shell does: in a group of its own, and with somebody of
# another group as its parent, or Ctrl-Z would not stop it.
_OWN_TERMINAL = """
import os, signal, sys
os.setsid()
terminal = os.open(sys.argv[1], os.O_RDWR)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(terminal, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    os.execv(sys.argv[2], sys.argv[2:])
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def queue_signal(pid, value):
    """sigqueue(3), which Python has not."""
    if _LIBC.sigqueue(pid, signal.SIGRTMIN, ctypes.c_void_p(value)) != 0:
        raise OSError(ctypes.get_errno(), "sigqueue")


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return stat.read().rpartition(")")[2].split()[0]


class Signals(LiveTest):
    def test_storm(self):
        """Numbered signals and an interval timer's, while block after block is captured."""
        for arguments in ((), ("restart",)):
            with self.subTest(arguments):
                self._storm(self.start(compiled_target("signal_counter", *arguments)), rounds(1000, 10000) // 2)

    def _storm(self, target, count):
        watch = self.attach(target, "--threshold", "5ms", "--check-interval", "1ms")
        for first in range(0, count, 10):
            target.tell("block", 0.008, "cpu")
            for value in range(first, first + 10):
                queue_signal(target.pid, value)
            target.blocked(0.008)
        state = target.state()
        self.assertEqual((state["interrupted"], state["early"]), (0, 0), "of no signal")
        self.assertEqual(watch.stop(), 0)
        self.assertGreater(len(watch.blocks()), count // 20)
        self._assert_all_came(target, count)

    def test_attach_and_detach(self):
        """The same during attach and detach, when threads are borrowed and led out."""
        target = self.start(compiled_target("signal_counter"))
        sent = 0
        for _ in range(rounds(10, 200)):
            attach = [BINARY, "attach", str(target.pid), "--duration", "50ms", "--output", "/dev/null"]
            with subprocess.Popen(attach, stderr=subprocess.DEVNULL) as watch:
                while watch.poll() is None:
                    queue_signal(target.pid, sent)
                    sent += 1
                    target.state()
            self.assertEqual(watch.returncode, 0)
        state = target.state()
        self.assertEqual((state["interrupted"], state["early"]), (0, 0), "of no signal")
        self._assert_all_came(target, sent)

    def _assert_all_came(self, target, count):
        target.process.stdin.close()
        seen = target.wait_for("signals", 20)
        self.assertEqual(target.stop(), 0)
        self.assertEqual((seen["queued"], seen["wrong"]), (count, 0))
        # One that is due while the last still waits is one with it, with us and without.
        self.assertLessEqual(seen["alarms"], seen["periods"] + 1)
        self.assertGreater(seen["alarms"], seen["periods"] // 2)

    def test_stops_and_continues(self):
        """Its parent sees each stop and each continue once, whatever pyleak does meanwhile."""
        target = Target(compiled_target("bare_loop", "epoll_wait"))
        self.addCleanup(target.stop)
        self.attach(target, "--threshold", "5ms", "--check-interval", "1ms")
        stops = rounds(50, 1000)
        for _ in range(stops):
            target.tell("block", 0.01, "cpu")
            os.kill(target.pid, signal.SIGSTOP)
            self._assert_change(target.pid, os.CLD_STOPPED, signal.SIGSTOP)
            os.kill(target.pid, signal.SIGCONT)
            self._assert_change(target.pid, os.CLD_CONTINUED, signal.SIGCONT)
            target.blocked(0.01)
        state = target.state()
        self.assertLessEqual(state["interrupted"], stops, "by a stop itself, at most: signal(7)")
        self.assertEqual(state["early"], 0)

    def _assert_change(self, pid, code, number):
        options = os.WSTOPPED | os.WCONTINUED
        seen = wait_until(lambda: os.waitid(os.P_PID, pid, options | os.WNOHANG), "the change is seen")
        self.assertEqual((seen.si_code, seen.si_status), (code, number))
        self.assertIsNone(os.waitid(os.P_PID, pid, options | os.WNOHANG), "and once only")

    def test_stopped_target(self):
        """It can be looked at and attached to; it stays stopped all the while, and its parent sees nothing of it."""
        target = Target(compiled_target("bare_loop", "epoll_wait"))
        self.addCleanup(target.stop)
        os.kill(target.pid, signal.SIGSTOP)
        self._assert_change(target.pid, os.CLD_STOPPED, signal.SIGSTOP)
        for command in (["dump"], ["list"], ["attach", "--duration", "200ms", "--threshold", "20ms"]):
            with self.subTest(command[0]):
                arguments = [BINARY, command[0], *([] if command[0] == "list" else [str(target.pid)]), *command[1:]]
                done = subprocess.run(arguments, capture_output=True, text=True, timeout=30, check=False)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertEqual(state_of(target.pid), "T")
        self.assertIsNone(os.waitid(os.P_PID, target.pid, os.WSTOPPED | os.WCONTINUED | os.WNOHANG))
        os.kill(target.pid, signal.SIGCONT)
        self._assert_change(target.pid, os.CLD_CONTINUED, signal.SIGCONT)
        self.assertLessEqual(target.state()["interrupted"], 1, "by the stop itself: signal(7)")

    def test_control_z(self):
        """Ctrl-Z at a terminal stops a watched program, and it goes on when it is continued."""
        terminal, its_end = pty.openpty()
        self.addCleanup(os.close, terminal)
        command = [sys.executable, "-c", _OWN_TERMINAL, os.ttyname(its_end)]
        target = Target(command + compiled_target("bare_loop", "epoll_wait"))
        self.addCleanup(target.stop)
        self.addCleanup(os.close, its_end)
        self.attach(target, "--threshold", "5ms", "--check-interval", "1ms")
        for _ in range(rounds(20, 300)):
            target.tell("block", 0.01, "cpu")
            os.write(terminal, b"\x1a")
            wait_until(lambda: state_of(target.pid) == "T", "Ctrl-Z stops it")
            os.kill(target.pid, signal.SIGCONT)
            target.blocked(0.01)
            self.assertEqual(target.state()["early"], 0)


if __name__ == "__main__":
    unittest.main()
