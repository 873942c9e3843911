"""Logical types of the format: which there are, how the footer spells them, how blocks may store them."""

from __future__ import annotations

import math
import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.errors import XdfFormatError, XdfSchemaError
from xdf.format import Physical
from xdf.schema import FACTOR_TYPE, Field

FACTOR_TEXT = "factor"

_SIMPLE = {
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float16": pa.float16(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "binary": pa.binary(),
    "date32": pa.date32(),
    "time32[s]": pa.time32("s"),
    "time32[ms]": pa.time32("ms"),
    "time64[us]": pa.time64("us"),
    "time64[ns]": pa.time64("ns"),
    "duration[s]": pa.duration("s"),
    "duration[ms]": pa.duration("ms"),
    "duration[us]": pa.duration("us"),
    "duration[ns]": pa.duration("ns"),
    FACTOR_TEXT: FACTOR_TYPE,
}
_TEXTS = {kind: text for text, kind in _SIMPLE.items()}
_TIMESTAMP = re.compile(r"timestamp\[(s|ms|us|ns)(?:, (.+))?\]", re.DOTALL)
_DECIMAL = re.compile(r"decimal128\(([0-9]{1,2}), (-?[0-9]{1,3})\)")
SUPPORTED = (
    "bool, int8-64, uint8-64, float16/32/64, string, large_string, binary, date32, timestamp, time, duration, "
    "decimal128 and factor"
)

_SIGNED = (Physical.INT8, Physical.INT16, Physical.INT32, Physical.INT64)
_NARROWER_THAN = {1: (), 2: _SIGNED[:1], 4: _SIGNED[:2], 8: _SIGNED[:3]}
_NATIVE = {
    pa.int8(): Physical.INT8,
    pa.int16(): Physical.INT16,
    pa.int32(): Physical.INT32,
    pa.int64(): Physical.INT64,
    pa.uint8(): Physical.UINT8,
    pa.uint16(): Physical.UINT16,
    pa.uint32(): Physical.UINT32,
    pa.uint64(): Physical.UINT64,
    pa.float16(): Physical.FLOAT16,
    pa.float32(): Physical.FLOAT32,
    pa.float64(): Physical.FLOAT64,
    pa.bool_(): Physical.UINT8,
    pa.string(): Physical.STRING,
    pa.large_string(): Physical.LARGE_STRING,
    pa.binary(): Physical.BINARY,
}
_FLOATS = {
    Physical.FLOAT16: (Physical.INT8, Physical.FLOAT16),
    Physical.FLOAT32: (Physical.INT8, Physical.INT16, Physical.FLOAT32),
    Physical.FLOAT64: (*_SIGNED[:3], Physical.FLOAT32, Physical.FLOAT64),
}

_NUMPY: dict[Physical, np.dtype[np.generic]] = {
    Physical.INT8: np.dtype(np.int8),
    Physical.INT16: np.dtype(np.int16),
    Physical.INT32: np.dtype(np.int32),
    Physical.INT64: np.dtype(np.int64),
    Physical.UINT8: np.dtype(np.uint8),
    Physical.UINT16: np.dtype(np.uint16),
    Physical.UINT32: np.dtype(np.uint32),
    Physical.UINT64: np.dtype(np.uint64),
    Physical.FLOAT16: np.dtype(np.float16),
    Physical.FLOAT32: np.dtype(np.float32),
    Physical.FLOAT64: np.dtype(np.float64),
}
PHYSICAL_OF_NUMPY: dict[np.dtype[np.generic], Physical] = {dtype: physical for physical, dtype in _NUMPY.items()}
# Bytes per row that a chunk has at least; for strings those of the offsets.
PHYSICAL_WIDTH: npt.NDArray[np.int64] = np.zeros(256, np.int64)
for _physical, _dtype in _NUMPY.items():
    PHYSICAL_WIDTH[_physical] = _dtype.itemsize
PHYSICAL_WIDTH[[Physical.STRING, Physical.BINARY]] = 4
PHYSICAL_WIDTH[Physical.LARGE_STRING] = 8
PHYSICAL_WIDTH[Physical.DECIMAL128] = 16


def is_variable_width(physical: int) -> bool:
    """Whether a chunk holds strings or bytes, whose size the number of rows does not tell."""
    return Physical.STRING <= physical <= Physical.BINARY


def dtype_of(physical: int) -> np.dtype[np.generic]:
    """The numpy type of a physical number type."""
    return _NUMPY[Physical(physical)]


def arrow_type_of(physical: int, logical: pa.DataType) -> pa.DataType:
    """The Arrow type of the message in a chunk."""
    if physical >= Physical.STRING:
        return logical
    return pa.from_numpy_dtype(dtype_of(physical))


def type_text(kind: pa.DataType) -> str | None:
    """How the footer spells a logical type; None when the format does not have it."""
    text = _TEXTS.get(kind)
    if text is not None:
        return text
    if pa.types.is_timestamp(kind):
        return f"timestamp[{kind.unit}]" if kind.tz is None else f"timestamp[{kind.unit}, {kind.tz}]"
    if pa.types.is_decimal128(kind):
        return f"decimal128({kind.precision}, {kind.scale})"
    return None


@lru_cache(maxsize=1024)
def parse_type(text: str) -> pa.DataType:
    """The logical type that the footer spells so."""
    if (kind := _SIMPLE.get(text)) is not None:
        return kind
    if (match := _TIMESTAMP.fullmatch(text)) is not None:
        return pa.timestamp(match[1], match[2])
    if (match := _DECIMAL.fullmatch(text)) is not None:
        try:
            return pa.decimal128(int(match[1]), int(match[2]))
        except (ValueError, pa.ArrowException) as error:
            raise XdfFormatError(f"type {text!r} does not exist: {error}") from error
    raise XdfFormatError(f"type {text!r} is not one of this format version")


@lru_cache(maxsize=1024)
def allowed_physical(kind: pa.DataType) -> tuple[Physical, ...]:
    """The physical types a block may use for a logical type, the native one last."""
    if kind == FACTOR_TYPE:
        return _SIGNED[:3]
    if pa.types.is_decimal128(kind):
        return (Physical.DECIMAL128,)
    if pa.types.is_temporal(kind):
        kind = pa.int32() if kind.bit_width == 32 else pa.int64()
    native = _NATIVE[kind]
    if native in _FLOATS:
        return _FLOATS[native]
    if not pa.types.is_integer(kind):
        return (native,)
    return (*_NARROWER_THAN[kind.bit_width // 8], native)


@lru_cache(maxsize=1024)
def base_limits(kind: pa.DataType) -> tuple[int, int]:
    """The lowest and the highest base of a chunk: it is itself one of the values of the logical type."""
    if pa.types.is_floating(kind):
        largest = {16: 2**11, 32: 2**24, 64: 2**53}[kind.bit_width]
        return -largest, largest
    if pa.types.is_temporal(kind):
        kind = pa.int32() if kind.bit_width == 32 else pa.int64()
    if not pa.types.is_integer(kind):
        return 0, 0
    # The index holds bases of 64 bits with a sign.
    limits = np.iinfo(kind.to_pandas_dtype())
    return int(limits.min), min(int(limits.max), 2**63 - 1)


def checked_field(field: Field, where: str) -> Field:
    """The field as the format stores it: a type it has, a factor's type in its one spelling.

    Raises
    ------
    XdfSchemaError
        The type is not one of the format, or a text is not valid Unicode.
    """
    if field.is_factor:
        levels = field.type.value_type
        if not (pa.types.is_string(levels) or pa.types.is_large_string(levels)):
            raise XdfSchemaError(
                f"{where}: column {field.name!r} has type {field.type}; the levels of a factor are strings. "
                "Cast them to string first"
            )
        field = field.with_(type=FACTOR_TYPE)
    if type_text(field.type) is None:
        raise XdfSchemaError(
            f"{where}: column {field.name!r} has type {field.type}, which .xdf does not hold. Allowed: {SUPPORTED}"
        )
    if "\x00" in str(getattr(field.type, "tz", None)):
        raise XdfSchemaError(f"{where}: column {field.name!r} has a time zone with a zero byte in it")
    _check_labels(field, where)
    return field


def _check_labels(field: Field, where: str) -> None:
    """Descriptions, levels and labels are valid texts; ranges and value codes are numbers (or texts, for codes)."""
    codes = tuple(code for code in field.value_codes if isinstance(code, str))
    for text in (field.name, field.description, *(field.levels or ()), *field.value_labels, *codes):
        try:
            text.encode()
        except (AttributeError, UnicodeEncodeError) as error:
            raise XdfSchemaError(f"{where}: column {field.name!r}: {text!r} is not valid Unicode text") from error
    for name, number in (("low", field.low), ("high", field.high)):
        if number is not None and not (_is_number(number) and not math.isnan(number)):
            raise XdfSchemaError(f"{where}: column {field.name!r}: {name} is a number or None; got {number!r}")
    for code in field.value_codes:
        if not (isinstance(code, str) or _is_number(code)):
            raise XdfSchemaError(f"{where}: column {field.name!r}: a value code is a number or a string; got {code!r}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | np.integer | np.floating)
