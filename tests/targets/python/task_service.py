"""Blocks an asyncio loop from tasks of every kind, and from what is no task. Besides commands.py it obeys

task SECONDS KIND   block as a task of that kind; the answer is that of `block`
"""

import argparse
import asyncio
import sys
import threading

import commands
import truth


def say_block(seconds):
    truth.say(commands.block(seconds, "sleep"))


async def plain(seconds):
    say_block(seconds)


async def awaiting(seconds):
    """The task's coroutine is this one, though another one blocks. The loop has waited before."""
    await asyncio.sleep(0.01)
    await plain(seconds)


class Handler:
    async def handle(self, seconds):
        say_block(seconds)


class Renamed:
    """A name that is no string."""

    def __str__(self):
        return "renamed"


async def named(name, seconds):
    asyncio.current_task().set_name(name)
    say_block(seconds)


async def called_back(seconds):
    """The block is a plain callback's, and so no task's."""
    done = asyncio.Event()

    def call_back():
        say_block(seconds)
        done.set()

    asyncio.get_running_loop().call_soon(call_back)
    await done.wait()


async def eager(seconds):
    """The block comes before the task has been scheduled at all, while another one stands below it."""
    task = asyncio.Task(plain(seconds), loop=asyncio.get_running_loop(), eager_start=True)
    await task


async def in_another_loop(seconds):
    """A loop within the loop, on the same stack."""
    outer = asyncio.get_running_loop()
    asyncio._set_running_loop(None)
    inner = asyncio.new_event_loop()
    inner.run_until_complete(awaiting(seconds))
    inner.close()
    asyncio._set_running_loop(outer)


async def in_another_thread(seconds):
    """Another thread's loop blocks, while this one's waits within a task of its own."""
    thread = threading.Thread(target=lambda: asyncio.run(awaiting(seconds)))
    thread.start()
    thread.join()


async def again(seconds):
    """asyncio.run many times: of many loops in turn the last one's task."""
    await asyncio.get_running_loop().run_in_executor(None, run_many, seconds)


def run_many(seconds):
    for _ in range(20):
        asyncio.run(asyncio.sleep(0))
    asyncio.run(awaiting(seconds))


KINDS = {
    "plain": plain,
    "awaiting": awaiting,
    "method": lambda seconds: Handler().handle(seconds),
    "named": lambda seconds: named("from the user", seconds),
    "latin": lambda seconds: named("naïve", seconds),
    "unicode": lambda seconds: named("Aufgabe ✓ 任务 😀", seconds),
    "number": lambda seconds: named(42, seconds),
    "object": lambda seconds: named(Renamed(), seconds),
    "called_back": called_back,
    "eager": eager,
    "in_another_loop": in_another_loop,
    "in_another_thread": in_another_thread,
    "again": again,
}


async def obey(line):
    name, *words = line.split()
    if name != "task":
        return await commands.obey(line)
    seconds, kind = words
    await asyncio.ensure_future(KINDS[kind](float(seconds)))
    return True


async def serve():
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    truth.ready(idle=True)
    async for line in reader:
        if not await obey(line.decode()):
            return


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--uvloop", action="store_true")
if parser.parse_args().uvloop:
    import uvloop

    uvloop.install()
commands.count_signals()
asyncio.run(serve())
