"""Brings its main thread into one situation, and says what the stack is there: stacks.py SITUATION FOLDER.

The situation is a function here or in mixed_situations.py, which wants the folder of what was built for it. Says
"ready TID" when the situation lasts. Answers every further line with the main thread's frames as the interpreter itself
sees them, outermost first, in JSON, or with their variables if the line is "variables". "next" ends a wait of the
situation's, and is answered once it waits again. Ends with its standard input.
"""

import asyncio
import ctypes
import functools
import itertools
import json
import linecache
import os
import sys
import threading
import time

import mixed_situations
import variables

MAIN_THREAD = threading.get_ident()
MAIN_TID = threading.get_native_id()


WAITING, GOING_ON = os.pipe()
waits = 0


def wait():
    global waits
    waits += 1
    os.read(WAITING, 1)


def sleep():
    wait()


def spin():
    while True: pass  # noqa: E701: one line, so that it does not matter when one looks.


def recursion(depth=300):
    if depth == 0:
        wait()
    recursion(depth - 1)


def generators():
    def inner():
        yield wait()

    def outer():
        yield from inner()

    return [each for each in outer()]


def comprehensions():
    return [{key: (lambda: wait())() for key in range(1)} for _ in {sum(value for value in [1])}]


def native_callers():
    functools.reduce(lambda left, right: sorted([left, right], key=lambda _: list(map(lambda _: wait(), [0]))), [1, 2])


def code_without_file():
    exec(compile("def made_up():\n\n  (wait\n   ())\nmade_up()", "<nowhere>", "exec"), {"wait": wait})
    exec("wait()")


class Base:
    class Inner:
        def __init__(self):
            self.attribute

        @property
        def attribute(self):
            with self:
                return 0

        def __enter__(self):
            def local(first, second):
                wait()

            local(
                # A call over several lines, with a line longer than a short column holds.
                "                                                                                          ", (
                    local(1,
                          2)))

        def __exit__(self, *_):
            pass


def classes():
    Base.Inner()


def names():
    files = ["gr\u00f6\u00dfe.py", "\u65e5\u672c.py", "\U0001f389.py", "x" * 300 + ".py"]
    functions = ["gr\u00f6\u00dfe", "\u65e5\u672c", "\U0001d518", "y" * 300]
    call = wait
    for file, function in zip(files, functions):
        scope = {"call": call}
        exec(compile("def %s(): \u00fc = '\u65e5'; call()" % function, file, "exec"), scope)
        call = list(scope.values())[-1]
    call()


class Path(str):
    """A string whose characters do not follow its header."""


def subclass_of_str():
    exec(compile("wait()", Path("\u65e5\u672c/of a subclass.py"), "exec"), {"wait": wait})


def coroutines():
    async def third():
        wait()

    async def second():
        await asyncio.sleep(0)
        async for _ in numbers():
            await third()

    async def numbers():
        yield await asyncio.sleep(0)

    async def first():
        await asyncio.gather(second())

    asyncio.run(first())


def long_function():
    """Its line table has more than a byte's worth of everything."""
    source = "def long():\n" + "\n" * 500 + "".join("  value = %d\n" % number for number in range(3000))
    scope = {"wait": wait}
    exec(compile(source + "  value = [" + "1, " * 300 + "wait()]\n", "<long>", "exec"), scope)
    scope["long"]()


def twenty():
    """Twenty frames, each of another function: this one, the module's, 17 more and wait()."""
    scope = {"function_0": wait}
    for number in range(1, 18):
        exec(compile("def function_%d(): function_%d()" % (number, number - 1), "twenty.py", "exec"), scope)
    scope["function_17"]()


def extension():
    """Python, called by qsort() of the C library, called by Python."""
    def compare(left, right):
        wait()

    callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(compare)
    ctypes.CDLL(None).qsort((ctypes.c_int * 2)(2, 1), 2, ctypes.sizeof(ctypes.c_int), callback)


def local_variables():
    variables.everything(wait)


def position(frame):
    """lineno, end_lineno, colno, end_colno of the frame's instruction, where the interpreter keeps them."""
    if not hasattr(frame.f_code, "co_positions"):
        return [frame.f_lineno, None, None, None]
    line, end_line, column, end_column = next(itertools.islice(frame.f_code.co_positions(), frame.f_lasti // 2, None))
    return [line, end_line, column, end_column]


def stack():
    frame = sys._current_frames()[MAIN_THREAD]
    frames = []
    while frame is not None:
        code = frame.f_code
        name = code.co_name
        frames.append({"filename": code.co_filename, "name": name, "lineno": frame.f_lineno, "position": position(frame),
                       "line": linecache.getline(code.co_filename, frame.f_lineno).strip() or None})
        frame = frame.f_back
    return frames[::-1]


def variables_of_frames():
    frame = sys._current_frames()[MAIN_THREAD]
    frames = []
    while frame is not None:
        frames.append([frame.f_code.co_name, variables.variables(frame)])
        frame = frame.f_back
    return frames[::-1]


def lasts():
    """True once the main thread is where it stays."""
    if stack()[-1]["name"] == "spin":
        return stack()[-1]["lineno"] == spin.__code__.co_firstlineno + 1
    with open("/proc/self/task/%d/syscall" % MAIN_TID) as file:
        return stack()[-1]["name"] == "wait" and file.read(7) != "running"


def go_on():
    before = waits
    os.write(GOING_ON, b".")
    while waits == before or not lasts():
        time.sleep(0.001)


def answer():
    while not lasts():
        time.sleep(0.001)
    print("ready", MAIN_TID, flush=True)
    for line in sys.stdin:
        if line == "next\n":
            go_on()
        print(json.dumps(variables_of_frames() if line == "variables\n" else stack()), flush=True)
    os._exit(0)


threading.Thread(target=answer, daemon=True).start()
if sys.argv[1] in globals():
    globals()[sys.argv[1]]()
else:
    getattr(mixed_situations, sys.argv[1])(wait)
