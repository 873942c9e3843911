"""The content of a chunk to numbers or texts, whichever way it is encoded."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xdf.columns import Column
from xdf.contents import Content
from xdf.distinct import is_ascending
from xdf.errors import XdfFormatError
from xdf.format import MAX_EXPANSION, Encoding, Physical
from xdf.index import Entry
from xdf.logical import arrow_type_of, dtype_of, is_variable_width
from xdf.messages import read_batch
from xdf.planes import Bytes, check_codes, empty, join_bytes, join_codes, look_up

Values = npt.NDArray[Any]

_CODE_TYPES = (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32))


def decode_column(
    content: pa.Buffer, entry: Entry, kind: pa.DataType, n_rows: int, levels: pa.StringArray | None
) -> Column:
    """The column a kernel reads.

    Parameters
    ----------
    content : pyarrow.Buffer
        As the chunk's frame holds it.
    entry : Entry
        What the index says about the chunk.
    kind : pyarrow.DataType
        The logical type.
    n_rows : int
        Of the block.
    levels : pyarrow.StringArray, optional
        Of a factor.

    Returns
    -------
    Column
        Strings that a dictionary of the block holds come as codes into it.

    Raises
    ------
    XdfFormatError
        The content is not what the index says, or contradicts itself. The message is the bare reason.
    """
    if _is_kept_in_arrow(entry.physical):
        if entry.encoding == Encoding.DICTIONARY and is_text(kind):
            return _coded_texts(content, entry.length, kind, n_rows)
        column = Column.from_arrow(decode_array(content, entry, kind, n_rows))
        column.values.flags.writeable = False
        return column
    values, validity = _decode_numbers(content, entry, kind, n_rows)
    if levels is not None and len(values) and not (values.min() >= -1 and values.max() < len(levels)):
        raise XdfFormatError(f"a factor code lies outside the {len(levels):,} levels")
    if entry.physical == Physical.FLOAT16:
        values = values.astype(np.float32)
    values.flags.writeable = False
    return Column(values, entry.base, validity, 0, levels)


def decode_array(content: pa.Buffer, entry: Entry, kind: pa.DataType, n_rows: int) -> pa.Array:
    """Texts, binary values, decimals or half floats as an array. Raises as :func:`decode_column` does."""
    if entry.encoding == Encoding.DIRECT:
        return _decode_message(content, entry.physical, kind, n_rows)
    if entry.physical == Physical.DECIMAL128:
        values, validity = _decode_numbers(content, entry, kind, n_rows)
        return _checked(pa.Array.from_buffers(kind, n_rows, [_buffer(validity), pa.py_buffer(values.view(np.uint8))]))
    if entry.physical == Physical.FLOAT16:
        values, validity = _decode_numbers(content, entry, kind, n_rows)
        return pa.Array.from_buffers(pa.float16(), n_rows, [_buffer(validity), pa.py_buffer(values.view(np.uint8))])
    parts = Content(content, n_rows)
    validity = parts.bitmap()
    if entry.encoding == Encoding.TEXTS:
        texts = parts.texts(kind, n_rows)
        if validity is None:
            return texts
        return pa.Array.from_buffers(kind, n_rows, [_buffer(validity), *texts.buffers()[1:]])
    if parts.head.n_values == 0:
        return pa.nulls(n_rows, kind)
    dictionary, codes = _texts_and_codes(parts, kind)
    indices = _check_expansion(dictionary, codes, validity, entry.length)
    # The codes have been checked, and Arrow's own check takes longer than the look-up.
    return pc.take(dictionary, indices, boundscheck=False)


def _checked(decimals: pa.Array) -> pa.Array:
    """Refuse numbers of more digits than the type has."""
    try:
        decimals.validate(full=True)
    except pa.ArrowException as error:
        raise XdfFormatError(f"its decimals cannot be read: {error}") from error
    return decimals


def comes_as_array(physical: int) -> bool:
    """Whether :func:`decode_array` is for this physical type: what kernels cannot read, and half floats as they are."""
    return _is_kept_in_arrow(physical) or physical == Physical.FLOAT16


def _is_kept_in_arrow(physical: int) -> bool:
    return is_variable_width(physical) or physical == Physical.DECIMAL128


def is_text(kind: pa.DataType) -> bool:
    """Whether it is a type of strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _decode_numbers(content: pa.Buffer, entry: Entry, kind: pa.DataType, n_rows: int) -> tuple[Values, Bytes | None]:
    if entry.encoding == Encoding.DIRECT:
        return _buffers_of(_decode_message(content, entry.physical, kind, n_rows), entry.physical)
    dtype = np.dtype("V16") if entry.physical == Physical.DECIMAL128 else dtype_of(entry.physical)
    parts = Content(content, n_rows)
    validity = parts.bitmap()
    if entry.encoding == Encoding.PLANES:
        return join_bytes(parts.planes(n_rows, 8 * dtype.itemsize), dtype), validity
    n_values, bits = parts.head.n_values, parts.head.bits
    if n_values == 0:
        return _nothing(n_rows, dtype, -1 if pa.types.is_dictionary(kind) else 0)
    if n_values > 1 << bits:
        raise XdfFormatError(f"codes of {bits} bits do not reach {n_values:,} values")
    dictionary = np.frombuffer(parts.part(n_values * dtype.itemsize), dtype)
    if not is_ascending(dictionary):
        raise XdfFormatError("its dictionary is not in order")
    return look_up(dictionary, parts.planes(n_rows, bits), bits, n_rows), validity


def _nothing(n_rows: int, dtype: np.dtype[Any], filler: int) -> tuple[Values, Bytes | None]:
    """A column whose every row is missing; a factor's codes are then outside of any levels."""
    values = empty(n_rows, dtype)
    values.view(np.uint8)[:] = filler % 256
    validity = np.zeros((n_rows + 7) // 8, np.uint8) if n_rows else None
    return values, validity


def _texts_and_codes(parts: Content, kind: pa.DataType) -> tuple[pa.Array, Values]:
    """The dictionary of a block and the codes of its rows, which all lie in it."""
    n_values, bits, n_rows = parts.head.n_values, parts.head.bits, parts.n_rows
    if n_values > 1 << bits:
        raise XdfFormatError(f"codes of {bits} bits do not reach {n_values:,} values")
    dictionary = parts.texts(kind, n_values)
    if len(dictionary.unique()) != n_values:
        raise XdfFormatError("its dictionary has a value twice")
    if bits == 0:
        return dictionary, np.zeros(n_rows, np.uint8)
    codes = join_codes(parts.planes(n_rows, bits), bits, n_rows)
    check_codes(codes, n_values)
    return dictionary, codes


def _coded_texts(content: pa.Buffer, length: int, kind: pa.DataType, n_rows: int) -> Column:
    parts = Content(content, n_rows)
    validity = parts.bitmap()
    if parts.head.n_values == 0:
        dictionary = pa.nulls(0, pa.string())
        values, validity = _nothing(n_rows, _CODE_TYPES[0], -1)
    else:
        dictionary, codes = _texts_and_codes(parts, kind)
        # Whoever wants texts and not codes must be able to have them.
        _check_expansion(dictionary, codes, validity, length)
        dtype = next(dtype for dtype in _CODE_TYPES if len(dictionary) - 1 <= np.iinfo(dtype).max)
        values = codes.view(dtype) if codes.dtype.itemsize == dtype.itemsize else codes.astype(dtype)
    values.flags.writeable = False
    return Column(values, 0, validity, 0, dictionary.cast(pa.string()))


def _check_expansion(dictionary: pa.Array, codes: Values, validity: Bytes | None, length: int) -> pa.Array:
    """Codes as indices; refuse texts that take more memory than a chunk of this length may ask for."""
    indices = pa.Array.from_buffers(
        pa.from_numpy_dtype(codes.dtype), len(codes), [_buffer(validity), pa.py_buffer(codes)]
    )
    wide = pa.types.is_large_string(dictionary.type)
    lengths = pc.binary_length(dictionary)
    of_offsets = len(indices) * (8 if wide else 4)
    limit = length * MAX_EXPANSION - of_offsets if wide else min(length * MAX_EXPANSION - of_offsets, 2**31 - 1)
    # The longest text bounds the sum, and most often that is enough.
    is_clear = len(indices) * pc.max(lengths).as_py() <= limit
    if not is_clear and (pc.sum(lengths.take(indices).cast(pa.int64())).as_py() or 0) > limit:
        raise XdfFormatError("its texts take more memory than its length allows for")
    return indices


def _decode_message(content: pa.Buffer, physical: int, kind: pa.DataType, n_rows: int) -> pa.Array:
    schema = pa.schema([pa.field("", arrow_type_of(physical, kind))])
    # Strings are checked in full: offsets that point outside would be read by whoever uses the array.
    batch = read_batch(content, schema, full=physical >= Physical.STRING)
    if batch.num_rows != n_rows:
        raise XdfFormatError(f"it holds {batch.num_rows:,} rows, the index says {n_rows:,}")
    return batch.column(0)


def _buffers_of(array: pa.Array, physical: int) -> tuple[Values, Bytes | None]:
    bitmap, numbers = array.buffers()
    dtype = dtype_of(physical)
    values = np.empty(0, dtype) if numbers is None or len(array) == 0 else np.frombuffer(numbers, dtype, len(array))
    if bitmap is None or array.null_count == 0:
        return values, None
    validity = np.frombuffer(bitmap, np.uint8, (len(array) + 7) // 8)
    validity.flags.writeable = False
    return values, validity


def _buffer(validity: Bytes | None) -> pa.Buffer | None:
    return None if validity is None else pa.py_buffer(validity)
