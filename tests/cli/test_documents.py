"""Every option that --help lists is in the man pages and in the completions, and these list nothing else."""

import functools
import os
import re
import subprocess
import unittest

from pyleak_testing import BINARY, require
from pyleak_testing.places import ROOT

COMMANDS = ("attach", "run", "dump", "list", "doctor", "report")


@functools.lru_cache(None)
def help_options(command):
    """The short and long options of a command, as --help lists them at the beginning of its lines."""
    text = subprocess.run([BINARY, command, "--help"], capture_output=True, text=True, check=True, timeout=20).stdout
    lines = re.findall(r"^  (?:-(\w), |    )(--[\w-]+(?:, --[\w-]+)*)", text, flags=re.M)
    short = {f"-{letter}" for letter, _ in lines if letter}
    return short | {name for _, names in lines for name in names.split(", ")}


class Help(unittest.TestCase):
    def test_lists_options(self):
        self.assertIn("--threshold", help_options("attach"))
        self.assertIn("-t", help_options("attach"))
        self.assertEqual(help_options("attach"), help_options("run"))
        self.assertEqual(help_options("list"), help_options("doctor"))
        self.assertEqual(help_options("list"), {"-h", "--help", "-f", "--format", "-o", "--output", "--color"})


class ManPages(unittest.TestCase):
    def test_list_the_options_of_their_commands(self):
        for command in COMMANDS:
            page = (ROOT / f"man/pyleak-{command}.1").read_text()
            listed = set()
            for item in re.findall(r"^\.It (Fl .*)$", page, flags=re.M):
                listed |= {"-" + name for name in re.findall(r"Fl (-?\w[\w-]*)", item)}
            self.assertEqual(listed, help_options(command), command)

    def test_are_sound(self):
        require("mandoc")
        for page in sorted((ROOT / "man").glob("*.1")):
            lint = subprocess.run(["mandoc", "-T", "lint", page], capture_output=True, text=True, timeout=20).stdout
            # Whether the pages that it refers to are installed is not the page's business.
            findings = [line for line in lint.splitlines() if "referenced manual not found" not in line]
            self.assertEqual(findings, [])


class Completions(unittest.TestCase):
    def bash(self, *words):
        """What bash offers for the last of `words`."""
        script = 'source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pyleak; printf "%s\\n" "${COMPREPLY[@]}"'
        arguments = ["bash", "-c", script, "bash", ROOT / "scripts/completions/pyleak.bash", "pyleak", *words]
        result = subprocess.run(arguments, capture_output=True, text=True, check=True, timeout=20)
        self.assertEqual(result.stderr, "")
        return set(result.stdout.split())

    def test_bash_offers_the_long_options_of_each_command(self):
        for command in COMMANDS:
            expected = {option for option in help_options(command) if option.startswith("--")}
            self.assertEqual(self.bash(command, "--"), expected, command)

    def test_bash_offers_commands_values_and_processes(self):
        self.assertEqual(self.bash(""), {*COMMANDS, "--help", "--version"})
        self.assertEqual(self.bash("attach", "--action", ""), {"warn", "log", "cancel", "raise"})
        self.assertIn(str(os.getpid()), self.bash("attach", ""))

    def test_bash_knows_which_options_of_run_take_a_value(self):
        script = (ROOT / "scripts/completions/pyleak.bash").read_text()
        listed = set(re.search(r"(-t \| -i .*?)\)\n", script, flags=re.S).group(1).replace("\\", "").split(" | "))
        flags = {"--children", "--no-children", "--native", "--locals", "-h", "--help"}
        self.assertEqual({option.strip() for option in listed}, help_options("run") - flags)

    def test_zsh_has_every_option(self):
        script = (ROOT / "scripts/completions/_pyleak").read_text()
        listed = set(re.findall(r"(?<![\w-])(--?[a-z][\w-]*)(?=[\[,}])", script))
        everything = set().union(*map(help_options, COMMANDS))
        self.assertEqual(listed - {"--version"}, everything)

    def test_fish_has_every_option(self):
        lines = (ROOT / "scripts/completions/pyleak.fish").read_text().splitlines()
        script = "\n".join(line for line in lines if line.startswith("complete "))
        listed = {"-" + name for name in re.findall(r" -s (\w)\b", script)}
        listed |= {"--" + name for name in re.findall(r" -l ([\w-]+)", script)}
        everything = set().union(*map(help_options, COMMANDS))
        self.assertEqual(listed - {"-V", "--version"}, everything)


if __name__ == "__main__":
    unittest.main()
