"""Rows that are added to an .xdf file: whether their columns fit those of the file, and bringing them to its types."""

from __future__ import annotations

import os

import pyarrow as pa

import xdf
from rxcore.errors import SourceError
from rxcore.metadata import type_name
from rxcore.sources.convert import convert
from xdf.schema import Field, Schema


def fitting_schema(path: str, schema: Schema, caller: str) -> Schema:
    """The columns of the file that is appended to, when the new rows fit them.

    Raises
    ------
    SourceError
        When a column is missing, too many, or of another kind.
    """
    with xdf.open(path) as file:
        present = file.schema
    name = os.path.basename(path)
    both_ways = (("the new rows do not have", present, schema), (f"{name} does not have", schema, present))
    for what, have, other in both_ways:
        lacking = [column.name for column in have if column.name not in other]
        if lacking:
            raise SourceError(
                f"{caller}: append: {what} column {', '.join(repr(one) for one in lacking[:10])}; "
                f"columns are matched by name, and {name} has {', '.join(present.names)}"
            )
    for column in present:
        new = schema.field(column.name)
        if not _fits(new, column):
            wanted, got = type_name(column.type), type_name(new.type)
            raise SourceError(
                f"{caller}: append: column {column.name!r} is {wanted} in {name} and {got} in the new rows; "
                f"convert it while reading: column_classes={{{column.name!r}: {wanted!r}}}"
            )
    return present


def _fits(new: Field, present: Field) -> bool:
    if present.is_factor or present.is_string:
        return new.is_factor or new.is_string
    kind, have = present.type, new.type
    if new.is_factor or new.is_string:
        return False
    if pa.types.is_floating(kind):
        return bool(pa.types.is_integer(have) or pa.types.is_floating(have) or pa.types.is_boolean(have))
    if pa.types.is_timestamp(kind) and pa.types.is_timestamp(have):
        return (kind.tz is None) == (have.tz is None)
    return type_name(kind) == type_name(have)


def conformed(batch: pa.RecordBatch, schema: Schema, where: str) -> pa.RecordBatch:
    """A batch in the types of the file that it is appended to."""
    arrays = []
    for column in schema:
        array = batch.column(column.name)
        if not column.is_factor and array.type != column.type:
            array = convert(array, column.type, f"{where}, column {column.name!r}")
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, names=list(schema.names))
