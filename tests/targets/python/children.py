"""Starts children, each with an asyncio loop that blocks once, in the way that the first argument names, and waits.

The arguments are: the way, the number of children, the seconds of each block. Each child prints its own facts.
"""

import asyncio
import multiprocessing
import os
import subprocess
import sys

import commands
import truth


async def block_once(seconds):
    await asyncio.sleep(0.05)
    truth.say(commands.block(seconds, "sleep"))
    await asyncio.sleep(0.05)


def child(seconds):
    asyncio.run(block_once(seconds))


def command_of_child(seconds):
    return [sys.executable, os.path.abspath(__file__), "itself", "1", seconds]


def wait_for(pids):
    for pid in pids:
        os.waitpid(pid, 0)


def by_fork(count, seconds):
    pids = []
    for _ in range(count):
        pid = os.fork()
        if pid == 0:
            child(seconds)
            os._exit(0)
        pids.append(pid)
    wait_for(pids)


def by_posix_spawn(count, seconds):
    command = command_of_child(seconds)
    wait_for([os.posix_spawn(command[0], command, os.environ) for _ in range(count)])


def by_subprocess(count, seconds):
    for process in [subprocess.Popen(command_of_child(seconds)) for _ in range(count)]:
        process.wait()


def by_shell(count, seconds):
    command = " ".join(command_of_child(seconds))
    subprocess.run(["sh", "-c", " & ".join([command] * count) + " & wait"], check=True)


def by_multiprocessing(method, count, seconds):
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=child, args=(seconds,)) for _ in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()


def by_exec(count, seconds):
    """Becomes a shell that becomes the child: the pid stays, the program changes twice."""
    os.execvp("sh", ["sh", "-c", 'exec "$@"', "sh"] + command_of_child(seconds))


WAYS = {
    "itself": lambda count, seconds: child(seconds),
    "exec": by_exec,
    "fork": by_fork,
    "posix_spawn": by_posix_spawn,
    "subprocess": by_subprocess,
    "shell": by_shell,
    "multiprocessing_fork": lambda *arguments: by_multiprocessing("fork", *arguments),
    "multiprocessing_spawn": lambda *arguments: by_multiprocessing("spawn", *arguments),
    "multiprocessing_forkserver": lambda *arguments: by_multiprocessing("forkserver", *arguments),
}

if __name__ == "__main__":
    WAYS[sys.argv[1]](int(sys.argv[2]), sys.argv[3])
