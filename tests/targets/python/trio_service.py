"""Trio, which runs an epoll loop of its own. Obeys commands.py on stdin."""

import os

import commands
import trio
import truth


async def work():
    while True:
        await trio.sleep(0.01)
        commands.count_work()


async def lines(stream):
    pending = b""
    async for chunk in stream:
        *complete, pending = (pending + chunk).split(b"\n")
        for line in complete:
            yield line.decode()


async def main():
    commands.count_signals()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        stdin = trio.lowlevel.FdStream(os.dup(0))
        truth.ready(loop="trio")
        async for line in lines(stdin):
            if not await commands.obey(line, trio.sleep):
                break
        nursery.cancel_scope.cancel()


trio.run(main)
