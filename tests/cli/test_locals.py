"""--locals and --redact: local variables of Python frames."""

import json
import unittest

from pyleak_testing import LiveTest, python_target
from pyleak_testing.lines import wait_until
from pyleak_testing.processes import CLOCK_NANOSLEEP, in_system_call, pyleak
from pyleak_testing.watch import valid_record


class Locals(LiveTest):
    def block(self, *options, kind="secrets"):
        """The record of one block under `options`, and the frame that blocked."""
        target = self.start(python_target("asyncio_service.py"))
        watch = self.attach(target, "--threshold", "50ms", *options)
        target.block(0.15, kind)
        record = watch.block()
        self.assertEqual(watch.stop(), 0)
        frames = [frame for frame in record["blocking_stack"] if frame["language"] == "python"]
        self.assertEqual(frames[-1]["name"], kind)
        return record, frames[-1]

    def test_are_in_json(self):
        record, frame = self.block("--locals", kind="sleep")
        self.assertEqual(frame["locals"], {"seconds": "0.15", "_argument": "None"})
        for frame in record["blocking_stack"]:
            self.assertEqual("locals" in frame, frame["language"] == "python")
        # The time for which the thread was held has the reading of them in it, and is no more than a hiccup.
        self.assertLess(min(record["capture"]["freeze_seconds"]), 0.02)

    def test_are_off_by_default(self):
        record, _ = self.block(kind="sleep")
        self.assertNotIn('"locals"', json.dumps(record))

    def test_secrets_are_hidden(self):
        record, frame = self.block("--locals", "--redact", "mother")
        self.assertEqual(
            frame["locals"],
            {
                "seconds": "0.15",
                "_argument": "None",
                "user": "'alice'",
                "password": "<redacted>",
                "headers": "[(b'Host', b'example.org'), (b'Authorization', <redacted>)]",
                "settings": "{'API-Key': <redacted>, 'retries': 3, 'nested': {'session_id': <redacted>}}",
                "mother": "<redacted>",
                "account": "<Account user='alice', passphrase=<redacted>>",
            },
        )
        shown = [frame.get("locals", {}) for frame in record["blocking_stack"]]
        self.assertNotIn("hunter2", json.dumps(shown))

    def test_are_below_their_frame_in_text(self):
        target = self.start(python_target("asyncio_service.py"))
        target.tell("block", 2, "sleep")
        wait_until(lambda: in_system_call(target.pid, CLOCK_NANOSLEEP), "the block has begun")
        text = pyleak("dump", target.pid, "--locals").stdout
        found = valid_record(pyleak("dump", target.pid, "--locals", "--format", "json").stdout)
        target.blocked(2)
        self.assertIn("      time.sleep(here(seconds))\n        seconds = 2.0\n        _argument = None\n", text)
        sleep = [frame for frame in found["blocking_stack"] if frame["name"] == "sleep"]
        self.assertEqual([frame["locals"] for frame in sleep], [{"seconds": "2.0", "_argument": "None"}])

    def test_redact_alone_is_a_mistake(self):
        result = pyleak("dump", 1, "--redact", "name")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--locals", result.stderr)


if __name__ == "__main__":
    unittest.main()
