"""Columns as Arrow knows them: labels travel in the metadata of Arrow's fields, under the keys below.

========================  ==============================================================================
key of a field            content (UTF-8)
========================  ==============================================================================
``xdf:description``       the description
``xdf:low``               explicit low, a decimal number (``Infinity`` is spelled ``inf``)
``xdf:high``              explicit high
``xdf:value_labels``      JSON: list of pairs of a code, a number or a text, and its label
========================  ==============================================================================

Factors are dictionary arrays whose dictionary holds the levels in order, used or not; an ordered factor has Arrow's
``ordered`` flag. pyarrow keeps all of it in tables, IPC, Feather and Parquet.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import pyarrow as pa

from xdf.errors import XdfSchemaError
from xdf.schema import FACTOR_TYPE, Field

DESCRIPTION = b"xdf:description"
LOW = b"xdf:low"
HIGH = b"xdf:high"
VALUE_LABELS = b"xdf:value_labels"
ORDERED_FACTOR_TYPE = pa.dictionary(pa.int32(), pa.string(), ordered=True)
_LARGEST_DECIMAL128 = 38


def arrow_schema(fields: Iterable[Field]) -> pa.Schema:
    """Arrow's schema of these columns, with their labels."""
    return pa.schema([arrow_field(field) for field in fields])


def arrow_field(field: Field) -> pa.Field:
    """Arrow's field of a column, with its labels as metadata."""
    kind = ORDERED_FACTOR_TYPE if field.is_factor and field.ordered else field.type
    return pa.field(field.name, kind, metadata=_metadata(field) or None)


def labelled(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """A factor with the ``ordered`` flag of its column; anything else as it is. Nothing is copied."""
    if array.type == kind or not pa.types.is_dictionary(kind):
        return array
    return pa.DictionaryArray.from_arrays(array.indices, array.dictionary, ordered=kind.ordered)


def field_from_arrow(field: pa.Field, levels: Iterable[str] = (), where: str = "xdf") -> Field:
    """The column that stores an Arrow field.

    Parameters
    ----------
    field : pyarrow.Field
    levels : iterable of str
        The levels known so far, where it is a factor.
    where : str
        Begins the messages.

    Raises
    ------
    XdfSchemaError
        The labels in its metadata cannot be read.
    """
    kind = stored_type(field.type)
    labels = _labels(field, where)
    if kind == FACTOR_TYPE:
        return Field(field.name, kind, levels=tuple(levels), ordered=bool(field.type.ordered), **labels)  # type: ignore[arg-type]
    return Field(field.name, kind, **labels)  # type: ignore[arg-type]


def stored_type(kind: pa.DataType) -> pa.DataType:
    """The type in which a column of some Arrow type is stored; one that .xdf does not hold comes back as it is.

    Dictionaries of texts are factors, other dictionaries are what they hold. Views and texts of fixed size are stored
    as their plain forms, decimals as decimal128, columns of nulls as float64.
    """
    if pa.types.is_dictionary(kind):
        return FACTOR_TYPE if is_text(kind.value_type) else stored_type(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return stored_type(kind.value_type)
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind) or pa.types.is_fixed_size_binary(kind):
        return pa.binary()
    if pa.types.is_null(kind):
        return pa.float64()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_decimal(kind) and not pa.types.is_decimal128(kind) and kind.precision <= _LARGEST_DECIMAL128:
        return pa.decimal128(kind.precision, kind.scale)
    return kind


def is_text(kind: pa.DataType) -> bool:
    """Whether values are texts, in any of Arrow's layouts."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def labels_by_column(fields: Iterable[Field]) -> dict[str, dict[str, object]]:
    """What pandas has no place for, as plain values, by column; columns without any of it are left out."""
    found: dict[str, dict[str, object]] = {}
    for field in fields:
        labels: dict[str, object] = {}
        if field.description:
            labels["description"] = field.description
        if field.low is not None:
            labels["low"] = float(field.low)
        if field.high is not None:
            labels["high"] = float(field.high)
        if field.value_codes:
            labels["value_labels"] = [
                [code if isinstance(code, str) else float(code), label]
                for code, label in zip(field.value_codes, field.value_labels, strict=True)
            ]
        if labels:
            found[field.name] = labels
    return found


def with_labels(field: Field, labels: Mapping[str, object], where: str) -> Field:
    """The column with labels from :func:`labels_by_column`; keys of other meaning are ignored.

    Raises
    ------
    XdfSchemaError
        They are not of the kind that function makes.
    """
    changes: dict[str, object] = {}
    try:
        if "description" in labels:
            changes["description"] = str(labels["description"])
        for name in ("low", "high"):
            if labels.get(name) is not None:
                changes[name] = float(labels[name])  # type: ignore[arg-type]
        if "value_labels" in labels:
            changes |= _pairs(labels["value_labels"])
    except (TypeError, ValueError) as error:
        raise XdfSchemaError(f"{where}: column {field.name!r}: its labels cannot be read: {error}") from error
    return field.with_(**changes)


def _metadata(field: Field) -> dict[bytes, bytes]:
    labels = labels_by_column([field]).get(field.name, {})
    texts = {
        DESCRIPTION: labels.get("description"),
        LOW: repr(labels["low"]) if "low" in labels else None,
        HIGH: repr(labels["high"]) if "high" in labels else None,
        VALUE_LABELS: json.dumps(labels["value_labels"], ensure_ascii=False) if "value_labels" in labels else None,
    }
    return {key: str(text).encode() for key, text in texts.items() if text is not None}


def _labels(field: pa.Field, where: str) -> dict[str, object]:
    labels: dict[str, object] = {}
    key = b""
    try:
        for key, value in (field.metadata or {}).items():
            if key == DESCRIPTION:
                labels["description"] = value.decode()
            elif key in (LOW, HIGH):
                labels[key.removeprefix(b"xdf:").decode()] = float(value)
            elif key == VALUE_LABELS:
                labels |= _pairs(json.loads(value))
    except (ValueError, TypeError, RecursionError) as error:
        raise XdfSchemaError(
            f"{where}: column {field.name!r}: its metadata under {key.decode(errors='replace')!r} cannot be read: "
            f"{error}. Remove that key, or write what xdf.arrow says"
        ) from error
    return labels


def _pairs(pairs: object) -> dict[str, object]:
    """Codes and labels from a list of pairs."""
    if not isinstance(pairs, (list, tuple)):
        raise TypeError(f"value labels are a list of pairs, not {type(pairs).__name__}")
    codes, labels = [], []
    for pair in pairs:
        code, label = pair
        if isinstance(code, bool) or not isinstance(code, (str, int, float)) or not isinstance(label, str):
            raise TypeError(f"a value label is a pair of a code and a text, not {pair!r}")
        codes.append(code if isinstance(code, str) else float(code))
        labels.append(label)
    return {"value_codes": tuple(codes), "value_labels": tuple(labels)}
