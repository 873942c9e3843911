"""Files of RevoScaleR: reading beside the same data as text, and converting. ``python -m bench.legacy``.

The file is the airline sample that the product shipped (600,000 rows, 3 columns); it is not part of this repository, so
its path has to be given. Each measurement runs in a fresh process; those of one round are interleaved. Files are in the
page cache. The report goes to ``bench/results/legacy.md``.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median

import pyarrow as pa
import pyarrow.csv

import xdf
from bench.container_steps import only_cores
from bench.data import WORK
from rxcore.measure import Laps, run_fresh
from xdf.legacy.migrate import Migration, migrate_file

RESULTS = Path(__file__).parent / "results"
SAMPLE = Path(__file__).parents[2] / "shared" / "data" / "legacy-xdf"
NAME = "soniaang-Microsoft-R-Server-Beginners-Tutorial-AirlineDemoSmall2.xdf"
MOST_SECONDS = 2.0
AGAIN = 5


def read_old(path: str) -> int:
    """The old file, as kernels read it."""
    with xdf.open(path) as file:
        return sum(len(next(iter(file.read_block(number).values()))) for number in range(file.n_blocks))


def read_old_as_arrow(path: str) -> int:
    """The old file, in Arrow's types, blocks in threads."""
    with xdf.open(path) as file:
        return int(file.to_arrow().num_rows)


def read_text(path: str) -> int:
    """The same data as text, by the fastest reader of it, which is told the types."""
    kinds = {"ArrDelay": pa.int32(), "CRSDepTime": pa.float32(), "DayOfWeek": pa.dictionary(pa.int32(), pa.string())}
    options = pyarrow.csv.ConvertOptions(column_types=kinds)
    return int(pyarrow.csv.read_csv(path, convert_options=options).num_rows)


READERS: dict[str, Callable[[str], int]] = {
    "old .xdf, as kernels read it": read_old,
    "old .xdf, as Arrow": read_old_as_arrow,
    "csv, pyarrow": read_text,
}


def read(laps: Laps, reader: str, path: str, threads: int) -> None:
    """Read once, and then some times more."""
    only_cores(threads)
    with laps("first"):
        rows = READERS[reader](path)
    seconds = []
    for _ in range(AGAIN):
        began = time.perf_counter()
        READERS[reader](path)
        seconds.append(time.perf_counter() - began)
    laps.note(rows=rows, again=median(seconds))


def convert(laps: Laps, path: str, target: str) -> None:
    """Convert, read both again and compare them."""
    with laps("convert"):
        report = migrate_file(path, target, Migration(kind=Path(target).suffix[1:], overwrite=True))
    laps.note(rows=report.n_rows)


def command(path: str, target: str) -> float:
    """Seconds of the command, the start of Python included."""
    began = time.perf_counter()
    arguments = [sys.executable, "-m", "xdf", "convert", path, target, "--overwrite"]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Measure, write the report and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", nargs="?", default=str(SAMPLE / NAME))
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    text = str(WORK / "legacy.csv")
    migrate_file(asked.path, text, Migration(kind="csv", overwrite=True))
    seconds: dict[str, list[tuple[float, float | None]]] = {}
    rows = 0
    for _ in range(asked.repeat):
        for threads in (1, 2):
            for reader in READERS:
                path = text if reader.startswith("csv") else asked.path
                laps = run_fresh("bench.legacy:read", {"reader": reader, "path": path, "threads": threads}, quiet=True)
                rows = int(str(laps.notes["rows"]))
                found = (laps.laps[0].seconds, float(str(laps.notes["again"])))
                seconds.setdefault(f"read: {reader}, {threads} thread(s)", []).append(found)
        for kind in ("xdf", "parquet", "csv"):
            target = str(WORK / f"legacy-made.{kind}")
            laps = run_fresh("bench.legacy:convert", {"path": asked.path, "target": target}, quiet=True)
            seconds.setdefault(f"convert to {kind}, and compare", []).append((laps.laps[0].seconds, None))
        whole = (command(asked.path, str(WORK / "legacy-made.xdf")), None)
        seconds.setdefault("python -m xdf convert, all of it", []).append(whole)
    report(seconds, rows, asked.repeat)


def report(seconds: dict[str, list[tuple[float, float | None]]], rows: int, repeat: int) -> None:
    """Write and print the table."""
    packages = ", ".join(f"{package} {version(package)}" for package in ("pyarrow", "numpy"))
    about = (
        f"Python {platform.python_version()}, {platform.system()} {platform.machine()}; {packages}. `first s`: in a "
        f"fresh process; `again s`: the median of {AGAIN} more in it. The text is read with its types given. "
        "Converting reads the original three times and the copy once, to compare them."
    )
    lines = [
        f"# Files of RevoScaleR: {rows:,} rows of 3 columns, {os.cpu_count()} cores, median of {repeat}",
        "",
        about,
        "",
        "| step | first s | again s | rows a second |",
        "|---|---|---|---|",
    ]
    for step, runs in seconds.items():
        first = median(run[0] for run in runs)
        again = [run[1] for run in runs if run[1] is not None]
        best = median(again) if again else first
        lines.append(f"| {step} | {first:.4f} | {f'{best:.4f}' if again else ''} | {rows / best / 1e6:.1f} million |")
    slowest = median(run[0] for run in seconds["python -m xdf convert, all of it"])
    met = "met" if slowest < MOST_SECONDS else "MISSED"
    lines += ["", f"A file of {rows:,} rows is converted in under {MOST_SECONDS:g} s: {met}, {slowest:.2f} s."]
    content = "\n".join(lines) + "\n"
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "legacy.md").write_text(content, encoding="utf-8")
    print(content)


if __name__ == "__main__":
    main()
