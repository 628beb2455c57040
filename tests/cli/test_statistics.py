"""What pyleak says of a loop in figures, against the loop's own measurement of each of its iterations."""

import math
import subprocess
import unittest

from pyleak_testing import BINARY, LiveTest, python_target

# The target reads its clock a little after its wait has returned and a little before it waits again; what lies between
# costs some microseconds, or more when the target loses the processor there.
OUTSIDE = 50e-6


def lengths_of(target):
    """Every iteration of the target, from its end of life: seconds, shortest first."""
    target.tell("quit")
    return sorted(length / 1e9 for length in target.wait_for("lengths", 20)["lengths"])


class Statistics(LiveTest):
    def run_measured(self, *options):
        return self.run_watched(python_target("measured_loop.py"), *options)

    def finish(self, watch):
        watch.finish()
        stats = [record for record in watch.records if record["type"] == "LoopStats"]
        (total,) = watch.records[-1]["loops"]
        return stats, total

    def assert_quantiles(self, lag, lengths):
        """Each is at most a quarter above the target's own, and not below it."""
        for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1)):
            own = lengths[math.ceil(share * len(lengths)) - 1]
            print(f"{name}: {lag[name] * 1e3:.3f} ms, the target's own {own * 1e3:.3f} ms")
            # Of the few longest one may have lost the processor there.
            outside = OUTSIDE if share < 0.99 else 0.03
            self.assertGreaterEqual(lag[name], own - 1e-6, name)
            self.assertLessEqual(lag[name], (own + outside) * 1.25, name)

    def test_every_iteration_is_counted_with_its_length(self):
        watch, target = self.run_measured("--stats-interval", "200ms")
        target.tell("spread", 3000)
        target.wait_for("spread", 60)
        lengths = lengths_of(target)
        stats, total = self.finish(watch)
        self.assertEqual(total["iterations"], len(lengths))
        self.assertEqual(sum(bucket["iterations"] for bucket in total["lag"]["buckets"]), len(lengths))
        self.assert_quantiles(total["lag"], lengths)
        outside = total["busy_seconds"] - sum(lengths)
        print(f"{outside / len(lengths) * 1e6:.1f} us an iteration lie outside of the target's own measurement")
        self.assertGreaterEqual(outside, 0)
        self.assertLess(outside / len(lengths), OUTSIDE)
        share = total["busy_seconds"] / (total["busy_seconds"] + total["waiting_seconds"])
        self.assertAlmostEqual(total["utilisation"], share, delta=0.001)
        self.assert_sums(stats, total)

    def assert_sums(self, stats, total):
        """The intervals make up the whole."""
        self.assertGreater(len(stats), 2)
        for name in ("iterations", "blocks", "freezes"):
            self.assertEqual(sum(record[name] for record in stats), total[name], name)
        for name in ("busy_seconds", "waiting_seconds", "blocked_seconds", "freeze_seconds"):
            self.assertAlmostEqual(sum(record[name] for record in stats), total[name], delta=1e-6, msg=name)
        self.assertEqual(max(record["lag"]["max"] or 0 for record in stats), total["lag"]["max"])
        for record in stats[:-1]:
            self.assertAlmostEqual(record["busy_seconds"] + record["waiting_seconds"], record["interval"], delta=0.1)

    def test_blocks_and_freezes_are_counted_where_they_end(self):
        watch, target = self.run_measured("--stats-interval", "300ms", "--threshold", "50ms")
        for _ in range(2):
            target.tell("block", 0.7)
            target.wait_for("blocked", 20)
        lengths = lengths_of(target)
        stats, total = self.finish(watch)
        blocks = watch.blocks()
        self.assertEqual(len(blocks), 2)
        self.assertEqual(total["blocks"], 2)
        self.assertAlmostEqual(total["blocked_seconds"], sum(block["duration"] for block in blocks), delta=1e-6)
        self.assertAlmostEqual(total["lag"]["max"], max(block["duration"] for block in blocks), delta=1e-9)
        self.assertAlmostEqual(total["lag"]["max"], lengths[-1], delta=0.005)
        freezes = [held for block in blocks for held in block["capture"]["freeze_seconds"]]
        self.assertGreaterEqual(total["freezes"], len(freezes))
        self.assertEqual(watch.records[-1]["freezes"], total["freezes"])
        self.assertGreaterEqual(total["freeze_seconds"] + 1e-9, sum(freezes))
        self.assert_sums(stats, total)
        # A loop that is blocked throughout an interval has ended no iteration in it, and is late all the same.
        silent = [record for record in stats if record["iterations"] == 0]
        self.assertTrue(silent)
        for record in silent:
            self.assertGreater(record["lag"]["max"], record["interval"] * 0.9)
            self.assertGreater(record["utilisation"], 0.9)
            self.assertIsNone(record["lag"]["p50"])

    def test_a_loop_that_is_always_busy_is_congested_and_not_blocked(self):
        target = self.start(python_target("measured_loop.py"))
        watch = self.attach(target, "--stats-interval", "500ms", "--threshold", "500ms")
        target.tell("busy", 3)
        target.wait_for("busy", 20)
        record = watch.wait_for("LoopStats", 5)
        self.assertEqual(watch.stop(), 0)
        stats = [record for record in watch.records if record["type"] == "LoopStats"]
        busy = [record for record in stats if record["congested"]]
        self.assertGreaterEqual(len(busy), 3)
        for record in busy:
            self.assertGreaterEqual(record["utilisation"], 0.9)
            self.assertLess(record["lag"]["max"], 0.5)
        self.assertEqual(watch.blocks(), [])

    def test_an_idle_loop_is_not_congested(self):
        target = self.start(python_target("measured_loop.py"))
        watch = self.attach(target, "--stats-interval", "200ms")
        for _ in range(3):
            record = watch.wait_for("LoopStats", 5)
            self.assertFalse(record["congested"])
            self.assertLess(record["utilisation"], 0.5)

    def test_text_has_a_line_for_each_loop(self):
        target = self.start(python_target("measured_loop.py"))
        options = ["--stats-interval", "300ms", "--threshold", "500ms", "--duration", "2s"]
        command = [BINARY, "attach", str(target.pid), *options]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pyleak:
            self.turn_once_watched(target)
            target.tell("busy", 2.5)
            text = pyleak.communicate(timeout=20)[0]
        target.wait_for("busy", 20)
        self.assertRegex(text, r"\nEvent loop statistics of 0\.\d+s: generic, thread \d+ .*: \d+ iteration\(s\), congested: "
                               r"busy \d+\.\d % of the time, no iteration over 0\.\d+s; lag p50 0\.00")  # fmt: skip
        self.assertRegex(text, r"\nEvent loop monitoring summary: 0 block\(s\), 0\.00s total blocked time\n  generic, thread ")


if __name__ == "__main__":
    unittest.main()
