"""Measures the rows that are named, or all; prints a table and writes it as JSON."""

import argparse
import datetime
import json
import os
import pathlib
import platform
import subprocess
import time

from . import attach, detection, freeze, growth, peers, places, run, symbolising, throughput, watching, wrapper
from .figure import Figure, table
from .publication import publish

ROWS = {module.__name__.rpartition(".")[2]: module
        for module in (freeze, wrapper, throughput, detection, attach, watching, run, symbolising, growth, peers)}


def figures(row):
    """Those of one row; what cannot be measured says why, and does not keep the others from being measured."""
    try:
        yield from ROWS[row].measure()
    except (AssertionError, OSError, ValueError, AttributeError, subprocess.SubprocessError) as error:
        yield Figure("ended early", note=f"{type(error).__name__}: {error}")


def measured(rows):
    for row in rows:
        begin = time.monotonic()
        for figure in figures(row):
            yield figure.record(row)
        print(f"bench: {row} took {time.monotonic() - begin:.0f} s", flush=True)


def machine():
    model = next(line for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line)
    return {
        "date": datetime.date.today().isoformat(),
        "processors": os.cpu_count(),
        "model": model.partition(": ")[2],
        "kernel": platform.release(),
        "load_before": os.getloadavg()[0],
    }


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--output", default=str(places.BUILD.parent / "bench.json"), help="[build/bench.json]")
    parser.add_argument("--publish", action="store_true", help="into README.md, DESIGN.md and tests/bench/RESULTS.md")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS)}; all, if none is named")
    options = parser.parse_args()
    unknown = set(options.names) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    if options.publish and options.names:
        parser.error("only a whole run is published")
    where = machine()
    records = list(measured(options.names or ROWS))
    pathlib.Path(options.output).write_text(json.dumps({"machine": where, "figures": records}, indent=1) + "\n")
    print(f"\n{where['processors']} processors {where['model']}, Linux {where['kernel']}, {where['date']}\n")
    print("\n".join(table(records)))
    if options.publish:
        publish(where, records)


main()
