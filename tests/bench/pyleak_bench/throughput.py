"""throughput: what a service under full load loses by being watched."""

import contextlib
import csv
import io
import re
import subprocess
import threading
import urllib.request

from pyleak_testing import Target, Watch, node_target, python_target
from pyleak_testing.load import Redis

from .figure import Figure
from .recording import cpu_seconds

PAIRS = 6
SECONDS = 2
BLOCK_SECONDS = 0.05
OPTIONS = ("--threshold", "20ms")


class HttpService:
    """One of tests/targets under wrk. `load` says: requests, requests a second, 99th percentile of latency in ms."""

    def __init__(self, command):
        self._target = Target(command)
        self._url = f"http://127.0.0.1:{self._target.facts['port']}/"

    @property
    def pid(self):
        return self._target.pid

    def load(self):
        command = ["wrk", "--threads", "1", "--connections", "16", "--duration", f"{SECONDS}s", "--latency", self._url]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60).stdout
        latency, unit = re.search(r"99%\s+([0-9.]+)(us|ms|s)", output).groups()
        rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", output).group(1))
        requests = int(re.search(r"([0-9]+) requests in", output).group(1))
        return requests, rate, float(latency) * {"us": 1e-3, "ms": 1, "s": 1e3}[unit]

    def block(self):
        urllib.request.urlopen(f"{self._url}block/{BLOCK_SECONDS}/cpu", timeout=30).read()

    def stop(self):
        self._target.stop()


class RedisService(Redis):
    """redis-server under redis-benchmark."""

    REQUESTS = 150_000

    def load(self):
        command = ["redis-benchmark", "-s", self._socket, "-t", "get", "-c", "16", "-n", str(self.REQUESTS), "--csv"]
        output = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60).stdout
        (row,) = csv.DictReader(io.StringIO(output))
        return self.REQUESTS, float(row["rps"]), float(row["p99_latency_ms"])

    def block(self):
        self.command("DEBUG", "SLEEP", str(BLOCK_SECONDS))


SERVICES = {
    "redis, redis-benchmark": RedisService,
    "aiohttp, wrk": lambda: HttpService(python_target("aiohttp_service.py")),
    "Node, wrk": lambda: HttpService(node_target()),
}


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


def watched_load(service):
    watch = Watch.attach(service.pid, *OPTIONS)
    try:
        return load(service)
    finally:
        watch.stop()


def compare(service):
    """Loads with a watch and loads without one, by turns, so that what changes slowly meets both alike."""
    watched = []
    bare = []
    for turn in range(PAIRS):
        measurements = [(watched, lambda: watched_load(service)), (bare, lambda: load(service))]
        for results, run in measurements if turn % 2 == 0 else reversed(measurements):
            results.append(run())
    return zip(*watched), zip(*bare)


def figures(name, service):
    (rates, latencies, costs), (bare_rates, bare_latencies, bare_costs) = compare(service)
    yield Figure(name, "requests/s", rates, "unwatched", bare_rates, "ratio 0.99")
    yield Figure(f"{name}, p99 latency", "ms", latencies, "unwatched", bare_latencies, "ratio 1.02")
    yield Figure(f"{name}, CPU of the service a request", "us", costs, "unwatched", bare_costs, "ratio 1.01")


def measure():
    for name, start in SERVICES.items():
        service = start()
        try:
            service.load()  # Until then its code is not warm.
            yield from figures(name, service)
            with blocking(service):
                yield from figures(f"{name}, one block a second", service)
        finally:
            service.stop()
