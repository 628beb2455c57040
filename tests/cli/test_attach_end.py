"""How a watch ends."""

import json
import os
import signal
import subprocess
import unittest

from pyleak_testing import BINARY, LiveTest, python_target, require
from pyleak_testing.case import python_frames
from pyleak_testing.places import DISTRIBUTION_PYTHON


# A loop whose last iteration is a block, and a program that works on without it until it is told to end.
LOOP_THAT_CLOSES = """
import asyncio, json, sys, time
def say(event):
    print(json.dumps({"event": event}), flush=True)
async def main():
    for _ in range(5):
        await asyncio.sleep(0.01)
    say("ready")
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    time.sleep(0.1)
asyncio.run(main())
time.sleep(0.1)
say("works_on")
sys.stdin.readline()
"""


class LoopThatCloses(LiveTest):
    def test_its_last_block_is_told_of_however_late_pyleak_looks(self):
        watch, target = self.run_watched([DISTRIBUTION_PYTHON, "-c", LOOP_THAT_CLOSES], "--threshold", "50ms")
        watch.process.send_signal(signal.SIGSTOP)
        os.waitpid(watch.process.pid, os.WUNTRACED)
        target.tell("block")
        target.wait_for("works_on", 10)
        watch.process.send_signal(signal.SIGCONT)
        self.assertAlmostEqual(watch.block()["duration"], 0.1, delta=0.05)
        target.tell("end")
        self.assertEqual(watch.finish(), 0)
        self.assertEqual(watch.records[-1]["blocks"], 1)


class End(LiveTest):
    def setUp(self):
        self.target = self.start(python_target("asyncio_service.py"))

    def assert_ended(self, watch, status, reason):
        self.assertEqual(status, 0)
        self.assertEqual((watch.records[-1]["type"], watch.records[-1]["reason"]), ("WatchEnded", reason))

    def test_ctrl_c_and_sigterm(self):
        for number, reason in ((signal.SIGINT, "interrupted"), (signal.SIGTERM, "terminated")):
            with self.subTest(reason):
                watch = self.attach(self.target)
                self.assert_ended(watch, watch.stop(number), reason)

    def test_duration(self):
        watch = self.attach(self.target, "--duration", "300ms")
        self.assert_ended(watch, watch.finish(), "duration")
        self.assertAlmostEqual(watch.records[-1]["duration"], 0.3, delta=0.2)

    def test_max_blocks(self):
        watch = self.attach(self.target, "--threshold", "50ms", "--max-blocks", "2")
        for _ in range(2):
            self.target.block(0.1, "sleep")
        self.assert_ended(watch, watch.finish(), "max_blocks")
        self.assertEqual(len(watch.blocks()), 2)

    def test_target_ends(self):
        watch = self.attach(self.target)
        self.target.stop()
        self.assert_ended(watch, watch.finish(), "target_ended")

    def assert_cut_short(self, watch, note, innermost="sleep"):
        """The last that was told of the only block is its stack, and why no more will be heard of it."""
        last = [record for record in watch.records if record["type"] == "EventLoopBlock"][-1]
        self.assertTrue(last["ongoing"])
        self.assertIn(note, last["capture"]["notes"])
        self.assertEqual(python_frames(last)[-1][2], innermost)
        self.assertIn("nanosleep", last["native_stack"][-1]["name"])
        self.assertEqual(watch.records[-1]["blocks"], 1)

    def test_target_is_killed_within_a_block(self):
        watch = self.attach(self.target, "--threshold", "50ms")
        self.target.tell("block", 30, "sleep")
        first = watch.wait_for("EventLoopBlock", 10, ongoing=True)
        self.target.process.kill()
        self.target.stop()
        self.assert_ended(watch, watch.finish(), "target_ended")
        self.assertEqual(watch.records[-1]["target_end"], {"exit_status": None, "signal": signal.SIGKILL})
        self.assert_cut_short(watch, "the process was killed by SIGKILL before the block ended")
        self.assertEqual({record["block_id"] for record in watch.records if record["type"] == "EventLoopBlock"}, {1})
        self.assertEqual(first["capture"]["notes"], [])

    def test_target_exits_within_a_block(self):
        watch = self.attach(self.target, "--threshold", "50ms")
        self.target.tell("block", 1, "exit_within", 3)
        self.assert_ended(watch, watch.finish(), "target_ended")
        self.target.stop()
        self.assertEqual(watch.records[-1]["target_end"], {"exit_status": 3, "signal": None})
        self.assert_cut_short(watch, "the process has exited with status 3 before the block ended", "exit_within")

    def test_program_dies_within_a_block_under_run(self):
        watch, target = self.run_watched(python_target("asyncio_service.py"), "--threshold", "50ms")
        self.turn(target)
        target.tell("block", 30, "sleep")
        watch.wait_for("EventLoopBlock", 10, ongoing=True)
        os.kill(target.facts["pid"], signal.SIGTERM)
        self.assert_ended(watch, watch.finish() - 128 - signal.SIGTERM, "target_ended")
        target.stop()
        self.assertEqual(watch.records[-1]["target_end"], {"exit_status": None, "signal": signal.SIGTERM})
        self.assert_cut_short(watch, "the process was killed by SIGTERM before the block ended")

    def test_watch_ends_within_a_block(self):
        watch = self.attach(self.target, "--threshold", "50ms")
        self.target.tell("block", 3, "sleep")
        watch.wait_for("EventLoopBlock", 10, ongoing=True)
        self.assert_ended(watch, watch.stop(), "interrupted")
        self.assertEqual(watch.blocks(), [])
        self.assertIsNone(watch.records[-1]["target_end"])
        self.assert_cut_short(watch, "the watch ended before the block did")
        self.target.blocked(3)
        self.take_out_what_was_left()

    def test_text_of_a_target_that_is_killed_within_a_block(self):
        with subprocess.Popen(
            [BINARY, "attach", str(self.target.pid), "--threshold", "50ms"], stdout=subprocess.PIPE, text=True
        ) as attach:
            self.turn_once_watched(self.target)
            self.target.tell("block", 30, "sleep")
            while not attach.stdout.readline().startswith("Event loop blocked for"):
                self.assertIsNone(attach.poll())
            self.target.process.kill()
            self.target.stop()
            text = attach.communicate(timeout=20)[0]
        self.assertRegex(text, r"\n  Duration: [\d.]+s, still blocked \(threshold: 0.050s\)\n")
        self.assertIn("\n      time.sleep(here(seconds))\n", text)
        self.assertIn("\n  Note: the process was killed by SIGKILL before the block ended\n", text)
        self.assertIn("\n  the target was killed by SIGKILL\n", text)

    def take_out_what_was_left(self):
        """A watch that ends while the only thread sleeps may have to leave its agent; the next one takes it out."""
        self.attach(self.target).stop()

    def test_jq_reads_it(self):
        require("jq")
        attach = subprocess.Popen(
            [BINARY, "attach", str(self.target.pid), "--format", "json", "--threshold", "50ms", "--max-blocks", "1"],
            stdout=subprocess.PIPE,
        )
        program = ["jq", "--unbuffered", "-c", "select(.type != \"Warning\") | [.type, .schema_version, .duration]"]
        jq = subprocess.Popen(program, stdin=attach.stdout, stdout=subprocess.PIPE)
        attach.stdout.close()
        self.assertEqual(json.loads(jq.stdout.readline())[:2], ["WatchStarted", 1])
        block = self.target.block(0.2, "sleep")
        answer = jq.communicate(timeout=20)[0].splitlines()
        self.assertEqual(attach.wait(10), 0)
        kind, _, duration = json.loads(answer[0])
        self.assertEqual(kind, "EventLoopBlock")
        self.assertAlmostEqual(duration, block.seconds, delta=0.02)


if __name__ == "__main__":
    unittest.main()
