"""Bytes to zstd frames and back; frames are checked before they are believed."""

from __future__ import annotations

import threading
import zlib
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import zstandard

from xdf.errors import XdfChecksumError
from xdf.format import ZSTD_LEVELS, Codec

_CHECKSUM_BYTES = 4
# Compressors and decompressors of each thread: the objects must not be shared.
_of_thread = threading.local()


class Effort(Enum):
    """What a compressor looks for; every reader reads all of them. The fastest first."""

    # Only repetitions, and hardly any: bytes stay as they are.
    NOTHING = "next to nothing"
    # Repetitions of at least seven bytes that lie in a table of 64 places are hardly ever found, so that little more
    # than the frequencies of bytes is used. Where there is no order in the rows that is smaller, and several times as
    # fast both ways.
    LITERALS = "frequencies of bytes"
    MATCHES = "repetitions, as hard as the level says"


@dataclass(frozen=True, slots=True)
class Frame:
    """Stored bytes and what a reader must know to check them."""

    data: memoryview
    decoded_length: int
    checksum: int
    codec: Codec


def encode_frame(content: pa.Buffer | bytes, compression_level: int, effort: Effort = Effort.MATCHES) -> Frame:
    """Compress bytes into one zstd frame with content size and checksum; level 0 keeps them as they are."""
    view = memoryview(content)
    if compression_level == 0:
        return Frame(view, len(view), zlib.crc32(view), Codec.PLAIN)
    data = memoryview(_compressor(compression_level, effort, True).compress(view))
    return Frame(data, len(view), _trailing_checksum(data), Codec.ZSTD)


def decode_frame(raw: bytes | pa.Buffer, codec: int, decoded_length: int, checksum: int) -> pa.Buffer:
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


def compressed_size(content: npt.NDArray[np.uint8], compression_level: int, effort: Effort) -> int:
    """Bytes that this content would take."""
    return len(_compressor(compression_level, effort, False).compress(content.data))


def _trailing_checksum(frame: memoryview) -> int:
    """The last bytes of a zstd frame are the checksum of its content."""
    return int.from_bytes(frame[-_CHECKSUM_BYTES:], "little")


def _compressor(compression_level: int, effort: Effort, checked: bool) -> zstandard.ZstdCompressor:
    made: dict[tuple[int, Effort, bool], zstandard.ZstdCompressor] | None = getattr(_of_thread, "compressors", None)
    if made is None:
        made = _of_thread.compressors = {}
    key = (compression_level, effort, checked)
    if key not in made:
        made[key] = _new_compressor(ZSTD_LEVELS[compression_level], effort, checked)
    return made[key]


def _new_compressor(level: int, effort: Effort, checked: bool) -> zstandard.ZstdCompressor:
    if effort is Effort.MATCHES:
        return zstandard.ZstdCompressor(level=level, write_checksum=checked, write_content_size=checked)
    parameters = zstandard.ZstdCompressionParameters(
        compression_level=level,
        strategy=zstandard.STRATEGY_FAST,
        window_log=17,
        hash_log=6,
        chain_log=6,
        search_log=1,
        min_match=7,
        # zstd's own acceleration; with any it does not code bytes by frequency.
        target_length=int(effort is Effort.NOTHING),
        write_checksum=checked,
        write_content_size=checked,
    )
    return zstandard.ZstdCompressor(compression_params=parameters)


def _decompressor() -> pa.Codec:
    # Arrow's, because its memory pool keeps the pages of earlier blocks: fresh pages cost as much as decoding.
    codec = getattr(_of_thread, "decompressor", None)
    if codec is None:
        codec = _of_thread.decompressor = pa.Codec("zstd")
    return codec
