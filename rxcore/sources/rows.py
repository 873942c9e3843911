"""Rows out of any source: all of them in order, some of them as a frame, how many, and between which limits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from rxcore.frames import frame_of
from rxcore.metadata import plain_name
from rxcore.sources.arrow_types import check_readable, occurring
from rxcore.sources.base import Source
from rxcore.sources.recut import recut
from rxcore.sources.retyped import batches_of
from xdf.schema import FACTOR_TYPE, Field, Schema

if TYPE_CHECKING:
    import pandas as pd


def open_factors_of(source: Source) -> frozenset[str]:
    """String columns that were asked to be factors, whose levels only reading tells."""
    found: frozenset[str] = getattr(source, "open_factors", frozenset())
    return found


def stream(
    source: Source, columns: Iterable[str] = (), n_rows: int | None = None, rows_per_block: int | None = None
) -> Iterator[pa.RecordBatch]:
    """The rows of a source in order, as record batches: its blocks, or blocks of exactly ``rows_per_block`` rows."""
    names = tuple(columns) or source.schema.names
    schema = source.schema.select(names)
    blocks = (batch for partition in source.partitions(names) for batch in batches_of(partition, schema))
    batches = blocks if rows_per_block is None else recut(blocks, rows_per_block)
    left = n_rows
    for batch in batches:
        if left is None:
            yield batch
            continue
        if left <= batch.num_rows:
            yield batch if left == batch.num_rows else occurring(batch.slice(0, left), open_factors_of(source))
            return
        left -= batch.num_rows
        yield batch


def read_rows(
    source: Source, *, start: int, n_rows: int | None, columns: Iterable[str] = (), label_column: str | None = None
) -> pd.DataFrame:
    """Rows from number ``start`` (counted from 0) as a frame; blocks before it that say how long they are, unread."""
    names = tuple(columns) or source.schema.names
    schema = source.schema.select(names)
    opened = open_factors_of(source).intersection(names)
    check_readable(schema, names, plain_name(source.label))
    found = list(row_slices(source, schema, start, n_rows))
    return frame_of(found, schema, opened, start=start, label_column=label_column)


def row_slices(source: Source, schema: Schema, start: int, n_rows: int | None) -> Iterator[pa.RecordBatch]:
    """Record batches of these rows and the columns of ``schema``."""
    opened = open_factors_of(source)
    skip, left = start, n_rows
    for partition in source.partitions(schema.names):
        if left is not None and left <= 0:
            return
        if partition.n_rows is not None and partition.n_rows <= skip:
            skip -= partition.n_rows
            continue
        for batch in batches_of(partition, schema):
            if batch.num_rows <= skip:
                skip -= batch.num_rows
                continue
            rest = batch.num_rows - skip if left is None else min(batch.num_rows - skip, left)
            cut = batch.slice(skip, rest)
            skip = 0
            left = None if left is None else left - rest
            yield cut if rest == batch.num_rows else occurring(cut, opened)
            if left == 0:
                return


def last_rows(source: Source, n_rows: int) -> pd.DataFrame:
    """The last rows as a frame indexed by row number; reads all of a source that does not know its length."""
    total = source.n_rows
    if total is not None:
        return read_rows(source, start=max(total - n_rows, 0), n_rows=n_rows)
    kept: list[pa.RecordBatch] = []
    held = seen = 0
    for batch in stream(source):
        kept.append(batch)
        held += batch.num_rows
        seen += batch.num_rows
        while kept and held - kept[0].num_rows >= n_rows:
            held -= kept.pop(0).num_rows
    surplus = max(held - n_rows, 0)
    if kept and surplus:
        kept[0] = kept[0].slice(surplus)
    opened = open_factors_of(source)
    batches = [occurring(batch, opened) for batch in kept]
    return frame_of(batches, source.schema, opened, start=max(seen - n_rows, 0))


def count_rows(source: Source) -> int:
    """Rows of a source; read, one column of them, where it does not know."""
    if source.n_rows is not None:
        return source.n_rows
    return sum(batch.num_rows for batch in stream(source, source.schema.names[:1]))


def with_ranges(source: Source, columns: Iterable[str] = ()) -> tuple[Schema, int]:
    """The schema with low and high of every number and the levels of open factors, and the number of rows.

    Found by one pass over the data. Declared lows and highs stay. Missing values do not count.
    """
    names = tuple(columns) or source.schema.names
    schema = source.schema.select(names)
    opened = open_factors_of(source)
    check_readable(schema, names, plain_name(source.label))
    limits: dict[str, tuple[float, float]] = {}
    levels: dict[str, dict[str, None]] = {name: {} for name in names if name in opened}
    n_rows = 0
    for batch in stream(source, names):
        n_rows += batch.num_rows
        for column in schema:
            array = batch.column(column.name)
            if column.name in levels:
                levels[column.name].update(dict.fromkeys(array.dictionary.to_pylist()))
            elif column.is_numeric and (found := _limits(array)) is not None:
                low, high = limits.get(column.name, found)
                limits[column.name] = (min(low, found[0]), max(high, found[1]))
    fields = []
    for column in schema:
        found_levels, found_limits = levels.get(column.name), limits.get(column.name)
        if found_levels is not None:
            known = Field(column.name, FACTOR_TYPE, tuple(found_levels), column.ordered, column.description)
        elif found_limits is not None:
            low = found_limits[0] if column.low is None else column.low
            known = column.with_(low=low, high=found_limits[1] if column.high is None else column.high)
        else:
            known = column
        fields.append(known)
    return Schema(tuple(fields)), n_rows


def _limits(array: pa.Array) -> tuple[float, float] | None:
    """Lowest and highest number; dates and times as their counts, NaN left out."""
    kind = array.type
    if pa.types.is_temporal(kind):
        array = array.view(pa.int32() if kind.bit_width == 32 else pa.int64())
    elif pa.types.is_boolean(kind):
        array = array.cast(pa.uint8())
    elif pa.types.is_floating(kind):
        array = array.filter(pc.invert(pc.is_nan(array)))
    found = pc.min_max(array).as_py()
    return None if found["min"] is None else (float(found["min"]), float(found["max"]))
