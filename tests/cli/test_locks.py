"""What the loop's thread waited for, and who had it."""

import unittest

from pyleak_testing import LiveTest, interpreters, python_target


def frames_of(stack):
    return [(frame["filename"], frame["lineno"], frame["name"]) for frame in stack if frame["language"] == "python"]


class Gil(LiveTest):
    def assert_holder(self, holder, truth, name):
        self.assertEqual(holder["tid"], truth["tid"])
        self.assertEqual(holder["thread"], name)
        expected = [(frame["filename"], frame["lineno"], frame["name"]) for frame in truth["stack"]]
        self.assertEqual(frames_of(holder["stack"]), expected)

    def assert_waited_for_gil(self, record, block):
        cause = record["cause"]
        self.assertEqual(cause["kind"], "gil", cause)
        self.assert_python_stack(record, block)
        self.assert_holder(cause["gil_holder"], block.holder, "gil-holder")
        innermost = block.holder["stack"][-1]
        self.assertIn(f'thread {block.holder["tid"]} "gil-holder"', cause["summary"])
        self.assertIn(f'line {innermost["lineno"]}, in {innermost["name"]}', cause["summary"])

    def test_every_interpreter_names_the_holder(self):
        for version, path in interpreters().items():
            with self.subTest(version):
                target = self.start(python_target("asyncio_service.py", interpreter=path))
                watch = self.attach(target, "--threshold", "50ms")
                for kind, argument in (("gil", None), ("gil_c_loop", 20_000_000)):
                    block = target.block(0.2, kind, argument)
                    self.assert_waited_for_gil(watch.block(), block)
                self.assertEqual(watch.stop(), 0)

    def test_other_waits_are_not_for_the_gil(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "50ms")
        for kind, expected in (("lock", "lock"), ("sleep", "syscall"), ("socket_timeout", "nested_wait")):
            target.block(0.15, kind)
            cause = watch.block()["cause"]
            self.assertEqual(cause["kind"], expected, cause)
            self.assertNotIn("gil_holder", cause)


if __name__ == "__main__":
    unittest.main()
