"""Reading narrow columns, a tile of rows at a time, into float64 with NaN for missing.

Columns of a block differ in type, so a kernel with one signature cannot take them as arrays. It takes a table of
addresses instead, one row for each column (``COLUMN_*``), and widens ``TILE`` rows at a time into a buffer that stays
in the processor's cache. The caller keeps the arrays alive.

A *variable* (``VARIABLE_*``) says how one column becomes one row of numbers: as it is, as 0/1, or through a look-up
table from factor codes to level positions. Missing is NaN everywhere, so one test finds the rows to leave out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic

from rxcore.kernels.jit import kernel

TILE = 512

COLUMN_ADDRESS, COLUMN_TYPE, COLUMN_BASE, COLUMN_VALIDITY, COLUMN_VALIDITY_BIT = range(5)
COLUMN_FIELDS = 5
TYPE_CODES = {
    "int8": 0, "int16": 1, "int32": 2, "int64": 3,
    "uint8": 4, "uint16": 5, "uint32": 6, "uint64": 7,
    "float32": 8, "float64": 9,
}  # fmt: skip

VARIABLE_COLUMN, VARIABLE_KIND, VARIABLE_FIRST, VARIABLE_SECOND, VARIABLE_THIRD = range(5)
VARIABLE_FIELDS = 5
NUMBER, LOGICAL, LEVEL, BIN = range(4)
# NUMBER: nothing more. LOGICAL: nonzero is 1. LEVEL: FIRST = where its look-up table starts, SECOND = its length.
# BIN: FIRST = lowest integer, SECOND = highest, THIRD = 1 when values outside are missing, 0 when they share one more
# bin.


@intrinsic
def _pointer(typing_context: Any, address: Any) -> Any:
    """An integer address as a pointer that ``carray`` takes."""
    signature = types.voidptr(types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.inttoptr(arguments[0], cgutils.voidptr_t)

    return signature, generate


@kernel
def blank_missing(column, start, count, out):  # type: ignore[no-untyped-def]
    """NaN where the bitmap of the column says missing."""
    validity = column[COLUMN_VALIDITY]
    if validity != 0:
        first = start + column[COLUMN_VALIDITY_BIT]
        bitmap = carray(_pointer(validity), ((first + count + 7) // 8,), np.uint8)
        for i in range(count):
            bit = first + i
            if (bitmap[bit >> 3] >> (bit & 7)) & 1 == 0:
                out[i] = np.nan


@kernel
def widen(column, start, count, out):  # type: ignore[no-untyped-def]
    """Rows start .. start+count of one column as float64 into out, NaN where missing."""
    address = column[COLUMN_ADDRESS]
    kind = column[COLUMN_TYPE]
    base = column[COLUMN_BASE]
    stop = start + count
    # Small integers widen four at a time by way of float64, which is exact while base and sum stay below 2**53; the
    # narrow types cannot carry the sum further than that from a base below 2**52.
    exact = -(1 << 52) < base < (1 << 52)
    shift = np.float64(base)
    if kind == 0:
        bytes1 = carray(_pointer(address), (stop,), np.int8)
        for i in range(count):
            out[i] = np.float64(bytes1[start + i])
    elif kind == 1:
        bytes2 = carray(_pointer(address), (stop,), np.int16)
        for i in range(count):
            out[i] = np.float64(bytes2[start + i])
    elif kind == 2:
        bytes4 = carray(_pointer(address), (stop,), np.int32)
        for i in range(count):
            out[i] = np.float64(bytes4[start + i])
    elif kind == 3:
        bytes8 = carray(_pointer(address), (stop,), np.int64)
        for i in range(count):
            out[i] = np.float64(bytes8[start + i] + base)
    elif kind == 4:
        unsigned1 = carray(_pointer(address), (stop,), np.uint8)
        for i in range(count):
            out[i] = np.float64(unsigned1[start + i])
    elif kind == 5:
        unsigned2 = carray(_pointer(address), (stop,), np.uint16)
        for i in range(count):
            out[i] = np.float64(unsigned2[start + i])
    elif kind == 6:
        unsigned4 = carray(_pointer(address), (stop,), np.uint32)
        for i in range(count):
            out[i] = np.float64(unsigned4[start + i])
    elif kind == 7:
        unsigned8 = carray(_pointer(address), (stop,), np.uint64)
        for i in range(count):
            out[i] = np.float64(unsigned8[start + i] + np.uint64(base))
    elif kind == 8:
        single = carray(_pointer(address), (stop,), np.float32)
        for i in range(count):
            out[i] = single[start + i]
    else:
        double = carray(_pointer(address), (stop,), np.float64)
        for i in range(count):
            out[i] = double[start + i]
    if base != 0 and kind != 3 and kind != 7:
        if exact:
            for i in range(count):
                out[i] += shift
        else:
            for i in range(count):
                out[i] = np.float64(np.int64(out[i]) + base)
    blank_missing(column, start, count, out)


@kernel
def load(columns, variables, lookup, start, count, out):  # type: ignore[no-untyped-def]
    """Every variable for rows start .. start+count: out[variable, row] as float64, NaN where missing."""
    for v in range(variables.shape[0]):
        row = out[v]
        widen(columns[variables[v, VARIABLE_COLUMN]], start, count, row)
        kind = variables[v, VARIABLE_KIND]
        if kind == LOGICAL:
            for i in range(count):
                if row[i] == row[i] and row[i] != 0.0:
                    row[i] = 1.0
        elif kind == LEVEL:
            first = variables[v, VARIABLE_FIRST]
            length = variables[v, VARIABLE_SECOND]
            for i in range(count):
                code = row[i]
                # A NaN fails both comparisons and stays NaN.
                row[i] = lookup[first + np.int64(code)] if 0.0 <= code < length else np.nan
        elif kind == BIN:
            low = np.float64(variables[v, VARIABLE_FIRST])
            n_bins = variables[v, VARIABLE_SECOND] - variables[v, VARIABLE_FIRST] + 1
            outside = np.nan if variables[v, VARIABLE_THIRD] == 1 else np.float64(n_bins)
            for i in range(count):
                place = np.floor(row[i]) - low
                if not (0.0 <= place < n_bins):
                    place = outside if place == place else np.nan
                row[i] = place


@kernel
def keep_complete(tile, n_variables, count, rows, missing):  # type: ignore[no-untyped-def]
    """Move complete rows of the tile to its front, in order; returns how many.

    ``rows`` gets their old places, ``missing`` counts the NaN of each variable.
    """
    n_bad = 0
    for v in range(n_variables):
        bad = 0
        for i in range(count):
            bad += tile[v, i] != tile[v, i]
        missing[v] += bad
        n_bad += bad
    if n_bad == 0:
        for i in range(count):
            rows[i] = i
        return count
    kept = 0
    for i in range(count):
        complete = True
        for v in range(n_variables):
            complete &= tile[v, i] == tile[v, i]
        rows[kept] = i
        kept += complete
    for v in range(n_variables):
        for i in range(kept):
            tile[v, i] = tile[v, rows[i]]
    return kept


@kernel
def form_numbers(tile, factors_of, first_of, origins, count, numbers):  # type: ignore[no-untyped-def]
    """numbers[0, row] = 1; numbers[1 + j, row] = product of the variables of number j, less its origin."""
    for i in range(count):
        numbers[0, i] = 1.0
    for j in range(first_of.shape[0] - 1):
        begin = first_of[j]
        end = first_of[j + 1]
        origin = origins[j]
        out = numbers[j + 1]
        if end - begin == 1:
            row = tile[factors_of[begin]]
            for i in range(count):
                out[i] = row[i] - origin
        else:
            for i in range(count):
                product = 1.0
                for k in range(begin, end):
                    product *= tile[factors_of[k], i]
                out[i] = product - origin


@kernel
def form_cells(tile, factors_of, first_of, strides, count, cells):  # type: ignore[no-untyped-def]
    """cells[t, row] = position of the row in the grid of the factors of cell term t, first factor fastest."""
    for t in range(first_of.shape[0] - 1):
        begin = first_of[t]
        end = first_of[t + 1]
        v = factors_of[begin]
        for i in range(count):
            cells[t, i] = np.int64(tile[v, i])
        for k in range(begin + 1, end):
            v = factors_of[k]
            stride = strides[k]
            for i in range(count):
                cells[t, i] += stride * np.int64(tile[v, i])
