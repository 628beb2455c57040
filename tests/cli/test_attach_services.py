"""pyleak attach on real servers under load: Node, Redis, aiohttp, and the workers of gunicorn and uvicorn."""

import json
import os
import subprocess
import unittest

from pyleak_testing import BINARY, LiveTest, Watch, node_target, python_target, require
from pyleak_testing.import_slots import changed_slots, import_slots
from pyleak_testing.lines import wait_until
from pyleak_testing.load import HttpLoad, Redis, get
from pyleak_testing.loops import OPTIONS, SECONDS, LoopTest
from pyleak_testing.places import DISTRIBUTION_PYTHON
from pyleak_testing.servers import Server
from pyleak_testing.target import Block
from pyleak_testing.unharmed import Snapshot


class Services(LiveTest):
    def test_node(self):
        require("node")
        target = self.start(node_target(), jit=True)
        with HttpLoad(f"http://127.0.0.1:{target.facts['port']}/"):
            watch = self.attach(target, "--threshold", "50ms")
            for kind in ("cpu", "pbkdf2", "exec", "fifo"):
                with self.subTest(kind):
                    record = self.assert_told(watch, target.block(0.3, kind))
                    self.assertEqual((record["loop"]["kind"], record["tid"]), ("node", target.pid))
                    self.assertTrue(record["native_stack"])

    def test_aiohttp(self):
        require("aiohttp")
        service = subprocess.Popen(
            python_target("aiohttp_service.py"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
        )
        self.addCleanup(lambda: (service.terminate(), service.wait(10), service.stdout.close()))
        url = f"http://127.0.0.1:{json.loads(service.stdout.readline())['port']}/"
        snapshot = Snapshot(service.pid)
        with HttpLoad(url):
            watch = self.attach_at_once(service.pid, "--threshold", "100ms")
            block = Block.of(get(url + "block/0.3/sleep"))
            record = watch.block()
        self.assert_duration(record, block, 0.05)
        self.assert_python_stack(record, block)
        self.assertEqual(watch.stop(), 0)
        snapshot.assert_unharmed(20)

    def test_redis_under_benchmark(self):
        require("redis")
        redis = Redis()
        self.addCleanup(redis.stop)
        benchmark = redis.benchmark()
        self.addCleanup(lambda: (benchmark.kill(), benchmark.wait()))
        watch = self.attach_at_once(redis.pid, "--threshold", "100ms")
        for seconds in (0.2, 0.5):
            self.assertEqual(redis.command("DEBUG", "SLEEP", str(seconds)), "OK")
            record = watch.block()
            self.assertGreaterEqual(record["duration"], seconds)
            self.assertLess(record["duration"], seconds + 0.05)
            self.assertEqual(record["loop"]["kind"], "redis")
            self.assertIn("nanosleep", record["native_stack"][-1]["name"])
        self.assertEqual(watch.stop(), 0)
        self.assertIsNone(benchmark.poll(), "the clients were served all the time")


class Workers(LoopTest):
    """Several worker processes behind one port, under load: started by pyleak, or running already."""

    def command(self, server, port):
        require(server)
        require("uvloop")
        if server == "gunicorn":
            options = ["--workers", "2", "--worker-class", "uvicorn.workers.UvicornWorker", "--bind"]
            return [DISTRIBUTION_PYTHON, "-m", "gunicorn", *options, f"127.0.0.1:{port}", "asgi_app:app"]
        return [DISTRIBUTION_PYTHON, "-m", "uvicorn", "--workers", "2", "--port", str(port), "asgi_app:app"]

    def serve(self, command, **options):
        server = Server(command, **options)
        self.addCleanup(server.stop)
        return server

    def check_workers(self, watch, url):
        """Until both workers have blocked: each block is reported with the pid and the stack of its worker."""
        workers = set()

        def one_more():
            block = Block.of(get(url + f"block/{SECONDS}/sleep"))
            self.assert_reported(watch, block, "uvloop")
            workers.add(block.pid)
            return len(workers) == 2

        with HttpLoad(url):
            wait_until(one_more, "both workers have blocked", 60)

    def workers(self, url):
        found = set()
        wait_until(lambda: len(found.add(get(url)["pid"]) or found) == 2, "both workers have answered", 60)
        return found

    def check_attach(self, name):
        server = self.serve(lambda port: self.command(name, port))
        before = {worker: import_slots(worker) for worker in self.workers(server.url)}
        watch = self.attach_at_once(server.pid, "--children", *OPTIONS)
        for worker, slots in before.items():
            wait_until(lambda: changed_slots(slots, import_slots(worker)), "the worker's waits are redirected")
        # Each ends the iteration that it was in before.
        for _ in range(2):
            self.workers(server.url)
        self.check_workers(watch, server.url)
        self.assertEqual(watch.stop(), 0)

    def check_run(self, name):
        read_end, write_end = os.pipe()
        command = [BINARY, "run", "--format", "json", "--output", f"fd:{write_end}", *OPTIONS, "--"]
        server = self.serve(lambda port: command + self.command(name, port), pass_fds=(write_end,))
        os.close(write_end)
        self.check_workers(Watch(server.process, os.fdopen(read_end)), server.url)

    def test_attach_to_uvicorn(self):
        self.check_attach("uvicorn")

    def test_attach_to_gunicorn(self):
        self.check_attach("gunicorn")

    def test_run_of_uvicorn(self):
        self.check_run("uvicorn")

    def test_run_of_gunicorn(self):
        self.check_run("gunicorn")


if __name__ == "__main__":
    unittest.main()
