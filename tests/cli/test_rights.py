"""What pyleak may do as an ordinary user, with which capabilities, and what it says where it may not."""

import os
import shutil
import subprocess
import unittest

from pyleak_testing import LiveTest, compiled_target, require
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import EPOLL_WAIT, in_system_call
from pyleak_testing.unharmed import Snapshot
from pyleak_testing.users import ALICE, BOB, OtherUsers, as_user, in_own_mounts

SERVICE = "asyncio_service.py"
# What PERMISSIONS in pyleak(1) says is enough for processes of other users.
ENOUGH = ("sys_ptrace", "dac_read_search")


def read_only(*folders):
    return "; ".join(f"mount --bind {at} {at}; mount -o remount,bind,ro {at}" for at in folders)


class OrdinaryUser(OtherUsers, LiveTest):
    """With a process of their own and not one capability."""

    def test_attach(self):
        target = self.start(self.target(SERVICE))
        watch = self.attach(target, "--threshold", "50ms", program=self.command())
        block = target.block(0.1, "sleep")
        record = watch.block()
        self.assert_duration(record, block, 0.02)
        self.assert_python_stack(record, block)
        self.assertEqual(watch.stop(), 0)
        self.assertEqual(watch.process.stderr.read(), "")
        warnings = [record["code"] for record in watch.records if record["type"] == "Warning"]
        self.assertEqual([code for code in warnings if code != "late"], [])  # The machine may be busy.

    def test_native_stacks(self):
        """Without CAP_CHECKPOINT_RESTORE /proc/PID/map_files is closed, and files are opened by their path."""
        program, *arguments = compiled_target("event_loop")
        target = self.start(as_user(shutil.copy(program, self.folder), *arguments))
        watch = self.attach(target, "--threshold", "50ms", program=self.command())
        block = target.block(0.1, "sleep")
        self.assert_native_frame(watch.block(), block)

    def test_dump_and_list(self):
        target = self.start(self.target(SERVICE))
        for command in ("dump", "list"):
            result = self.pyleak(command, target.pid)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertRegex(result.stdout, f"asyncio, thread {target.pid}")

    def test_list_counts_what_it_may_not_look_at(self):
        mine = self.start(self.target(SERVICE))
        theirs = self.start(self.target(SERVICE, user=BOB))
        result = self.pyleak("list")
        self.assertEqual(result.returncode, 0)
        self.assertIn(f"thread {mine.pid} ", result.stdout)
        self.assertNotIn(f"thread {theirs.pid} ", result.stdout)
        self.assertRegex(result.stderr, r"\Apyleak: \d+ more process\(es\) may not be looked at .*\n  hint: sudo pyleak list\n\Z")

    def test_run(self):
        command = self.command("run", "--threshold", "50ms", "--max-blocks", "1", "--", *self.python_with_a_block())
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(result.returncode, 0)
        self.assertIn('block.py", line 5, in main', result.stderr)

    def test_run_where_only_the_disk_can_be_written(self):
        arguments = ["run", "--threshold", "50ms", "--", *self.python_with_a_block()]
        result = self.pyleak(*arguments, before=in_own_mounts(read_only("/dev/shm", "/tmp")))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('block.py", line 5, in main', result.stderr)

    def test_run_without_any_place_for_files(self):
        """The program is not started; one line says why, another what would help."""
        before = in_own_mounts(read_only("/dev/shm", "/tmp", "/var/tmp"))
        result = self.pyleak("run", "--", "echo", "started", before=before)
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertRegex(result.stderr, r"\Apyleak: .+\n  hint: .*directory.*\n\Z")

    def python_with_a_block(self):
        lines = ["import asyncio, time", "async def main():", "    await asyncio.sleep(0.01)"]
        lines += ["    await asyncio.sleep(0.01)", "    time.sleep(0.1)", "    await asyncio.sleep(0.01)"]
        script = self.folder / "block.py"
        script.write_text("\n".join([*lines, "asyncio.run(main())", ""]))
        return ["/usr/bin/python3", str(script)]


class Refused(OtherUsers, LiveTest):
    """One line says why, another what would help; the process is left alone."""

    def assert_refused(self, pid, why, what_helps, before=(), **who):
        snapshot = Snapshot(pid)
        for command in ("attach", "dump"):
            result = self.pyleak(command, pid, before=before, **who)
            self.assertEqual((result.returncode, result.stdout), (1, ""), result.stderr)
            self.assertRegex(result.stderr, rf"\Apyleak: .*{why}.*\n  hint: .*{what_helps}.*\n\Z")
        snapshot.assert_unharmed()

    def python(self, line, **who):
        """A process that says that it is ready when it has run that line."""
        script = f"import ctypes, sys; {line}; print('{{\"type\": \"ready\"}}', flush=True); sys.stdin.read()"
        process = subprocess.Popen(
            as_user("/usr/bin/python3", "-c", script, **who), stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.addCleanup(lambda: (process.stdin.close(), process.wait(10), process.stdout.close()))
        self.assertIn(b"ready", process.stdout.readline())
        return process.pid

    def test_a_process_of_another_user(self):
        pid = self.python("pass", user=BOB)
        self.assert_refused(pid, "Permission denied", f"process {pid} belongs to uid {BOB}, you are uid {ALICE}: use sudo")

    def test_a_process_of_another_group(self):
        pid = self.python("pass", group=BOB)
        self.assert_refused(pid, "Permission denied", f"runs with gid {BOB}, you with gid {ALICE}: use sudo")

    def test_a_process_with_more_capabilities(self):
        pid = self.python("pass", capabilities=["net_bind_service"])
        self.assert_refused(pid, "Permission denied", "has capabilities that you have not: use sudo")

    def test_a_process_that_is_not_dumpable(self):
        pid = self.python("ctypes.CDLL(None).prctl(4, 0)")  # PR_SET_DUMPABLE in linux/prctl.h
        self.assert_refused(pid, "Permission denied", r"is closed to tracing \(.*\): use sudo")

    def test_a_process_that_proc_hides(self):
        pid = self.python("pass", user=BOB)
        before = in_own_mounts("mount -t proc -o hidepid=2 none /proc")
        self.assert_refused(pid, "hides process", f"process {pid} cannot be seen: use sudo", before=before)

    def test_what_yama_says(self):
        """Simulated: the kernel refuses for another reason, and the file of Yama is a file of ours."""
        yama = "mkdir -p /proc/sys/kernel/yama; echo 3 > /proc/sys/kernel/yama/ptrace_scope"
        before = in_own_mounts("mount -t tmpfs none /proc/sys; " + yama)
        pid = self.python("pass", user=BOB)
        self.assert_refused(pid, "Permission denied", "kernel.yama.ptrace_scope is 3: .* next boot", before=before)

    def test_the_right_to_trace_alone(self):
        pid = self.python("pass", user=BOB)
        self.assert_refused(pid, "Permission denied", "CAP_DAC_READ_SEARCH", capabilities=["sys_ptrace"])


class Capabilities(OtherUsers, LiveTest):
    """What PERMISSIONS in pyleak(1) says is enough."""

    def watch_a_block(self, program):
        target = self.start(self.target(SERVICE, user=BOB))
        watch = self.attach(target, "--threshold", "50ms", program=program)
        block = target.block(0.1, "sleep")
        record = watch.block()
        self.assert_duration(record, block, 0.02)
        self.assert_python_stack(record, block)
        self.assertEqual(watch.stop(), 0)

    def test_that_are_inherited(self):
        self.watch_a_block(self.command(capabilities=ENOUGH))

    def test_of_the_file(self):
        require("setcap")
        program = shutil.copy(self.folder / "pyleak", self.folder / "pyleak-with-capabilities")
        subprocess.run(["setcap", ",".join(f"cap_{name}" for name in ENOUGH) + "=ep", program], check=True)
        self.watch_a_block(as_user(program))


class SourceFiles(OtherUsers, LiveTest):
    """The target says which files its code is from, and pyleak may read more than the target."""

    # The second line of a file of the given name is what runs, whatever is in that file.
    PROGRAM = """if True:
        import asyncio, sys, time
        exec(compile("def blocking():\\n    time.sleep(0.2)\\n", sys.argv[1], "exec"))
        async def main():
            while True:
                await asyncio.sleep(0.05)
                blocking()
        asyncio.run(main())
    """

    def line_shown(self, path):
        service = subprocess.Popen(as_user("/usr/bin/python3", "-c", self.PROGRAM, path))
        self.addCleanup(service.wait)
        self.addCleanup(service.kill)
        wait_until(lambda: in_system_call(service.pid, EPOLL_WAIT), "its loop waits")
        watch = self.attach_at_once(service.pid, "--threshold", "100ms", "--max-blocks", "1")
        (frame,) = [frame for frame in watch.block()["blocking_stack"] if frame["filename"] == str(path)]
        self.assertEqual((frame["name"], frame["lineno"], watch.finish()), ("blocking", 2, 0))
        return frame["line"]

    def test_are_those_that_the_target_may_read(self):
        for name, owner, mode, shown in (
            ("own", ALICE, 0o600, True),
            ("everybodys", 0, 0o644, True),
            ("roots", 0, 0o600, False),
            ("another_users", BOB, 0o640, False),
        ):
            with self.subTest(name):
                path = self.folder / name
                path.write_text("first\nsecond\n")
                os.chown(path, owner, owner)
                path.chmod(mode)
                self.assertEqual(self.line_shown(path), "second" if shown else None)

    def test_in_a_folder_that_is_closed_to_the_target(self):
        folder = self.folder / "closed"
        folder.mkdir(mode=0o700)
        (folder / "open").write_text("first\nsecond\n")
        self.assertIsNone(self.line_shown(folder / "open"))


if __name__ == "__main__":
    unittest.main()
