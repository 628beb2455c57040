"""Event loops in threads: two of asyncio, one of Trio, and none in the main thread.

to NAME COMMAND   one of commands.py, in the loop of that name
state, quit       as commands.py
"""

import asyncio
import sys
import threading

import commands
import trio
import truth


class AsyncioLoop:
    def run(self, started):
        self.loop = asyncio.new_event_loop()
        self.loop.call_soon(started)
        self.loop.run_forever()

    def obey(self, line):
        asyncio.run_coroutine_threadsafe(commands.obey(line), self.loop).result()


class TrioLoop:
    def run(self, started):
        trio.run(self.wait, started)

    async def wait(self, started):
        self.token = trio.lowlevel.current_trio_token()
        started()
        await trio.sleep_forever()

    def obey(self, line):
        trio.from_thread.run(commands.obey, line, trio.sleep, trio_token=self.token)


def start(loop):
    started = threading.Event()
    threading.Thread(target=loop.run, args=(started.set,), daemon=True).start()
    started.wait()
    return loop


commands.count_signals()
loops = {"first": start(AsyncioLoop()), "second": start(AsyncioLoop()), "trio": start(TrioLoop())}
truth.ready(loop="several")
for line in sys.stdin:
    if line.startswith("to "):
        _, name, command = line.split(maxsplit=2)
        loops[name].obey(command)
        continue
    commands.count_work()
    if not commands.obey_at_once(line, None):
        break
