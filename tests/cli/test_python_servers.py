"""Servers and notebooks as their users start them: a page, or a cell, that blocks is reported with its stack, its task
and the right kind of loop, and one that takes as long without blocking is not."""

import json
import pathlib
import subprocess
import tempfile
import unittest

from pyleak_testing import require
from pyleak_testing.lines import wait_until
from pyleak_testing.load import get
from pyleak_testing.loops import OPTIONS, SECONDS, LoopTest
from pyleak_testing.places import DISTRIBUTION_PYTHON, ROOT
from pyleak_testing.servers import Server
from pyleak_testing.target import Block


class Servers(LoopTest):
    def serve(self, module, *options):
        """The server `module` with `options`; {} among them is the port."""
        require(module)
        command = [DISTRIBUTION_PYTHON, "-m", module, *options]
        server = Server(lambda port: [word.format(port) for word in command])
        self.addCleanup(server.stop)
        return server

    def check(self, kind, way, server):
        worker = get(server.url + "pause/0")["pid"]  # What is imported for the first such page would block the loop, too.
        watch = self.attach_at_once(server.pid, "--children", *OPTIONS)
        self.wait_for_agent(worker)
        get(server.url + f"pause/{SECONDS}")
        block = Block.of(get(server.url + f"block/{SECONDS}/{way}"))
        self.assert_reported(watch, block, kind)
        get(server.url + f"pause/{SECONDS}")
        self.assert_nothing_else(watch)

    def test_fastapi_under_uvicorn(self):
        require("fastapi")
        require("uvloop")
        for loop in ("asyncio", "uvloop"):
            with self.subTest(loop):
                server = self.serve("uvicorn", "--loop", loop, "--port", "{}", "fastapi_app:app")
                self.check(loop, "sleep", server)

    def test_fastapi_under_hypercorn(self):
        for module in ("fastapi", "uvloop", "trio"):
            require(module)
        for loop in ("asyncio", "uvloop", "trio"):
            with self.subTest(loop):
                options = ("--worker-class", loop, "--bind", "127.0.0.1:{}", "fastapi_app:app")
                self.check(loop, "sleep", self.serve("hypercorn", *options))

    def test_green_workers_of_gunicorn(self):
        for loop in ("gevent", "eventlet"):
            require(loop)
            with self.subTest(loop):
                options = ("--worker-class", loop, "--bind", "127.0.0.1:{}", "wsgi_app:app")
                self.check(loop, "c_sleep", self.serve("gunicorn", *options))


class Notebooks(LoopTest):
    def start_kernel(self):
        """A kernel in which a cell can use the modules of the targets, and its client."""
        from jupyter_client import BlockingKernelClient

        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        connection = pathlib.Path(folder.name, "connection.json")
        kernel = subprocess.Popen(
            [DISTRIBUTION_PYTHON, "-m", "ipykernel_launcher", "-f", connection],
            cwd=ROOT / "tests/targets/python",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self.addCleanup(lambda: (kernel.kill(), kernel.wait()))
        wait_until(lambda: connection.exists() and connection.read_text().endswith("}"), "the kernel has its ports", 30)
        client = BlockingKernelClient(connection_file=str(connection))
        client.load_connection_file()
        client.start_channels()
        self.addCleanup(client.stop_channels)
        client.wait_for_ready(timeout=30)
        return kernel, client

    def run_cell(self, client, code):
        """What the cell says on its standard output."""
        said = []

        def hear(message):
            if message["msg_type"] == "stream":
                said.append(message["content"]["text"])

        client.execute_interactive(code, timeout=30, output_hook=hear)
        return "".join(said)

    def test_kernel_of_a_notebook(self):
        require("ipykernel")
        kernel, client = self.start_kernel()
        self.run_cell(client, "import asyncio, json, commands, truth")
        watch = self.attach_at_once(kernel.pid, *OPTIONS)
        self.run_cell(client, f"await asyncio.sleep({SECONDS})")
        block = Block.of(json.loads(self.run_cell(client, f"print(json.dumps(commands.block({SECONDS}, 'sleep')))")))
        self.assert_reported(watch, block, "tornado")
        self.run_cell(client, f"await asyncio.sleep({SECONDS})")
        self.assert_nothing_else(watch)


if __name__ == "__main__":
    unittest.main()
