"""Threads that are cancelled all the time, while pyleak comes and goes: each is unwound as it would be alone."""

import unittest

from pyleak_testing import LiveTest, compiled_target, rounds


class CancelledThreads(LiveTest):
    def obeys(self, target, *words):
        target.tell(*words)
        self.assertEqual(target.wait_for("done", 60)["error"], "", words)

    def test_attach_and_detach(self):
        target = self.start(compiled_target("unwinding"))
        self.obeys(target, "storm")
        for _ in range(rounds(60, 600)):
            watch = self.attach_at_once(target.pid)
            self.assertEqual(watch.stop(), 0)
        self.obeys(target, "calm")

    def test_a_thread_that_was_led_out_of_the_agent_in_each_round(self):
        target = self.start(compiled_target("unwinding"))
        for _ in range(rounds(20, 200)):
            watch = self.attach_at_once(target.pid)
            self.obeys(target, "wait")
            self.assertEqual(watch.stop(), 0)
            self.obeys(target, "cancel")


if __name__ == "__main__":
    unittest.main()
