"""Python under twenty frames: `subject.py sleep` sleeps for good; `subject.py spin` computes, and answers on stdin's
`pauses SECONDS` how long it did not get on meanwhile, by its own CLOCK_MONOTONIC in nanoseconds."""

import json
import os
import sys
import time

FRAMES = 18  # And the module, and the function that works.
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


def main():
    print(json.dumps({"event": "ready", "pid": os.getpid()}), flush=True)
    if sys.argv[1] == "sleep":
        deep(FRAMES, time.sleep, 3600)
    for line in sys.stdin:
        print(json.dumps(deep(FRAMES, pauses, float(line.split()[1]))), flush=True)


main()
