"""What a test needs of the machine: without it the test skips and says why, or fails if PYLEAK_REQUIRE names it."""

import glob
import importlib.util
import os
import re
import shutil
import unittest

from .places import DISTRIBUTION_PYTHON

_PROGRAMS = {
    "python": "python3",
    "node": "node",
    "redis": "redis-server",
    "gunicorn": "gunicorn",
    "uvicorn": "uvicorn",
    "eu-stack": "eu-stack",
    "gdb": "gdb",
    "jq": "jq",
    "mandoc": "mandoc",
    "strace": "strace",
    "setcap": "setcap",
    "musl-gcc": "musl-gcc",
    "bwrap": "bwrap",
    "mmdebstrap": "mmdebstrap",
    "runc": "runc",
}
_FILES = {"jemalloc": "/usr/lib/x86_64-linux-gnu/libjemalloc.so.2"}
_MODULES = (
    "aiohttp", "anyio", "eventlet", "fastapi", "gevent", "hypercorn", "ipykernel", "nest_asyncio", "tornado", "trio",
    "twisted", "uvloop",
)  # fmt: skip


def _is_there(name):
    if name in _MODULES:
        return importlib.util.find_spec(name) is not None
    if name in _FILES:
        return os.path.exists(_FILES[name])
    return shutil.which(_PROGRAMS[name]) is not None


def require(name):
    """Skips the running test, or fails it, unless the program or the Python module `name` is there."""
    if _is_there(name):
        return
    if name in os.environ.get("PYLEAK_REQUIRE", "").split(","):
        raise AssertionError(f"{name} is missing, and PYLEAK_REQUIRE names it")
    raise unittest.SkipTest(f"{name} is not installed")


def interpreters():
    """The distribution's Python and those that pyenv has built: a path for each minor version from 3.8 to 3.13."""
    found = {"distribution": DISTRIBUTION_PYTHON}
    for path in sorted(glob.glob(os.path.expanduser("~/.pyenv/versions/3.*/bin/python3"))):
        minor = int(re.search(r"/versions/3\.(\d+)", path).group(1))
        if 8 <= minor <= 13:
            found[f"3.{minor}"] = path
    return found
