"""Computes all the time along the paths of a call graph that it knows, since it has written the program: call_graph.py
SEED FOLDER; the folder has native_calls.

Says "ready TID". Answers each line with the calls that its program makes, in JSON: name of the caller, line of the call,
name of what is called, first and last line of that. Ends with its standard input.
"""

import functools
import json
import os
import random
import sys
import threading

sys.path.append(sys.argv[2])
import native_calls

FILE = "<graph>"
FUNCTIONS = 30


class Writer:
    def __init__(self):
        self.random = random.Random(int(sys.argv[1]))
        self.lines = []
        self.ranges = {}  # By name: first and last line.
        self.calls = []  # The same as the answer, but without the lines of what is called.

    def function(self, name, head, body, last=()):
        """`body`: functions that write a line, and return who calls what there."""
        self.lines += [""] * self.random.randrange(3)
        first = len(self.lines) + 1
        self.lines.append(head)
        for line in body:
            text, *calls = line()
            self.lines.append(text)
            at = len(self.lines)
            for caller, called in calls:
                self.calls.append((caller or name, at, called))
                if caller:
                    self.calls.append((name, at, caller))
        self.lines += last
        self.ranges.setdefault(name, []).append((first, len(self.lines)))

    def way(self):
        """A line that calls one of the functions, in one of the ways that there are."""
        number = self.random.randrange(FUNCTIONS)
        name = "function_%d" % number
        return self.random.choice([
            ("  %s(n - 1)" % name, (None, name)),
            ("  functools.partial(%s, n - 1)()" % name, (None, name)),
            ("  sorted([1], key=lambda _: %s(n - 1))" % name, ("<lambda>", name)),
            ("  native_calls.call(lambda: %s(n - 1))" % name, ("<lambda>", name)),
            ("  list(%s(n - 1) for _ in [1])" % name, ("<genexpr>", name)),
            # Inlined from 3.12 on.
            ("  [%s(n - 1) for _ in [1]]" % name, ("<listcomp>", name), (None, name)),
            ("  for _ in generator_%d(n): pass" % number, (None, "generator_%d" % number)),
            # A coroutine is made in a frame of its own from 3.11 on.
            ("  drive(coroutine_%d(n))" % number, (None, "drive"), (None, "coroutine_%d" % number)),
            ("  Item()[n]", (None, "__getitem__")),
        ])

    def write(self):
        for number in range(FUNCTIONS):
            name = "function_%d" % number
            work = ["  value = sum(each * n for each in (1, 2, 3))", "  if n <= 0: return value"]
            self.function(name, "def %s(n):" % name,
                          [lambda: (work[0], ("<genexpr>", "<none>")), lambda: (work[1],), self.way, self.way])
            call = lambda: ("  yield function_%d(n - 1)" % number, (None, name))
            self.function("generator_%d" % number, "def generator_%d(n):" % number, [call, lambda: ("  yield 1",)])
            call = lambda: ("  function_%d(n - 1)" % number, (None, name))
            self.function("coroutine_%d" % number, "async def coroutine_%d(n):" % number, [call])
        self.lines.append("class Item:")
        call = lambda: ("    function_3(n - 1); return 1", (None, "function_3"))
        self.function("__getitem__", "  def __getitem__(self, n):", [call])
        send = lambda: ("    coroutine.send(None)", *[(None, "coroutine_%d" % each) for each in range(FUNCTIONS)])
        self.function("drive", "def drive(coroutine):", [lambda: ("  try:",), send],
                      ["  except StopIteration: pass"])
        self.function("main", "def main():", [lambda: ("  while True: function_0(12)", (None, "function_0"))])
        self.lines.append("main()")
        self.calls.append(("<module>", len(self.lines), "main"))
        return "\n".join(self.lines) + "\n"

    def answer(self):
        """What has no name is on the line that calls it."""
        return [(caller, line, called, *lines) for caller, line, called in self.calls
                for lines in self.ranges.get(called, [(line, line)])]


def answer():
    for _ in sys.stdin:
        print(json.dumps(writer.answer()), flush=True)
    os._exit(0)


writer = Writer()
code = compile(writer.write(), FILE, "exec")
threading.Thread(target=answer, daemon=True).start()
print("ready", threading.get_native_id(), flush=True)
exec(code, {"functools": functools, "native_calls": native_calls})
