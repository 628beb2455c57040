"""What /proc says of processes that are no targets of ours, and the binary run to its end."""

import pathlib
import subprocess

from .places import BINARY

# arch/x86/entry/syscalls/syscall_64.tbl
EPOLL_WAIT = 232
CLOCK_NANOSLEEP = 230  # What time.sleep and sleep(1) wait in.


def state_of(pid):
    """The letter of /proc/PID/stat: R, S, D, T, t, Z ..."""
    return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def in_system_call(pid, number):
    """Whether the main thread is in that system call now."""
    return pathlib.Path(f"/proc/{pid}/syscall").read_text().startswith(f"{number} ")


def memory_files(pid):
    """The inodes of what is shared with a pyleak."""
    maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
    return {line.split()[4] for line in maps.splitlines() if "/memfd:pyleak" in line}


def own_number(task):
    """What the thread behind a folder of /proc calls itself in the pid namespace that it lives in."""
    status = pathlib.Path(task, "status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[-1])


def descendants(pid):
    """The process itself first."""
    yield pid
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in pathlib.Path(task, "children").read_text().split():
            yield from descendants(int(child))


def our_pid_of(own_pid, ancestor):
    """The pid, as we have it, of a process that calls itself so and descends from `ancestor`, or is it."""
    return next(pid for pid in descendants(ancestor) if own_number(f"/proc/{pid}") == own_pid)


def our_tid_of(own_tid, pid):
    """The same for a thread of a process."""
    return next(int(task.name) for task in pathlib.Path(f"/proc/{pid}/task").iterdir() if own_number(task) == own_tid)


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
