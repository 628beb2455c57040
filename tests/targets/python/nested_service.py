"""asyncio loops within asyncio loops, by nest_asyncio, as notebooks have them. Obeys commands.py on stdin: every command
is obeyed in a loop's run of its own within that of the one that reads."""

import asyncio
import sys

import commands
import nest_asyncio
import truth


async def work():
    while True:
        await asyncio.sleep(0.01)
        commands.count_work()


def obey(line):
    return asyncio.run(commands.obey(line))


async def serve():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    worker = asyncio.ensure_future(work())
    truth.ready(loop="asyncio")
    async for line in reader:
        if not obey(line.decode()):
            break
    worker.cancel()


nest_asyncio.apply()
commands.count_signals()
asyncio.run(serve())
