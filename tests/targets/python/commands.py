"""The commands that every Python target obeys, one a line:

block SECONDS KIND [ARGUMENT]   block the loop; the answer says when, and with which stack
burst COUNT SECONDS PAUSE       COUNT sleeps that block, the loop going round for PAUSE seconds after each
pause SECONDS KIND              take as long without blocking: `sleep` in every loop, the other kinds in asyncio's
state                           the work done so far and the signals received
exec                            begin the same program anew, in the same process
quit
"""

import asyncio
import os
import signal
import sys
import time

import blocks
import truth

signals_received = 0
work_done = 0


def count_signals():
    """Counts SIGUSR1 from now on."""

    def on_signal(_number, _frame):
        global signals_received
        signals_received += 1

    signal.signal(signal.SIGUSR1, on_signal)


def count_work():
    global work_done
    work_done += 1


def block(seconds, kind, argument=None):
    return truth.measure(kind, blocks.BLOCKS[kind], float(seconds), argument)


async def pause(seconds, kind, sleep):
    begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    await (sleep if kind == "sleep" else blocks.PAUSES[kind])(float(seconds))
    end = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    return {"event": "pause", "kind": kind, "begin_ns": begin, "end_ns": end}


async def burst(count, seconds, pause_seconds, sleep):
    facts = []
    for _ in range(int(count)):
        facts.append(block(seconds, "sleep"))
        await sleep(float(pause_seconds))
    return {"event": "burst", "blocks": facts}


async def obey(line, sleep=asyncio.sleep):
    """Does what one line says and prints the answer; `sleep` is the event loop's own. False: the target is to end."""
    name, *words = line.split()
    if name == "block":
        truth.say(block(*words))
    elif name == "burst":
        truth.say(await burst(*words, sleep))
    elif name == "pause":
        truth.say(await pause(*words, sleep))
    elif name == "state":
        truth.say({"event": "state", "signals": signals_received, "work": work_done})
    elif name == "exec":
        os.execv(sys.executable, [sys.executable, *sys.argv])
    elif name != "quit":
        sys.exit("unknown command: " + line)
    return name != "quit"


def obey_at_once(line, sleep):
    """The same where nothing is awaited: `sleep` returns when the time is over."""

    async def over(seconds):
        sleep(seconds)

    try:
        obey(line, over).send(None)
    except StopIteration as answer:
        return answer.value
    raise RuntimeError(f"{line} waits for something")
