"""The bytes of one variable in one block of an old file: zlib streams, or plain, to columns."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.columns import Column
from xdf.errors import XdfFormatError
from xdf.legacy.bytes_at import decoded
from xdf.legacy.objects import Storage
from xdf.legacy.variables import Variable
from xdf.views import texts_of

# Deflate never makes more than this of a byte.
MOST_EXPANSION = 1032
_LENGTH_BYTES = 8
# What streams of zlib begin with, by level; and how many bits of it may be wrong before it is something else.
_ZLIB_HEADERS = (0x7801, 0x785E, 0x789C, 0x78DA)
_BITS_OF_DAMAGE = 2
_TEXT_HEAD = 8
_LONGEST_ARROW = 2**31 - 1

Values = npt.NDArray[Any]


def decode_chunk(
    raw: bytes,
    variable: Variable,
    n_rows: int,
    levels: pa.StringArray | None,
    *,
    may_be_plain: Callable[[], bool],
    keep_codes: bool,
) -> Column:
    """The column in a chunk.

    Parameters
    ----------
    raw : bytes
    variable : Variable
    n_rows : int
    levels : pyarrow.StringArray or None
        Of a factor.
    may_be_plain : callable
        Tells whether bytes of the right size that begin like a compressed stream, or nearly so, may be plain.
    keep_codes : bool
        Leave the integer that stands for a missing value as it is.

    Raises
    ------
    XdfFormatError
        The bytes are damaged; the bare reason.
    """
    if variable.storage == Storage.STRING:
        return Column(np.empty(0, np.uint8), other=_texts(_text_content(raw, n_rows), n_rows))
    content = _numbers_content(raw, n_rows * variable.width, may_be_plain)
    values: Values = np.frombuffer(content, variable.dtype)
    if variable.is_date:
        return _dates(values)
    if variable.is_factor:
        # A code outside the levels is missing; columns mean it so.
        return Column(values, levels=levels)
    if values.dtype.kind == "i" and not keep_codes:
        return _with_missing(values, values == np.iinfo(values.dtype).min)
    return Column(values)


def text_bytes(tail: bytes, size: int) -> int:
    """The most bytes that a chunk of texts of this size decodes to, from its last eight bytes."""
    claimed = struct.unpack("<q", tail)[0] if len(tail) == _LENGTH_BYTES else 0
    return max(min(int(claimed), MOST_EXPANSION * size), size)


def _numbers_content(raw: bytes, expected: int, may_be_plain: Callable[[], bool]) -> bytes:
    if not is_zlib(raw):
        if len(raw) == expected and (not _was_zlib(raw) or may_be_plain()):
            return raw
        raise XdfFormatError(
            f"it is neither a compressed stream nor {expected:,} plain bytes; it begins with {raw[:4].hex()!r}"
        )
    try:
        return inflate(raw, expected)
    except XdfFormatError:
        if len(raw) == expected and may_be_plain():
            return raw
        raise


def _text_content(raw: bytes, n_rows: int) -> bytes:
    claimed = struct.unpack("<q", raw[-_LENGTH_BYTES:])[0] if len(raw) >= _LENGTH_BYTES else -1
    body = raw[:-_LENGTH_BYTES]
    # No sample shows whether plain texts have their length behind them.
    plain = body if claimed == len(body) else raw
    content = inflate(body, claimed) if is_zlib(raw) else plain
    if n_rows > len(content) // _TEXT_HEAD:
        raise XdfFormatError(f"{n_rows:,} texts cannot be in {len(content):,} bytes")
    return content


def is_zlib(raw: bytes) -> bool:
    """Whether bytes begin like a stream of zlib."""
    return len(raw) >= 2 and raw[0] & 0x0F == 8 and raw[0] >> 4 <= 7 and (raw[0] << 8 | raw[1]) % 31 == 0


def _was_zlib(raw: bytes) -> bool:
    """Whether bytes may begin like a stream of zlib in which a bit or two were changed."""
    start = int.from_bytes(raw[:2], "big")
    return any((start ^ header).bit_count() <= _BITS_OF_DAMAGE for header in _ZLIB_HEADERS)


def inflate(raw: bytes, expected: int) -> bytes:
    """Decompress a stream that must give so many bytes, and no more memory than they need.

    Raises
    ------
    XdfFormatError
        It is damaged, or of another length.
    """
    if not 0 <= expected <= MOST_EXPANSION * len(raw) + 64:
        raise XdfFormatError(f"{len(raw):,} compressed bytes cannot hold {expected:,}")
    stream = zlib.decompressobj()
    try:
        content = stream.decompress(raw, expected + 1)
    except zlib.error as error:
        raise XdfFormatError(f"its compressed bytes are damaged ({error})") from error
    if len(content) != expected:
        more = "more" if len(content) > expected else f"{len(content):,}"
        raise XdfFormatError(f"it decompresses to {more} bytes; {expected:,} are due")
    if not stream.eof or stream.unused_data:
        raise XdfFormatError("its compressed stream does not end where the chunk ends")
    return content


def _with_missing(values: Values, missing: npt.NDArray[np.bool_]) -> Column:
    if not missing.any():
        return Column(values)
    validity = np.packbits(~missing, bitorder="little")
    validity.flags.writeable = False
    return Column(values, validity=validity)


def _dates(stored: Values) -> Column:
    """Days since 1970. R takes a fraction of a day for a part of it, so what counts is the whole days below."""
    if stored.dtype.kind == "i":
        return _with_missing(stored, stored == np.iinfo(stored.dtype).min)
    missing = ~np.isfinite(stored)
    days = np.floor(np.where(missing, 0.0, stored))
    if len(days) and float(np.abs(days).max()) > 2**31 - 1:
        raise XdfFormatError(f"a date of {float(days[np.abs(days).argmax()]):g} days is out of range")
    values = days.astype(np.int32)
    values.flags.writeable = False
    return _with_missing(values, missing)


def _texts(content: bytes, n_rows: int) -> pa.StringArray:
    """Texts that stand one after another, each with a flag and its length before it."""
    array = np.frombuffer(content, np.uint8)
    starts = _guessed_starts(array, n_rows)
    found = None if starts is None else _heads(array, starts)
    if found is None:
        found = _walk(content, n_rows)
    starts, is_there, lengths = found
    in_text = np.ones(len(array), np.bool_)
    for number in range(_TEXT_HEAD):
        in_text[starts + number] = False
    is_odd = ~is_there & (lengths > 0)
    for start, length in zip(starts[is_odd], lengths[is_odd], strict=True):
        in_text[start + _TEXT_HEAD : start + _TEXT_HEAD + length] = False
    data = array[in_text]
    if len(data) > _LONGEST_ARROW:
        raise XdfFormatError(f"its texts have {len(data):,} bytes together; more than {_LONGEST_ARROW:,} do not fit")
    offsets = np.zeros(n_rows + 1, np.int32)
    np.cumsum(np.where(is_there, lengths, 0), out=offsets[1:])
    validity = None if is_there.all() else pa.py_buffer(np.packbits(is_there, bitorder="little"))
    texts = pa.Array.from_buffers(pa.string(), n_rows, [validity, pa.py_buffer(offsets), pa.py_buffer(data)], -1)
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return _in_another_encoding(data, offsets, is_there)
    return texts


def _in_another_encoding(data: Values, offsets: npt.NDArray[np.int32], is_there: npt.NDArray[np.bool_]) -> pa.Array:
    content = data.tobytes()
    parts = [
        decoded(content[start:end]) if there else None
        for start, end, there in zip(offsets[:-1].tolist(), offsets[1:].tolist(), is_there.tolist(), strict=True)
    ]
    return texts_of(parts)


_Heads = tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_], npt.NDArray[np.int64]]


def _guessed_starts(array: Values, n_rows: int) -> npt.NDArray[np.int64] | None:
    """Where the texts probably begin: wherever bytes look like the head of one. Only :func:`_heads` can tell."""
    if n_rows == 0:
        return np.empty(0, np.int64)
    last = len(array) - _TEXT_HEAD + 1
    zero = array == 0
    looks = array[:last] == 1
    for number in (1, 2, 3, 6, 7):
        looks &= zero[number : last + number]
    starts = np.flatnonzero(looks)
    # The length of a text of one letter looks like the flag of another head.
    starts = starts[~np.isin(starts, starts + 4, assume_unique=True)]
    if len(starts) == n_rows:
        return starts
    return _with_absent(array, starts, n_rows)


def _with_absent(array: Values, starts: npt.NDArray[np.int64], n_rows: int) -> npt.NDArray[np.int64] | None:
    """The same with missing texts, of eight zero bytes each, in the gaps between those that are there."""
    lengths = _int32_at(array, starts + 4)
    ends = np.concatenate([[0], starts + _TEXT_HEAD + lengths])
    gaps = np.concatenate([starts, [len(array)]]) - ends
    if (gaps < 0).any() or (gaps % _TEXT_HEAD).any():
        return None
    counts = gaps // _TEXT_HEAD
    if int(counts.sum()) + len(starts) != n_rows:
        return None
    within = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    absent = np.repeat(ends, counts) + _TEXT_HEAD * within
    return np.sort(np.concatenate([starts, absent]))


def _heads(array: Values, starts: npt.NDArray[np.int64]) -> _Heads | None:
    """Flags and lengths, if the texts of these starts follow each other without a gap from first to last byte.

    That is all there is to reading them one by one: where it holds the starts are right, however they were found.
    """
    flags, lengths = _int32_at(array, starts), _int32_at(array, starts + 4)
    ends = starts + _TEXT_HEAD + lengths
    if len(starts) and (starts[0] != 0 or ends[-1] != len(array) or (ends[:-1] != starts[1:]).any()):
        return None
    if ((flags != 0) & (flags != 1)).any() or (lengths < 0).any() or (len(starts) == 0 and len(array)):
        return None
    return starts, flags == 1, lengths


def _int32_at(array: Values, places: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    parts = np.stack([array[places + number] for number in range(4)], axis=1)
    return parts.view("<i4").reshape(-1).astype(np.int64)


def _walk(content: bytes, n_rows: int) -> _Heads:
    """Read the heads one by one: for texts that hold what looks like a head, or of 65,536 bytes and more."""
    starts, flags, lengths = (np.empty(n_rows, np.int64) for _ in range(3))
    head = struct.Struct("<ii").unpack_from
    at, total = 0, len(content)
    for row in range(n_rows):
        if at + _TEXT_HEAD > total:
            raise XdfFormatError(f"its texts end after {row:,} of {n_rows:,}")
        flag, length = head(content, at)
        if flag not in (0, 1) or not 0 <= length <= total - at - _TEXT_HEAD:
            raise XdfFormatError(
                f"text {row + 1:,}, at byte {at:,} of the decoded chunk, has flag {flag}, length {length}"
            )
        starts[row], flags[row], lengths[row] = at, flag, length
        at += _TEXT_HEAD + length
    if at != total:
        raise XdfFormatError(f"behind its {n_rows:,} texts are {total - at:,} more bytes")
    return starts, flags == 1, lengths


def most_decoded(size: int, n_rows: int, width: int) -> int:
    """Bytes that a chunk of numbers takes while it is decoded: stored, decompressed, and what marks missing rows.

    A claim that the chunk cannot meet costs no more than what it could hold.
    """
    decoded_size = min(n_rows * width, MOST_EXPANSION * size + 64)
    rows = math.ceil(decoded_size / width) if width else 0
    # Dates pass through floats of eight bytes.
    return size + 2 * decoded_size + 18 * rows
