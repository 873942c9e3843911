"""Writing anything that speaks Arrow to an .xdf file in one call."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa

from xdf.arrow import field_from_arrow, stored_type, with_labels
from xdf.creation import create
from xdf.errors import XdfSchemaError
from xdf.format import DEFAULT_LEVEL
from xdf.schema import FACTOR_TYPE, Field, Schema
from xdf.tabular import Tabular

DEFAULT_ROWS_PER_BLOCK = 500_000
_UNNAMED_INDEX = re.compile(r"__index_level_[0-9]+__")
_ACCEPTED = (
    "a pandas or polars DataFrame, a DuckDB relation, a pyarrow Table, RecordBatch, RecordBatchReader, Dataset or "
    "Scanner, an open .xdf file or a scan of one, or any object with __arrow_c_stream__"
)


def write(
    data: Any,
    path: str | os.PathLike[str] | BinaryIO,
    *,
    rows_per_block: int | None = None,
    overwrite: bool = False,
    compression_level: int = DEFAULT_LEVEL,
    filesystem: object = None,
) -> int:
    """Write anything that speaks Arrow to an .xdf file.

    Dictionaries of texts become factors, their levels in the order of the dictionary, used or not; an ordered
    dictionary becomes an ordered factor. Descriptions and other labels come from the metadata of Arrow fields (see
    :mod:`xdf.arrow`) and from ``attrs["xdf"]`` of a pandas frame, which :meth:`XdfFile.to_pandas` makes.
    The index of a frame is written where it has a name, and left out where it has none.

    Parameters
    ----------
    data : object
        Read once, block by block. A pandas or polars DataFrame, a DuckDB relation, a pyarrow Table, RecordBatch,
        RecordBatchReader, Dataset or Scanner, an open .xdf file or a scan of one, or any object with
        ``__arrow_c_stream__``.
    path : str, path-like or binary stream
        As for :func:`create`.
    rows_per_block : int, optional
        Rows of each block. Default: 500,000; the blocks of an .xdf file are kept.
    overwrite, compression_level, filesystem
        As for :func:`create`.

    Returns
    -------
    int
        Rows written.

    Raises
    ------
    TypeError
        The data are of a kind that is not accepted.
    XdfSchemaError
        A column has a type that the format does not hold; the message names it.
    XdfExistsError, XdfLockedError, XdfWriteError
        As for :func:`create`.

    Examples
    --------
    >>> import pyarrow as pa, tempfile, pathlib, xdf
    >>> path = pathlib.Path(tempfile.mkdtemp(), "ages.xdf")
    >>> xdf.write(pa.table({"age": [31, None, 45]}), path)
    3
    """
    if rows_per_block is not None and (isinstance(rows_per_block, bool) or rows_per_block < 1):
        raise XdfSchemaError(f"xdf.write: rows_per_block must be a whole number of at least 1; got {rows_per_block!r}")
    reader = _reader_of(data)
    keeps_blocks = isinstance(data, Tabular) and rows_per_block is None
    names = [name for name in reader.schema.names if _UNNAMED_INDEX.fullmatch(name) is None]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise XdfSchemaError(f"xdf.write: two columns are called {twice!r}; names must differ")
    batches: Iterator[pa.RecordBatch] = (_plain(batch, names) for batch in reader)
    # Also an empty batch has the levels of its factors.
    first = next(batches, None)
    schema = _schema_of(reader.schema, names, first, _attributes(data))
    if first is not None:
        batches = chain([first], batches)
    blocks = batches if keeps_blocks else recut(batches, rows_per_block or DEFAULT_ROWS_PER_BLOCK)
    with create(
        path, schema, overwrite=overwrite, compression_level=compression_level, filesystem=filesystem
    ) as writer:
        for block in blocks:
            if block.num_rows:
                writer.write(block)
        return writer.n_rows


def recut(batches: Iterator[pa.RecordBatch], rows_per_block: int) -> Iterator[pa.RecordBatch]:
    """The same rows in batches of so many, the last one shorter. Memory: one block and one batch."""
    waiting: list[pa.RecordBatch] = []
    n_waiting = 0
    for batch in batches:
        start = 0
        while batch.num_rows - start >= rows_per_block - n_waiting:
            waiting.append(batch.slice(start, rows_per_block - n_waiting))
            start += rows_per_block - n_waiting
            yield from _joined(waiting)
            waiting, n_waiting = [], 0
        if start < batch.num_rows:
            waiting.append(batch.slice(start))
            n_waiting += batch.num_rows - start
    if waiting:
        yield from _joined(waiting)


def _joined(batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """One batch; more where texts are too long for one array."""
    if len(batches) == 1:
        return batches
    table = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks()
    return list(table.to_batches())


def _reader_of(data: Any) -> pa.RecordBatchReader:
    """The data as a stream of record batches."""
    if isinstance(data, pa.RecordBatchReader):
        return data
    if isinstance(data, pa.Table) and data.num_rows == 0 and data.num_columns:
        # Its stream has no batch, and so no levels.
        empty = [column.chunk(0) if column.num_chunks else pa.nulls(0, column.type) for column in data.columns]
        return pa.RecordBatchReader.from_batches(data.schema, [pa.RecordBatch.from_arrays(empty, schema=data.schema)])
    if hasattr(data, "to_reader"):  # pyarrow's tables and scanners, and ours
        return data.to_reader()
    if callable(getattr(data, "scanner", None)):  # pyarrow's datasets
        return data.scanner().to_reader()
    try:
        if hasattr(data, "__arrow_c_stream__"):
            return pa.RecordBatchReader.from_stream(data)
        if hasattr(data, "__arrow_c_array__"):
            batch = pa.record_batch(data)
            return pa.RecordBatchReader.from_batches(batch.schema, [batch])
    except pa.ArrowException as error:
        raise TypeError(f"xdf.write: {type(data).__name__} is not a table: {error}") from error
    hint = "collect it first. " if hasattr(data, "collect") else ""
    raise TypeError(f"xdf.write: got {type(data).__name__}; {hint}Accepted: {_ACCEPTED}")


def _attributes(data: Any) -> Mapping[str, Mapping[str, object]]:
    """The labels that a pandas frame carries along."""
    attributes = getattr(data, "attrs", None)
    found = attributes.get("xdf") if isinstance(attributes, Mapping) else None
    if not isinstance(found, Mapping):
        return {}
    return {str(name): labels for name, labels in found.items() if isinstance(labels, Mapping)}


def _schema_of(
    schema: pa.Schema, names: list[str], first: pa.RecordBatch | None, attributes: Mapping[str, Mapping[str, object]]
) -> Schema:
    fields: list[Field] = []
    for name in names:
        levels: tuple[str, ...] = ()
        if first is not None and stored_type(schema.field(name).type) == FACTOR_TYPE:
            levels = tuple(first.column(name).dictionary.to_pylist())
        field = field_from_arrow(schema.field(name), levels, "xdf.write")
        fields.append(with_labels(field, attributes.get(name, {}), "xdf.write"))
    return Schema(tuple(fields))


def _plain(batch: pa.RecordBatch, names: list[str]) -> pa.RecordBatch:
    """These columns; runs spelled out, and factors with levels that are there and differ, so that batches can join."""
    import pyarrow.compute as pc

    arrays = []
    for name in names:
        array = batch.column(name)
        if pa.types.is_run_end_encoded(array.type):
            array = pc.run_end_decode(array)
        if stored_type(array.type) == FACTOR_TYPE:
            array = _with_distinct_levels(array)
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=names)


def _with_distinct_levels(array: pa.DictionaryArray) -> pa.DictionaryArray:
    import pyarrow.compute as pc

    levels = array.dictionary if pa.types.is_string(array.dictionary.type) else array.dictionary.cast(pa.string())
    codes = array.indices
    if levels.null_count or len(distinct := pc.unique(levels)) < len(levels):
        distinct = pc.unique(levels.drop_null())
        codes = pc.index_in(levels, value_set=distinct).take(codes)
        levels = distinct
    return pa.DictionaryArray.from_arrays(codes, levels, ordered=array.type.ordered)
