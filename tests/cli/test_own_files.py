"""The files that pyleak makes itself: nobody gets in through them, and nobody keeps it from working by them."""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

from pyleak_testing import BINARY, LiveTest, Target, compiled_target, python_target
from pyleak_testing.lines import wait_until
from pyleak_testing.users import ALICE, OtherUsers, as_user

PREFIXES = ("pyleak-agent-", "pyleak-heartbeat-")
SHOW = 'for file in $LD_PRELOAD $PYLEAK_ARENA; do stat --format "%a %u %n" $file; done'


def run(directory, *command, before=(), **options):
    """`pyleak run` of a command, whose files lie in that directory if it is fit for them."""
    environment = dict(os.environ, XDG_RUNTIME_DIR=str(directory))
    arguments = [*before, BINARY, "run", "--output", "/dev/null", "--", *command]
    options.setdefault("env", environment)
    return subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, **options)


class OwnFiles(OtherUsers, LiveTest):
    def setUp(self):
        """A directory in memory that everybody may write to, as /dev/shm is."""
        folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.shared = pathlib.Path(folder.name)
        self.shared.chmod(0o1777)

    def files_of_a_run(self, directory, **options):
        """The directory, mode and owner of the files that a program is given."""
        done = run(directory, "sh", "-c", SHOW, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        lines = [line.split(" ", 2) for line in done.stdout.splitlines()]
        return [(os.path.dirname(path), mode, int(owner)) for mode, owner, path in lines]

    def test_are_for_their_user_alone(self):
        """The agent may be read, for programs that give up root; with any umask."""
        files = self.files_of_a_run(self.shared, umask=0)
        self.assertEqual(files, [(str(self.shared), "555", 0), (str(self.shared), "600", 0)])
        self.assertEqual(list(self.shared.iterdir()), [])

    def test_do_not_lie_where_others_could_exchange_them(self):
        of_another = self.shared / "of_another"
        of_another.mkdir()
        os.chown(of_another, ALICE, ALICE)
        below = of_another / "below"
        below.mkdir(mode=0o700)
        sticky = self.shared / "sticky"
        sticky.mkdir()
        os.chown(sticky, ALICE, ALICE)
        sticky.chmod(0o1777)
        not_sticky = self.shared / "not_sticky"
        not_sticky.mkdir()
        not_sticky.chmod(0o777)
        for directory in (of_another, below, sticky, not_sticky):
            with self.subTest(directory.name):
                for chosen, _, _ in self.files_of_a_run(directory):
                    self.assertNotEqual(chosen, str(directory))

    def test_lie_in_a_directory_of_the_hosts_root(self):
        """Who has no number in a user namespace."""
        before = ["unshare", "--user", "--map-user=4242"]
        files = self.files_of_a_run(self.shared, before=before)
        self.assertEqual({chosen for chosen, _, _ in files}, {str(self.shared)})

    def test_what_others_plant_is_left_alone(self):
        precious = self.shared / "precious"
        precious.write_text("precious")
        for prefix in PREFIXES:
            plant = f"""
                cd {self.shared}
                ln -s {precious} {prefix}link
                mkfifo -m 666 {prefix}fifo
                mkdir {prefix}folder
                echo not the agent > {prefix}file; chmod 777 {prefix}file
            """
            subprocess.run(as_user("sh", "-ec", plant), check=True, timeout=10)
            os.link(precious, self.shared / f"{prefix}hard")
        done = run(self.shared, "sh", "-c", SHOW)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        given = {line.rpartition(" ")[2] for line in done.stdout.splitlines()}
        self.assertEqual(len(given), 2)
        left = {path.name: path for path in self.shared.iterdir() if not path.name.endswith("hard")}
        self.assertEqual(len(left), 1 + 4 * len(PREFIXES))
        self.assertFalse(given & {str(path) for path in left.values()})
        self.assertEqual(precious.read_text(), "precious")
        for prefix in PREFIXES:
            self.assertEqual(left[prefix + "file"].read_text(), "not the agent\n")
            self.assertTrue(stat.S_ISFIFO(left[prefix + "fifo"].stat().st_mode))

    def test_a_name_stays_taken_while_a_process_that_hides_may_know_it(self):
        """Else another user could take it, and with it the next program that the process starts."""
        hide = "import ctypes, os, sys; ctypes.CDLL(None).prctl(4, 0); print(os.getpid(), flush=True); sys.stdin.read()"
        self.shared.chmod(0o777 | stat.S_ISVTX)
        reader, writer = os.pipe()
        script = f'/usr/bin/python3 -c "$0" <&{reader} & read -r line'
        environment = dict(os.environ, XDG_RUNTIME_DIR=str(self.shared))
        command = self.command("run", "--output", "/dev/null", "--", "bash", "-c", script, hide)
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment, pass_fds=(reader,)
        )
        os.close(reader)
        hidden = int(process.stdout.readline())
        process.stdin.close()
        process.wait(20)
        process.stdout.close()
        self.assertEqual(len(list(self.shared.iterdir())), 2)
        os.close(writer)
        wait_until(lambda: not pathlib.Path(f"/proc/{hidden}").exists(), "the process ends")
        subprocess.run(self.command("run", "-o", "/dev/null", "--", "true"), env=environment, check=True, timeout=20)
        self.assertEqual(list(self.shared.iterdir()), [])

    def test_a_set_user_id_program_does_not_open_them(self):
        """It is told of them, and neither loads the agent nor opens the heartbeat."""
        program, *arguments = compiled_target("event_loop")
        plain = pathlib.Path(shutil.copy(program, self.folder / "plain"))
        privileged = pathlib.Path(shutil.copy(program, self.folder / "privileged"))
        privileged.chmod(0o4755)
        for path, mapped in ((plain, True), (privileged, False)):
            target = Target(self.command("run", "--output", "/dev/null", "--", path, *arguments))
            self.addCleanup(target.stop)
            target.state()
            process = pathlib.Path(f"/proc/{target.facts['pid']}")
            self.assertIn(b"PYLEAK_ARENA=/", (process / "environ").read_bytes())
            for prefix in PREFIXES:
                self.assertEqual(prefix in (process / "maps").read_text(), mapped, path)

    def test_names_that_a_shell_or_the_linker_would_split(self):
        for name in ("with space", "with:colon", "with\nnewline", "with$ORIGIN", "with'quotes\"; exit 3; `id`"):
            with self.subTest(name):
                folder = self.shared / name
                folder.mkdir(mode=0o700)
                program = "import ctypes, os; print('pyleak-agent-' in open('/proc/self/maps').read())"
                done = run(folder, "/usr/bin/python3", "-c", program, env=dict(os.environ, TMPDIR=str(folder)))
                self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "True\n", ""))


class Output(LiveTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def test_a_fifo_that_nobody_reads_does_not_hold_us(self):
        os.mkfifo(self.folder / "fifo")
        target = self.start(python_target("asyncio_service.py"))
        command = [BINARY, "attach", str(target.pid), "--output", self.folder / "fifo"]
        result = subprocess.run(command, capture_output=True, text=True, timeout=20)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"\Apyleak: .*nobody has it open for reading\n  hint: .*--output.*\n\Z")

    def test_the_reader_of_a_fifo_that_goes_ends_the_watch(self):
        path = self.folder / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        target = self.start(python_target("asyncio_service.py"))
        process = subprocess.Popen([BINARY, "attach", str(target.pid), "--output", path], stderr=subprocess.PIPE)
        self.addCleanup(process.stderr.close)
        self.turn_once_watched(target)
        os.close(reader)
        target.block(0.3, "sleep")
        self.assertEqual(process.wait(20), 0)
        self.assertEqual(process.stderr.read(), b"")

    def test_a_file_name_is_a_file_name(self):
        """No shell and no pattern; a link is followed, as a shell's redirection follows it."""
        target = self.start(python_target("asyncio_service.py"))
        odd = self.folder / "a b\n'\"; touch x; $(touch y) *"
        (self.folder / "link").symlink_to(odd)
        watch = subprocess.Popen([BINARY, "attach", str(target.pid), "--max-blocks", "1", "-t", "50ms", "-o", self.folder / "link"])
        self.turn_once_watched(target)
        target.block(0.1, "sleep")
        self.assertEqual(watch.wait(20), 0)
        self.assertIn("block-1", odd.read_text())
        self.assertEqual({path.name for path in self.folder.iterdir()}, {odd.name, "link"})


if __name__ == "__main__":
    unittest.main()
