"""Who is followed by what `run` prepares: the agent reaches every process with a loop, and leaves all others alone."""

import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

from pyleak_testing import compiled_target, python_target, require
from pyleak_testing.lines import wait_until
from pyleak_testing.load import get
from pyleak_testing.places import DISTRIBUTION_PYTHON, ROOT
from runner import RUNNER, Regions, alone, children_of, python, run, running, wait_for_end

ASYNCIO = """
import asyncio, os, time
async def main():
    for _ in range(3):
        await asyncio.sleep(0.001)
        time.sleep(0.002)
asyncio.run(main())
print(os.getpid(), flush=True)
"""
PLAIN_LOOP = ROOT / "tests/targets/native/plain_loop.c"


def pids_said(done):
    return sorted(map(int, done.stdout.split()))


class Followed(unittest.TestCase):
    def assert_all_have_a_loop(self, done, regions):
        """Exactly the processes that say that they ran a loop."""
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sorted(pid for pid, loops in regions.items() if loops > 0), pids_said(done))

    def test_a_program(self):
        self.assert_all_have_a_loop(*run(python(ASYNCIO)))

    def test_programs_of_a_shell(self):
        self.assert_all_have_a_loop(*run(["sh", "-c", 'python3 -c "$0"; python3 -c "$0" & wait', ASYNCIO]))

    def test_every_way_to_have_children(self):
        ways = ["itself", "exec", "fork", "posix_spawn", "subprocess", "shell", "multiprocessing_fork"]
        for way in ways + ["multiprocessing_spawn", "multiprocessing_forkserver"]:
            with self.subTest(way):
                done, regions = run(python_target("children.py", way, "2", "0.01"))
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                for line in done.stdout.splitlines():
                    self.assertGreater(regions.get(json.loads(line)["pid"], 0), 0, regions)

    def test_more_processes_than_there_is_room_for_at_first(self):
        self.assert_all_have_a_loop(*run(["sh", "-c", 'for i in $(seq 40); do "$@" & done; wait', "sh", *plain("cc"), "100"]))

    def test_node(self):
        require("node")
        script = "let n = 0; const t = setInterval(() => { if (++n === 3) { clearInterval(t); console.log(process.pid) } }, 2)"
        self.assert_all_have_a_loop(*run(["node", "-e", script]))

    def test_other_c_libraries_and_runtimes(self):
        for compiler, flags in (("musl-gcc", ()), ("cc", ("-fsanitize=address",)), ("cc", ("-fsanitize=thread",))):
            with self.subTest(compiler=compiler, flags=flags):
                if compiler != "cc":
                    require(compiler)
                self.assert_all_have_a_loop(*run(plain(compiler, *flags)))

    def test_a_program_with_a_preloaded_library_of_its_own(self):
        done, regions = run(python(ASYNCIO), env=dict(os.environ, LD_PRELOAD="libdl.so.2"))
        self.assert_all_have_a_loop(done, regions)

    def test_workers_of_a_server(self):
        port = "18473"
        servers = {
            "gunicorn": ["-w", "2", "-k", "uvicorn.workers.UvicornWorker", "-b", f"127.0.0.1:{port}", "asgi_app:app"],
            "uvicorn": ["--workers", "2", "--port", port, "asgi_app:app"],
        }
        for name, arguments in servers.items():
            with self.subTest(name):
                require(name)
                self.check_workers([name, *arguments], f"http://127.0.0.1:{port}/")

    def check_workers(self, command, url):
        folder = ROOT / "tests/targets/python"
        with running(command, cwd=folder, stderr=subprocess.DEVNULL) as (process, regions):
            (master,) = wait_until(lambda: children_of(process.pid), "the server starts")
            workers = set()

            def both_have_answered():
                try:
                    workers.add(get(url)["pid"])
                except OSError:
                    pass
                return len(workers) == 2

            wait_until(both_have_answered, "both workers answer", 30)
            process.terminate()
            process.wait(20)
            found = regions.read()
        for worker in workers:
            self.assertNotEqual(worker, master)
            self.assertGreater(found.get(worker, 0), 0, found)


class LeftAlone(unittest.TestCase):
    def test_an_environment_that_names_no_agent(self):
        done, regions = run(["env", "-i", DISTRIBUTION_PYTHON, "-c", ASYNCIO])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(regions, {})

    def test_a_static_program(self):
        command = compiled_target("static_loop", "poll")
        with running(command, stderr=subprocess.PIPE) as (process, regions):
            output, errors = process.communicate("block 0.01 sleep\nquit\n", timeout=20)
            self.assertIn('"block"', output)
            self.assertEqual((process.returncode, errors, regions.read()), (0, "", {}))

    def test_a_program_that_gives_up_root(self):
        if os.geteuid() != 0:
            self.skipTest("only root can")
        done, regions = run(["setpriv", "--reuid=65534", "--clear-groups", DISTRIBUTION_PYTHON, "-c", ASYNCIO])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(regions, {})

    def test_a_program_without_a_loop_makes_no_system_call_more(self):
        """But for those with which its linker loads the agent."""
        require("strace")

        def calls(start):
            with tempfile.NamedTemporaryFile("r") as log:
                trace = "trace=execve,openat,%network,memfd_create,mprotect,madvise,clone"
                start(["strace", "-f", "-o", log.name, "-e", trace, "ls", "/"])
                text = pathlib.Path(log.name).read_text()
            return re.findall(r"^\d+ +(\w+)\((?:AT_FDCWD, )?(\"[^\"]*\")?", text, re.MULTILINE)

        without = calls(alone)
        self.assertIn(("execve", '"/usr/bin/ls"'), without)
        more = calls(run)
        for call in without:
            more.remove(call)
        self.assertEqual([name for name, _ in more], ["openat"], more)
        self.assertIn("/pyleak-agent-", more[0][1])


class Files(unittest.TestCase):
    def setUp(self):
        """A directory in memory of our own, where nobody else's sessions are."""
        folder = tempfile.TemporaryDirectory(dir="/dev/shm")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.environment = dict(os.environ, XDG_RUNTIME_DIR=self.folder)

    def run_true(self):
        self.assertEqual(run(["true"], env=self.environment)[0].returncode, 0)

    def count(self):
        return len(os.listdir(self.folder))

    def test_are_removed_at_the_end(self):
        done, _ = run(["sh", "-c", "ls -d $LD_PRELOAD $PYLEAK_ARENA"], env=self.environment)
        self.assertEqual([os.path.dirname(path) for path in done.stdout.split()], [self.folder] * 2)
        self.assertEqual(self.count(), 0)

    def test_stay_as_long_as_a_process_could_need_them(self):
        reader, writer = os.pipe()
        script = "(read line; exec true) <&%d >/dev/null 2>&1 & echo $!" % reader
        done, _ = run(["sh", "-c", script], env=self.environment, pass_fds=(reader,))
        os.close(reader)
        self.assertEqual(self.count(), 2)
        self.run_true()
        self.assertEqual(self.count(), 2)
        os.close(writer)
        wait_for_end(int(done.stdout))
        self.run_true()
        self.assertEqual(self.count(), 0)

    def test_of_a_killed_pyleak_are_removed_once_nobody_uses_them(self):
        command = ["sh", "-c", "echo $$; read line; true; echo $line"]
        with running(command, env=self.environment) as (process, _):
            child = int(process.stdout.readline())
            process.kill()
            process.wait()
            self.run_true()
            self.assertEqual(self.count(), 2)
            process.stdin.write("lives\n")
            process.stdin.flush()
            self.assertEqual(process.stdout.readline(), "lives\n")
            wait_for_end(child)
        self.run_true()
        self.assertEqual(self.count(), 0)

    def test_are_not_taken_from_another_session(self):
        command = ["sh", "-c", "echo ready; read line; ls -d $LD_PRELOAD $PYLEAK_ARENA"]
        with running(command, env=self.environment) as (process, _):
            self.assertEqual(process.stdout.readline(), "ready\n")
            self.run_true()
            output, _ = process.communicate("\n", timeout=20)
            self.assertEqual((len(output.split()), process.returncode), (2, 0))

    def test_lie_where_the_linker_can_load_them(self):
        def agent_of(**variables):
            done, regions = run(python(ASYNCIO + "print(os.environ['LD_PRELOAD'])"), env=dict(os.environ, **variables))
            self.assertEqual((len(regions), done.stderr), (1, ""))
            return done.stdout.split()[-1]

        with tempfile.TemporaryDirectory(prefix="with space", dir="/dev/shm") as folder:
            self.assertNotIn(" ", agent_of(XDG_RUNTIME_DIR=folder))
        with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
            self.assertEqual(os.path.dirname(agent_of(XDG_RUNTIME_DIR=folder)), folder)
            os.chmod(folder, 0o777)
            self.assertNotEqual(os.path.dirname(agent_of(XDG_RUNTIME_DIR=folder)), folder)

    def test_the_agent_avoids_a_file_system_without_execution(self):
        if alone(["unshare", "-m", "true"]).returncode != 0:
            self.skipTest("no right to a mount namespace")
        mount = 'mount -t tmpfs -o noexec none /dev/shm && exec "$@"'
        script = ASYNCIO + "print(os.environ['LD_PRELOAD'], os.environ['PYLEAK_ARENA'])"
        regions = Regions()
        done = alone(["unshare", "-m", "sh", "-c", mount, "sh", RUNNER, regions.path, *python(script)])
        pid, agent, heartbeat = done.stdout.split()
        self.assertTrue(heartbeat.startswith("/dev/shm/"), heartbeat)
        self.assertFalse(agent.startswith("/dev/shm/"), agent)
        self.assertEqual(regions.read(), {int(pid): 1})


def plain(compiler, *flags):
    """The command of a small loop in C, built now."""
    binary = pathlib.Path(BUILD.name, "-".join(["plain_loop", compiler, *flags]).replace("=", "-"))
    if not binary.exists():
        subprocess.run([compiler, *flags, str(PLAIN_LOOP), "-o", str(binary)], check=True)
    return [str(binary)]


def setUpModule():
    global BUILD
    BUILD = tempfile.TemporaryDirectory(prefix="plain-loop-")


def tearDownModule():
    BUILD.cleanup()


if __name__ == "__main__":
    unittest.main()
