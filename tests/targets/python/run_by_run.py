"""asyncio.run many times in one process: each command of commands.py on stdin is obeyed in a run of its own."""

import asyncio
import sys

import commands
import truth


async def obey(line):
    """After the loop has waited once; before that nothing tells it from other work."""
    await asyncio.sleep(0.01)
    commands.count_work()
    return await commands.obey(line)


commands.count_signals()
truth.ready(loop="asyncio")
for line in sys.stdin:
    if not asyncio.run(obey(line)):
        break
