"""Where everything is in an old file: variables, blocks, and the chunk of each variable in each block.

Two generations are known. Files of 2016 and later end in a footer that says where their description is; the older one
says it at its beginning. Files that were changed in place keep earlier descriptions and footers in the middle, which
nothing points to any more.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xdf.errors import XdfFormatError
from xdf.foreign import LEGACY_MAGIC
from xdf.legacy.bytes_at import Cursor
from xdf.legacy.objects import NamedObject, StoredObject, read_named
from xdf.legacy.variables import Variable, variable_of
from xdf.ranges import Handle
from xdf.snapshot import read_exactly

_HEADER = struct.Struct("<4sfqqqHiH")
_FOOTER = struct.Struct("<fiiqqqHiHq4s4s")
ROW_NAMES = ".rxRowNames"
# How many numbers follow the version of the description.
_NUMBERS_AFTER = {3.0: 3, 3.1: 2}
_SEEN = (3.1, 4.2)

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """What an old file holds, and where; checked against the size of the file.

    Attributes
    ----------
    version : float
        3.1 or 4.2, or what else the file says.
    variables : tuple of Variable
    rows_per_block : tuple of int
    offsets, sizes : numpy.ndarray of int64, (n_blocks, n_variables)
        Of the chunks, in bytes.
    row_names : str or None
        The variable that holds names of rows.
    file_size : int
    notes : tuple of str
        What was never seen in another file, and was read as well as could be.
    """

    version: float
    variables: tuple[Variable, ...]
    rows_per_block: tuple[int, ...]
    offsets: Counts
    sizes: Counts
    row_names: str | None
    file_size: int
    notes: tuple[str, ...]

    def is_plain(self, block: int, position: int) -> bool:
        """Whether the size of an uncompressed chunk is no accident: others of its block or its variable have it too.

        All others of numbers in the block, or all of the variable, and at least one.
        """
        widths = np.array([variable.width for variable in self.variables], np.int64)
        numbers = widths > 0
        beside = (self.sizes[block] == widths * self.rows_per_block[block])[numbers]
        along = self.sizes[:, position] == widths[position] * np.array(self.rows_per_block)
        return any(len(same) > 1 and bool(same.all()) for same in (beside, along))


@dataclass(frozen=True, slots=True)
class _Ends:
    version: float
    description: int
    end: int
    n_variables: int
    n_rows: int


def is_legacy(start: bytes) -> bool:
    """Whether a file begins like Microsoft's."""
    return start.startswith(LEGACY_MAGIC)


def size_of(fd: Handle) -> int:
    """Bytes of an open file."""
    return os.fstat(fd).st_size if isinstance(fd, int) else fd.size


def load_layout(fd: Handle, path: Path | str) -> Layout:
    """Read the description of an old file; no data.

    Raises
    ------
    XdfFormatError
        It is none, or it is truncated or damaged; the message says what is wrong where.
    """
    try:
        return _load(fd)
    except XdfFormatError as error:
        raise XdfFormatError(
            f"{path}: this file of RevoScaleR cannot be read: {error}. If the product itself reads it, see "
            "docs/legacy-xdf.md for how to send it"
        ) from error


def _load(fd: Handle) -> Layout:
    size = size_of(fd)
    ends = _ends(fd, size)
    cursor = Cursor(fd, ends.description, ends.end)
    version = round(cursor.float32("the version of the description"), 4)
    if version not in _NUMBERS_AFTER:
        raise XdfFormatError(f"at byte {ends.description:,}: a description of version {version} is unknown")
    first, *_ = (cursor.int64("the description") for _ in range(_NUMBERS_AFTER[version]))
    entries = [_entry(cursor) for _ in range(6)]
    variables = _variables(entries[5], ends.n_variables)
    rows, offsets, sizes = _index(entries, ends, size)
    if version == 3.1 and 0 <= first < len(variables):
        row_names: str | None = variables[first].name
    else:
        row_names = next((one.name for one in variables if one.name == ROW_NAMES), None)
    notes = [note for variable in variables for note in variable.notes]
    if ends.version not in _SEEN:
        notes.insert(0, f"the file is of version {ends.version}; only {_SEEN[0]} and {_SEEN[1]} were ever seen")
    return Layout(ends.version, variables, rows, offsets, sizes, row_names, size, tuple(notes))


def _ends(fd: Handle, size: int) -> _Ends:
    """Where the description begins and ends, from the header of an older file or the footer of a newer one."""
    start = read_exactly(fd, 0, _HEADER.size)
    if not is_legacy(start):
        raise XdfFormatError("its first bytes are not those of the format")
    if len(start) < _HEADER.size:
        raise XdfFormatError(f"it is truncated: it has {size:,} bytes, and already its header needs more")
    _, version, description, n_variables, n_rows, *_ = _HEADER.unpack(start)
    end = size
    if start[4:8] == bytes(4):
        end = size - _FOOTER.size
        footer = read_exactly(fd, max(end, 0), _FOOTER.size)
        if end < _HEADER.size or footer[-8:] != LEGACY_MAGIC * 2:
            raise XdfFormatError(
                f"it is truncated, or its writer never finished: the {_FOOTER.size} bytes that close such a file are "
                f"not at its end, byte {size:,}"
            )
        version, _, _, description, n_variables, n_rows, _, _, _, length, _, _ = _FOOTER.unpack(footer)
        if length != _FOOTER.size:
            raise XdfFormatError(f"at byte {end + 44:,}: its footer says that it has {length:,} bytes, not 60")
    version = round(version, 4)
    if not 1.0 <= version < 10.0:
        raise XdfFormatError(f"its version reads {version!r}")
    if not _HEADER.size <= description < end:
        raise XdfFormatError(f"its description is said to be at byte {description:,}; the file has {size:,} bytes")
    if n_variables < 1 or n_rows < 0:
        raise XdfFormatError(f"it is said to have {n_variables:,} variables and {n_rows:,} rows")
    return _Ends(version, description, end, n_variables, n_rows)


def _entry(cursor: Cursor) -> StoredObject | None:
    if not cursor.flag("whether an entry of the description is there"):
        return None
    return read_named(cursor).content


def _variables(entry: StoredObject | None, expected: int) -> tuple[Variable, ...]:
    members: tuple[NamedObject, ...] = () if entry is None else entry.items
    if len(members) != expected:
        raise XdfFormatError(f"it is said to have {expected:,} variables, and {len(members):,} are described")
    return tuple(variable_of(member, number) for number, member in enumerate(members))


def _index(entries: list[StoredObject | None], ends: _Ends, size: int) -> tuple[tuple[int, ...], Counts, Counts]:
    """Rows of each block, and where each chunk is, checked against the file."""
    counts, offsets, sizes = (_integers(entry) for entry in entries[:3])
    n_blocks, n_variables = len(counts), ends.n_variables
    if len(offsets) != n_blocks * n_variables or len(sizes) != len(offsets):
        raise XdfFormatError(
            f"its {n_blocks:,} blocks of {n_variables:,} variables need as many chunks; it lists {len(offsets):,} "
            f"offsets and {len(sizes):,} sizes"
        )
    # Python's integers, because those of the file may be too large to add up.
    rows: list[int] = counts.tolist()
    if min(rows, default=0) < 0 or sum(rows) != ends.n_rows:
        raise XdfFormatError(f"its blocks have {sum(rows):,} rows together, and the file {ends.n_rows:,}")
    cut = (n_blocks, n_variables)
    where, lengths = offsets.reshape(cut), sizes.reshape(cut)
    wrong = np.argwhere((lengths < 0) | (where < 4) | (where > size) | (lengths > size - where))
    if len(wrong):
        block, variable = wrong[0].tolist()
        raise XdfFormatError(
            f"variable {variable + 1} of block {block}: its chunk of {where[block, variable]:,} and "
            f"{lengths[block, variable]:,} bytes lies outside of the {size:,} bytes of the file"
        )
    return tuple(rows), where, lengths


def _integers(entry: StoredObject | None) -> Counts:
    if entry is None or entry.numbers is None:
        return np.empty(0, np.int64)
    if entry.numbers.dtype.kind != "i":
        raise XdfFormatError("its index of blocks holds something else than whole numbers")
    return entry.numbers.astype(np.int64, copy=False)
