"""What the loop's thread waited for, and who had it."""

import unittest

from pyleak_testing import LiveTest, compiled_target, interpreters, python_target


def frames_of(stack):
    return [(frame["filename"], frame["lineno"], frame["name"]) for frame in stack if frame["language"] == "python"]


def frames_of_truth(stack):
    return [(frame["filename"], frame["lineno"], frame["name"]) for frame in stack]


class LockTest(LiveTest):
    def assert_holder(self, holder, truth, name):
        self.assertEqual(holder["tid"], truth["tid"])
        self.assertEqual(holder["thread"], name)
        self.assertEqual(frames_of(holder["stack"]), frames_of_truth(truth["stack"]))


class Gil(LockTest):
    def assert_waited_for_gil(self, record, block):
        cause = record["cause"]
        self.assertEqual(cause["kind"], "gil", (cause, record["capture"]))
        # The first sample may have been taken before the wait began.
        stacks = [frames_of(sample["blocking_stack"]) for sample in record["samples"]]
        self.assertIn(frames_of_truth(block.stack), stacks)
        self.assert_holder(cause["gil_holder"], block.holder, "gil-holder")
        innermost = block.holder["stack"][-1]
        self.assertIn(f'thread {block.holder["tid"]} "gil-holder"', cause["summary"])
        self.assertIn(f'line {innermost["lineno"]}, in {innermost["name"]}', cause["summary"])

    def test_every_interpreter_names_the_holder(self):
        for version, path in interpreters().items():
            with self.subTest(version):
                target = self.start(python_target("asyncio_service.py", interpreter=path))
                watch = self.attach(target, "--threshold", "50ms")
                for kind, argument in (("gil", None), ("gil_c_loop", 40_000_000)):
                    block = target.block(0.5, kind, argument)
                    self.assert_waited_for_gil(watch.block(), block)
                self.assertEqual(watch.stop(), 0)

    def test_other_waits_are_not_for_the_gil(self):
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "50ms")
        for kind, expected in (("rlock", "lock"), ("sleep", "syscall"), ("socket_timeout", "nested_wait")):
            target.block(0.15, kind)
            cause = watch.block()["cause"]
            self.assertEqual(cause["kind"], expected, cause)
            self.assertNotIn("gil_holder", cause)


class Locks(LockTest):
    def explained(self, kind, argument=None):
        block = self.target.block(0.5, kind, argument)
        record = self.watcher.block()
        self.assert_duration(record, block, 0.05)
        self.assertEqual(record["cause"]["kind"], "lock", (record["cause"], record["capture"]))
        return block, record["cause"]

    def test_every_interpreter_names_who_has_an_rlock(self):
        for version, path in interpreters().items():
            with self.subTest(version):
                self.target = self.start(python_target("asyncio_service.py", interpreter=path))
                self.watcher = self.attach(self.target, "--threshold", "50ms")
                block, cause = self.explained("rlock")
                self.assert_holder(cause["lock_holder"], block.holder, "rlock-holder")
                self.assertRegex(cause["summary"], r"^waiting for a threading\.RLock, ")
                block, cause = self.explained("lock")
                self.assertNotIn("lock_holder", cause)
                self.assertIn("a threading.Lock, which does not know who holds it", cause["summary"])
                block, cause = self.explained("event")
                self.assertNotIn("lock_holder", cause)
                self.assertIn("which nobody holds", cause["summary"])
                self.assertEqual(self.watcher.stop(), 0)

    def test_every_kind_of_mutex_names_its_owner(self):
        self.target = self.start(compiled_target("bare_loop", "epoll_wait"))
        self.watcher = self.attach(self.target, "--threshold", "50ms")
        for kind in ("normal", "recursive", "inherit", "robust"):
            with self.subTest(kind):
                block, cause = self.explained("mutex", kind)
                holder = cause["lock_holder"]
                self.assertEqual((holder["tid"], holder["thread"]), (int(block.object), "mutex-holder"))
                self.assertIn("HoldMutex", [(frame["name"] or "").partition("(")[0] for frame in holder["stack"]])
                self.assertIn(f'held by thread {block.object} "mutex-holder"', cause["summary"])

    def test_of_a_mutex_that_its_own_waiter_has_nobody_else_is_named(self):
        self.target = self.start(compiled_target("bare_loop", "epoll_wait"))
        self.watcher = self.attach(self.target, "--threshold", "50ms")
        _, cause = self.explained("lock")
        self.assertNotIn("lock_holder", cause)


if __name__ == "__main__":
    unittest.main()
