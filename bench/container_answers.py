"""More steps of the container benchmark: filtered scans, importing text, and what a footer answers by itself."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa

from bench.container_steps import AGAIN, only_cores
from rxcore.measure import Laps

FILTERED = ["delay", "distance"]
Moments = tuple[dt.datetime, dt.datetime]
Filter = Callable[[str, Moments], int]


def filtered(laps: Laps, reader: str, path: str, small: str, year: int, threads: int) -> None:
    """Two columns of the flights of a week."""
    only_cores(threads)
    read = FILTERS[reader]
    week = (dt.datetime(year, 3, 5), dt.datetime(year, 3, 12))  # noqa: DTZ001 - the column has no zone
    read(small, week)
    with laps("first"):
        rows = read(path, week)
    again = Laps()
    for _ in range(AGAIN):
        with again("again"):
            read(path, week)
    laps.note(rows=rows, again=min(lap.seconds for lap in again.laps))


def _xdf_filter(path: str, week: Moments) -> int:
    import xdf

    with xdf.open(path) as file:
        scan = file.scan(FILTERED, filter=[("date", ">=", week[0]), ("date", "<", week[1])])
        return sum(batch.num_rows for batch in scan.to_batches())


def _dataset_filter(form: str) -> Filter:
    def read(path: str, week: Moments) -> int:
        import pyarrow.compute as pc
        import pyarrow.dataset as ds

        passes = (pc.field("date") >= week[0]) & (pc.field("date") < week[1])
        return int(ds.dataset(path, format=form).to_table(columns=FILTERED, filter=passes).num_rows)

    return read


def _polars_filter(path: str, week: Moments) -> int:
    import polars as pl

    passes = (pl.col("date") >= week[0]) & (pl.col("date") < week[1])
    return int(pl.scan_parquet(path).filter(passes).select(FILTERED).collect().height)


def _duckdb_filter(path: str, week: Moments) -> int:
    import duckdb

    with duckdb.connect(config={"threads": pa.cpu_count()}) as connection:
        text = "SELECT delay, distance FROM read_parquet(?) WHERE date >= ? AND date < ?"
        return sum(batch.num_rows for batch in connection.execute(text, [path, *week]).to_arrow_reader())


FILTERS: dict[str, Filter] = {
    "xdf": _xdf_filter,
    "pyarrow parquet": _dataset_filter("parquet"),
    "polars parquet": _polars_filter,
    "duckdb parquet": _duckdb_filter,
    "feather": _dataset_filter("feather"),
}


def text(laps: Laps, reader: str, path: str, small: str, output: str, threads: int) -> None:
    """Read text: into an .xdf file by ours, into memory by the others."""
    only_cores(threads)
    read = TEXT_READERS[reader]
    Path(output).unlink(missing_ok=True)
    read(small, output)
    Path(output).unlink(missing_ok=True)
    with laps("read"):
        rows = read(path, output)
    laps.note(rows=rows)
    if Path(output).exists():
        laps.note(output_bytes=Path(output).stat().st_size)


def _import_text(path: str, output: str) -> int:
    import rxcore
    import xdf

    rxcore.rx_import(path, output, report_progress=0, overwrite=True)
    with xdf.open(output) as file:
        return int(file.n_rows)


def _parse_text(path: str, _: str) -> int:
    import pyarrow.csv

    return int(pyarrow.csv.read_csv(path).num_rows)


def _stream_text(path: str, _: str) -> int:
    import pyarrow.csv

    options = pyarrow.csv.ReadOptions(block_size=16 << 20)
    with pyarrow.csv.open_csv(path, read_options=options) as reader:
        return sum(batch.num_rows for batch in reader)


def _polars_text(path: str, _: str) -> int:
    import polars as pl

    return int(pl.read_csv(path).height)


TEXT_READERS: dict[str, Callable[[str, str], int]] = {
    "xdf: rx_import": _import_text,
    "pyarrow: read_csv": _parse_text,
    "pyarrow: open_csv": _stream_text,
    "polars: read_csv": _polars_text,
}


def footer(laps: Laps, path: str, small: str) -> None:
    """Open a file and summarize every column from its footer; notes what was read of the file."""
    import rxcore
    import xdf

    def summarize(file: str) -> None:
        with xdf.open(file) as opened:
            names = [field.name for field in opened.schema if field.is_numeric]
            assert all(opened.statistics(name).n_valid for name in names)

    summarize(small)
    formula = "~ " + " + ".join(xdf.open(small).schema.names)
    rxcore.rx_summary(formula, small, report_progress=0)  # loads the compiled kernels
    reads: list[tuple[int, int]] = []
    pread = os.pread

    def noted(fd: int, length: int, offset: int) -> bytes:
        reads.append((offset, length))
        return pread(fd, length, offset)

    os.pread = noted
    with laps("open"):
        file = xdf.open(path)
    with laps("statistics"):
        for field in file.schema:
            if field.is_numeric:
                file.statistics(field.name)
    with laps("rx_summary"):
        summary = rxcore.rx_summary(formula, path, report_progress=0)
    os.pread = pread
    assert summary.n_valid == file.n_rows
    cells = file._index.cells
    first, last = int(cells["offset"].min()), int((cells["offset"] + cells["length"]).max())
    of_blocks = sum(length for offset, length in reads if offset < last and offset + length > first)
    laps.note(
        rows=file.n_rows,
        blocks=file.n_blocks,
        bytes=Path(path).stat().st_size,
        bytes_read=sum(length for _, length in reads),
        bytes_of_blocks_read=of_blocks,
    )
