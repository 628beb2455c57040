"""What a target says of itself: lines of JSON on stdout. Works on every Python from 3.8 on."""

import json
import os
import sys
import threading
import time
import traceback

_stack_of_thread = threading.local()
_holder = None


def _stack_above(depth):
    return [
        {
            "filename": frame.f_code.co_filename,
            "lineno": lineno,
            "name": frame.f_code.co_name,
        }
        for frame, lineno in traceback.walk_stack(sys._getframe(depth + 1))
    ][::-1]


def here(value):
    """Notes the stack of the caller, whose current line must be the one that blocks, and returns `value`."""
    _stack_of_thread.frames = _stack_above(1)
    return value


def holding_here(value):
    """Notes the thread and the stack of the caller, which holds what the loop's thread waits for."""
    global _holder
    _holder = {"tid": threading.get_native_id(), "stack": _stack_above(1)}
    return value


def running_task():
    """Name and coroutine of the task of asyncio or Trio that runs; None outside of one."""
    trio = sys.modules.get("trio")
    try:
        task = trio and trio.lowlevel.current_task()
        if task:
            return {"name": task.name, "coroutine": task.coro.__qualname__}
    except RuntimeError:  # Trio is not what runs.
        pass
    asyncio = sys.modules.get("asyncio")
    try:
        task = asyncio and asyncio.current_task()
    except RuntimeError:  # No loop is running.
        task = None
    return task and {"name": task.get_name(), "coroutine": task.get_coro().__qualname__}


def measure(kind, function, *arguments):
    """Calls `function` and returns the fact of it: kind, begin and end on CLOCK_MONOTONIC, the stack that it noted.

    And what it waited for, where the function returns that.
    """
    global _holder
    _holder = None
    _stack_of_thread.frames = None
    cpu_before = time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID)
    begin = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    waited_for = function(*arguments)
    end = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    cpu = time.clock_gettime_ns(time.CLOCK_THREAD_CPUTIME_ID) - cpu_before
    return {
        "event": "block",
        "kind": kind,
        "begin_ns": begin,
        "end_ns": end,
        "cpu_ns": cpu,
        "object": waited_for or "",
        "pid": os.getpid(),
        "tid": threading.get_native_id(),
        "stack": _stack_of_thread.frames,
        "task": running_task(),
        "holder": _holder,
    }


def say(fact):
    """Prints one fact as one line.

    A stop, a debugger's or a sampler's, cuts a write to a full pipe short, and sys.stdout would lose the rest under
    PYTHONUNBUFFERED.
    """
    rest = json.dumps(fact).encode() + b"\n"
    while rest:
        rest = rest[os.write(1, rest) :]


def ready(**facts):
    """Tells the test that the target can be watched and asked."""
    say(dict(event="ready", pid=os.getpid(), tid=threading.get_native_id(), version=sys.version.split()[0], **facts))
