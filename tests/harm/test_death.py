"""The death of pyleak by SIGKILL: the target lives, is not left stopped, and works on; the next attach cleans up."""

import random
import subprocess
import time
import unittest

from pyleak_testing import BINARY, LiveTest, Target, compiled_target, node_target, python_target, require, rounds
from pyleak_testing.unharmed import stopped_threads


class Death(LiveTest):
    def test_death_of_pyleak(self):
        """SIGKILL at a random moment from its start on."""
        chance = random.Random(4242)
        require("node")
        commands = [compiled_target("bare_loop", "epoll_wait"), python_target("asyncio_service.py"), node_target()]
        for command in commands:
            target = Target(command)  # What a killed pyleak leaves behind in memory does no harm: it is not looked for.
            self.addCleanup(target.stop)
            for _ in range(rounds(35, 350)):
                attach = [BINARY, "attach", str(target.pid), "--threshold", "5ms", "--output", "/dev/null"]
                process = subprocess.Popen(attach)
                time.sleep(chance.uniform(0, 0.1))  # The moment of death, not a synchronisation.
                process.kill()
                process.wait()
                self.assertGreater(target.block(0.01, "cpu").seconds, 0.009)
            self.assertEqual(stopped_threads(target.pid), [])

    def test_watch_after_a_death(self):
        """What a killed pyleak left behind does not keep the next one away."""
        target = Target(python_target("asyncio_service.py"))
        self.addCleanup(target.stop)
        watch = self.attach(target, "--threshold", "50ms")
        watch.process.kill()
        watch.process.wait()
        watch = self.attach(target, "--threshold", "50ms")
        block = target.block(0.1, "sleep")
        self.assert_duration(watch.block(), block, 0.02)


if __name__ == "__main__":
    unittest.main()
