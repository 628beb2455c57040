"""pyleak attach on every Python and on every event loop that is written for it."""

import unittest

from pyleak_testing import LiveTest, interpreters, python_target, require


class EveryPython(LiveTest):
    def assert_blocks_reported(self, target, loop_kind, kinds=("sleep",)):
        watch = self.attach(target, "--threshold", "50ms")
        for kind in kinds:
            block = target.block(0.15, kind)
            record = watch.block()
            self.assert_duration(record, block, 0.02)
            self.assert_python_stack(record, block)
            self.assertEqual(record["loop"]["kind"], loop_kind)
            self.assertTrue(record["capture"]["complete"], record["capture"])
        self.assertEqual(watch.stop(), 0)

    def test_every_interpreter(self):
        for version, path in interpreters().items():
            with self.subTest(version):
                target = self.start(python_target("asyncio_service.py", interpreter=path))
                self.assert_blocks_reported(target, "asyncio", ["sleep", "cpu", "lock"])

    def test_every_selector(self):
        for selector in ("epoll", "poll", "select"):
            with self.subTest(selector):
                target = self.start(python_target("asyncio_service.py", "--loop", selector))
                self.assert_blocks_reported(target, "asyncio", ["sleep", "socket_timeout"])

    def test_uvloop(self):
        require("uvloop")
        self.assert_blocks_reported(self.start(python_target("asyncio_service.py", "--loop", "uvloop")), "uvloop")

    def test_trio(self):
        require("trio")
        self.assert_blocks_reported(self.start(python_target("trio_service.py")), "trio")

    def test_tornado(self):
        require("tornado")
        self.assert_blocks_reported(self.start(python_target("tornado_service.py")), "tornado")


if __name__ == "__main__":
    unittest.main()
