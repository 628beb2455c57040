"""Ways to block an event loop, by name, and ways to take as long without blocking it.

Each takes the seconds, and an argument that most do not need. here(...) stands on the very line that blocks.
"""

import asyncio
import concurrent.futures
import ctypes
import dataclasses
import fcntl
import gc
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request

from truth import here, holding_here


def sleep(seconds, _argument=None):
    time.sleep(here(seconds))


def c_sleep(seconds, _argument=None):
    """As a library in C does, which nobody has taught to let others run."""
    ctypes.CDLL(None).usleep(here(int(seconds * 1e6)))


def cpu(seconds, _argument=None):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        sum(i * i for i in range(here(20000)))


def squares(_seconds, argument):
    """A number of squares, as in the examples of the library, however long that takes."""
    sum(i * i for i in range(here(int(argument))))


def two_kinds(seconds, _argument=None):
    sleep(seconds / 2)
    cpu(seconds / 2)


def batch(seconds, _argument=None):
    """Several calls of the same length; what is noted is the stack of the last one."""
    for step in (sleep, cpu, nap, lock, nap_again):
        step(seconds / 5)


def nap(seconds):
    for _ in range(100):
        time.sleep(seconds / 100)


def nap_again(seconds):
    time.sleep(here(seconds))


def exit_within(seconds, argument):
    """The process exits with that status before the loop gets on."""
    time.sleep(here(seconds))
    os._exit(int(argument))


def http(_seconds, argument):
    """A synchronous request to a server, whose URL is the argument, that answers late."""
    urllib.request.urlopen(here(argument), timeout=60).read()


def subprocess_run(seconds, _argument=None):
    """With a timeout: the standard library then waits in poll()."""
    subprocess.run(["sleep", here(str(seconds))], timeout=60, check=True)


def socket_timeout(seconds, _argument=None):
    """What requests and urllib3 do: a socket with a timeout waits in poll() before each recv()."""
    near, far = socket.socketpair()
    with near, far:
        near.settimeout(seconds)
        try:
            near.recv(here(1))
        except socket.timeout:
            pass


@dataclasses.dataclass
class Account:
    user: str
    passphrase: str


def secrets(seconds, _argument=None):
    """With local variables that nobody is to see."""
    user, password = "alice", "hunter2"
    headers = [(b"Host", b"example.org"), (b"Authorization", b"Basic hunter2")]
    settings = {"API-Key": "hunter2", "retries": 3, "nested": {"session_id": "hunter2"}}
    mother = ["maiden name"]
    account = Account(user, password)
    time.sleep(here(seconds))


def lock(seconds, _argument=None):
    held = threading.Lock()
    held.acquire()
    timer = threading.Timer(seconds, held.release)
    timer.start()
    held.acquire(here(True))
    timer.join()


def rlock(seconds, _argument=None):
    """One that another thread holds; and as often as it likes."""
    held = threading.RLock()
    taken = threading.Event()

    def work():
        _name_thread("rlock-holder")
        with held, held:
            taken.set()
            time.sleep(holding_here(seconds))

    thread = threading.Thread(target=work)
    thread.start()
    taken.wait()
    held.acquire(here(True))
    held.release()
    thread.join()


def event(seconds, _argument=None):
    """What nobody holds: a condition, within an Event, that comes late."""
    late = threading.Event()
    timer = threading.Timer(seconds, late.set)
    timer.start()
    late.wait(here(seconds + 60))
    timer.join()


_heap = []


def grow(_seconds, argument):
    """So many objects that live, all of the youngest generation."""
    gc.collect()
    gc.disable()
    _heap[:] = [[] for _ in range(int(argument))]


def collect(_seconds, argument):
    """A collection of that generation; for how long, as the collector says itself."""
    times = []
    gc.callbacks.append(lambda *_: times.append(time.monotonic()))
    gc.collect(here(int(argument)))
    gc.callbacks.pop()
    return str(times[1] - times[0])


def fifo(seconds, argument):
    """Reads a FIFO, whose path is the argument, that is written to only after that time."""
    writer = subprocess.Popen(["sh", "-c", 'sleep "$0"; echo written > "$1"', str(seconds), argument])
    descriptor = os.open(here(argument), os.O_RDONLY)
    os.read(descriptor, 100)
    os.close(descriptor)
    writer.wait()


def vfork(_seconds, argument):
    """Starts a program whose input is a FIFO, the argument, that somebody opens later. Until then the child is no
    program of its own, and its parent in uninterruptible sleep."""
    actions = [(os.POSIX_SPAWN_OPEN, 0, argument, os.O_RDONLY, 0)]
    process = os.posix_spawn("/bin/true", here(["true"]), {}, file_actions=actions)
    os.waitpid(process, 0)


def connect(_seconds, argument):
    """To a port of 127.0.0.1 that accepts late."""
    address = ("127.0.0.1", int(argument))
    with socket.socket() as client:
        client.connect(here(address))
    return f"127.0.0.1:{argument}"


def receive(_seconds, argument):
    """From a port of 127.0.0.1 that answers late."""
    with socket.create_connection(("127.0.0.1", int(argument))) as client:
        client.recv(here(1))
    return f"127.0.0.1:{argument}"


def flock(_seconds, argument):
    """A file that somebody else has locked."""
    with open(argument) as file:
        fcntl.flock(file, here(fcntl.LOCK_EX))
    return argument


def child(seconds, _argument=None):
    process = subprocess.Popen(["sleep", str(seconds)])  # which has begun its program when this returns
    _, status = os.waitpid(process.pid, here(0))
    process.returncode = status
    return f"process {process.pid} (sleep)"


def deep(seconds, argument):
    """Sleeps below as many calls as the argument says."""
    if int(argument) == 0:
        return sleep(seconds)
    return deep(seconds, int(argument) - 1)


def _name_thread(name):
    ctypes.CDLL(None).prctl(15, name.encode())  # PR_SET_NAME


def _wait_for_gil(hold):
    """Waits for the GIL while another thread calls `hold`: this one sleeps without it until that one has it."""
    libc = ctypes.PyDLL(None)  # Its functions keep the GIL.
    go = threading.Event()
    reader, writer = os.pipe()
    interval = sys.getswitchinterval()

    def work():
        _name_thread("gil-holder")
        go.wait()
        libc.write(writer, b"x", 1)
        sys.setswitchinterval(interval)
        hold()

    thread = threading.Thread(target=work)
    thread.start()
    sys.setswitchinterval(1000)  # so that no thread takes it from the other until that one holds it
    go.set()
    os.read(reader, here(1))
    thread.join()
    os.close(reader)
    os.close(writer)


def gil(seconds, _argument=None):
    """A C function that does not give up the GIL; it sleeps."""
    usleep = ctypes.PyDLL(None).usleep
    _wait_for_gil(lambda: usleep(holding_here(int(seconds * 1e6))))


def gil_c_loop(_seconds, argument):
    """A loop of C, which computes."""
    _wait_for_gil(lambda: sum(range(holding_here(int(argument)))))


BLOCKS = {
    function.__name__: function
    for function in (
        sleep,
        c_sleep,
        cpu,
        squares,
        two_kinds,
        batch,
        exit_within,
        http,
        subprocess_run,
        socket_timeout,
        secrets,
        lock,
        rlock,
        event,
        grow,
        collect,
        fifo,
        vfork,
        connect,
        receive,
        flock,
        child,
        deep,
        gil,
        gil_c_loop,
    )
}


async def asyncio_sleep(seconds):
    await asyncio.sleep(seconds)


async def asyncio_to_thread(seconds):
    if hasattr(asyncio, "to_thread"):  # Python 3.9 and later
        await asyncio.to_thread(time.sleep, seconds)
    else:
        await asyncio_executor(seconds)


async def asyncio_executor(seconds):
    with concurrent.futures.ThreadPoolExecutor() as pool:
        await asyncio.get_running_loop().run_in_executor(pool, time.sleep, seconds)


async def asyncio_http(seconds):
    """An asynchronous request to a server of our own on the same loop, which answers late."""

    async def answer(reader, writer):
        await reader.readline()
        await asyncio.sleep(seconds)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nlate\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    await reader.read()
    writer.close()
    server.close()


PAUSES = {
    function.__name__: function for function in (asyncio_sleep, asyncio_to_thread, asyncio_executor, asyncio_http)
}
