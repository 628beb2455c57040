"""Event loops written for Python: a block is reported with its stack and the right kind of loop, and as long a pause in
which the loop goes round is not."""

import unittest

from pyleak_testing import python_target, require
from pyleak_testing.loops import OPTIONS, SECONDS, LoopTest


class PythonLoops(LoopTest):
    def check(self, kind, name, *arguments):
        target = self.start(python_target(name, *arguments))
        watch = self.attach(target, *OPTIONS)
        target.pause(SECONDS, "sleep")
        self.assert_reported(watch, target.block(SECONDS, "sleep"), kind)
        target.pause(SECONDS, "sleep")
        self.assert_nothing_else(watch)

    def test_gevent(self):
        require("gevent")
        self.check("gevent", "gevent_service.py")

    def test_hubs_of_eventlet(self):
        require("eventlet")
        for hub in ("epolls", "poll", "selects"):
            with self.subTest(hub):
                self.check("eventlet", "eventlet_service.py", hub)

    def test_reactors_of_twisted(self):
        require("twisted")
        for reactor in ("epoll", "poll", "select", "asyncio"):
            with self.subTest(reactor):
                self.check("twisted", "twisted_service.py", reactor)

    def test_backends_of_anyio(self):
        require("anyio")
        require("trio")
        for backend in ("asyncio", "trio"):
            with self.subTest(backend):
                self.check(backend, "anyio_service.py", backend)

    def test_a_loop_within_a_loop(self):
        require("nest_asyncio")
        self.check("asyncio", "nested_service.py")

    def test_a_loop_for_each_command(self):
        self.check("asyncio", "run_by_run.py")

    def test_loops_in_threads(self):
        require("trio")
        target = self.start(python_target("loops_in_threads.py"))
        watch = self.attach(target, *OPTIONS)
        loops = {"first": "asyncio", "second": "asyncio", "trio": "trio"}
        for name in 2 * list(loops):
            target.tell("to", name, "state")
            target.wait_for("state", 20)
        for name, kind in loops.items():
            with self.subTest(name):
                target.tell("to", name, "pause", SECONDS, "sleep")
                target.tell("to", name, "block", SECONDS, "sleep")
                self.assert_reported(watch, target.blocked(SECONDS), kind)
        self.assert_nothing_else(watch, 3)


if __name__ == "__main__":
    unittest.main()
