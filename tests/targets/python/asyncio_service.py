"""asyncio on the selector, or on the event loop, that --loop names. Obeys commands.py on stdin."""

import argparse
import asyncio
import selectors
import sys

import commands
import truth


def make_loop(kind):
    if kind == "uvloop":
        import uvloop

        return uvloop.new_event_loop()
    selector = {
        "epoll": selectors.EpollSelector,
        "poll": selectors.PollSelector,
        "select": selectors.SelectSelector,
    }[kind]
    return asyncio.SelectorEventLoop(selector())


async def work(interval):
    while True:
        await asyncio.sleep(interval)
        commands.count_work()


async def serve():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    truth.ready(loop=options.loop, idle=options.interval == 0)
    async for line in reader:
        if not await commands.obey(line.decode()):
            return


async def main():
    worker = asyncio.ensure_future(work(options.interval)) if options.interval > 0 else None
    await serve()
    if worker:
        worker.cancel()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--loop", choices=["epoll", "poll", "select", "uvloop"], default="epoll")
parser.add_argument("--interval", type=float, default=0.01, help="seconds between two pieces of work; 0: an idle loop")
options = parser.parse_args()
commands.count_signals()
loop = make_loop(options.loop)
loop.run_until_complete(main())
