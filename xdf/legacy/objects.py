"""The nested objects that describe an old file: arrays of numbers, lists of texts, and lists of named objects.

Everything but the columns themselves is made of them. See docs/legacy-xdf.md for the bytes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from xdf.errors import XdfFormatError
from xdf.legacy.bytes_at import Cursor

OBJECT_MAGIC = b"\xf4\xf3\xf2\xf1"
# Deeper nesting than a list of variables with attributes was never seen.
_DEEPEST = 6
_ONE = b"\x00\x00\x80\x3f"


class Storage(IntEnum):
    """How the elements of an object are stored: the codes that were seen."""

    LIST = 0x03
    STRING = 0x08
    INT32 = 0x0B
    FACTOR = 0x0C
    INT64 = 0x0F
    INDEX = 0x10
    FLOAT32 = 0x11
    FLOAT64 = 0x12


DTYPES: dict[int, np.dtype[Any]] = {
    Storage.INT32: np.dtype("<i4"),
    Storage.FACTOR: np.dtype("<i4"),
    Storage.INT64: np.dtype("<i8"),
    Storage.INDEX: np.dtype("<i8"),
    Storage.FLOAT32: np.dtype("<f4"),
    Storage.FLOAT64: np.dtype("<f8"),
}


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object.

    Attributes
    ----------
    kind, storage : int
        Codes of the type and of the storage, as in the file.
    flags : bytes
        Four bytes; the second tells integers, floats and texts apart, the fourth has a bit for dates.
    n_rows, n_columns : int
    low, high : int, float or None
    attributes : tuple of NamedObject
    numbers : numpy.ndarray or None
    texts : tuple or None
    items : tuple of NamedObject
        Members of a list.
    is_known : bool
        False where the storage code was never seen: what the object says could not be read.
    """

    kind: int
    storage: int
    flags: bytes
    n_rows: int
    n_columns: int
    low: float | int | None = None
    high: float | int | None = None
    attributes: tuple[NamedObject, ...] = ()
    numbers: npt.NDArray[Any] | None = None
    texts: tuple[str | None, ...] | None = None
    items: tuple[NamedObject, ...] = ()
    is_known: bool = True


@dataclass(frozen=True, slots=True)
class NamedObject:
    """An object with a name and a description; a member of a list or an entry of the description."""

    name: str
    description: str
    content: StoredObject | None = field(default=None)


def read_named(cursor: Cursor, *, depth: int = 0, is_last: bool = True) -> NamedObject:
    """The named object that begins here.

    Parameters
    ----------
    cursor : Cursor
    depth : int
        How many objects this one is inside.
    is_last : bool
        Whether nothing follows it in its list: what tells where an object of unknown storage ends.
    """
    _expect(cursor, 1.0, "the version of a named object")
    name = cursor.text("a name")
    description = cursor.text("a description")
    has_content = cursor.flag("whether a named object has content")
    content = _read_object(cursor, depth, is_last) if has_content else None
    return NamedObject(name or "", description or "", content)


def _read_object(cursor: Cursor, depth: int, is_last: bool) -> StoredObject:
    began = cursor.at
    if depth > _DEEPEST:
        raise XdfFormatError(f"at byte {began:,}: objects are nested more than {_DEEPEST} deep")
    if cursor.take(4, "an object") != OBJECT_MAGIC:
        raise XdfFormatError(f"at byte {began:,}: an object must begin here and does not")
    _expect(cursor, 2.0, "the version of an object")
    kind = cursor.int32("a type")
    cursor.take(8, "an object")
    n_rows, n_columns = cursor.int64("a number of rows"), cursor.int64("a number of columns")
    if n_rows < 0 or n_columns < 0:
        raise XdfFormatError(f"at byte {cursor.at - 16:,}: an object has {n_rows:,} rows and {n_columns:,} columns")
    storage = cursor.int32("a storage code")
    flags = cursor.take(4, "flags")
    cursor.take(8, "an object")
    attributes: tuple[NamedObject, ...] = ()
    if cursor.flag("whether an object has attributes"):
        attributes = _read_object(cursor, depth + 1, is_last=True).items
    known: dict[str, Any] = {"attributes": attributes}
    if storage == Storage.LIST:
        known["items"] = _read_list(cursor, n_rows * n_columns, depth)
    elif storage == Storage.STRING:
        known["texts"] = _read_texts(cursor, n_rows * n_columns)
    elif storage in DTYPES:
        known |= _read_numbers(cursor, n_rows * n_columns, storage)
    else:
        known["is_known"] = False
        _skip_unknown(cursor, storage, is_last)
    return StoredObject(kind, storage, flags, n_rows, n_columns, **known)


def _read_list(cursor: Cursor, count: int, depth: int) -> tuple[NamedObject, ...]:
    cursor.take(16, "a list")
    if count > cursor.left // 4:
        raise XdfFormatError(f"at byte {cursor.at:,}: a list of {count:,} members does not fit into the file")
    members = []
    for number in range(count):
        if cursor.flag("whether a list has a member"):
            members.append(read_named(cursor, depth=depth + 1, is_last=number == count - 1))
    return tuple(members)


def _read_texts(cursor: Cursor, count: int) -> tuple[str | None, ...]:
    if count > cursor.left // 8:
        raise XdfFormatError(f"at byte {cursor.at:,}: {count:,} texts do not fit into the file")
    return tuple(cursor.text("a text") for _ in range(count))


def _read_numbers(cursor: Cursor, count: int, storage: int) -> dict[str, Any]:
    dtype = DTYPES[storage]
    _expect(cursor, 1.0, "the version of a range")
    low, high = cursor.numbers(2, dtype, "a range").tolist()
    cursor.int32("a range")
    return {"low": low, "high": high, "numbers": cursor.numbers(count, dtype, "an array")}


def _skip_unknown(cursor: Cursor, storage: int, is_last: bool) -> None:
    """Go to where the next member of the list must begin.

    Whether there is a range, and of what width, is not known of such an object, so that each possible end is tried for
    what has to follow it: the next member, or the end of the description.
    """
    began = cursor.at
    ahead = cursor.peek(64)
    with_range = [8 + 2 * width for width in (1, 2, 4, 8, 16)] if ahead[:4] == _ONE else []
    for length in (*with_range, 0):
        rest = ahead[length:]
        if is_last and rest[:4] == b"\x01\x00\x00\x00" and cursor.left - length <= 8:
            break
        if not is_last and rest[:4] == b"\x01\x00\x00\x00" and rest[4:8] == _ONE and rest[8:12] == b"\x01\x00\x00\x00":
            break
    else:
        raise XdfFormatError(
            f"at byte {began:,}: an object of storage {storage:#04x}, which is unknown, has no clear end"
        )
    cursor.take(length, "an object")


def _expect(cursor: Cursor, version: float, what: str) -> None:
    found = cursor.float32(what)
    # Versions have a decimal that a float32 does not hold.
    if not math.isclose(found, version, rel_tol=1e-6):
        raise XdfFormatError(f"at byte {cursor.at - 4:,}: {what} must be {version}; it is {found:.7g}")
