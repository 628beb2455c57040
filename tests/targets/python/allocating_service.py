"""asyncio beside threads that allocate, free, collect garbage and check their own sums. Obeys commands.py on stdin; the
state also says how many rounds the threads have done, and how many of them came out wrong."""

import asyncio
import gc
import hashlib
import sys
import threading

import commands
import truth

THREADS = 3
SIZE = 2000
EXPECTED = hashlib.sha256("".join(str(i) for i in range(SIZE)).encode()).hexdigest()

rounds = 0
wrong = 0


def allocate():
    """Cycles of garbage, and a text that must come out the same each time."""
    global rounds, wrong
    while True:
        nodes = [{"number": i, "others": []} for i in range(SIZE)]
        for first, second in zip(nodes, nodes[1:]):
            first["others"].append(second)
            second["others"].append(first)
        text = "".join(str(node["number"]) for node in nodes)
        wrong += hashlib.sha256(text.encode()).hexdigest() != EXPECTED
        del nodes
        gc.collect()
        rounds += 1


def say_state():
    state = {"event": "state", "signals": commands.signals_received, "work": commands.work_done}
    truth.say({**state, "rounds": rounds, "wrong": wrong})


async def work():
    while True:
        await asyncio.sleep(0.01)
        commands.count_work()


async def main():
    worker = asyncio.ensure_future(work())
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    truth.ready(loop="asyncio")
    async for line in reader:
        if line.strip() == b"state":
            say_state()
        elif not await commands.obey(line.decode()):
            break
    worker.cancel()


commands.count_signals()
for _ in range(THREADS):
    threading.Thread(target=allocate, daemon=True).start()
asyncio.run(main())
