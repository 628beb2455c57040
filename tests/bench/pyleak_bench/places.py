"""Where the programs of the bench are, and the peers that are there."""

import os
import pathlib
import shutil

BUILD = pathlib.Path(os.environ["PYLEAK_BENCH_BUILD"])
BINARY = str(BUILD / "pyleak")
SUBJECT = [str(BUILD / "tests/bench/subject")]
FREEZE_COST = str(BUILD / "tests/bench/freeze_cost")
PYTHON = "/usr/bin/python3"
PYTHON_SUBJECT = [PYTHON, str(pathlib.Path(__file__).parents[1] / "subject.py")]


def peer(name):
    """The program of that name, from Debian or from PyPI, or None."""
    return shutil.which(name, path=f"{BUILD}/peers/bin:{os.environ['PATH']}")
