"""Services under full load. Each has a pid; `load` says: requests, requests a second, 99th percentile of latency in
ms; `block` keeps its loop from going on for a while."""

import contextlib
import csv
import io
import json
import pathlib
import re
import socket
import subprocess
import threading
import urllib.request

from pyleak_testing import Target, node_target, python_target
from pyleak_testing.lines import wait_until
from pyleak_testing.load import Redis

from . import places
from .recording import cpu_seconds

SECONDS = 2
BLOCK_SECONDS = 0.05
MILLISECONDS = {"us": 1e-3, "ms": 1, "s": 1e3}


def wrk(url):
    command = ["wrk", "--threads", "1", "--connections", "16", "--duration", f"{SECONDS}s", "--latency", url]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60).stdout
    latency, unit = re.search(r"99%\s+([0-9.]+)(us|ms|s)", output).groups()
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", output).group(1))
    requests = int(re.search(r"([0-9]+) requests in", output).group(1))
    return requests, rate, float(latency) * MILLISECONDS[unit]


class HttpService:
    """A target that says its port, under wrk."""

    def __init__(self, command, **popen_options):
        self._target = Target(command, **popen_options)
        self.url = f"http://127.0.0.1:{self._target.facts['port']}/"

    @property
    def pid(self):
        return self._target.pid

    def load(self):
        return wrk(self.url)

    def block(self):
        urllib.request.urlopen(f"{self.url}block/{BLOCK_SECONDS}/cpu", timeout=30).read()

    def stop(self):
        self._target.stop()


class UvicornService:
    """uvicorn with one worker, on uvloop, under wrk."""

    def __init__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self._url = f"http://127.0.0.1:{port}/"
        folder = pathlib.Path(python_target("asgi_app.py")[1]).parent
        command = [places.PYTHON, "-m", "uvicorn", "--no-access-log", "--port", str(port), "asgi_app:app"]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, cwd=folder, **quiet)
        wait_until(self._answers, "uvicorn answers", 30)

    def _answers(self):
        with contextlib.suppress(OSError):
            return urllib.request.urlopen(self._url, timeout=5).read()

    @property
    def pid(self):
        return self._process.pid

    def load(self):
        return wrk(self._url)

    def block(self):
        urllib.request.urlopen(f"{self._url}block/{BLOCK_SECONDS}/cpu", timeout=30).read()

    def stop(self):
        self._process.terminate()
        self._process.wait(20)


class RedisService(Redis):
    """redis-server under redis-benchmark."""

    REQUESTS = 150_000

    def load(self):
        command = ["redis-benchmark", "-s", self._socket, "-t", "get", "-c", "16", "-n", str(self.REQUESTS), "--csv"]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60).stdout
        (row,) = csv.DictReader(io.StringIO(output))
        return self.REQUESTS, float(row["rps"]), float(row["p99_latency_ms"])

    def block(self, seconds=BLOCK_SECONDS):
        self.command("DEBUG", "SLEEP", str(seconds))


class EchoService:
    """An epoll loop in C++ that does next to nothing but wait, as often as it can."""

    def __init__(self):
        self._target = Target([places.ECHO, "serve"])
        self._port = str(self._target.facts["port"])

    @property
    def pid(self):
        return self._target.pid

    def load(self):
        command = [places.ECHO, "load", self._port, str(SECONDS)]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60).stdout
        result = json.loads(output)
        return result["requests"], result["rate"], result["p99_ms"]

    def block(self):
        subprocess.run([places.ECHO, "block", self._port, str(BLOCK_SECONDS)], timeout=30)

    def stop(self):
        self._target.stop()


SERVICES = {
    "epoll echo": EchoService,
    "redis, redis-benchmark": RedisService,
    "aiohttp, wrk": lambda: HttpService(python_target("aiohttp_service.py")),
    "uvicorn, wrk": UvicornService,
    "Node, wrk": lambda: HttpService(node_target()),
}


@contextlib.contextmanager
def running(start):
    """The service that `start` starts; stopped at the end."""
    service = start()
    try:
        service.load()  # Until then its code is not warm.
        yield service
    finally:
        service.stop()


@contextlib.contextmanager
def blocking(service):
    """One block a second meanwhile."""
    end = threading.Event()

    def block():
        while not end.wait(1):
            service.block()

    thread = threading.Thread(target=block)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


def load(service):
    """Requests a second, their latency, and the microseconds of CPU that the service used for each."""
    before = cpu_seconds(service.pid)
    requests, rate, latency = service.load()
    return rate, latency, (cpu_seconds(service.pid) - before) * 1e6 / requests


def compare(watched, bare, pairs):
    """What two ways to load a service give, by turns, so that what changes slowly meets both alike."""
    with_watch = []
    without = []
    for turn in range(pairs):
        both = [(with_watch, watched), (without, bare)]
        for results, run in both if turn % 2 == 0 else reversed(both):
            results.append(run())
    return list(zip(*with_watch)), list(zip(*without))
