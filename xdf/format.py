"""Every number of the file format, version 1, and the two fixed structures: header and commit record.

The normative description is docs/xdf-format.md; section numbers in comments refer to it. All integers are
little-endian.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from enum import IntEnum

import pyarrow as pa

from xdf.errors import XdfFormatError, XdfVersionError

# --- 1. Header ------------------------------------------------------------------------------------------------------
# Begins with a byte above 127 and holds both line endings, so that a transfer in text mode damages it visibly.
MAGIC = b"\x89RXD\r\n\x1a\n"
FORMAT_VERSION = 1
HEADER_SIZE = 4096
_PREFIX = struct.Struct("<8sIII")  # magic, format version, header size, required features
_CHECKSUM = struct.Struct("<I")
PREFIX_SIZE = _PREFIX.size + _CHECKSUM.size
# The metadata file of a composite set (section 7): its index points into other files.
COMPOSITE = 1
KNOWN_FEATURES = COMPOSITE
# The slots lie in different disk sectors, so that tearing one cannot touch the other.
SLOT_OFFSETS = (1024, 2048)
# Where a writer notes who it is while it holds the file; no part of what is committed.
NOTE_OFFSET = 3072
NOTE_SIZE = 512

# --- 2. Commit record: in each slot and, once more, at the very end of the file -------------------------------------
COMMIT_MARK = b"rxdcmit\x00"
_COMMIT = struct.Struct("<8sQQQQQI")  # mark, sequence, footer offset, length, decoded length, file length, checksum
COMMIT_SIZE = _COMMIT.size + _CHECKSUM.size
# No file gets there by being written to.
LAST_SEQUENCE = 2**63 - 1

# --- 3. Blocks and chunks -------------------------------------------------------------------------------------------
MAX_ROWS_PER_BLOCK = 2**31 - 1
PLAIN_ALIGNMENT = 64
# A chunk decodes to an Arrow IPC message: its values, its bitmap, and at most this much around them.
MESSAGE_OVERHEAD = 4096
# Every other encoding begins with a head (3.4): flags, bits of a code, bytes of a length, zero, number of values in the
# dictionary, bytes of its texts.
CONTENT_HEAD = struct.Struct("<BBBBIQ")
HAS_BITMAP = 1
PART_ALIGNMENT = 8
# No zstd block shrinks 128 KiB to less than 4 bytes, so nothing decodes to more than this times its own length.
MAX_EXPANSION = 32768


class Codec(IntEnum):
    """How the bytes of a chunk are stored."""

    PLAIN = 0
    ZSTD = 1


class Encoding(IntEnum):
    """What the decoded bytes of a chunk mean."""

    DIRECT = 0
    DICTIONARY = 1
    PLANES = 2
    TEXTS = 3


class Physical(IntEnum):
    """Type of the numbers as stored."""

    INT8 = 1
    INT16 = 2
    INT32 = 3
    INT64 = 4
    UINT8 = 5
    UINT16 = 6
    UINT32 = 7
    UINT64 = 8
    FLOAT16 = 9
    FLOAT32 = 10
    FLOAT64 = 11
    STRING = 20
    LARGE_STRING = 21
    BINARY = 22
    DECIMAL128 = 23


# --- 4. Footer ------------------------------------------------------------------------------------------------------
FOOTER_LENGTHS = struct.Struct("<4Q")  # bytes of the tables below, in this order
FILE_SCHEMA = pa.schema(
    [
        ("n_rows", pa.int64()),
        ("n_blocks", pa.int64()),
        ("n_columns", pa.int64()),
        ("n_levels", pa.int64()),
        ("compression_level", pa.int8()),
    ]
)
FIELDS_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("type", pa.string()),
        ("ordered", pa.bool_()),
        ("description", pa.string()),
        ("low", pa.float64()),
        ("high", pa.float64()),
    ]
)
LABELS_SCHEMA = pa.schema(
    [("field", pa.int32()), ("number", pa.float64()), ("text", pa.string()), ("label", pa.string())]
)
PAGES_SCHEMA = pa.schema(
    [
        ("kind", pa.uint8()),
        ("first", pa.int64()),
        ("count", pa.int64()),
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("decoded_length", pa.int64()),
        ("checksum", pa.uint32()),
    ]
)
FOOTER_SCHEMAS = (FILE_SCHEMA, FIELDS_SCHEMA, LABELS_SCHEMA, PAGES_SCHEMA)
NULLABLE = frozenset({"low", "high", "number", "text"})


class PageKind(IntEnum):
    """What a page of the footer holds."""

    INDEX = 1
    LEVELS = 2
    COUNTS = 3
    # Of composite sets only.
    FILES = 16
    CODES = 17


# --- 5. Pages -------------------------------------------------------------------------------------------------------
INDEX_SCHEMA = pa.schema(
    [
        ("offset", pa.int64()),
        ("length", pa.int64()),
        ("decoded_length", pa.int64()),
        ("checksum", pa.uint32()),
        ("codec", pa.uint8()),
        ("encoding", pa.uint8()),
        ("physical", pa.uint8()),
        ("base", pa.int64()),
        ("n_valid", pa.int64()),
        ("n_missing", pa.int64()),
        ("minimum", pa.float64()),
        ("maximum", pa.float64()),
        ("mean", pa.float64()),
        ("centered_squares", pa.float64()),
    ]
)
LEVELS_SCHEMA = pa.schema([("field", pa.int32()), ("level", pa.string())])
COUNTS_SCHEMA = pa.schema([("block", pa.int64()), ("field", pa.int32()), ("code", pa.int32()), ("count", pa.int64())])

# --- 7. Composite sets ----------------------------------------------------------------------------------------------
FILES_SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("n_rows", pa.int64()),
        ("n_blocks", pa.int64()),
        ("length", pa.int64()),
        ("checksum", pa.uint32()),
    ]
)
CODES_SCHEMA = pa.schema([("file", pa.int32()), ("field", pa.int32()), ("code", pa.int32())])
# A data file is shorter than this, so that products with its length stay below 2 ** 63.
LONGEST_DATA_FILE = 2**47

# --- Compression levels ---------------------------------------------------------------------------------------------
LOWEST_LEVEL = -1
HIGHEST_LEVEL = 9
DEFAULT_LEVEL = 1
# revoscalepy's levels are zlib's: -1 is the library's own default, 0 stores, 9 is as small as patience allows.
ZSTD_LEVELS = {-1: 3, 1: 1, 2: 3, 3: 5, 4: 7, 5: 9, 6: 11, 7: 13, 8: 15, 9: 18}


@dataclass(frozen=True, slots=True)
class Commit:
    """One committed snapshot of a file: where its footer lies and how long the file was then."""

    sequence: int
    footer_offset: int
    footer_length: int
    footer_decoded_length: int
    file_length: int
    footer_checksum: int

    @property
    def slot(self) -> int:
        """The slot this commit goes to: slots alternate, so the older one is overwritten."""
        return self.sequence % len(SLOT_OFFSETS)


def pack_header(features: int = 0) -> bytes:
    """A header without a commit: one slot says so, the other waits for the first commit."""
    prefix = _PREFIX.pack(MAGIC, FORMAT_VERSION, HEADER_SIZE, features)
    header = bytearray((prefix + _CHECKSUM.pack(zlib.crc32(prefix))).ljust(HEADER_SIZE, b"\x00"))
    # Slots alternate, so that this is the one that the first commit does not go to.
    header[SLOT_OFFSETS[0] : SLOT_OFFSETS[0] + COMMIT_SIZE] = BLANK_RECORD
    return bytes(header)


def has_good_prefix(header: bytes) -> bool:
    """Whether the fixed part of the header matches its checksum, whatever its version."""
    return len(header) >= PREFIX_SIZE and _CHECKSUM.unpack_from(header, _PREFIX.size)[0] == zlib.crc32(
        header[: _PREFIX.size]
    )


def features_of(header: bytes) -> int:
    """The features that a header requires of its reader."""
    return int(_PREFIX.unpack_from(header)[3])


def check_header(header: bytes) -> None:
    """Raise unless these are the first bytes of a file this reader knows.

    Raises
    ------
    XdfVersionError
        The file is of a newer version, or needs a feature this reader does not have.
    XdfFormatError
        Foreign or damaged bytes.
    """
    if header[: len(MAGIC)] != MAGIC or len(header) < HEADER_SIZE:
        raise XdfFormatError("the header is missing or cut short")
    prefix = header[: _PREFIX.size]
    _, version, size, features = _PREFIX.unpack(prefix)
    # The version comes first: a newer one may have laid out what follows differently.
    if version > FORMAT_VERSION:
        raise XdfVersionError(
            f"written in format version {version}, this reader knows versions up to {FORMAT_VERSION}; "
            "install a newer release"
        )
    if _CHECKSUM.unpack_from(header, _PREFIX.size)[0] != zlib.crc32(prefix) or size != HEADER_SIZE or version < 1:
        raise XdfFormatError("the header is damaged: its checksum does not match")
    if features & ~KNOWN_FEATURES:
        raise XdfVersionError(f"needs features {features:#x} that this reader does not have; install a newer release")


def pack_commit(commit: Commit) -> bytes:
    """The bytes of a commit record."""
    body = _COMMIT.pack(
        COMMIT_MARK,
        commit.sequence,
        commit.footer_offset,
        commit.footer_length,
        commit.footer_decoded_length,
        commit.file_length,
        commit.footer_checksum,
    )
    return body + _CHECKSUM.pack(zlib.crc32(body))


# Stands in a slot for a commit that there has not been yet: zeros would look the same as a slot that was wiped.
BLANK_RECORD = pack_commit(Commit(0, 0, 0, 0, 0, 0))


def unpack_commit(raw: bytes) -> Commit | None:
    """The commit record in these bytes, or None when they are none or damaged."""
    if len(raw) < COMMIT_SIZE:
        return None
    body = raw[: _COMMIT.size]
    mark, *numbers = _COMMIT.unpack(body)
    if mark != COMMIT_MARK or _CHECKSUM.unpack_from(raw, _COMMIT.size)[0] != zlib.crc32(body):
        return None
    commit = Commit(*numbers)
    footer_end = commit.footer_offset + commit.footer_length
    plausible = (
        1 <= commit.sequence <= LAST_SEQUENCE
        and commit.footer_offset >= HEADER_SIZE
        and footer_end + COMMIT_SIZE == commit.file_length
        and commit.footer_decoded_length <= commit.footer_length * MAX_EXPANSION
    )
    return commit if plausible else None
