"""Numbers taken apart into planes, which compress better than whole numbers, and put together again.

A plane holds the same few bits of every row. Codes of few values take one, two or four bits a row; wider ones are split
into planes of whole bytes and one plane of the bits that are left. Arrow's ``take`` does all look-ups: it needs no
indices of 64 bits, which makes it four times as fast as numpy's.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xdf.errors import XdfFormatError
from xdf.views import array_of, numbers_of

Bytes = npt.NDArray[np.uint8]
Values = npt.NDArray[Any]

CODE_BITS = (0, 1, 2, 4, 8, 9, 10, 12, 16, 17, 18, 20)
MAX_VALUES = 1 << CODE_BITS[-1]
# Below so many look-ups the call of Arrow takes longer than they do.
_WORTH_ARROW = 8192
_UNSIGNED: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.uint8),
    2: np.dtype(np.uint16),
    4: np.dtype(np.uint32),
    8: np.dtype(np.uint64),
}


def code_bits(n_values: int) -> int:
    """Bits of a code into so many values; at most ``MAX_VALUES``."""
    return next(bits for bits in CODE_BITS if n_values <= 1 << bits)


def code_type(bits: int) -> np.dtype[Any]:
    """The unsigned type that holds codes of so many bits."""
    return _UNSIGNED[1 if bits <= 8 else 2 if bits <= 16 else 4]


def plane_bits(bits: int) -> list[int]:
    """Bits per row of each plane: whole bytes first, then what is left."""
    rest = [bits % 8] if bits % 8 else []
    return [8] * (bits // 8) + rest


def plane_length(bits: int, n_rows: int) -> int:
    """Bytes of a plane."""
    return (n_rows * bits + 7) // 8


def split_codes(codes: Values, bits: int) -> list[Bytes]:
    """The planes of codes of :func:`code_type`."""
    planes = split_bytes(codes)[: bits // 8]
    if bits % 8:
        planes.append(_pack(codes >> (bits - bits % 8), bits % 8))
    return planes


def join_codes(planes: Sequence[Bytes], bits: int, n_rows: int) -> Values:
    """The codes in their planes."""
    if bits <= 8:
        return planes[0] if bits == 8 else _unpack(planes[0], bits, n_rows)
    whole = bits // 8
    top = _unpack(planes[-1], bits % 8, n_rows) if bits % 8 else planes[whole - 1]
    return _join([*planes[: whole - (bits % 8 == 0)], top], code_type(bits))


def split_bytes(values: Values) -> list[Bytes]:
    """One plane for each byte of a number, the lowest first."""
    width = values.dtype.itemsize
    if width == 1:
        return [values.view(np.uint8)]
    columns = np.ascontiguousarray(values).view(np.uint8).reshape(-1, width)
    return [np.ascontiguousarray(columns[:, place]) for place in range(width)]


def join_bytes(planes: Sequence[Bytes], dtype: np.dtype[Any]) -> Values:
    """The numbers whose bytes lie in planes."""
    if dtype.itemsize == 1:
        return planes[0].view(dtype)
    if dtype.itemsize == 2:
        return _join(planes, _UNSIGNED[2]).view(dtype)
    values = empty(len(planes[0]), dtype)
    columns = values.view(np.uint8).reshape(-1, dtype.itemsize)
    for place, plane in enumerate(planes):
        columns[:, place] = plane
    return values


def look_up(dictionary: Values, planes: Sequence[Bytes], bits: int, n_rows: int) -> Values:
    """The values that codes in planes stand for.

    Raises
    ------
    XdfFormatError
        A code lies outside the dictionary. The message is the bare reason.
    """
    if bits == 0:
        values = empty(n_rows, dictionary.dtype)
        values[:] = dictionary
        return values
    if bits < 8:
        check_small_codes(planes[0], bits, len(dictionary))
        per_byte = 8 // bits
        if per_byte * dictionary.dtype.itemsize <= _UNSIGNED[8].itemsize:
            # All values of a byte at once.
            table = np.zeros(1 << bits, dictionary.dtype)
            table[: len(dictionary)] = dictionary
            together = table[_codes_of_bytes(bits)].view(_UNSIGNED[per_byte * dictionary.dtype.itemsize]).reshape(-1)
            return _take(together, planes[0]).view(dictionary.dtype)[:n_rows]
    return take(dictionary, join_codes(planes, bits, n_rows))


def take(values: Values, codes: Values) -> Values:
    """``values[codes]``, for unsigned codes.

    Raises
    ------
    XdfFormatError
        A code lies outside. The message is the bare reason.
    """
    check_codes(codes, len(values))
    return _take(values, codes)


def check_codes(codes: Values, n_values: int) -> None:
    """Refuse unsigned codes that lie outside a dictionary of so many values."""
    if len(codes) and int(codes.max()) >= n_values:
        raise _outside(n_values)


def check_small_codes(plane: Bytes, bits: int, n_values: int) -> None:
    """Refuse a plane of less than eight bits a row that holds a code outside the dictionary."""
    if n_values == 1 << bits or len(plane) == 0:
        return
    mask = np.uint8((1 << bits) - 1)
    for shift in range(0, 8, bits):
        if int(((plane >> np.uint8(shift)) & mask).max()) >= n_values:
            raise _outside(n_values)


def empty(n_rows: int, dtype: np.dtype[Any]) -> Values:
    """Room for numbers. Arrow's pool keeps the pages of earlier blocks, and fresh ones cost as much as decoding."""
    return np.frombuffer(pa.allocate_buffer(n_rows * dtype.itemsize), dtype, n_rows)


def _outside(n_values: int) -> XdfFormatError:
    return XdfFormatError(f"a code lies outside its dictionary of {n_values:,} values")


def _take(values: Values, codes: Values) -> Values:
    """Codes must have been checked: Arrow's own check takes longer than the look-up."""
    if len(codes) < _WORTH_ARROW:
        return values[codes]
    width = values.dtype.itemsize
    if width <= _UNSIGNED[8].itemsize:
        array = array_of(values.view(_UNSIGNED[width]))
        return numbers_of(pc.take(array, array_of(codes), boundscheck=False)).view(values.dtype)
    array = pa.Array.from_buffers(pa.decimal128(38), len(values), [None, pa.py_buffer(values.view(np.uint8))], 0)
    taken = pc.take(array, array_of(codes), boundscheck=False)
    return np.frombuffer(taken.buffers()[1], values.dtype, len(codes), taken.offset * width)


def _join(planes: Sequence[Bytes], dtype: np.dtype[Any]) -> Values:
    """Unsigned numbers of which the planes hold eight bits each, the lowest first, the last perhaps less."""
    joined = empty(len(planes[0]), dtype)
    np.left_shift(planes[-1], 8 * (len(planes) - 1), out=joined, dtype=dtype, casting="unsafe")
    for place in range(len(planes) - 2, 0, -1):
        joined |= np.left_shift(planes[place], 8 * place, dtype=dtype, casting="unsafe")
    return np.bitwise_or(joined, planes[0], out=joined)


def _pack(codes: Values, bits: int) -> Bytes:
    """Codes below 2**bits, the first in the lowest bits of its byte."""
    if bits == 1:
        return np.packbits(codes.astype(np.uint8), bitorder="little")
    per_byte = 8 // bits
    padded = np.zeros(-(-len(codes) // per_byte) * per_byte, np.uint8)
    padded[: len(codes)] = codes
    packed = padded[::per_byte].copy()
    for place in range(1, per_byte):
        packed |= padded[place::per_byte] << np.uint8(place * bits)
    return packed


def _unpack(plane: Bytes, bits: int, n_rows: int) -> Bytes:
    table = _codes_of_bytes(bits).view(_UNSIGNED[8 // bits]).reshape(-1)
    return _take(table, plane).view(np.uint8)[:n_rows]


@cache
def _codes_of_bytes(bits: int) -> Bytes:
    """The codes in each of the 256 bytes, one row per byte."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    table = (np.arange(256, dtype=np.uint8)[:, None] >> shifts) & np.uint8((1 << bits) - 1)
    table.flags.writeable = False
    return table
