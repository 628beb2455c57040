"""Targets whose files are not ours: other roots, other C libraries, containers. Symbols and sources are the target's."""

import pathlib
import shutil
import subprocess
import tempfile
import unittest

from pyleak_testing import BINARY, LiveTest, Target, compiled_target, require
from pyleak_testing.case import python_frames
from pyleak_testing.places import ROOT
from pyleak_testing.processes import our_tid_of
from pyleak_testing.spaces import container, debian_root, neighbour, sandbox

PYTHONS = {"bullseye": "3.9", "trixie": "3.13"}  # glibc 2.31 and 2.41; the one we are built with lies between.
SERVICE = ["/usr/bin/python3", "/srv/python/asyncio_service.py"]


class Containers(LiveTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="pyleak-containers-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check_python_block(self, target):
        watch = self.attach(target, "--threshold", "300ms")
        block, record = target.block(0.7, "sleep"), watch.block()
        self.assert_duration(record, block, 0.02)
        self.assert_timestamp(record, block)
        self.assertEqual(record["tid"], our_tid_of(block.tid, target.pid))
        self.assertEqual(record["loop"]["kind"], "asyncio")
        self.assert_python_stack(record, block)
        self.assert_source_text(record, target)
        self.assertTrue(record["capture"]["complete"], record["capture"])
        self.assertEqual(record["cause"]["kind"], "syscall", record)
        innermost = [frame for frame in record["native_stack"] if frame["name"]][-1]
        self.assertIn(record["cause"]["syscall"], innermost["name"])
        self.assertIn("libc", innermost["module"])
        self.assertEqual(watch.stop(), 0)

    def assert_source_text(self, record, target):
        """Of each Python frame: the line of the file that the target itself would open."""
        self.assertGreater(len(python_frames(record)), 3)
        for frame in record["blocking_stack"]:
            if frame["language"] == "python":
                source = pathlib.Path(f"/proc/{target.pid}/root{frame['filename']}").read_text().splitlines()
                self.assertEqual(frame["line"], source[frame["lineno"] - 1].strip())

    def check_native_block(self, target, *options):
        watch = self.attach(target, "--threshold", "300ms", *options)
        block, record = target.block(0.7, "sleep"), watch.block()
        self.assert_duration(record, block, 0.02)
        self.assert_native_frame(record, block)
        self.assertEqual(watch.stop(), 0)

    def test_other_c_libraries_and_pythons_in_a_sandbox(self):
        """Every namespace its own, and no /proc inside."""
        for suite, version in PYTHONS.items():
            with self.subTest(suite):
                target = self.start(sandbox(debian_root(suite)) + SERVICE)
                self.assertTrue(target.facts["version"].startswith(version + "."), target.facts)
                self.check_python_block(target)

    def test_oci_container(self):
        for suite in PYTHONS:
            with self.subTest(suite):
                folder = self.folder / suite
                folder.mkdir()
                target = self.start(container(folder, debian_root(suite), SERVICE))
                self.assertEqual(target.facts["pid"], 1)
                self.check_python_block(target)

    def test_pyleak_in_a_neighbour_of_the_container(self):
        """Without the right to open what is mapped (/proc/PID/map_files), and without the target's files in sight."""
        for suite, shared in (("bullseye", False), ("trixie", True)):
            with self.subTest(suite, shared_pid_namespace=shared):
                target = self.start(sandbox(debian_root(suite)) + SERVICE)
                self.check_neighbour(target, target.facts["pid"] if shared else target.pid, shared)

    def check_neighbour(self, target, pid, shared):
        program = [*neighbour(target if shared else None), BINARY]
        watch = self.attach_at_once(pid, "--threshold", "300ms", "--max-blocks", "1", program=program)
        self.turn(target)
        block, record = target.block(0.7, "sleep"), watch.block()
        self.assert_duration(record, block, 0.02)
        self.assertEqual(record["pid"], pid)
        self.assertEqual(record["tid"], block.tid if shared else our_tid_of(block.tid, target.pid))
        self.assert_python_stack(record, block)
        self.assert_source_text(record, target)
        self.assertTrue(record["capture"]["complete"], record["capture"])
        self.assertEqual(watch.finish(), 0)

    def test_chroot(self):
        """With nothing in it but a program of another C library; it has no /proc."""
        target = self.start(["chroot", str(self.musl_root()), "/c_loop"])
        watch = self.attach(target, "--threshold", "300ms")
        self.check_c_block(target, watch)
        self.assertEqual(watch.stop(), 0)

    def test_run_of_another_c_library(self):
        """The program itself finds the C library's functions."""
        root = self.musl_root()
        watch, target = self.run_watched([str(root / "c_loop")], "--threshold", "300ms")
        self.turn(target)
        self.check_c_block(target, watch)

    def check_c_block(self, target, watch):
        """musl has no unwind tables: the callers of its functions must be found without."""
        block, record = target.block(0.7, "sleep"), watch.block()
        self.assert_duration(record, block, 0.02)
        self.assert_native_frame(record, block)
        names = [frame["name"] for frame in record["native_stack"]]
        inner = names.index("sleep_in_callback") + 1
        self.assertEqual(names[:inner][-4:], ["main", "obey", "block", "sleep_in_callback"])
        self.assertEqual([name for name in names[inner:] if name], ["nanosleep", "clock_nanosleep"])

    def test_deleted_and_replaced_program(self):
        """What has the program's name now is another program."""
        for replaced in (False, True):
            with self.subTest(replaced=replaced):
                program = self.folder / f"loop-{replaced}"
                shutil.copy(compiled_target("bare_loop")[0], program)
                target = Target([str(program), "epoll_wait"])
                self.addCleanup(target.stop)
                program.unlink()
                if replaced:
                    shutil.copy(compiled_target("uv_loop")[0], program)
                self.look_after(target)
                self.check_native_block(target)

    def musl_root(self):
        """A directory with c_loop, which is linked with musl, and with what it loads."""
        require("musl-gcc")
        source = ROOT / "tests/targets/native/c_loop.c"
        program = self.folder / "c_loop"
        subprocess.run(["musl-gcc", "-g", "-O1", source, "-o", program], check=True)
        loader = pathlib.Path("/lib/ld-musl-x86_64.so.1")
        (self.folder / "lib").mkdir()
        shutil.copy(loader.resolve(), self.folder / loader.relative_to("/"))
        return self.folder


if __name__ == "__main__":
    unittest.main()
