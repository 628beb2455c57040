"""Twisted, on the reactor that is named on the command line. Obeys commands.py on stdin."""

import importlib
import os
import sys

sys.modules["OpenSSL"] = None  # Its libraries copy the addresses of functions, and so the agent would have to stay.

import commands  # noqa: E402
import truth  # noqa: E402

importlib.import_module(f"twisted.internet.{sys.argv[1]}reactor").install()

from twisted.internet import defer, reactor, stdio, task  # noqa: E402
from twisted.protocols import basic  # noqa: E402


class Commands(basic.LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line):
        defer.ensureDeferred(self.obey(line.decode()))

    async def obey(self, line):
        if not await commands.obey(line, sleep):
            self.connectionLost()

    def connectionLost(self, _reason=None):
        if reactor.running:
            reactor.stop()


def sleep(seconds):
    return task.deferLater(reactor, seconds, lambda: None)


commands.count_signals()
task.LoopingCall(commands.count_work).start(0.01)
stdio.StandardIO(Commands(), stdin=os.dup(0), stdout=os.open(os.devnull, os.O_WRONLY))
reactor.callWhenRunning(truth.ready, loop="twisted")
reactor.run(installSignalHandlers=False)
