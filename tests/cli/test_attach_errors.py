"""Why pyleak attach cannot, in one line, and what to do, in another; and no harm done."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from pyleak_testing import BINARY, LiveTest, Target, compiled_target, python_target, require
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import CLOCK_NANOSLEEP, in_system_call, pyleak, state_of
from pyleak_testing.unharmed import Snapshot


class Errors(LiveTest):
    def assert_error(self, result, what, status=1):
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        first, second = result.stderr.splitlines()
        self.assertRegex(first, f"^pyleak: .*{what}")
        self.assertRegex(second, "^  hint: .")

    def start_program(self, *command):
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(lambda: (process.stdin.close(), process.kill(), process.wait(), process.stdout.close()))
        return process

    def test_no_such_process(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assert_error(pyleak("attach", gone.pid), f"no process has the pid {gone.pid}")

    def test_a_zombie(self):
        zombie = subprocess.Popen(["true"])
        self.addCleanup(zombie.wait)
        wait_until(lambda: state_of(zombie.pid) == "Z", "the process is a zombie")
        self.assert_error(pyleak("attach", zombie.pid), "zombie|has ended")

    def test_a_kernel_thread(self):
        threads = [pid for pid in os.listdir("/proc") if pid.isdigit() and self.is_kernel_thread(pid)]
        if not threads:
            self.skipTest("no kernel thread can be seen from here")
        self.assert_error(pyleak("attach", threads[0]), "kernel thread")

    def is_kernel_thread(self, pid):
        try:
            flags = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[6])
        except OSError:
            return False
        return flags & 0x00200000  # PF_KTHREAD in include/linux/sched.h

    def test_a_32_bit_program(self):
        process = self.start_program(*compiled_target("word32"))
        process.stdout.readline()
        self.assert_error(pyleak("attach", process.pid), "64-bit")

    def test_already_traced(self):
        require("strace")
        target = self.start(python_target("asyncio_service.py"))
        strace = subprocess.Popen(["strace", "-f", "-o", "/dev/null", "-p", str(target.pid)], stderr=subprocess.PIPE)
        try:
            self.assertIn(b"attached", strace.stderr.readline())
            self.assert_error(pyleak("attach", target.pid), "traced.*strace|strace.*trac")
        finally:
            strace.terminate()
            strace.communicate(timeout=10)

    def test_already_watched(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target)
        self.assert_error(pyleak("attach", target.pid), "watche[sd]")
        block = target.block(0.3, "sleep")
        self.assert_duration(watch.block(), block, 0.02)

    def test_of_several_that_come_at_once_one_watches(self):
        target = self.start(python_target("asyncio_service.py"))
        for _ in range(5):
            self.assert_one_of_several_watches(target)

    def test_of_several_that_take_up_the_same_agent_one_watches(self):
        """An agent that had to stay, since the program has kept the address of a function of it."""
        target = Target(compiled_target("kept_address"))
        self.addCleanup(target.stop)
        self.assertEqual(self.attach(target).stop(), 0)
        for _ in range(3):
            self.assert_one_of_several_watches(target, rounds=100)  # Then it has called all that it kept.
            self.assertEqual(target.state()["interrupted"], 0)

    def assert_one_of_several_watches(self, target, rounds=2):
        command = [BINARY, "attach", str(target.pid), "--format", "json", "--max-blocks", "1", "--threshold", "1s"]
        several = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
        self.addCleanup(lambda processes: [process.kill() for process in processes], list(several))
        refused = []
        wait_until(lambda: self.take_ended(several, refused), "all but one have ended")
        for result in refused:
            self.assertRegex(result.decode(), r"^pyleak: .*(pyleak with pid \d+ watches it|another pyleak|\(pyleak\))")
        self.turn_once_watched(target)
        work = target.state()["work"]
        wait_until(lambda: target.state()["work"] > work + rounds, "its loop has gone round")
        target.block(1.1, "sleep")
        output, complaints = several[0].communicate(timeout=20)
        self.assertEqual(several[0].returncode, 0, complaints)
        self.assertIn(b"EventLoopBlock", output)

    def take_ended(self, several, refused):
        """Moves what those that have ended complained of; true when one is left."""
        for process in [process for process in several if process.poll() is not None]:
            several.remove(process)
            refused.append(process.communicate()[1])
        return len(several) == 1

    def test_not_permitted(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        target = self.start(python_target("asyncio_service.py"))
        # The build may lie where another user cannot go, such as below /root.
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            program = shutil.copy(BINARY, folder)
            result = pyleak("attach", target.pid, executable=program, user="nobody", group="nogroup", extra_groups=[])
        self.assert_error(result, "[Pp]ermission denied")

    def test_an_output_that_cannot_be_written(self):
        target = self.start(python_target("asyncio_service.py"))
        self.assert_error(pyleak("attach", target.pid, "--output", "/nonexistent/events"), "/nonexistent/events")

    def test_a_full_disk_is_said_once_and_does_not_end_the_watch(self):
        target = self.start(python_target("asyncio_service.py"))
        options = ["--output", "/dev/full", "--threshold", "50ms", "--max-blocks", "2"]
        command = [BINARY, "attach", str(target.pid), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.turn_once_watched(target)
        for _ in range(2):
            target.block(0.1, "sleep")
        _, complaints = process.communicate(timeout=20)
        self.assertEqual(len([line for line in complaints.splitlines() if "No space left" in line]), 1, complaints)

    def test_a_reader_that_goes_ends_the_watch(self):
        """As in `pyleak attach PID --format json | head -n 1`."""
        target = self.start(python_target("asyncio_service.py"))
        command = [BINARY, "attach", str(target.pid), "--format", "json", "--threshold", "50ms"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.assertIn("WatchStarted", process.stdout.readline())
        process.stdout.close()
        target.block(0.1, "sleep")
        self.assertEqual(process.wait(10), 0)
        self.assertEqual(process.stderr.read(), "")

    def test_a_program_without_a_loop_is_told_and_waited_for(self):
        process = self.start_program("sleep", "60")
        wait_until(lambda: in_system_call(process.pid, CLOCK_NANOSLEEP), "sleep sleeps")
        snapshot = Snapshot(process.pid)
        watch = self.attach_at_once(process.pid)
        warning = watch.wait_for("Warning", 20, code="no_loop")
        self.assertIn("epoll", warning["message"])
        self.assertIsNone(watch.process.poll(), "it goes on waiting")
        self.assertEqual(watch.stop(), 0)
        snapshot.assert_unharmed()


if __name__ == "__main__":
    unittest.main()
