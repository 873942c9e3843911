"""A file of N flights, resampled from the real ones, as text, Parquet and .xdf: ``python -m bench.data``.

Ten columns and one more: ArrDelay, DepDelay, AirTime (whole minutes, missing where the flight never arrived), Distance
(miles), CRSDepTime (hours), Month, and the factors DayOfWeek (7 levels), Carrier (16), Origin (3) and Dest (105);
Late says whether ArrDelay is over 15. Rows are drawn with replacement, half a million at a time from a generator seeded
by (seed, number of the batch): a longer file begins with the rows of a shorter one, and memory does not grow with rows.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from rxcore.samples import WEEKDAYS, day_of_week, read_flights, scheduled_hours

WORK = Path(__file__).parent / "work"
BATCH_ROWS = 500_000
SEED = 2013
FACTORS = {"DayOfWeek": 7, "Carrier": 16, "Origin": 3, "Dest": 105}
FORMS = ("csv", "parquet", "xdf")


def bench_file(n_rows: int, form: str) -> Path:
    """Where the file of that many rows lies, made on first use with its sisters of other forms."""
    path = WORK / f"airline-{n_rows}.{form}"
    if not path.exists():
        make(n_rows, [other for other in FORMS if not path.with_suffix(f".{other}").exists()])
    return path


def make(n_rows: int, forms: list[str]) -> None:
    """Write the forms asked for in one go."""
    WORK.mkdir(parents=True, exist_ok=True)
    population = _population()
    unfinished = {form: WORK / f"unfinished-airline-{n_rows}.{form}" for form in forms}
    writers = [_OPENERS[form](path, population.schema) for form, path in unfinished.items()]
    for batch in _batches(population, n_rows):
        for writer in writers:
            writer.write(batch)
    for writer in writers:
        writer.close()
    for form, path in unfinished.items():
        os.replace(path, WORK / f"airline-{n_rows}.{form}")


def _population() -> pa.RecordBatch:
    published = read_flights()
    columns = {
        "ArrDelay": published["arr_delay"],
        "DepDelay": published["dep_delay"],
        "AirTime": published["air_time"],
        "Distance": published["distance"],
        "CRSDepTime": scheduled_hours(published),
        "Month": published["month"],
        "DayOfWeek": day_of_week(published),
        "Carrier": pc.dictionary_encode(published["carrier"]),
        "Origin": pc.dictionary_encode(published["origin"]),
        "Dest": pc.dictionary_encode(published["dest"]),
        "Late": pc.greater(published["arr_delay"], 15),
    }
    return pa.table(columns).combine_chunks().to_batches()[0]


def _batches(population: pa.RecordBatch, n_rows: int) -> Iterator[pa.RecordBatch]:
    for number, start in enumerate(range(0, n_rows, BATCH_ROWS)):
        random = np.random.default_rng([SEED, number])
        drawn = random.integers(0, population.num_rows, BATCH_ROWS)[: n_rows - start]
        yield population.take(pa.array(drawn))


class _TextWriter(pyarrow.csv.CSVWriter):
    """pyarrow's, given strings for factors, which it cannot write."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        plain = pa.schema(
            [(name, pa.string() if name in FACTORS else schema.field(name).type) for name in schema.names]
        )
        options = pyarrow.csv.WriteOptions(quoting_style="needed")
        super().__init__(str(path), plain, write_options=options)
        self._plain = plain

    def write(self, batch: pa.RecordBatch) -> None:
        super().write(batch.cast(self._plain))


def _xdf_writer(path: Path, schema: pa.Schema) -> Any:
    import xdf
    from xdf.schema import Field, Schema, factor_field

    # No levels are declared but those of the week, whose order matters: the others grow as they come.
    known = {"DayOfWeek": WEEKDAYS}
    fields = [
        factor_field(field.name, known.get(field.name, ())) if field.name in FACTORS else Field(field.name, field.type)
        for field in schema
    ]
    return xdf.create(path, Schema(tuple(fields)), overwrite=True)


_OPENERS: dict[str, Any] = {
    "csv": _TextWriter,
    "parquet": pyarrow.parquet.ParquetWriter,
    "xdf": _xdf_writer,
}


def main() -> None:
    """Make the files and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000_000)
    rows = parser.parse_args().rows
    for form in FORMS:
        path = bench_file(rows, form)
        print(f"{path.name}: {path.stat().st_size / 1e6:,.0f} MB")


if __name__ == "__main__":
    main()
