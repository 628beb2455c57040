"""Python under twenty frames: `subject.py sleep` sleeps for good; `subject.py spin` computes. Told `pauses SECONDS` on
stdin it answers how long it did not get on meanwhile, by its own CLOCK_MONOTONIC in nanoseconds; told `wander` it goes on
for good, under other frames all the time."""

import json
import os
import sys
import time

FRAMES = 18  # And the module, and the function that works.
STAY_SECONDS = 0.0005
SHORTEST_PAUSE_NS = 20_000  # A turn of the loop below takes a hundredth of this.


def deep(frames, work, *arguments):
    return deep(frames - 1, work, *arguments) if frames > 1 else work(*arguments)


def pauses(seconds):
    clock = time.monotonic_ns
    longest = total = 0
    last = clock()
    end = last + int(seconds * 1e9)
    while last < end:
        now = clock()
        if now - last > SHORTEST_PAUSE_NS:
            longest = max(longest, now - last)
            total += now - last
        last = now
    return {"event": "pauses", "longest_ns": longest, "total_ns": total}


def left(frames, way, end):
    return next_of(way)(frames - 1, way // 2, end) if frames else spin_until(end)


def right(frames, way, end):
    return next_of(way)(frames - 1, way // 2, end) if frames else spin_until(end)


def next_of(way):
    return right if way % 2 else left


def spin_until(end):
    while time.monotonic() < end:
        pass


def wander():
    way = 0
    while True:
        left(FRAMES, way, time.monotonic() + STAY_SECONDS)
        way += 1


def main():
    print(json.dumps({"event": "ready", "pid": os.getpid()}), flush=True)
    if sys.argv[1] == "sleep":
        deep(FRAMES, time.sleep, 3600)
    for line in sys.stdin:
        if line.strip() == "wander":
            wander()
        print(json.dumps(deep(FRAMES, pauses, float(line.split()[1]))), flush=True)


main()
