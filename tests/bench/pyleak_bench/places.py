"""Where the programs of the bench are, and the peers that are there."""

import contextlib
import os
import pathlib
import shutil
import subprocess

from pyleak_testing import Target

BUILD = pathlib.Path(os.environ["PYLEAK_BENCH_BUILD"])
BINARY = str(BUILD / "pyleak")
SUBJECT = [str(BUILD / "tests/bench/subject")]
ECHO = str(BUILD / "tests/bench/echo")
FREEZE_COST = str(BUILD / "tests/bench/freeze_cost")
SYMBOLISE_COST = str(BUILD / "tests/bench/symbolise_cost")
PYTHON = "/usr/bin/python3"
SOURCES = pathlib.Path(__file__).parents[1]
PYTHON_SUBJECT = [PYTHON, str(SOURCES / "subject.py")]
NODE_SUBJECT = ["node", str(SOURCES / "subject.js")]

PEERS = BUILD / "peers"


def peer(name):
    """The program of that name, from Debian or from PyPI, or None."""
    return shutil.which(name, path=f"{PEERS}/bin:{os.environ['PATH']}")


def python_library(name):
    """The folder from which Python imports a library of the peers, or None."""
    return next((str(path.parent) for path in PEERS.glob(f"lib/python3*/site-packages/{name}")), None)


def node_module(name):
    """The folder of a module of the peers, or None."""
    path = PEERS / "node_modules" / name
    return str(path) if path.exists() else None


@contextlib.contextmanager
def started(command, **popen_options):
    """A target that is killed at the end, whatever it does then."""
    target = Target(command, **popen_options)
    try:
        yield target
    finally:
        target.process.kill()
        target.process.wait()
        target.process.stdin.close()


@contextlib.contextmanager
def hogs():
    """As many programs as there are processors, that use them up."""
    programs = [subprocess.Popen([PYTHON, "-c", "while True: pass"]) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()
