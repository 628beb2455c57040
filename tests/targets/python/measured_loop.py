"""A bare loop on epoll that measures each of its iterations, and says at its end how long each was.

spread COUNT    for COUNT iterations work as long as a seeded random number says, a millisecond on average
busy SECONDS    work two milliseconds in each iteration, and do not wait in between
block SECONDS   sleep in one iteration
state, quit     as commands.py
"""

import random
import select
import sys
import time

import truth

SPREAD = random.Random(4242)


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def work_until(end):
    while now() < end:
        pass


class Loop:
    def __init__(self):
        self.lengths = []
        self.spread = 0
        self.busy_until = 0
        self.ends = False

    def obey(self, line):
        name, *words = line.split()
        if name == "spread":
            self.spread = int(words[0])
        elif name == "busy":
            self.busy_until = now() + int(float(words[0]) * 1e9)
        elif name == "block":
            time.sleep(float(words[0]))
            truth.say({"event": "blocked"})
        elif name == "state":
            truth.say({"event": "state", "signals": 0, "work": len(self.lengths)})
        self.ends = name == "quit"

    def turn(self, begin):
        if self.spread:
            work_until(begin + int(SPREAD.expovariate(1e-6)))
            self.spread -= 1
            if not self.spread:
                truth.say({"event": "spread"})
        elif begin < self.busy_until:
            work_until(begin + 2_000_000)
            if now() >= self.busy_until:
                truth.say({"event": "busy"})

    def timeout(self):
        return 0.0005 if self.spread else 0 if now() < self.busy_until else 0.01

    def run(self):
        poll = select.epoll()
        poll.register(sys.stdin, select.EPOLLIN)
        truth.ready()
        while True:
            readable = poll.poll(self.timeout())
            begin = now()
            if readable:
                self.obey(sys.stdin.readline() or "quit")
            if self.ends:
                break
            self.turn(begin)
            self.lengths.append(now() - begin)
        truth.say({"event": "lengths", "lengths": self.lengths})


Loop().run()
