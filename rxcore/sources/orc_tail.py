"""How many rows each stripe of an ORC file has, from its footer.

pyarrow gives the number of stripes but not their rows. The footer is a protocol buffer; three fields of it are read:
FileTail.footer (2), Footer.stripes (3) and StripeInformation.numberOfRows (5) of the ORC specification.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_FOOTER, _STRIPES, _ROWS = 2, 3, 5


def stripe_rows(reader: Any) -> list[int]:
    """Rows of each stripe of an open ``pyarrow.orc.ORCFile``.

    Where the footer does not add up to what pyarrow says, the stripes themselves are counted by reading one column.
    """
    try:
        rows = _parse(reader.reader.serialized_file_tail())
    except (ValueError, IndexError, AttributeError, TypeError):
        rows = []
    if len(rows) == reader.nstripes and sum(rows) == reader.nrows:
        return rows
    first = reader.schema.names[:1]
    return [reader.read_stripe(number, columns=first).num_rows for number in range(reader.nstripes)]


def _parse(tail: bytes) -> list[int]:
    rows = []
    for field, footer in _fields(tail):
        if field == _FOOTER and isinstance(footer, bytes):
            for inner, stripe in _fields(footer):
                if inner == _STRIPES and isinstance(stripe, bytes):
                    rows.append(_rows(stripe))
    return rows


def _rows(stripe: bytes) -> int:
    return next((value for field, value in _fields(stripe) if field == _ROWS and isinstance(value, int)), 0)


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a protocol buffer message."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
        elif wire in (1, 5):
            at += 8 if wire == 1 else 4
        elif wire == 2:
            size, at = _varint(message, at)
            if at + size > len(message):
                raise ValueError("a field reaches past the end of its message")
            yield key >> 3, message[at : at + size]
            at += size
        else:
            raise ValueError(f"wire type {wire} is not used by ORC")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")
