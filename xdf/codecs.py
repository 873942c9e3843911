"""One column of one block to bytes and back; zstd frames that are checked before they are believed."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard

from xdf import stats
from xdf.columns import Column
from xdf.errors import XdfChecksumError, XdfFormatError, XdfSchemaError
from xdf.format import ZSTD_LEVELS, Codec, Encoding, Physical
from xdf.logical import PHYSICAL_OF_NUMPY, allowed_physical, arrow_type_of, dtype_of, is_variable_width
from xdf.narrowing import Narrow, narrow

Values = npt.NDArray[np.generic]
Mask = npt.NDArray[np.bool_]

_CHECKSUM_BYTES = 4
_CODE_TYPES = (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32))
# Compressors and decompressors of each thread: the objects must not be shared.
_of_thread = threading.local()


@dataclass(frozen=True, slots=True)
class Frame:
    """Stored bytes and what a reader must know to check them."""

    data: memoryview
    decoded_length: int
    checksum: int
    codec: Codec


@dataclass(frozen=True, slots=True)
class Chunk:
    """An encoded column of a block: what goes to the file and what goes to the index."""

    frame: Frame
    physical: Physical
    base: int
    statistics: stats.ColumnStatistics
    encoding: Encoding = Encoding.DIRECT


def encode_frame(content: pa.Buffer | bytes, compression_level: int) -> Frame:
    """Compress bytes into one zstd frame with content size and checksum; level 0 keeps them as they are."""
    view = memoryview(content)
    if compression_level == 0:
        return Frame(view, len(view), zlib.crc32(view), Codec.PLAIN)
    data = memoryview(_compressor(ZSTD_LEVELS[compression_level]).compress(view))
    return Frame(data, len(view), _trailing_checksum(data), Codec.ZSTD)


def decode_frame(raw: bytes, codec: int, decoded_length: int, checksum: int) -> pa.Buffer:
    """The content of stored bytes.

    Raises
    ------
    XdfChecksumError
        The bytes are not those that were written. The message is the bare reason; the caller says where.
    """
    if codec == Codec.PLAIN:
        if len(raw) != decoded_length or zlib.crc32(raw) != checksum:
            raise XdfChecksumError("the checksum does not match")
        return pa.py_buffer(raw)
    try:
        frame = zstandard.get_frame_parameters(raw)
        # A flipped bit may switch the checksum off or announce a terabyte: both are looked at before decoding.
        if not frame.has_checksum or frame.content_size != decoded_length or frame.dict_id != 0:
            raise XdfChecksumError("the zstd frame has another header than was written")
        if len(raw) < _CHECKSUM_BYTES or _trailing_checksum(memoryview(raw)) != checksum:
            raise XdfChecksumError("the checksum does not match")
        return _decompressor().decompress(raw, decompressed_size=decoded_length)
    except (OSError, ValueError, zstandard.ZstdError) as error:
        if isinstance(error, XdfChecksumError):
            raise
        raise XdfChecksumError(f"the zstd frame does not decode: {error}") from error


def encode_column(array: pa.Array, compression_level: int) -> Chunk:
    """Encode a column that is not a factor.

    Parameters
    ----------
    array : pyarrow.Array
        In the logical type of its column.
    compression_level : int
        -1 .. 9.
    """
    kind = array.type
    native = allowed_physical(kind)[-1]
    if is_variable_width(native):
        counts = stats.counts_only(len(array) - array.null_count, array.null_count)
        return _pack(array, native, 0, counts, compression_level)
    column = Column.from_arrow(array)
    valid = valid_rows(column)
    present = column.values if valid is None else column.values[valid]
    if native is Physical.DECIMAL128:
        statistics = stats.of_values(present, 0, len(array) - len(present))
        return _pack(array, native, 0, statistics, compression_level)
    narrowed = _narrow_present(present, native)
    statistics = stats.of_values(narrowed.values, narrowed.base, len(array) - len(present))
    values = _spread(narrowed.values, valid, 0)
    physical = PHYSICAL_OF_NUMPY[values.dtype]
    return _pack(_to_array(values, valid), physical, narrowed.base, statistics, compression_level)


def encode_factor(codes: npt.NDArray[np.int32], compression_level: int) -> Chunk:
    """Encode the codes of a factor; -1 stands for a missing row, and stays there under the bitmap."""
    valid = codes >= 0
    n_missing = len(codes) - int(np.count_nonzero(valid))
    highest = int(codes.max(initial=-1))
    values = codes.astype(next(dtype for dtype in _CODE_TYPES if highest <= np.iinfo(dtype).max))
    array = _to_array(values, valid if n_missing else None)
    statistics = stats.counts_only(len(codes) - n_missing, n_missing)
    return _pack(array, PHYSICAL_OF_NUMPY[values.dtype], 0, statistics, compression_level)


def decode_array(content: pa.Buffer, physical: int, logical: pa.DataType, n_rows: int) -> pa.Array:
    """The array in the message that a chunk holds, in its physical type.

    Raises
    ------
    XdfFormatError
        The message is none, or not of this type and length. The message is the bare reason; the caller says where.
    """
    schema = pa.schema([pa.field("", arrow_type_of(physical, logical))])
    try:
        batch = pa.ipc.read_record_batch(pa.ipc.read_message(content), schema)
        # Strings are checked in full: offsets that point outside would be read by whoever uses the array.
        batch.validate(full=physical >= Physical.STRING)
    except (pa.ArrowException, OSError, EOFError, ValueError, TypeError) as error:
        raise XdfFormatError(f"its Arrow message cannot be read: {error}") from error
    if batch.num_rows != n_rows:
        raise XdfFormatError(f"it holds {batch.num_rows:,} rows, the index says {n_rows:,}")
    return batch.column(0)


def decode_column(array: pa.Array, physical: int, base: int, levels: pa.StringArray | None) -> Column:
    """The column a kernel reads, over the memory of ``array``.

    Raises
    ------
    XdfFormatError
        A factor code lies outside the levels.
    """
    if physical >= Physical.STRING:
        column = Column.from_arrow(array)
        column.values.flags.writeable = False
        return column
    values, validity = _buffers(array, physical)
    if levels is not None and len(values) and not (values.min() >= -1 and values.max() < len(levels)):
        raise XdfFormatError(f"a factor code lies outside the {len(levels):,} levels")
    if physical == Physical.FLOAT16:
        values = values.astype(np.float32)
    values.flags.writeable = False
    return Column(values, base, validity, 0, levels)


def valid_rows(column: Column) -> Mask | None:
    """Which rows the bitmap calls valid; None for all."""
    if column.validity is None:
        return None
    start = column.validity_offset
    bits = np.unpackbits(column.validity, bitorder="little", count=start + len(column.values))
    return bits[start:].view(np.bool_)


def _narrow_present(present: Values, native: Physical) -> Narrow:
    """Narrow the numbers of the rows that have one."""
    if native is Physical.UINT8:
        return Narrow(present)
    if len(present) == 0:
        return Narrow(present.astype(np.int8))
    return narrow(present, dtype_of(native).itemsize if present.dtype.kind == "f" else None)


def _spread(present: Values, valid: Mask | None, filler: int) -> Values:
    """Put the numbers of the valid rows back in their places, the filler in all others."""
    if valid is None:
        return present
    values = np.full(len(valid), filler, present.dtype)
    values[valid] = present
    return values


def _to_array(values: Values, valid: Mask | None) -> pa.Array:
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    n_missing = 0 if valid is None else len(valid) - int(np.count_nonzero(valid))
    buffers = [bitmap, pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), buffers, n_missing)


def _pack(
    array: pa.Array, physical: Physical, base: int, statistics: stats.ColumnStatistics, compression_level: int
) -> Chunk:
    try:
        message = pa.record_batch([array], names=[""]).serialize()
    except (pa.ArrowException, OSError) as error:
        raise XdfSchemaError(f"the column cannot be stored: {error}") from error
    return Chunk(encode_frame(message, compression_level), physical, base, statistics)


def _buffers(array: pa.Array, physical: int) -> tuple[Values, npt.NDArray[np.uint8] | None]:
    bitmap, numbers = array.buffers()
    dtype = dtype_of(physical)
    values = np.empty(0, dtype) if numbers is None or len(array) == 0 else np.frombuffer(numbers, dtype, len(array))
    if bitmap is None or array.null_count == 0:
        return values, None
    validity = np.frombuffer(bitmap, np.uint8, (len(array) + 7) // 8)
    validity.flags.writeable = False
    return values, validity


def _trailing_checksum(frame: memoryview) -> int:
    """The last bytes of a zstd frame are the checksum of its content."""
    return int.from_bytes(frame[-_CHECKSUM_BYTES:], "little")


def _compressor(level: int) -> zstandard.ZstdCompressor:
    made: dict[int, zstandard.ZstdCompressor] | None = getattr(_of_thread, "compressors", None)
    if made is None:
        made = _of_thread.compressors = {}
    if level not in made:
        made[level] = zstandard.ZstdCompressor(level=level, write_checksum=True, write_content_size=True)
    return made[level]


def _decompressor() -> pa.Codec:
    # Arrow's, because its memory pool keeps the pages of earlier blocks: fresh pages cost as much as decoding.
    codec = getattr(_of_thread, "decompressor", None)
    if codec is None:
        codec = _of_thread.decompressor = pa.Codec("zstd")
    return codec
