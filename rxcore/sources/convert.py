"""Turning one array into another column type, or saying which value does not fit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rxcore.errors import SourceError
from rxcore.metadata import type_name
from rxcore.sources.arrow_types import is_text, labels_of, open_factor, plain_array

TRUE_WORDS = ("True", "true", "TRUE", "T", "1")
FALSE_WORDS = ("False", "false", "FALSE", "F", "0")


def convert(array: pa.Array, kind: pa.DataType, where: str) -> pa.Array:
    """The values of a plain array as another plain, non-factor type; missing stays missing.

    Strings are read as numbers, dates or True/False, blanks as missing. Numbers become narrower only without loss,
    except that decimals may be rounded to float32.

    Raises
    ------
    SourceError
        When a value does not fit; ``where`` opens the message, which names the value and the way out.
    """
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    have = array.type
    if have == kind:
        return array
    if pa.types.is_string(kind):
        return labels_of(array, digits=15)
    if is_text(have):
        return _from_text(array, kind, where)
    if pa.types.is_boolean(kind):
        if pa.types.is_temporal(have):
            raise _no_conversion(array, kind, where)
        return pc.not_equal(_nan_to_null(array), pa.scalar(0, have))
    if pa.types.is_floating(have) and pa.types.is_floating(kind):
        return array.cast(kind, safe=False)
    if pa.types.is_timestamp(have) and pa.types.is_date32(kind):
        return pc.floor_temporal(array, unit="day").cast(kind)
    if pa.types.is_integer(have) and pa.types.is_floating(kind):
        return array.cast(pa.float64(), safe=False).cast(kind, safe=False)
    return _cast_or_explain(array, kind, where, lambda one: one.cast(kind))


def to_factor(array: pa.Array, match: pa.StringArray | None, levels: pa.StringArray | None) -> pa.DictionaryArray:
    """Values as a factor: open when ``match`` is None, else ``match[i]`` becomes ``levels[i]`` and the rest missing."""
    if match is None or levels is None:
        return open_factor(array)
    local = plain_array(array) if pa.types.is_dictionary(array.type) else open_factor(array)
    codes = pc.index_in(local.dictionary, value_set=match)
    return pa.DictionaryArray.from_arrays(pc.take(codes, local.indices), levels)


def _from_text(array: pa.StringArray, kind: pa.DataType, where: str) -> pa.Array:
    trimmed = pc.utf8_trim_whitespace(array)
    trimmed = pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, trimmed.type), trimmed)
    if pa.types.is_boolean(kind):
        return _cast_or_explain(trimmed, kind, where, _words_to_bool)
    if pa.types.is_date(kind):
        return _cast_or_explain(trimmed, kind, where, lambda one: one.cast(pa.timestamp("s")).cast(kind))
    return _cast_or_explain(trimmed, kind, where, lambda one: one.cast(kind))


def _words_to_bool(array: pa.StringArray) -> pa.BooleanArray:
    is_true = pc.is_in(array, value_set=pa.array(TRUE_WORDS))
    known = pc.or_(is_true, pc.is_in(array, value_set=pa.array(FALSE_WORDS)))
    if not pc.all(pc.or_(known, pc.is_null(array))).as_py():
        raise pa.ArrowInvalid("not a truth value")
    return pc.if_else(known, is_true, pa.scalar(None, pa.bool_()))


def _nan_to_null(array: pa.Array) -> pa.Array:
    if not pa.types.is_floating(array.type):
        return array
    return pc.if_else(pc.is_nan(array), pa.scalar(None, array.type), array)


def _cast_or_explain(array: pa.Array, kind: pa.DataType, where: str, cast: Callable[[pa.Array], pa.Array]) -> pa.Array:
    array = _nan_to_null(array)
    try:
        return cast(array)
    except pa.ArrowNotImplementedError:
        raise _no_conversion(array, kind, where) from None
    except pa.ArrowInvalid:
        value = _first_misfit(array, cast)
    raise SourceError(f"{where}: {describe_misfit(value, kind)}")


def _no_conversion(array: pa.Array, kind: pa.DataType, where: str) -> SourceError:
    return SourceError(f"{where}: {type_name(array.type)} values cannot be read as {type_name(kind)}")


def _first_misfit(array: pa.Array, cast: Callable[[pa.Array], pa.Array]) -> object:
    """The first value that cannot be cast, found by halving."""
    low, high = 0, len(array)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            cast(array.slice(low, middle - low))
        except pa.ArrowInvalid:
            high = middle
        else:
            low = middle
    return array[low].as_py()


_WANTED = {
    "logical": "true or false",
    "integer": "a whole number",
    "numeric": "a number",
    "Date": "a date (year-month-day)",
    "POSIXct": "a date and time (year-month-day hour:minute:second)",
}


def describe_misfit(value: object, kind: pa.DataType) -> str:
    """``'abc' is not a whole number``: the heart of every such message."""
    name = type_name(kind)
    value = shortened(value)
    if name == "integer" and _is_whole(value):
        limits = np.iinfo(kind.to_pandas_dtype())
        return f"{value!r} does not fit {kind} ({limits.min} to {limits.max})"
    return f"{value!r} is not {_WANTED.get(name, f'of type {name}')}"


def shortened(value: object) -> object:
    """A value as messages show it: a long text is cut."""
    return f"{value[:77]}..." if isinstance(value, str) and len(value) > 80 else value


def _is_whole(value: object) -> bool:
    try:
        int(str(value).strip())
    except ValueError:
        return False
    return True
