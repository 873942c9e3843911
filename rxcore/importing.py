"""Streaming rows out of any source: into an .xdf file, into a frame, or past a counter. No arguments are parsed here.

Reading and parsing run in one thread, at most two blocks ahead of the thread that encodes and writes, so that memory is
a few blocks whatever the number of rows.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

import xdf
from rxcore.errors import MemoryBudgetError, OutputExistsError, SourceError
from rxcore.events import BlockDone, EventSink, PassFinished, PassStarted, ignore
from rxcore.frames import frame_of
from rxcore.metadata import plain_name
from rxcore.options import RxOptions
from rxcore.sources.arrow_types import check_readable
from rxcore.sources.base import Source
from rxcore.sources.fitting import conformed, fitting_schema
from rxcore.sources.read_ahead import read_ahead
from rxcore.sources.retyped import RetypedSource, innermost
from rxcore.sources.rows import open_factors_of, stream
from rxcore.sources.xdf import XdfSource
from xdf.legacy import LegacyTable
from xdf.legacy.migrate import Migration, MigrationReport, migrate_file
from xdf.schema import FACTOR_TYPE, Field, Schema

if TYPE_CHECKING:
    import pandas as pd

BLOCKS_AHEAD = 2


@dataclass(frozen=True)
class ImportRequest:
    """One import into an .xdf file.

    Attributes
    ----------
    source : Source
    path : str
    append : bool
        Add the rows to the file, if there is one.
    overwrite : bool
    n_rows : int or None
        The most rows to take.
    rows_per_block : int or None
        Rows of the blocks written; None keeps the blocks of the source.
    compression_level : int
    columns : tuple of str
        Columns to write; empty for all.
    ranges : mapping
        Low and high that were declared, by column; the others are those of the data.
    blocks_per_file : int or None
        Write a composite set with so many blocks in each data file; None for a single file.
    caller : str
    sink : callable
        Gets the events.
    """

    source: Source
    path: str
    append: bool = False
    overwrite: bool = False
    n_rows: int | None = None
    rows_per_block: int | None = None
    compression_level: int = 1
    columns: tuple[str, ...] = ()
    ranges: Mapping[str, tuple[float | None, float | None]] = field(default_factory=dict)
    blocks_per_file: int | None = None
    caller: str = "rx_import"
    sink: EventSink = ignore


def import_to_xdf(request: ImportRequest) -> int:
    """Write the rows of a source to an .xdf file and return how many there were.

    A new file appears under its name when all is written; a failure leaves nothing there, or the old file. Appended
    rows are there after the last of them was written; a failure leaves the file as it was.

    Raises
    ------
    OutputExistsError
        The file exists, and neither ``overwrite`` nor ``append`` says what to do.
    SourceError
        The input cannot be read, the output not written, or appended columns do not fit those of the file.
    MemoryBudgetError
        One block alone is larger than RxOptions ``memoryBudget``.
    """
    source = request.source
    names = request.columns or source.schema.names
    check_readable(source.schema, names, f"{request.caller}: {plain_name(source.label)}")
    existing = request.append and os.path.exists(request.path)
    if not existing and not request.overwrite and os.path.exists(request.path):
        raise OutputExistsError(
            f"{request.caller}: {request.path!r} exists; pass overwrite=True to replace it, "
            "or append='rows' to add to it"
        )
    n_ahead = _blocks_ahead(request, names)
    schema = output_schema(source, names, request.ranges)
    try:
        if existing:
            schema = fitting_schema(request.path, schema, request.caller)
        with _writer(request, schema, existing) as writer:
            return _write_all(request, writer, schema, names, n_ahead)
    except xdf.XdfExistsError as error:
        raise OutputExistsError(f"{request.caller}: {error}; pass overwrite=True to replace it") from error
    except (xdf.XdfError, OSError) as error:
        if isinstance(error, SourceError):
            raise
        kept = "the file keeps what it had" if existing else "no file was made"
        raise SourceError(f"{request.caller}: {request.path!r} could not be written, and {kept}: {error}") from error


def is_plain_copy(request: ImportRequest) -> bool:
    """Whether a file of RevoScaleR is to be copied as it is, so that the copy can be compared with it."""
    source = request.source
    return (
        isinstance(source, XdfSource)
        and isinstance(source.file, LegacyTable)
        and not request.append
        and request.n_rows is None
        and request.blocks_per_file is None
        and set(request.columns or source.schema.names) == set(source.schema.names)
    )


def migrate_to_xdf(request: ImportRequest) -> MigrationReport:
    """Copy a file of RevoScaleR to a new file, which appears under its name when it was found to be equal.

    Raises
    ------
    OutputExistsError, SourceError, MemoryBudgetError
        As for :func:`import_to_xdf`.
    """
    source = request.source
    assert isinstance(source, XdfSource)
    _blocks_ahead(request, source.schema.names)
    how = Migration(
        overwrite=request.overwrite,
        rows_per_block=request.rows_per_block,
        compression_level=request.compression_level,
    )
    began = time.perf_counter()
    request.sink(PassStarted(request.caller, source.n_rows))
    try:
        report = migrate_file(source.path, request.path, how)
    except xdf.XdfExistsError as error:
        raise OutputExistsError(
            f"{request.caller}: {request.path!r} exists; pass overwrite=True to replace it"
        ) from error
    except (xdf.XdfError, OSError) as error:
        raise SourceError(f"{request.caller}: no file was made: {error}") from error
    request.sink(PassFinished(request.caller, report.n_rows, time.perf_counter() - began))
    return report


def refuse_to_replace_legacy(source: Source, output: str, caller: str) -> None:
    """Refuse to write a file of RevoScaleR back to its own name: who does so has no original any more.

    Raises
    ------
    SourceError
    """
    base = innermost(source)
    if not isinstance(base, XdfSource) or not isinstance(base.file, LegacyTable):
        return
    if os.path.exists(output) and os.path.samefile(base.path, output):
        raise SourceError(
            f"{caller}: {output!r} is a file of RevoScaleR, which is only read. Convert it first: "
            "rx_import(old, new), with another name for the new file"
        )


def _writer(request: ImportRequest, schema: Schema, existing: bool) -> xdf.XdfWriter | xdf.CompositeWriter:
    per_file = request.blocks_per_file
    level = request.compression_level
    if existing:
        more = {} if per_file is None else {"blocks_per_file": per_file}
        return xdf.append(request.path, compression_level=level, **more)
    if per_file is not None:
        return xdf.create_composite(
            request.path, schema, blocks_per_file=per_file, overwrite=request.overwrite, compression_level=level
        )
    return xdf.create(request.path, schema, overwrite=request.overwrite, compression_level=level)


def _write_all(
    request: ImportRequest,
    writer: xdf.XdfWriter | xdf.CompositeWriter,
    schema: Schema,
    names: tuple[str, ...],
    n_ahead: int,
) -> int:
    source, sink = request.source, request.sink
    total = 0
    began = time.perf_counter()
    sink(PassStarted(request.caller, source.n_rows))
    where = f"{request.caller}: {plain_name(source.label)}"

    def batches() -> Iterator[pa.RecordBatch]:
        for batch in stream(source, names, request.n_rows, request.rows_per_block):
            if batch.num_rows:
                yield conformed(batch, schema, where) if request.append else batch
            del batch
            pa.default_memory_pool().release_unused()

    reader = read_ahead(batches, n_ahead)
    try:
        for read_seconds, batch in reader:
            before = time.perf_counter()
            writer.write(batch)
            total += batch.num_rows
            sink(BlockDone(batch.num_rows, total, read_seconds, time.perf_counter() - before))
            del batch
            pa.default_memory_pool().release_unused()
    finally:
        reader.close()
    sink(PassFinished(request.caller, total, time.perf_counter() - began))
    return total


def _blocks_ahead(request: ImportRequest, names: tuple[str, ...]) -> int:
    nbytes = request.source.block_nbytes(names)
    budget = int(RxOptions.get_option("memoryBudget"))
    if nbytes > budget:
        raise MemoryBudgetError(
            f"{request.caller}: one block of {len(names)} columns needs {nbytes / 1e6:,.0f} MB and RxOptions "
            f"memoryBudget is {budget / 1e6:,.0f} MB; give a smaller rows_per_read, or leave columns out"
        )
    # One being read, one being written, and those that wait.
    return BLOCKS_AHEAD if (BLOCKS_AHEAD + 2) * nbytes <= budget else 1


def output_schema(
    source: Source, names: Iterable[str], ranges: Mapping[str, tuple[float | None, float | None]]
) -> Schema:
    """The columns as the file declares them: open factors as factors that start without levels."""
    fields = []
    open_factors = open_factors_of(source)
    for name in names:
        column = source.schema.field(name)
        low, high = ranges.get(name, (None, None))
        column = column.with_(low=low, high=high)
        if name in open_factors:
            column = Field(name, FACTOR_TYPE, levels=(), ordered=column.ordered, description=column.description)
        fields.append(column)
    return Schema(tuple(fields))


def declared_ranges(source: Source) -> dict[str, tuple[float | None, float | None]]:
    """Low and high that somebody declared, as against those that a file computed from its data."""
    declared = {}
    for column in source.schema:
        if (column.low, column.high) != (None, None) and not column.is_factor and _is_declared(source, column):
            declared[column.name] = (column.low, column.high)
    return declared


def _is_declared(source: Source, column: Field) -> bool:
    if isinstance(source, RetypedSource):
        plan = next(plan for plan in source.plans if plan.field.name == column.name)
        if (column.low, column.high) != (plan.source.low, plan.source.high):
            return True
        return _is_declared(source.inner, plan.source)
    if isinstance(source, XdfSource):
        statistics = source.file.statistics(column.name)
        return (column.low, column.high) != (statistics.minimum, statistics.maximum)
    return True


def import_to_frame(
    source: Source, columns: Iterable[str] = (), n_rows: int | None = None, sink: EventSink = ignore, caller: str = ""
) -> pd.DataFrame:
    """The rows of a source as a pandas frame. Memory: all of them, twice while they are converted."""
    names = tuple(columns) or source.schema.names
    check_readable(source.schema, names, f"{caller}: {plain_name(source.label)}")
    began = time.perf_counter()
    sink(PassStarted(caller, source.n_rows))
    batches = []
    total = 0
    before = time.perf_counter()
    for batch in stream(source, names, n_rows):
        batches.append(batch)
        total += batch.num_rows
        now = time.perf_counter()
        sink(BlockDone(batch.num_rows, total, now - before, 0.0))
        before = now
    frame = frame_of(batches, source.schema.select(names), open_factors_of(source).intersection(names))
    sink(PassFinished(caller, total, time.perf_counter() - began))
    return frame


def output_path(path: str | os.PathLike[str]) -> str:
    """Where an output goes: a relative name into the first folder of RxOptions ``outDataPath`` that exists."""
    given = Path(path).expanduser()
    if given.is_absolute():
        return str(given)
    value = RxOptions.get_option("outDataPath")
    for folder in [value] if isinstance(value, str) else value:
        if Path(folder).expanduser().is_dir():
            return str(Path(folder).expanduser() / given)
    return str(given)
