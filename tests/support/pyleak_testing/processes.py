"""What /proc says of processes that are no targets of ours, and the binary run to its end."""

import pathlib
import subprocess

from .places import BINARY

CLOCK_NANOSLEEP = 230  # arch/x86/entry/syscalls/syscall_64.tbl: what time.sleep and sleep(1) wait in


def state_of(pid):
    """The letter of /proc/PID/stat: R, S, D, T, t, Z ..."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def in_system_call(pid, number):
    """Whether the main thread is in that system call now."""
    return pathlib.Path(f"/proc/{pid}/syscall").read_text().startswith(f"{number} ")


def pyleak(*arguments, **options):
    """Runs the binary to its end, without any input: the CompletedProcess, with text."""
    options.setdefault("timeout", 60)
    return subprocess.run(
        [BINARY, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )
