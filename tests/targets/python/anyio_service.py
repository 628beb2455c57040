"""anyio, on the backend that is named on the command line. Obeys commands.py on stdin."""

import os
import sys

import anyio
import commands
import truth


async def work():
    while True:
        await anyio.sleep(0.01)
        commands.count_work()


async def lines():
    """Of stdin, which is waited for as a socket is."""
    pending = b""
    os.set_blocking(0, False)
    while True:
        await anyio.wait_socket_readable(sys.stdin)
        data = os.read(0, 4096)
        if not data:
            return
        *complete, pending = (pending + data).split(b"\n")
        for line in complete:
            yield line.decode()


async def main():
    commands.count_signals()
    async with anyio.create_task_group() as group:
        group.start_soon(work, name="worker")
        truth.ready(loop=sys.argv[1])
        async for line in lines():
            if not await commands.obey(line, anyio.sleep):
                break
        group.cancel_scope.cancel()


anyio.run(main, backend=sys.argv[1])
