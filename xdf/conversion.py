"""Bringing the columns of a batch to the types of a file, where nothing is lost by it."""

from __future__ import annotations

import pyarrow as pa

from xdf.errors import XdfColumnError, XdfSchemaError
from xdf.schema import Field, missing_column_message


def match_columns(batch: pa.RecordBatch, fields: tuple[Field, ...], where: str) -> list[pa.Array]:
    """The arrays of a batch in the order and the types of the file. Factors stay as they come.

    Raises
    ------
    XdfColumnError
        A column of the file is not in the batch.
    XdfSchemaError
        The batch has a column the file does not have, or twice the same one, or a type that does not convert without
        loss.
    """
    names = batch.schema.names
    positions = {name: position for position, name in enumerate(names)}
    if len(positions) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise XdfSchemaError(f"{where}: two columns of the batch are called {twice!r}; names must differ")
    arrays = []
    for field in fields:
        if field.name not in positions:
            raise XdfColumnError(f"{where}: the batch: {missing_column_message(field.name, names)}")
        arrays.append(conform(batch.column(positions[field.name]), field, where))
    if len(names) != len(fields):
        known = {field.name for field in fields}
        extra = [name for name in names if name not in known]
        raise XdfSchemaError(
            f"{where}: the batch has {len(extra)} column(s) that the file does not have: {', '.join(extra[:20])}. "
            "Leave them out, or create the file with them"
        )
    return arrays


def conform(array: pa.Array, field: Field, where: str) -> pa.Array:
    """One array in the type of its column."""
    if field.is_factor:
        if _is_text(array.type) or pa.types.is_dictionary(array.type):
            return array
        if pa.types.is_null(array.type):
            return array.cast(pa.string())
        raise XdfSchemaError(
            f"{where}: column {field.name!r} is a factor; got {array.type}, allowed: string or dictionary of strings"
        )
    if array.type == field.type:
        _check_values(array, field, where)
        return array
    if not _converts(array.type, field.type):
        raise XdfSchemaError(
            f"{where}: column {field.name!r} is {field.type} in the file; got {array.type}. Cast it first"
        )
    try:
        array = array.cast(field.type)
    except pa.ArrowException as error:
        raise XdfSchemaError(
            f"{where}: column {field.name!r} is {field.type} in the file and {array.type} in the batch, "
            f"which does not convert without loss: {error}"
        ) from error
    _check_values(array, field, where)
    return array


def _check_values(array: pa.Array, field: Field, where: str) -> None:
    """A reader refuses offsets that point outside, text that is not UTF-8 and decimals of too many digits."""
    if not (field.is_string or pa.types.is_binary(field.type) or pa.types.is_decimal(field.type)):
        return
    try:
        array.validate(full=True)
    except pa.ArrowInvalid as error:
        raise XdfSchemaError(f"{where}: column {field.name!r} is not a valid array: {error}") from error


def _converts(source: pa.DataType, target: pa.DataType) -> bool:
    """Whether the two are of one kind; whether the values fit is for the cast to find out."""
    if pa.types.is_null(source):
        return True
    if pa.types.is_dictionary(source):
        source = source.value_type
    if pa.types.is_timestamp(target):
        return pa.types.is_timestamp(source) and (source.tz is None) == (target.tz is None)
    return any(kind(source) and kind(target) for kind in (_is_number, _is_text, _is_bytes, *_TEMPORAL))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_bytes(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


_TEMPORAL = (pa.types.is_date, pa.types.is_time, pa.types.is_duration, pa.types.is_decimal)
