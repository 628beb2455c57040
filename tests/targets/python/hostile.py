"""A service that means ill to whoever watches it: its names, its files and its heartbeat are forged.

Its one command is "block": the loop is blocked for 0.3 s by a function whose code claims to be of the next forged file.
Ends with its input.
"""

import asyncio
import ctypes
import json
import os
import random
import sys
import tempfile
import threading
import time

ESCAPE = "\x1b]0;owned\x07\x1b[2J\nEvent Loop Block: block-99\x9b31m\u202e"


def name_thread(name):
    """PR_SET_NAME of prctl(2)."""
    ctypes.CDLL(None).prctl(15, name, 0, 0, 0)


def forged_files(folder):
    """Paths that code objects claim to come from."""

    def path(name):
        return os.path.join(folder, name)

    os.mkfifo(path("fifo.py"))
    os.symlink("/dev/zero", path("device.py"))
    os.symlink("/proc/kmsg", path("kernel.py"))
    os.symlink(path("loop.py"), path("loop.py"))
    with open(path("sparse.py"), "wb") as sparse:
        sparse.truncate(10 << 30)
    with open(path("escapes.py"), "w", encoding="utf-8") as escapes:
        escapes.write(ESCAPE * 100000)
    names = ["fifo.py", "device.py", "kernel.py", "loop.py", "sparse.py", "escapes.py", "", ESCAPE]
    return [path(name) for name in names] + ["/proc/self/mem", "../" * 100 + "etc/shadow", "x" * 100000, "\udcff"]


def blocking_function(filename):
    code = compile("def blocking():\n    time.sleep(0.3)\n", "forged", "exec")
    scope = {"time": time}
    exec(code, scope)
    function = scope["blocking"]
    function.__code__ = function.__code__.replace(
        co_filename=filename, co_name=ESCAPE, co_firstlineno=random.choice([1, 2**31 - 1])
    )
    return function


def heartbeats():
    with open("/proc/self/maps") as maps:
        for line in maps:
            if "/memfd:pyleak" in line:
                begin, end = (int(address, 16) for address in line.split()[0].split("-"))
                yield begin, end - begin


def overwrite_heartbeats():
    """Numbers that are likely to be taken for something, all over the slots of the first threads, for ever."""
    numbers = [0, 1, 2, 3, os.getpid(), 1 << 31, 1 << 63, (1 << 64) - 1, time.monotonic_ns(), 64, 4096]
    while True:
        for begin, size in heartbeats():
            for _ in range(300):
                at = begin + 8192 + random.randrange(0, min(size - 16384, 1 << 19), 8)
                number = random.choice([*numbers, time.monotonic_ns() + 10**9, random.getrandbits(64)])
                ctypes.c_uint64.from_address(at).value = number
        time.sleep(0.002)  # Not for synchronisation: the loop's own thread has to run as well.


async def main():
    with tempfile.TemporaryDirectory() as folder:
        functions = [blocking_function(filename) for filename in forged_files(folder)]
        name_thread(b"\x1b[31m\n\xff\xfe) S")
        threading.Thread(target=overwrite_heartbeats, daemon=True).start()
        print(json.dumps({"event": "ready", "files": len(functions)}), flush=True)
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while await reader.readline():
            function = functions.pop(0)
            functions.append(function)
            function()
            print(json.dumps({"event": "blocked"}), flush=True)


asyncio.run(main())
