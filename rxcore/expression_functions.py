"""The functions that expressions may call, on Arrow arrays or scalars of float64 unless said otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Value = Any  # pyarrow.Array or pyarrow.Scalar


def is_text(kind: pa.DataType) -> bool:
    """Strings of any width, and factors."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def nan_to_null(value: Value) -> Value:
    """NaN made missing; anything but floats is returned as it is."""
    if not pa.types.is_floating(value.type):
        return value
    lost = pc.is_nan(value)
    if isinstance(value, pa.Scalar):
        return pa.scalar(None, value.type) if lost.as_py() else value
    if not pc.any(lost).as_py():
        return value
    return pc.if_else(lost, pa.scalar(None, value.type), value)


def _with_numpy(function: Callable[..., Any]) -> Callable[..., Value]:
    """A numpy function that Arrow lacks, on Arrow values; null where any argument is."""

    def apply(*values: Value) -> Value:
        arguments = []
        for value in values:
            number = value.as_py() if isinstance(value, pa.Scalar) else value.to_numpy(zero_copy_only=False)
            arguments.append(np.asarray(np.nan if number is None else number, np.float64))
        with np.errstate(all="ignore"):
            result = function(*arguments)
        # Null went in as NaN, and NaN is missing anyway.
        if all(isinstance(value, pa.Scalar) for value in values):
            return nan_to_null(pa.scalar(float(result), pa.float64()))
        return pa.array(result, pa.float64(), from_pandas=True)

    return apply


def rounded(value: Value, digits: int) -> Value:
    """Rounded to decimal digits, halves to the even neighbour. Arrow's own rounding errs in the eleventh digit."""

    def apply(numbers: Any) -> Any:
        result = np.round(numbers, digits)
        # Scaling may overflow, but only where the number has no such digits anyway.
        return np.where(np.isfinite(result), result, numbers)

    return _with_numpy(apply)(value)


def on_levels(value: Value, function: Callable[[Value], Value]) -> Value:
    """Apply a function of text; on a factor once per level instead of once per row."""
    if isinstance(value, pa.DictionaryArray):
        return function(value.dictionary.cast(pa.string())).take(value.indices)
    return function(value.cast(pa.string()))


def numbers_from_text(value: Value) -> Value:
    """The number that each text spells; missing where it spells none."""
    if isinstance(value, pa.Scalar):
        return pa.scalar(_number(value.as_py()), pa.float64())
    codes = value.cast(pa.string()).dictionary_encode()
    numbers = pa.array([_number(text) for text in codes.dictionary.to_pylist()], pa.float64())
    return numbers.take(codes.indices)


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None and "_" not in text else None
    except ValueError:
        return None
    return None if value is None or value != value else value


def _elementwise(function: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*values: Value) -> Value:
        return function(*values, skip_nulls=False)

    return apply


def _log(value: Value, base: Value | None = None) -> Value:
    return pc.ln(value) if base is None else pc.logb(value, base)


remainder = _with_numpy(np.mod)  # with the sign of the divisor; missing when that is zero
floor_divide = _with_numpy(np.floor_divide)
MATHS: dict[str, Callable[..., Any]] = {
    "log": _log,
    "log2": pc.log2,
    "log10": pc.log10,
    "log1p": pc.log1p,
    "exp": pc.exp,
    "expm1": _with_numpy(np.expm1),
    "sqrt": pc.sqrt,
    "abs": pc.abs,
    "floor": pc.floor,
    "ceil": pc.ceil,
    "ceiling": pc.ceil,
    "trunc": pc.trunc,
    "sign": pc.sign,
    "sin": pc.sin,
    "cos": pc.cos,
    "tan": pc.tan,
    "pow": pc.power,
    "min": _elementwise(pc.min_element_wise),
    "pmin": _elementwise(pc.min_element_wise),
    "max": _elementwise(pc.max_element_wise),
    "pmax": _elementwise(pc.max_element_wise),
}
DATE_PARTS: dict[str, Callable[..., Any]] = {
    "year": pc.year,
    "month": pc.month,
    "day": pc.day,
    "hour": pc.hour,
    "weekday": pc.day_of_week,
}
