"""peers: what a service under full load loses by other tools, and what those that watch a loop from within tell of it."""

import contextlib
import json
import os
import signal
import subprocess
import urllib.request

from pyleak_testing import Watch

from . import places
from .figure import Figure
from .recording import recording
from .services import HttpService, RedisService, compare, load, running

PAIRS = 3
BLOCKS = 20
THRESHOLD = ("--threshold", "20ms")
BLOCK_SECONDS = 0.25
# Other iterations may be long too, on a machine that has other work.
LONG_SECONDS = BLOCK_SECONDS / 2

# By name: what watches a Python process, and what a process's system calls.
PYTHON_TOOLS = {
    "py-spy, 100 samples a second": lambda pid: ["py-spy", "record", "--pid", pid, "--format", "raw", "-o", "/dev/null"],
    "austin, 100 samples a second": lambda pid: ["austin", "--interval", "10ms", "--output", "/dev/null", "--pid", pid],
}
CALL_TOOLS = {
    "strace -c": lambda pid: ["strace", "-c", "-f", "-o", "/dev/null", "-p", pid],
    "perf trace -s": lambda pid: ["perf", "trace", "-s", "-o", "/dev/null", "-p", pid],
}


class SlowedRedis(RedisService):
    """Tools that stop it at each system call make it slower by far."""

    REQUESTS = 30_000


@contextlib.contextmanager
def beside(command):
    """A tool that runs meanwhile. What ends at once could not do its work."""
    tool = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    with contextlib.suppress(subprocess.TimeoutExpired):
        tool.wait(1)  # The time to attach.
        raise OSError(f"{command[0]} ended at once: {tool.stderr.read().decode(errors='replace').strip()[-200:]}")
    try:
        yield
    finally:
        tool.send_signal(signal.SIGINT)
        try:
            tool.wait(20)
        except subprocess.TimeoutExpired:
            tool.kill()
            tool.wait()
        tool.stderr.close()


def load_beside(service, command):
    with beside(command):
        return load(service)


def load_watched(service):
    watch = Watch.attach(service.pid, *THRESHOLD)
    try:
        return load(service)
    finally:
        watch.stop()


def rates(what, watched, bare):
    ours, theirs = compare(watched, bare, PAIRS)
    return Figure(what, "requests/s", ours[0], "without", theirs[0])


def beside_tools(name, start, tools):
    with running(start) as service:
        yield rates(f"{name} beside pyleak", lambda: load_watched(service), lambda: load(service))
        for tool, arguments in tools.items():
            program, *rest = arguments(str(service.pid))
            path = places.peer(program)
            what = f"{name} beside {tool}"
            if not path:
                yield Figure(what, note=f"{program} is not installed")
                continue
            try:
                yield rates(what, lambda: load_beside(service, [path, *rest]), lambda: load(service))
            except OSError as error:
                yield Figure(what, note=str(error))


def told_by_service(service):
    """How long its blocks lasted, and what it was told of them by what watches it from within."""
    url = f"{service.url}blocks/{BLOCKS}/{BLOCK_SECONDS}"
    answer = json.loads(urllib.request.urlopen(url, timeout=60).read())
    return answer["blocked"], answer["told"]


def from_within(name, command, kind, environment):
    """A service that watches itself, beside one that does not, which pyleak watches."""
    options = {"env": environment, "stderr": subprocess.DEVNULL}
    with running(lambda: HttpService([*command, kind], **options)) as inside:
        with running(lambda: HttpService([*command, "nothing"], **options)) as outside:
            yield rates(f"{name}, requests", lambda: load(inside), lambda: load(outside))
            blocked, told = told_by_service(inside)
            yield from accuracy(f"{name}, of {BLOCKS} blocks", blocked, told)
            with recording(outside.pid, options=THRESHOLD) as record:
                blocked, _ = told_by_service(outside)
                record.stop()
                durations = [block["duration"] for block in record.blocks()]
            yield from accuracy(f"pyleak, of {BLOCKS} such blocks", blocked, durations)


def accuracy(name, blocked, told):
    told = [seconds for seconds in told if seconds > LONG_SECONDS]
    yield Figure(f"{name}, told of", "", [len(told)], "blocks", [len(blocked)])
    longest = max(told, default=0)
    yield Figure(f"{name}, longest", "s", [longest], "by the service's own clock", [max(blocked)])


def measure():
    yield from beside_tools("redis", SlowedRedis, CALL_TOOLS)
    aiohttp = [places.PYTHON, str(places.SOURCES / "watched_inside.py")]
    yield from beside_tools("aiohttp", lambda: HttpService([*aiohttp, "nothing"]), PYTHON_TOOLS)
    library = places.python_library("pyleak")
    if library:
        environment = {**os.environ, "PYTHONPATH": library}
        yield from from_within("the Python library pyleak in aiohttp", aiohttp, "library", environment)
    else:
        yield Figure("the Python library pyleak", note="not installed")
    node = ["node", str(places.SOURCES / "watched_inside.js")]
    yield from from_within("Node's monitorEventLoopDelay", node, "delay", dict(os.environ))
