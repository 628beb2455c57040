"""Waits that are left by a cancelled thread, an exception or a jump: every frame above is unwound as without pyleak."""

import unittest

from pyleak_testing import LiveTest, compiled_target


class Unwinding(LiveTest):
    def obeys(self, target, *words):
        target.tell(*words)
        self.assertEqual(target.wait_for("done", 60)["error"], "", words)

    def leave_waits(self, target):
        for _ in range(3):
            self.obeys(target, "wait")
            self.obeys(target, "cancel")
            self.obeys(target, "throw")
            self.obeys(target, "jump")
        self.obeys(target, "cancel-anywhere", 200)

    def test_alone(self):
        """The target itself, so that what it finds later is ours."""
        self.leave_waits(self.start(compiled_target("unwinding")))

    def test_attach(self):
        target = self.start(compiled_target("unwinding"))
        watch = self.attach_at_once(target.pid)
        self.leave_waits(target)
        self.assertEqual(watch.stop(), 0)

    def test_run(self):
        watch, target = self.run_watched(compiled_target("unwinding"))
        self.leave_waits(target)
        target.stop()
        self.assertEqual(watch.finish(), 0)

    def test_a_thread_that_was_led_out_of_the_agent(self):
        target = self.start(compiled_target("unwinding"))
        watch = self.attach_at_once(target.pid)
        self.obeys(target, "wait")
        self.assertEqual(watch.stop(), 0)
        self.obeys(target, "cancel")

    def test_a_thread_that_waited_before_the_agent_came(self):
        target = self.start(compiled_target("unwinding"))
        self.obeys(target, "wait")
        self.attach_at_once(target.pid)
        self.obeys(target, "cancel")


if __name__ == "__main__":
    unittest.main()
