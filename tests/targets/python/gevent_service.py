"""gevent, whose hub runs on libev, in a greenlet of its own. Obeys commands.py on stdin."""

import sys

import commands
import gevent
import gevent.fileobject
import gevent.hub
import truth


def work():
    while True:
        gevent.sleep(0.01)
        commands.count_work()


def serve():
    stdin = gevent.fileobject.FileObjectPosix(sys.stdin.fileno(), "r", close=False)
    truth.ready(loop="gevent", library=gevent.hub.get_hub().loop.__class__.__module__)
    for line in stdin:
        if not commands.obey_at_once(line, gevent.sleep):
            return


commands.count_signals()
gevent.spawn(work)
gevent.spawn(serve).join()
