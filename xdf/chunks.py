"""Columns of a block to chunks: numbers narrowed and counted, then encoded."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf import stats
from xdf.codecs import Frame
from xdf.columns import Column
from xdf.encoders import Encoded, encode_numbers, encode_texts
from xdf.errors import XdfSchemaError
from xdf.format import Encoding, Physical
from xdf.level_counts import MOST_LEVELS, Counted, count_codes
from xdf.logical import PHYSICAL_OF_NUMPY, allowed_physical, dtype_of, is_variable_width
from xdf.narrowing import Narrow, narrow

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]

_CODE_TYPES = (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32))


@dataclass(frozen=True, slots=True)
class Chunk:
    """An encoded column of a block: what goes to the file and what goes to the index."""

    frame: Frame
    physical: Physical
    base: int
    statistics: stats.ColumnStatistics
    encoding: Encoding
    level_counts: Counted | None = None


def encode_column(array: pa.Array, compression_level: int) -> Chunk:
    """Encode a column that is not a factor.

    Parameters
    ----------
    array : pyarrow.Array
        In the logical type of its column.
    compression_level : int
        -1 .. 9.

    Raises
    ------
    XdfSchemaError
        The system's libraries refuse the array. The message is the bare reason.
    """
    native = allowed_physical(array.type)[-1]
    if is_variable_width(native):
        counts = stats.counts_only(len(array) - array.null_count, array.null_count)
        try:
            encoded = encode_texts(array, compression_level)
        except (pa.ArrowException, OSError) as error:
            raise XdfSchemaError(f"the column cannot be stored: {error}") from error
        return _chunk(encoded, native, 0, counts)
    column = Column.from_arrow(array)
    valid = valid_rows(column)
    present = column.values if valid is None else column.values[valid]
    if native is Physical.DECIMAL128:
        statistics = stats.of_values(present, 0, len(array) - len(present))
        numbers = fixed_values(array, np.dtype("V16"))
        if valid is not None:
            numbers = _spread(numbers[valid], valid)
        return _chunk(encode_numbers(numbers, valid, array.type, compression_level), native, 0, statistics)
    narrowed = _narrow_present(present, native)
    if narrowed.values.dtype == np.float16:
        # As they came: on their way through float32 signalling NaNs become quiet.
        halves = fixed_values(array, np.dtype(np.float16))
        narrowed = Narrow(halves if valid is None else halves[valid])
    statistics = stats.of_values(narrowed.values, narrowed.base, len(array) - len(present))
    numbers = _spread(narrowed.values, valid)
    physical = PHYSICAL_OF_NUMPY[numbers.dtype]
    encoded = encode_numbers(numbers, valid, pa.from_numpy_dtype(numbers.dtype), compression_level)
    return _chunk(encoded, physical, narrowed.base, statistics)


def encode_factor(codes: npt.NDArray[np.int32], compression_level: int) -> Chunk:
    """Encode the codes of a factor; -1 stands for a missing row, and stays there under the bitmap."""
    valid = codes >= 0
    n_missing = len(codes) - int(np.count_nonzero(valid))
    highest = int(codes.max(initial=-1))
    numbers = codes.astype(next(dtype for dtype in _CODE_TYPES if highest <= np.iinfo(dtype).max))
    statistics = stats.counts_only(len(codes) - n_missing, n_missing)
    kind = pa.from_numpy_dtype(numbers.dtype)
    encoded = encode_numbers(numbers, valid if n_missing else None, kind, compression_level)
    chunk = _chunk(encoded, PHYSICAL_OF_NUMPY[numbers.dtype], 0, statistics)
    return replace(chunk, level_counts=kept_counts(codes))


def codes_of(column: Column) -> Values:
    """The codes of a factor that was read, below 0 where it is missing."""
    valid = valid_rows(column)
    return column.values if valid is None else np.where(valid, column.values, np.int8(-1))


def kept_counts(codes: Values) -> Counted | None:
    """What the footer keeps of the codes of a chunk; None where that would be too much."""
    counted = count_codes(codes)
    return counted if len(counted.codes) <= MOST_LEVELS else None


def valid_rows(column: Column) -> Mask | None:
    """Which rows the bitmap calls valid; None for all."""
    if column.validity is None:
        return None
    start = column.validity_offset
    bits = np.unpackbits(column.validity, bitorder="little", count=start + len(column.values))
    return bits[start:].view(np.bool_)


def _chunk(encoded: Encoded, physical: Physical, base: int, statistics: stats.ColumnStatistics) -> Chunk:
    return Chunk(encoded.frame, physical, base, statistics, encoded.encoding)


def _narrow_present(present: Values, native: Physical) -> Narrow:
    """Narrow the numbers of the rows that have one."""
    if native is Physical.UINT8:
        return Narrow(present)
    if len(present) == 0:
        return Narrow(present.astype(np.int8))
    return narrow(present, dtype_of(native).itemsize if present.dtype.kind == "f" else None)


def _spread(present: Values, valid: Mask | None) -> Values:
    """Put the numbers of the valid rows back in their places, the first of them under all others."""
    if valid is None:
        return present
    # A value that occurs anyway costs no place in a dictionary.
    values = np.full(len(valid), present[0] if len(present) else 0, present.dtype)
    values[valid] = present
    return values


def fixed_values(array: pa.Array, dtype: np.dtype[Any]) -> Values:
    """The values of an array as they lie in its memory."""
    buffer = array.buffers()[1]
    if buffer is None or len(array) == 0:
        return np.zeros(len(array), dtype)
    return np.frombuffer(buffer, dtype, len(array), array.offset * dtype.itemsize)
