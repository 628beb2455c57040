"""The figures of a whole run where people read them: the chapters of README.md and DESIGN.md, between two comments each,
and tests/bench/RESULTS.md."""

import collections
import pathlib
import re

from .figure import table

ROOT = pathlib.Path(__file__).parents[3]
BAR = 40  # Characters, of the largest value of a plot.


def publish(machine, records):
    headlines = [record for record in records if record["headline"]]
    whole = "Medians; [tests/bench/RESULTS.md](tests/bench/RESULTS.md) has the other figures."
    replace("README.md", [caption(machine), "", *table(headlines), "", whole])
    replace("DESIGN.md", [caption(machine), "", "```", *plots(records), "```"])
    whole = ["# What scripts/bench measured", "", caption(machine), "", *table(records), ""]
    (ROOT / "tests/bench/RESULTS.md").write_text("\n".join(whole))


def caption(machine):
    processors = f"{machine['processors']} processors {machine['model']}"
    return f"`scripts/bench`, {machine['date']}, {processors}, Linux {machine['kernel']}:"


def replace(name, lines):
    """What stands between the comments that say so."""
    path = ROOT / name
    begin, end = "<!-- scripts/bench --publish -->", "<!-- end -->"
    pattern = re.compile(f"{begin}.*?{end}", re.DOTALL)
    text = "\n".join([begin, *lines, end])
    published, count = pattern.subn(lambda _: text, path.read_text())
    if count != 1:
        raise ValueError(f"{name} has no place for figures")
    path.write_text(published)


def plots(records):
    """Bars, a plot for each thing that grows."""
    points = collections.defaultdict(list)
    for record in records:
        if record["growth"] and record["value"] is not None:
            title, count = record["growth"]
            points[title].append((count, record["value"]))
    for title, values in points.items():
        largest = max(value for _, value in values) or 1
        yield title
        for count, value in values:
            yield f"{count:>6} |{'#' * round(BAR * value / largest):<{BAR}}  {value:.3g}"
        yield ""
