"""Ours beside the peers on the same rows. ``python -m bench.macro --rows 10_000_000 --repeat 3``.

Each measurement runs in a fresh process, which first does the same step on 10,000 rows, unmeasured, so that libraries
are loaded (``bench.cold`` measures what that costs). Runs of all contenders are interleaved, so that a slow minute of
the machine hurts all of them; the median is reported. Files are in the page cache. A peer that is not installed is left
out and named.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from bench.data import WORK, bench_file
from rxcore.measure import Laps, run_fresh

RESULTS = Path(__file__).parent / "results"
OURS = "rxcore .xdf"
SMALL = 10_000


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to do one step. ``form``: of the file it reads; ``made``: of the file it writes, if any.

    ``rows`` is set where it gets fewer rows than the others.
    """

    step: str
    name: str
    package: str
    target: str
    form: str
    made: str = ""
    rows: int | None = None
    runs: list[Laps] = field(default_factory=list)

    def arguments(self, rows: int) -> dict[str, object]:
        """What its function gets for a file of that many rows."""
        arguments: dict[str, object] = {"path": str(bench_file(rows, self.form))}
        if self.made:
            arguments["output"] = str(WORK / f"made.{self.made}")
        if self.rows is not None:
            arguments["rows"] = min(rows, self.rows)
        return arguments

    def run(self, rows: int) -> None:
        """Measure once more."""
        arguments = {"target": self.target, "small": self.arguments(SMALL), "arguments": self.arguments(rows)}
        self.runs.append(run_fresh("bench.macro:warmed", arguments, quiet=True))

    def seconds(self, lap: str | None = None) -> float:
        """Median over runs of one lap, or of all laps together."""
        return median(sum(one.seconds for one in run.laps if lap in (None, one.name)) for run in self.runs)

    @property
    def peak_bytes(self) -> float:
        """Median over runs of the peak memory of the process."""
        return median(max(lap.peak_bytes for lap in run.laps) for run in self.runs)


def warmed(laps: Laps, target: str, small: dict[str, object], arguments: dict[str, object]) -> None:
    """Do the step on few rows, unmeasured, then on the rows that count."""
    module, _, name = target.partition(":")
    function = getattr(importlib.import_module(module), name)
    function(Laps(), **small)
    function(laps, **arguments)


def contenders(sklearn_rows: int) -> list[Contender]:
    """Who runs what. Ours comes first in every step: ratios are to it."""
    everyone = [
        Contender("import csv", OURS, "rxcore", "bench.ours:import_text", "csv", "xdf"),
        Contender("import csv", "polars -> parquet", "polars", "bench.peers:polars_import", "csv", "parquet"),
        Contender("import csv", "duckdb -> parquet", "duckdb", "bench.peers:duckdb_import", "csv", "parquet"),
        Contender("summary of 6", OURS, "rxcore", "bench.ours:summary_by_pass", "xdf"),
        Contender("summary of 6", f"{OURS} footer", "rxcore", "bench.ours:summary", "xdf"),
        Contender("summary of 6", "rxcore parquet", "rxcore", "bench.ours:summary", "parquet"),
        Contender("summary of 6", "polars parquet", "polars", "bench.peers:polars_summary", "parquet"),
        Contender("summary of 6", "duckdb parquet", "duckdb", "bench.peers:duckdb_summary", "parquet"),
    ]
    for step in ("linear", "logit"):
        sklearn = f"bench.peers:sklearn_{step}"
        everyone += [
            Contender(step, OURS, "rxcore", f"bench.ours:{step}", "xdf"),
            Contender(step, "rxcore parquet", "rxcore", f"bench.ours:{step}", "parquet"),
            Contender(step, "glum", "glum", f"bench.peers:glum_{step}", "parquet"),
            Contender(step, "scikit-learn", "scikit-learn", sklearn, "parquet", rows=sklearn_rows),
        ]
    return everyone


def main() -> None:
    """Run everything, write the table as Markdown and CSV, print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--sklearn-rows", type=int, default=1_000_000, help="rows for scikit-learn; time is scaled up")
    parser.add_argument("--steps", nargs="*", help="only these: import, summary, linear, logit")
    asked = parser.parse_args()
    everyone = contenders(asked.sklearn_rows)
    if asked.steps:
        everyone = [one for one in everyone if one.step.split()[0] in asked.steps]
    present = [one for one in everyone if _version(one.package)]
    for run in range(asked.repeat):
        for one in present:
            print(f"run {run + 1}: {one.step}, {one.name}", flush=True)
            one.run(asked.rows)
    rows = list(_table(present, asked.rows))
    absent = sorted({one.package for one in everyone} - {one.package for one in present})
    text = _markdown(rows, asked.rows, asked.repeat, absent)
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / f"macro-{asked.rows}"
    stem.with_suffix(".md").write_text(text, encoding="utf-8")
    with stem.with_suffix(".csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(text)


def _table(present: list[Contender], rows: int) -> Iterator[dict[str, str]]:
    ours = {one.step: one.seconds() for one in present if one.name == OURS}
    for one in present:
        scale = rows / min(rows, one.rows or rows)
        total, load = one.seconds() * scale, one.seconds("load") * scale
        notes = one.runs[-1].notes
        remark = f"measured on {one.rows:,} rows, seconds scaled up" if scale > 1 else ""
        yield {
            "step": one.step,
            "contender": f"{one.name} {_version(one.package)}",
            "seconds": f"{total:.3g}",
            "of it loading": f"{load:.3g}" if load else "",
            "rows/s": f"{rows / total:,.0f}",
            "peak MB": f"{one.peak_bytes / 1e6:.0f}",
            "output MB": f"{int(str(notes['output_bytes'])) / 1e6:.0f}" if "output_bytes" in notes else "",
            "time / ours": f"{total / ours[one.step]:.2g}" if one.step in ours else "",
            "check": f"{float(str(notes['check'])):.10g}" if "check" in notes else "",
            "iterations": str(notes.get("iterations", "")),
            "remark": remark,
        }


def _markdown(rows: list[dict[str, str]], n_rows: int, repeat: int, absent: list[str]) -> str:
    heads = list(rows[0])
    about = (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}. Seconds leave out starting "
        "Python and loading libraries; peak MB is the whole process. `check` is what contenders must agree on where "
        "they get the same rows: a standard deviation, the residual sum of squares, the deviance. `footer`: read from "
        "the statistics that an .xdf keeps, without touching rows; the ratios are to reading them."
    )
    lines = [
        f"# {n_rows:,} rows, {os.cpu_count()} cores, median of {repeat}",
        "",
        about,
        "",
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
        *("| " + " | ".join(row.values()) + " |" for row in rows),
    ]
    if absent:
        lines += ["", f"Not installed, so not measured: {', '.join(absent)}."]
    return "\n".join(lines) + "\n"


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    main()
