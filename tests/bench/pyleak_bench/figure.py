"""A figure: measured values, and those of what they are compared with, taken by turns in the same run."""

import dataclasses
import statistics
import typing


def quantile(values, fraction):
    """The value below which that part of all values lies."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]


@dataclasses.dataclass
class Figure:
    """`values` are in `unit`, as are those of `baseline`, which `against` names. `note`: why there is none."""

    what: str
    unit: str = ""
    values: typing.Sequence[float] = ()
    against: str = ""
    baseline: typing.Sequence[float] = ()
    aim: str = ""
    note: str = ""
    at: float = 0.5  # Which quantile the figure is.
    headline: bool = False  # README shows it.
    growth: typing.Optional[tuple] = None  # The plot to which it belongs, and where on it.

    @property
    def value(self):
        return quantile(self.values, self.at) if self.values else None

    @property
    def ratio(self):
        """Of values taken in pairs the median of their ratios, else the ratio of the quantiles."""
        if not self.values or not self.baseline or not quantile(self.baseline, self.at):
            return None
        if len(self.values) == len(self.baseline) and self.at == 0.5:
            return statistics.median(value / base for value, base in zip(self.values, self.baseline))
        return self.value / quantile(self.baseline, self.at)

    def record(self, row):
        spread = [quantile(self.values, part) for part in (0.25, 0.75)] if self.values else None
        return {
            "row": row,
            "what": self.what,
            "unit": self.unit,
            "quantile": self.at,
            "value": self.value,
            "quartiles": spread,
            "count": len(self.values),
            "against": self.against,
            "baseline": quantile(self.baseline, self.at) if self.baseline else None,
            "ratio": self.ratio,
            "aim": self.aim,
            "note": self.note,
            "headline": self.headline,
            "growth": self.growth,
            "command": f"scripts/bench {row}",
        }


def table(records):
    """The records as lines of a Markdown table."""
    yield "| figure | measured | quartiles | compared with | ratio | aim |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for record in records:
        number = "{:.4g}".format
        unit = record["unit"]
        measured = record["note"] if record["value"] is None else f"{number(record['value'])} {unit}"
        quartiles = " to ".join(map(number, record["quartiles"] or ()))
        against = record["against"]
        if record["baseline"] is not None:
            against += f": {number(record['baseline'])} {unit}"
        ratio = "" if record["ratio"] is None else f"{record['ratio']:.3g}"
        cells = (f"{record['row']}: {record['what']}", measured, quartiles, against, ratio, record["aim"])
        yield "| " + " | ".join(cells) + " |"
