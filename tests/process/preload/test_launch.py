"""A program started by us finds everything as if we were not there, and hears of every signal once."""

import json
import os
import pty
import re
import select
import signal
import tempfile
import time
import unittest

from pyleak_testing.lines import wait_until
from pyleak_testing.processes import state_of
from runner import RUNNER, Regions, alone, python, run, running, wait_for_end

INHERITED = r"""
import json, os, re, resource
status = open("/proc/self/status").read()
print(json.dumps({
    "signals": re.findall(r"^(Sig[A-Z][a-z]+|Umask|NoNewPrivs|Seccomp):\s*(\S+)", status, re.M),
    "descriptors": sorted(os.listdir("/proc/self/fd")), "stdin": os.readlink("/proc/self/fd/0"),
    "group": os.getpgrp(), "session": os.getsid(0), "folder": os.getcwd(), "nice": os.nice(0),
    "slack": open("/proc/self/timerslack_ns").read(), "oom": open("/proc/self/oom_score_adj").read(),
    "scheduler": os.sched_getscheduler(0), "cpus": sorted(os.sched_getaffinity(0)),
    "limits": [resource.getrlimit(limit) for limit in range(16)],
}))
"""
# Says which signals come, each as it comes, until SIGTERM.
LISTENER = """
import os, signal, sys
names = [signal.Signals[name] for name in sys.argv[1:]] + [signal.SIGRTMIN + 1, signal.SIGTERM]
signal.pthread_sigmask(signal.SIG_BLOCK, names)
print("ready", os.getpid(), flush=True)
while True:
    info = signal.sigwaitinfo(names)
    print(int(info.si_signo), flush=True)
    if info.si_signo == signal.SIGTERM:
        sys.exit(5)
"""


class Inheritance(unittest.TestCase):
    def assert_same(self, **options):
        """The program's own report of itself, with and without us."""
        without = json.loads(alone(python(INHERITED), **options).stdout)
        done, _ = run(python(INHERITED), **options)
        self.assertEqual(json.loads(done.stdout), without)
        self.assertEqual((done.stderr, done.returncode), ("", 0))

    def test_by_default(self):
        self.assert_same(restore_signals=True)

    def test_of_ignored_and_blocked_signals(self):
        def ignore_and_block():
            for number in (signal.SIGPIPE, signal.SIGHUP, signal.SIGCHLD, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_IGN)
            signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGINT])

        self.assert_same(restore_signals=False, preexec_fn=ignore_and_block)

    def test_of_a_descriptor(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        self.assert_same(pass_fds=(reader,))

    def test_exit_status_where_sigchld_is_ignored(self):
        done, _ = run(["sh", "-c", "exit 9"], preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertEqual(done.returncode, 9)

    def test_a_script_whose_interpreter_is_missing(self):
        with tempfile.NamedTemporaryFile("w", suffix=".sh", delete=False) as script:
            script.write("#!/nonexistent/interpreter\n")
        self.addCleanup(os.unlink, script.name)
        os.chmod(script.name, 0o755)
        self.assertEqual(run([script.name])[0].returncode, alone(["env", script.name]).returncode)

    def test_a_script_without_a_first_line(self):
        """execvp(3) hands it to the shell."""
        with tempfile.NamedTemporaryFile("w", delete=False) as script:
            script.write("exit 4\n")
        self.addCleanup(os.unlink, script.name)
        os.chmod(script.name, 0o755)
        self.assertEqual(run([script.name])[0].returncode, 4)


class Signals(unittest.TestCase):
    def test_sent_to_us_reach_the_program_once(self):
        names = ["SIGHUP", "SIGINT", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGALRM", "SIGTTIN", "SIGTTOU", "SIGWINCH"]
        with running(python(LISTENER, *names)) as (process, _):
            self.assertIn("ready", process.stdout.readline())
            numbers = [int(signal.Signals[name]) for name in names] + [signal.SIGRTMIN + 1, int(signal.SIGTERM)]
            for number in numbers:
                process.send_signal(number)
                self.assertEqual(process.stdout.readline(), f"{number}\n")
            self.assertEqual(process.wait(10), 5)

    def test_of_the_program_to_its_parent_do_not_come_back(self):
        script = LISTENER.replace('print("ready"', 'os.kill(os.getppid(), signal.SIGUSR1); print("ready"')
        with running(python(script, "SIGUSR1")) as (process, _):
            self.assertIn("ready", process.stdout.readline())
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.stdout.readline(), f"{int(signal.SIGTERM)}\n")

    def test_the_program_lives_on_and_ends_well_when_we_are_killed(self):
        with running(python(LISTENER)) as (process, _):
            pid = int(process.stdout.readline().split()[1])
            process.kill()
            process.wait()
            os.kill(pid, signal.SIGRTMIN + 1)
            self.assertEqual(process.stdout.readline(), f"{signal.SIGRTMIN + 1}\n")
            self.assertNotIn(state_of(pid), "tTZ")
            os.kill(pid, signal.SIGTERM)
            self.assertEqual(process.stdout.readline(), f"{int(signal.SIGTERM)}\n")
            wait_for_end(pid)


class Terminal:
    """A terminal of its own with a program in the foreground, which leads the session."""

    def __init__(self, command):
        self.pid, self.descriptor = pty.fork()
        if self.pid == 0:
            os.execvp(command[0], command)
        self.text = ""

    def type(self, text):
        os.write(self.descriptor, text.encode())

    def wait_for(self, expression, seconds=20):
        """What has been printed up to a match of the regular expression, which is then taken away."""
        deadline = time.monotonic() + seconds
        while True:
            match = re.search(expression, self.text)
            if match:
                self.text = self.text[match.end() :]
                return match
            if not select.select([self.descriptor], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError(f"{expression!r} did not come in time, but {self.text!r}")
            try:
                self.text += os.read(self.descriptor, 4096).decode(errors="replace")
            except OSError:
                raise AssertionError(f"the terminal ended before {expression!r}, after {self.text!r}") from None

    def close(self):
        os.close(self.descriptor)

    def wait(self):
        """The exit status."""
        ended = []

        def has_ended():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended[:] = [status] if pid else []
            return pid

        wait_until(has_ended, "the program in the terminal ends", 20)
        return os.waitstatus_to_exitcode(ended[0])


class InATerminal(unittest.TestCase):
    def start(self, command):
        self.regions = Regions()
        self.addCleanup(self.regions.read)
        return Terminal([RUNNER, self.regions.path, *command])

    def test_ctrl_c_reaches_the_program_once_and_it_decides(self):
        terminal = self.start(python(LISTENER, "SIGINT", "SIGWINCH"))
        terminal.wait_for("ready")
        terminal.type("\x03")
        terminal.wait_for(rf"{int(signal.SIGINT)}\r\n")
        os.kill(terminal.pid, signal.SIGTERM)
        answer = terminal.wait_for(rf"([\d\s]*)\b{int(signal.SIGTERM)}\r\n").group(1)
        self.assertEqual(answer.split(), [])
        self.assertEqual(terminal.wait(), 5)
        terminal.close()

    def test_ctrl_c_ends_a_program_that_does_not_care(self):
        terminal = self.start(["sh", "-c", "echo ready; exec sleep 60"])
        terminal.wait_for("ready")
        terminal.type("\x03")
        self.assertEqual(terminal.wait(), 128 + signal.SIGINT)
        terminal.close()

    def test_the_end_of_the_terminal_reaches_the_program(self):
        terminal = self.start(["sh", "-c", "echo ready $$; exec sleep 60"])
        program = int(terminal.wait_for(r"ready (\d+)").group(1))
        terminal.close()
        self.assertEqual(terminal.wait(), 128 + signal.SIGHUP)
        wait_for_end(program)

    def test_job_control(self):
        """Ctrl-Z stops the program and us, fg continues both, and Ctrl-C still works."""
        terminal = Terminal(["bash", "--norc", "--noprofile", "-i"])
        self.regions = Regions()
        self.addCleanup(self.regions.read)
        terminal.type(f"PS1='shell''> '\n{RUNNER} {self.regions.path} sh -c 'echo rea''dy $$ $PPID; exec sleep 60'\n")
        program, ours = map(int, terminal.wait_for(r"ready (\d+) (\d+)").groups())
        terminal.type("\x1a")
        terminal.wait_for("Stopped")
        wait_until(lambda: state_of(program) == "T" and state_of(ours) == "T", "both are stopped")
        terminal.type("fg\n")
        wait_until(lambda: state_of(program) == "S" and state_of(ours) == "S", "both go on")
        terminal.type("\x03")
        wait_for_end(program)
        terminal.type("echo status $?\n")
        self.assertEqual(int(terminal.wait_for(r"status (\d+)").group(1)), 128 + signal.SIGINT)
        terminal.type("exit 0\n")
        terminal.wait()
        terminal.close()

    def test_a_program_in_the_background_that_reads_is_stopped_together_with_us(self):
        terminal = Terminal(["bash", "--norc", "--noprofile", "-i"])
        self.regions = Regions()
        self.addCleanup(self.regions.read)
        terminal.type(f"{RUNNER} {self.regions.path} sh -c 'echo rea''dy $$ $PPID; cat' &\n")
        program, ours = map(int, terminal.wait_for(r"ready (\d+) (\d+)").groups())
        wait_until(lambda: state_of(program) == "T" and state_of(ours) == "T", "both are stopped")
        terminal.type("fg\n")
        wait_until(lambda: state_of(program) == "S" and state_of(ours) == "S", "both go on")
        terminal.type("hello\n")
        terminal.wait_for("hello\r\nhello")
        terminal.type("\x04exit 0\n")
        terminal.wait()
        terminal.close()


if __name__ == "__main__":
    unittest.main()
