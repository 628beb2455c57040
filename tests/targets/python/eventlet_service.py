"""eventlet, on the hub that is named on the command line. Obeys commands.py on stdin."""

import os
import sys

sys.modules["cryptography"] = None  # It copies the addresses of functions, and so the agent would have to stay.

import commands  # noqa: E402
import eventlet  # noqa: E402
import eventlet.greenio  # noqa: E402
import eventlet.hubs  # noqa: E402
import truth  # noqa: E402


def work():
    while True:
        eventlet.sleep(0.01)
        commands.count_work()


def serve():
    stdin = eventlet.greenio.GreenPipe(os.dup(0), "r")
    truth.ready(loop="eventlet")
    for line in stdin:
        if not commands.obey_at_once(line, eventlet.sleep):
            return


eventlet.hubs.use_hub(sys.argv[1])
commands.count_signals()
eventlet.spawn(work)
# While nobody waited for a descriptor, the hub would sleep and not poll.
eventlet.spawn(eventlet.listen(("127.0.0.1", 0)).accept)
eventlet.spawn(serve).wait()
