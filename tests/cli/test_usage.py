"""Help, version and usage errors: what goes where, and the exit status."""

import subprocess
import unittest

from pyleak_testing import BINARY

COMMANDS = ("attach", "run", "dump", "list", "doctor", "report")


def pyleak(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)


class Help(unittest.TestCase):
    def test_goes_to_stdout_and_names_every_command(self):
        for option in ("-h", "--help"):
            result = pyleak(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            for command in COMMANDS:
                self.assertIn(f"\n  {command} ", result.stdout)

    def test_of_each_command_has_usage_options_and_examples(self):
        for command in COMMANDS:
            result = pyleak(command, "--help")
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertTrue(result.stdout.startswith(f"Usage: pyleak {command} "), result.stdout)
            self.assertIn("\nExamples:\n  pyleak ", result.stdout)
            self.assertLessEqual(max(map(len, result.stdout.splitlines())), 120)

    def test_behind_the_program_of_run_is_the_programs(self):
        self.assertNotIn("Usage: pyleak", pyleak("run", "true", "--help").stdout)

    def test_that_nobody_reads_is_no_success(self):
        with open("/dev/full", "w") as full:
            result = subprocess.run([BINARY, "--help"], stdout=full, stderr=subprocess.DEVNULL, timeout=20)
        self.assertEqual(result.returncode, 1)


class Version(unittest.TestCase):
    def test_is_one_line_on_stdout(self):
        for option in ("-V", "--version"):
            result = pyleak(option)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertRegex(result.stdout, r"\Apyleak \d+\.\d+\.\d+\n\Z")


class UsageError(unittest.TestCase):
    def assert_usage_error(self, *arguments):
        result = pyleak(*arguments)
        self.assertEqual((result.returncode, result.stdout), (2, ""), arguments)
        self.assertRegex(result.stderr, r"\Apyleak: [^\n]+\n  hint: [^\n]+\n\Z", arguments)
        return result.stderr

    def test_without_a_command(self):
        self.assertIn("pyleak attach PID", self.assert_usage_error())

    def test_a_pid_in_place_of_a_command(self):
        self.assertIn("hint: pyleak attach 4242\n", self.assert_usage_error("4242"))

    def test_an_unknown_command_or_option(self):
        self.assertIn("watch", self.assert_usage_error("watch"))
        self.assertIn("--frobnicate", self.assert_usage_error("attach", "--frobnicate", "1"))

    def test_nonsense_durations(self):
        for text in ("", " 1", "1 s", "-1", "0", "nan", "inf", "1e400", "1e3", "1h", "99999999999999999999", "\x1b[2J"):
            for option in ("--threshold", "--check-interval", "--duration"):
                self.assertIn(option, self.assert_usage_error("attach", f"{option}={text}", "1"))

    def test_nonsense_process_ids(self):
        for text in ("", "x", "0", "-1", "1.5", "0x10", "99999999999999999999"):
            for command in ("attach", "dump", "list"):
                self.assert_usage_error(command, text)

    def test_nonsense_choices(self):
        for option in ("--action", "--format", "--color"):
            self.assertIn(option, self.assert_usage_error("attach", option, "nonsense", "1"))

    def test_missing_arguments(self):
        for arguments in (["attach"], ["dump"], ["run"], ["run", "--"], ["attach", "1", "--threshold"]):
            self.assert_usage_error(*arguments)

    def test_control_characters_of_the_user_do_not_come_back(self):
        self.assertNotIn("\x1b", self.assert_usage_error("attach", "\x1b[31m"))


if __name__ == "__main__":
    unittest.main()
