"""Clients and servers around a target: HTTP load, a server that answers late, Redis."""

import contextlib
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading
import time
import urllib.request

from .lines import wait_until


def get(url, seconds=30):
    """The JSON that a page of a target holds."""
    with urllib.request.urlopen(url, timeout=seconds) as response:
        return json.loads(response.read())


class HttpLoad:
    """Threads that ask for `url` one time after the other while the context lasts; `count` says how often."""

    def __init__(self, url, threads=4):
        self.count = 0
        self.errors = []
        self._url = url
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(threads)]

    def _ask(self):
        while not self._end.is_set():
            try:
                get(self._url)
            except OSError as error:
                self.errors.append(error)
                return
            with self._lock:
                self.count += 1
            self._end.wait(0.01)

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_exception):
        self._end.set()
        for thread in self._threads:
            thread.join(30)


@contextlib.contextmanager
def late_server(seconds):
    """The URL of a local HTTP server that answers after that time."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            time.sleep(seconds)  # Not for synchronisation: being late is what this server is for.
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"late\n")

        def log_message(self, *_arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Redis:
    """A redis-server of our own on a Unix socket in a folder of its own."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="pyleak-redis-")
        self._socket = str(pathlib.Path(self._folder.name, "socket"))
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", self._socket, "--save", ""]
            + ["--dir", self._folder.name, "--enable-debug-command", "yes"],
            stdout=subprocess.DEVNULL,
        )
        wait_until(self._answers, "redis-server answers")

    @property
    def pid(self):
        return self.process.pid

    def _answers(self):
        return pathlib.Path(self._socket).exists() and self.command("PING") == "PONG"

    def command(self, *words):
        command = ["redis-cli", "-s", self._socket, *words]
        answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60)
        return answer.stdout.strip()

    def connections(self):
        """How many clients it has; none of them is we. One socket is for new ones."""
        links = [os.readlink(entry.path) for entry in os.scandir(f"/proc/{self.pid}/fd")]
        return sum(link.startswith("socket:") for link in links) - 1

    def benchmark(self):
        """A running redis-benchmark, to be ended by its owner."""
        return subprocess.Popen(
            ["redis-benchmark", "-s", self._socket, "-t", "get,set", "-c", "5", "-n", "100000000", "-q"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def stop(self):
        self.process.terminate()
        self.process.wait(10)
        self._folder.cleanup()
