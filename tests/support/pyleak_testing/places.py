"""Where the binary, its schema and the targets are, and the commands that start the targets."""

import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[3]
SCHEMA = ROOT / "cli/report/schema/pyleak-events.schema.json"
BINARY = os.environ.get("PYLEAK_BINARY", str(ROOT / "build/dev/pyleak"))
DISTRIBUTION_PYTHON = "/usr/bin/python3"

_COMPILED = pathlib.Path(os.environ.get("PYLEAK_TARGETS", ROOT / "build/dev/tests/targets"))
_SOURCES = ROOT / "tests/targets"


def compiled_target(name, *arguments):
    return [str(_COMPILED / name), *arguments]


def python_target(name, *arguments, interpreter=DISTRIBUTION_PYTHON):
    return [interpreter, str(_SOURCES / "python" / name), *arguments]


def node_target(*arguments):
    return ["node", str(_SOURCES / "node/server.js"), *arguments]
