"""Bringing whatever Arrow holds into the few types that blocks, kernels and .xdf files know.

Rule for factors. A *factor field* needs its levels up front. Where they are not known before reading (strings asked to
be factors, dictionaries that may differ between batches), the field stays ``string`` and every block carries the column
as codes into the levels *of that block*; levels are then matched by value downstream. Such a column is called an **open
factor**, and sources name theirs in ``open_factors``. Levels made from strings stand in order of first appearance and
all occur; those of a dictionary that came with the data stand in its order, used or not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.blocks import Block
from rxcore.errors import SourceError
from xdf.columns import Column
from xdf.schema import FACTOR_TYPE, Field, Schema


def is_text(kind: pa.DataType) -> bool:
    """Whether values are strings, in any of Arrow's layouts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def plain_type(kind: pa.DataType) -> pa.DataType:
    """The type that blocks use for an Arrow type; types that no block can hold come back as they are."""
    if pa.types.is_dictionary(kind):
        return FACTOR_TYPE
    if is_text(kind):
        return pa.string()
    if pa.types.is_null(kind) or pa.types.is_decimal(kind):
        return pa.float64()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    return kind


def is_readable(kind: pa.DataType) -> bool:
    """Whether a block can hold columns of this (plain) type."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_dictionary(kind)
        or pa.types.is_date32(kind)
        or pa.types.is_time(kind)
        or pa.types.is_timestamp(kind)
        or pa.types.is_duration(kind)
        or pa.types.is_string(kind)
    )


def check_readable(schema: Schema, columns: Sequence[str], label: str) -> None:
    """Refuse nested and other types that have no place in a block, naming the way out."""
    for name in columns:
        kind = schema.field(name).type
        if not is_readable(kind):
            raise SourceError(
                f"{label}: column {name!r} has type {kind}, which cannot be analysed or stored; "
                f"leave it out (vars_to_drop=[{name!r}]) or convert it first"
            )


def plain_array(array: pa.Array) -> pa.Array:
    """The array in its plain type. Dictionaries keep their order; their values become strings."""
    kind = array.type
    if pa.types.is_run_end_encoded(kind):
        return plain_array(pc.run_end_decode(array))
    if pa.types.is_dictionary(kind):
        return _plain_dictionary(array)
    wanted = plain_type(kind)
    return array if wanted == kind else array.cast(wanted)


def _plain_dictionary(array: pa.DictionaryArray) -> pa.DictionaryArray:
    if array.type == FACTOR_TYPE and array.dictionary.null_count == 0:
        return array
    levels, codes = labels_of(array.dictionary), array.indices
    if levels.null_count or pc.count_distinct(levels).as_py() != len(levels):
        # A missing or repeated dictionary value: codes are renumbered into the distinct ones.
        distinct = pc.unique(levels.drop_null())
        codes = pc.take(pc.index_in(levels, value_set=distinct), codes)
        levels = distinct
    if codes.type != pa.int32():
        codes = codes.cast(pa.int32())
    return pa.DictionaryArray.from_arrays(codes, levels)


def labels_of(values: pa.Array, digits: int = 6) -> pa.StringArray:
    """Values as labels: integers in full, decimals with 6 (or so many) significant digits, True/False, dates as ISO."""
    kind = values.type
    if is_text(kind):
        return values if pa.types.is_string(kind) else values.cast(pa.string())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = values.cast(pa.float64()).to_pylist()
        # NaN is missing, as everywhere.
        return pa.array([None if x is None or x != x else f"{x:.{digits}g}" for x in numbers], pa.string())
    if pa.types.is_boolean(kind):
        return pc.if_else(values, "True", "False")
    if pa.types.is_null(kind):
        return pa.nulls(len(values), pa.string())
    return values.cast(pa.string())


def open_factor(array: pa.Array) -> pa.DictionaryArray:
    """Any values as codes into exactly the labels that occur, in order of first appearance."""
    if not pa.types.is_dictionary(array.type):
        if is_text(array.type):
            return pc.dictionary_encode(labels_of(array))
        # Few distinct values, so that labels are made once each.
        encoded = pc.dictionary_encode(array)
        array = _plain_dictionary(encoded)
    else:
        array = _plain_dictionary(array)
    used = pc.unique(array.indices.drop_null())
    if len(used) == len(array.dictionary) and _counts_up(used):
        return array
    codes = pc.index_in(array.indices, value_set=used)
    return pa.DictionaryArray.from_arrays(codes, array.dictionary.take(used))


def _counts_up(codes: pa.Int32Array) -> bool:
    """Whether they are 0, 1, 2, ... in this order. Looks at the buffer, since ``to_numpy`` would load pandas."""
    values = np.frombuffer(codes.buffers()[1], np.int32, len(codes), 4 * codes.offset) if len(codes) else np.zeros(0)
    return bool(np.array_equal(values, np.arange(len(codes))))


def occurring(batch: pa.RecordBatch, open_factors: Collection[str]) -> pa.RecordBatch:
    """A slice of a block, its open factors without the levels that only the other rows have; order kept."""
    arrays = []
    for name, array in zip(batch.schema.names, batch.columns, strict=True):
        if name in open_factors and pa.types.is_dictionary(array.type):
            used = pc.unique(array.indices.drop_null())
            used = used.take(pc.sort_indices(used))
            if len(used) < len(array.dictionary):
                codes = pc.index_in(array.indices, value_set=used)
                array = pa.DictionaryArray.from_arrays(codes, array.dictionary.take(used))  # noqa: PLW2901
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def plain_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch of plain arrays."""
    arrays = [plain_array(array) for array in batch.columns]
    return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)


def block_of(batch: pa.RecordBatch, start_row: int, levels: Mapping[str, pa.StringArray] | None = None) -> Block:
    """A batch as a block; ``levels`` are the shared level objects of factors, put in place of equal ones."""
    block = Block.from_arrow(batch, start_row)
    if not levels:
        return block
    columns = dict(block.columns)
    for name, shared in levels.items():
        column = columns.get(name)
        if column is not None:
            columns[name] = Column(
                column.values, column.base, column.validity, column.validity_offset, shared, column.other
            )
    return Block(block.n_rows, columns, block.start_row)


def shared_levels(schema: Schema, columns: Sequence[str]) -> dict[str, pa.StringArray]:
    """One level object per factor among these columns."""
    fields = (schema.field(name) for name in columns)
    return {field.name: pa.array(field.levels, pa.string()) for field in fields if field.levels is not None}


def _is_ordered(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) and kind.ordered)


def plain_field(field: pa.Field) -> tuple[Field, bool]:
    """The plain field of an Arrow field whose factor levels are unknown, and whether it is an open factor."""
    kind = plain_type(field.type)
    if pa.types.is_dictionary(kind):
        return Field(field.name, pa.string(), ordered=_is_ordered(field.type)), True
    return Field(field.name, kind), False


def plain_schema(schema: pa.Schema, label: str) -> tuple[Schema, frozenset[str]]:
    """The plain schema of an Arrow schema, and the names of its open factors.

    Raises
    ------
    SourceError
        When two columns share a name.
    """
    if len(set(schema.names)) != len(schema.names):
        twice = next(name for name in schema.names if schema.names.count(name) > 1)
        raise SourceError(f"{label}: two columns are called {twice!r}; names must differ: rename one of them")
    fields = [plain_field(field) for field in schema]
    return Schema(tuple(field for field, _ in fields)), frozenset(field.name for field, is_open in fields if is_open)
