"""Programs of other users: started by setpriv(1), from a folder that everybody can reach.

The repository and its build may lie where only root can go, such as below /root.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

from .places import BINARY, ROOT

# Users that nobody is: a number is all that the kernel needs.
ALICE = 4242
BOB = 4243


class OtherUsers(unittest.TestCase):
    """Has `self.folder`, readable by everybody, with pyleak and the Python targets in it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() != 0:
            raise unittest.SkipTest("only root can become another user")
        folder = tempfile.TemporaryDirectory(prefix="pyleak-users-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        shutil.copy(BINARY, cls.folder / "pyleak")
        shutil.copytree(ROOT / "tests/targets/python", cls.folder / "python")
        subprocess.run(["chmod", "-R", "a+rX", cls.folder], check=True)

    def command(self, *arguments, **who):
        """`pyleak ARGUMENTS` as that user."""
        return as_user(self.folder / "pyleak", *arguments, **who)

    def pyleak(self, *arguments, before=(), **who):
        """Runs it to its end. `before`: what becomes the other user in its turn."""
        command = [*before, *self.command(*arguments, **who)]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)

    def target(self, name, **who):
        """The command of a Python target as that user."""
        return as_user("/usr/bin/python3", self.folder / "python" / name, **who)


def as_user(*command, user=ALICE, group=None, capabilities=()):
    """The command of a program as another user with those capabilities and no other."""
    kept = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    who = [f"--reuid={user}", f"--regid={group or user}", "--clear-groups"]
    return ["setpriv", *who, f"--inh-caps={kept}", f"--ambient-caps={kept}", "--", *map(str, command)]


def in_own_mounts(script):
    """What runs a command behind it in a mount namespace of its own, after the shell script."""
    return ["unshare", "--mount", "sh", "-ec", script + '; exec "$@"', "sh"]
