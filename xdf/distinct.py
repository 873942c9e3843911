"""The distinct numbers of a column in order, if they are few enough to be worth a dictionary."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xdf.planes import MAX_VALUES, code_bits, code_type, take
from xdf.views import array_of, numbers_of

Values = npt.NDArray[Any]

_FIRST_SAMPLE = 256
_SAMPLE = 4096
# One-byte numbers gain from a dictionary only where their codes take four bits or less, two-byte ones up to twelve.
_MOST_OF_WIDTH = {1: 16, 2: 4096}
DECIMAL = np.dtype("V16")


@dataclass(frozen=True, slots=True, eq=False)
class Distinct:
    """Distinct values, ascending, and for each row its place among them."""

    values: Values
    codes: Values
    bits: int


def find_distinct(values: Values) -> Distinct | None:
    """The distinct values of a column; None where they are too many, or seem so in a sample.

    Parameters
    ----------
    values : numpy.ndarray
        Numbers, told apart by their bits; decimals as 16 bytes each. Not empty.
    """
    width = values.dtype.itemsize
    most = min(_MOST_OF_WIDTH.get(width, MAX_VALUES), len(values))
    expected = _expected(values)
    if expected > most or width * expected / len(values) + code_bits(expected) / 8 > 0.9 * width:
        return None
    return _of_short(values, most) if width <= 2 else _of_wide(values, most)


def order_keys(values: Values) -> Values:
    """Integers in the order that dictionaries have: that of integers, and IEEE 754's total order for floats."""
    if values.dtype.kind != "f":
        return values
    width = values.dtype.itemsize
    bits = values.view(f"i{width}")
    # Negative floats are ordered backwards by their bits.
    keys: Values = bits ^ ((bits >> (8 * width - 1)) & np.iinfo(bits.dtype).max)
    return keys


def is_ascending(values: Values) -> bool:
    """Whether each value is above the one before."""
    if values.dtype == DECIMAL:
        low, high = _halves(values)
        later = (high[1:] > high[:-1]) | ((high[1:] == high[:-1]) & (low[1:] > low[:-1]))
        return bool(later.all())
    keys = order_keys(values)
    return bool((keys[1:] > keys[:-1]).all())


def _expected(values: Values) -> int:
    """How many distinct values there are, judged by how many a sample has."""
    sample = _strided(values, _FIRST_SAMPLE)
    seen = _count_distinct(sample)
    if seen > len(sample) // 8 and len(sample) < len(values):
        if seen == len(sample) and len(values) <= _FIRST_SAMPLE**2:
            # Then there are some ten thousands of them at least, too many for so few rows.
            return MAX_VALUES + 1
        sample = _strided(values, _SAMPLE)
        seen = _count_distinct(sample)
    return seen if len(sample) == len(values) else expected_distinct(seen, len(sample))


def expected_distinct(seen: int, size: int) -> int:
    """Of how many equally frequent values a sample of this size is expected to have so many."""
    if seen == size:
        return MAX_VALUES + 1
    expected = float(seen)
    for _ in range(20):
        expected = seen / -math.expm1(-size / expected)
    return math.ceil(expected)


def _count_distinct(values: Values) -> int:
    if len(values) <= 2 * _FIRST_SAMPLE and values.dtype != DECIMAL:
        # A call of Arrow takes longer than this.
        return len(np.unique(values.view(f"u{values.itemsize}")))
    return int(pc.count_distinct(as_bits(values)).as_py())


def _strided(values: Values, size: int) -> Values:
    step = max(1, len(values) // size)
    return values if step == 1 else np.ascontiguousarray(values[::step])


def _of_short(values: Values, most: int) -> Distinct | None:
    patterns = values.view(f"u{values.dtype.itemsize}")
    present = np.flatnonzero(np.bincount(patterns, minlength=1)).astype(patterns.dtype)
    if len(present) > most:
        return None
    return _ranked(present.view(values.dtype), present, patterns)


def _of_wide(values: Values, most: int) -> Distinct | None:
    encoded = pc.dictionary_encode(as_bits(values))
    if len(encoded.dictionary) > most:
        return None
    found = np.frombuffer(encoded.dictionary.buffers()[1], values.dtype, len(encoded.dictionary))
    return _ranked(found, np.arange(len(found), dtype=np.uint32), numbers_of(encoded.indices).view(np.uint32))


def _ranked(found: Values, places: Values, rows: Values) -> Distinct:
    """Sort the values found; ``rows`` hold a place, and ``places`` says which place belongs to which value."""
    if found.dtype == DECIMAL:
        low, high = _halves(found)
        order = np.lexsort((low, high))
    else:
        order = np.argsort(order_keys(found))
    bits = code_bits(len(found))
    ranks = np.zeros(int(places[-1]) + 1, code_type(bits))
    ranks[places[order]] = np.arange(len(found))
    return Distinct(found[order], take(ranks, rows), bits)


def _halves(values: Values) -> tuple[Values, Values]:
    halves = values.view(np.int64).reshape(-1, 2)
    return halves[:, 0].view(np.uint64), halves[:, 1]


def as_bits(values: Values) -> pa.Array:
    """The same bits as a type whose values are equal where the bits are: no float has that."""
    if values.dtype == DECIMAL:
        return pa.Array.from_buffers(pa.decimal128(38), len(values), [None, pa.py_buffer(values.view(np.uint8))], 0)
    return array_of(values.view(f"u{values.itemsize}"))
