"""The task that blocks: its name and its coroutine as asyncio.current_task() has them, or null where it has none."""

import unittest

from pyleak_testing import LiveTest, interpreters, python_target, require

KINDS = (
    "plain", "awaiting", "method", "named", "latin", "unicode", "number", "object", "called_back", "in_another_loop",
    "in_another_thread", "again",
)  # fmt: skip
NO_TASK = {"called_back"}


class Tasks(LiveTest):
    def check(self, target, kinds):
        watch = self.attach(target, "--threshold", "50ms")
        for kind in kinds:
            with self.subTest(kind):
                target.tell("task", 0.12, kind)
                block = target.blocked(0.12)
                self.assertEqual(block.task is None, kind in NO_TASK)
                self.assert_python_stack(self.record_of(watch, block), block)
        self.assertEqual(watch.stop(), 0)

    def record_of(self, watch, block):
        """The next block of that thread; that another thread waits for that one is a block of its own."""
        record = watch.block()
        while record["tid"] != block.tid:
            record = watch.block()
        return record

    def test_every_interpreter(self):
        for version, path in interpreters().items():
            with self.subTest(version):
                target = self.start(python_target("task_service.py", interpreter=path))
                has_eager_tasks = tuple(map(int, target.facts["version"].split(".")[:2])) >= (3, 12)
                self.check(target, (*KINDS, "eager") if has_eager_tasks else KINDS)

    def test_uvloop(self):
        require("uvloop")
        self.check(self.start(python_target("task_service.py", "--uvloop")), KINDS)


if __name__ == "__main__":
    unittest.main()
