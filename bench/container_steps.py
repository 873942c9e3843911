"""One step of the container benchmark with one library, each in a process of its own; see ``bench.container``.

A scan hands out every column asked for, once, a group of rows at a time where the library can, and keeps nothing. Every
function notes what contenders must agree on.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rxcore.measure import Laps

AGAIN = 5
Scan = Callable[[str, Sequence[str] | None, int], Iterable[int]]


def only_cores(threads: int) -> None:
    """So many cores, and no library may start more threads than that."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    pa.set_cpu_count(threads)
    pa.set_io_thread_count(max(1, threads))


def scan(laps: Laps, reader: str, path: str, small: str, columns: list[str] | None, threads: int) -> None:
    """Read columns: first in a fresh process that has read a small file, then some times again."""
    only_cores(threads)
    read = READERS[reader]
    rows = sum(read(small, columns, threads))
    with laps("first"):
        rows = sum(read(path, columns, threads))
    again = Laps()
    for _ in range(AGAIN):
        with again("again"):
            sum(read(path, columns, threads))
    laps.note(rows=rows, again=min(lap.seconds for lap in again.laps))


def _in_parallel(work: Callable[[int], int], count: int, threads: int) -> Iterator[int]:
    if threads == 1:
        yield from map(work, range(count))
        return
    with ThreadPoolExecutor(threads) as pool:
        yield from pool.map(work, range(count))


def _xdf_narrow(path: str, columns: Sequence[str] | None, threads: int) -> Iterator[int]:
    import xdf

    def rows(block: int) -> int:
        return len(next(iter(file.read_block(block, columns).values())))

    with xdf.open(path) as file:
        yield from _in_parallel(rows, file.n_blocks, threads)


def _xdf_arrow(path: str, columns: Sequence[str] | None, threads: int) -> Iterator[int]:
    import xdf

    with xdf.open(path) as file:
        yield from _in_parallel(lambda block: file.read_block_arrow(block, columns).num_rows, file.n_blocks, threads)


def _pyarrow_parquet(path: str, columns: Sequence[str] | None, threads: int) -> Iterator[int]:
    with pq.ParquetFile(path) as file:
        if threads > 1 and file.num_row_groups == 1:
            yield file.read(columns, use_threads=True).num_rows
            return

        def rows(group: int) -> int:
            # A handle for each group: one handle serves one reader at a time.
            with pq.ParquetFile(path, metadata=file.metadata) as own:
                return int(own.read_row_group(group, columns, use_threads=False).num_rows)

        yield from _in_parallel(rows, file.num_row_groups, threads)


def _polars_parquet(path: str, columns: Sequence[str] | None, _: int) -> Iterator[int]:
    import polars as pl

    yield pl.read_parquet(path, columns=None if columns is None else list(columns)).height


def _duckdb_parquet(path: str, columns: Sequence[str] | None, threads: int) -> Iterator[int]:
    import duckdb

    with duckdb.connect(config={"threads": threads}) as connection:
        names = "*" if columns is None else ", ".join(f'"{name}"' for name in columns)
        found = connection.execute(f"SELECT {names} FROM read_parquet(?)", [path])
        yield from (batch.num_rows for batch in found.to_arrow_reader(500_000))


def _feather(path: str, columns: Sequence[str] | None, threads: int) -> Iterator[int]:
    def opened() -> pa.ipc.RecordBatchFileReader:
        return pa.ipc.open_file(pa.memory_map(path), options=options)

    options = pa.ipc.IpcReadOptions(use_threads=False)
    schema = opened().schema
    if columns is not None:
        wanted = [schema.get_field_index(name) for name in columns]
        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=wanted)
    yield from _in_parallel(lambda group: opened().get_batch(group).num_rows, opened().num_record_batches, threads)


READERS: dict[str, Scan] = {
    "xdf narrow": _xdf_narrow,
    "xdf arrow": _xdf_arrow,
    "pyarrow parquet": _pyarrow_parquet,
    "polars parquet": _polars_parquet,
    "duckdb parquet": _duckdb_parquet,
    "feather": _feather,
}


def write(laps: Laps, form: str, path: str, output: str, threads: int) -> None:
    """Write batches that are in memory."""
    only_cores(threads)
    source = pq.ParquetFile(path)
    # Dictionaries stay as the file has them, so that nobody is given strings to code.
    batches = [source.read_row_group(group).combine_chunks().to_batches()[0] for group in range(source.num_row_groups)]
    batches = [batch for batch in batches if batch.num_rows]
    Path(output).unlink(missing_ok=True)
    WRITERS[form](batches[:1], output)
    with laps("write"):
        WRITERS[form](batches, output)
    laps.note(rows=sum(batch.num_rows for batch in batches), output_bytes=Path(output).stat().st_size)


def write_xdf(batches: Sequence[pa.RecordBatch], output: str, level: int = 1) -> None:
    """One block for each batch."""
    import xdf

    schema = xdf.Schema(
        tuple(
            xdf.factor_field(field.name, ())
            if pa.types.is_dictionary(field.type)
            else xdf.Field(field.name, field.type)
            for field in batches[0].schema
        )
    )
    with xdf.create(output, schema, overwrite=True, compression_level=level) as writer:
        for batch in batches:
            writer.write(batch)


def write_parquet(batches: Sequence[pa.RecordBatch], output: str, compression: str = "zstd") -> None:
    """One row group for each batch."""
    with pq.ParquetWriter(output, batches[0].schema, compression=compression) as writer:
        for batch in batches:
            writer.write_batch(batch, row_group_size=batch.num_rows)


def write_feather(batches: Sequence[pa.RecordBatch], output: str) -> None:
    """One record batch for each batch."""
    options = pa.ipc.IpcWriteOptions(compression="zstd", unify_dictionaries=True)
    table = pa.Table.from_batches(batches).unify_dictionaries()
    with pa.ipc.new_file(output, table.schema, options=options) as writer:
        for batch in table.to_batches():
            writer.write_batch(batch)


def _polars_write(batches: Sequence[pa.RecordBatch], output: str) -> None:
    import polars as pl

    frame = pl.from_arrow(pa.Table.from_batches(batches).unify_dictionaries())
    assert isinstance(frame, pl.DataFrame)
    frame.write_parquet(output, compression="zstd", compression_level=1, row_group_size=500_000)


def _duckdb_write(batches: Sequence[pa.RecordBatch], output: str) -> None:
    import duckdb

    rows = pa.Table.from_batches(batches)
    with duckdb.connect(config={"threads": pa.cpu_count()}) as connection:
        connection.register("rows", rows)
        connection.execute(f"COPY rows TO '{output}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")


WRITERS: dict[str, Callable[[Sequence[pa.RecordBatch], str], None]] = {
    "xdf": write_xdf,
    "pyarrow parquet zstd": write_parquet,
    "pyarrow parquet snappy": lambda batches, output: write_parquet(batches, output, "snappy"),
    "feather zstd": write_feather,
    "polars parquet zstd": _polars_write,
    "duckdb parquet zstd": _duckdb_write,
}


def append(laps: Laps, way: str, path: str, output: str, batches: int, rows: int) -> None:
    """Add many small batches, each of them safe or readable before the next comes; then read it all."""
    table = pq.read_table(path).slice(0, batches * rows)
    parts = [table.slice(first, rows).combine_chunks().to_batches()[0] for first in range(0, batches * rows, rows)]
    target = Path(output)
    if target.is_dir():
        shutil.rmtree(target)
    target.unlink(missing_ok=True)
    add, read = APPENDERS[way]
    with laps("append"):
        add(parts, target)
    with laps("read"):
        found = read(target)
    size = sum(each.stat().st_size for each in target.iterdir()) if target.is_dir() else target.stat().st_size
    laps.note(rows=found, output_bytes=size)


def _append_xdf(parts: Sequence[pa.RecordBatch], target: Path) -> None:
    import xdf

    write_xdf(parts[:1], str(target))
    for part in parts[1:]:
        with xdf.append(target) as writer:
            writer.write(part)


def _commit_xdf(parts: Sequence[pa.RecordBatch], target: Path) -> None:
    import xdf

    write_xdf(parts[:1], str(target))
    with xdf.append(target) as writer:
        for part in parts[1:]:
            writer.write(part)
            writer.commit()


def _read_xdf(target: Path) -> int:
    import xdf

    with xdf.open(target) as file:
        return int(file.to_arrow().num_rows)


def _parquet_files(parts: Sequence[pa.RecordBatch], target: Path) -> None:
    target.mkdir()
    for number, part in enumerate(parts):
        write_parquet([part], str(target / f"{number:05}.parquet"))


def _feather_files(parts: Sequence[pa.RecordBatch], target: Path) -> None:
    target.mkdir()
    for number, part in enumerate(parts):
        write_feather([part], str(target / f"{number:05}.feather"))


def _read_dataset(form: str) -> Callable[[Path], int]:
    def read(target: Path) -> int:
        import pyarrow.dataset

        return int(pyarrow.dataset.dataset(target, format=form).to_table().num_rows)

    return read


APPENDERS: dict[str, tuple[Callable[[Sequence[pa.RecordBatch], Path], None], Callable[[Path], int]]] = {
    "xdf, opened each time": (_append_xdf, _read_xdf),
    "xdf, one writer": (_commit_xdf, _read_xdf),
    "parquet, a file each": (_parquet_files, _read_dataset("parquet")),
    "feather, a file each": (_feather_files, _read_dataset("feather")),
}


def sizes(laps: Laps, path: str, forms: dict[str, str]) -> None:
    """Bytes of the same rows in other forms; ``forms`` says which file belongs to which."""
    with laps("size"):
        found: dict[str, Any] = {name: Path(file).stat().st_size for name, file in forms.items()}
    laps.note(path=path, **found)
