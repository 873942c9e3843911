"""The block index: where every chunk lies and what it holds, as arrays of blocks by columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf import stats
from xdf.errors import XdfFormatError, XdfVersionError
from xdf.format import (
    CONTENT_HEAD,
    HEADER_SIZE,
    INDEX_SCHEMA,
    MAX_EXPANSION,
    MAX_ROWS_PER_BLOCK,
    MESSAGE_OVERHEAD,
    PLAIN_ALIGNMENT,
    Codec,
    Encoding,
    Physical,
)
from xdf.logical import PHYSICAL_WIDTH, allowed_physical, base_limits
from xdf.schema import Field
from xdf.views import column_of

Cells = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]


class Entry(NamedTuple):
    """What the index says about one chunk."""

    offset: int
    length: int
    decoded_length: int
    checksum: int
    codec: int
    encoding: int
    physical: int
    base: int


@dataclass(frozen=True, slots=True, eq=False)
class BlockIndex:
    """The index of a snapshot. Every attribute of a chunk is an array of blocks by columns."""

    cells: dict[str, Cells]
    rows_per_block: npt.NDArray[np.int64]

    @classmethod
    def from_table(cls, table: pa.Table, n_columns: int) -> BlockIndex:
        """View the rows of the index pages, whose order is block by block, then column by column."""
        table = table.combine_chunks()
        n_blocks = table.num_rows // n_columns
        cells = {name: column_of(table, name).reshape(n_blocks, n_columns) for name in INDEX_SCHEMA.names}
        return cls(cells, cells["n_valid"][:, 0] + cells["n_missing"][:, 0])

    def entry(self, block: int, column: int) -> Entry:
        """Where one chunk lies and how it is stored."""
        return Entry(*(int(self.cells[name][block, column]) for name in Entry._fields))

    def block_statistics(self, block: int, column: int) -> stats.ColumnStatistics:
        """Statistics of one chunk."""
        cell = {name: self.cells[name][block, column].item() for name in INDEX_SCHEMA.names[-6:]}
        return stats.ColumnStatistics(**cell)

    def file_statistics(self, column: int) -> stats.ColumnStatistics:
        """Statistics of a column over all blocks, merged in the order-free tree of passes."""
        n_valid, n_missing, minimum, maximum, mean, squares = (
            self.cells[name][:, column] for name in INDEX_SCHEMA.names[-6:]
        )
        merged = stats.merge_blocks(n_valid, mean, squares)
        return stats.ColumnStatistics(
            merged[0],
            int(n_missing.sum()),
            float(np.fmin.reduce(minimum, initial=np.nan)),
            float(np.fmax.reduce(maximum, initial=np.nan)),
            merged[1],
            merged[2],
        )

    def memory(self) -> Cells:
        """The most bytes that reading each chunk takes, stored, decompressed and decoded ones together."""
        physical, encoding = self.cells["physical"], self.cells["encoding"]
        length, decoded, rows = self.cells["length"], self.cells["decoded_length"], self.rows_per_block[:, None]
        # Half floats and decimals are widened.
        widened = rows * np.where(physical == Physical.FLOAT16, 4, np.where(physical == Physical.DECIMAL128, 8, 0))
        of_values = rows * PHYSICAL_WIDTH[physical]
        # Codes of more than a byte are put together, at most twice as wide as they were; texts stay codes.
        of_codes = np.maximum(rows, 2 * decoded)
        of_codes += np.where(has_any_size(physical), 0, of_values)
        beside = np.where(encoding == Encoding.DIRECT, 0, of_values)
        beside = np.where(encoding == Encoding.DICTIONARY, of_codes, beside)
        return length + decoded + beside + widened

    def ranges(self) -> tuple[stats.Floats, stats.Floats]:
        """Minimum and maximum of every column over all blocks; NaN where there is none."""
        lowest = np.fmin.reduce(self.cells["minimum"], axis=0, initial=np.nan)
        highest = np.fmax.reduce(self.cells["maximum"], axis=0, initial=np.nan)
        return lowest, highest


def check_index(index: BlockIndex, fields: Sequence[Field], n_rows: int, file_length: int) -> None:
    """Refuse an index that points outside the file, contradicts itself, or promises more than its bytes can hold.

    Raises
    ------
    XdfFormatError
        Names the first column and block in question.
    XdfVersionError
        A chunk is stored in a way this version does not know.
    """
    cells, rows = index.cells, index.rows_per_block
    offset, length, decoded = cells["offset"], cells["length"], cells["decoded_length"]
    valid, missing = cells["n_valid"], cells["n_missing"]
    codec = cells["codec"]
    refuse = _Refusal(fields)
    refuse((valid < 0) | (missing < 0), "impossible counts")
    refuse((valid > MAX_ROWS_PER_BLOCK) | (missing > MAX_ROWS_PER_BLOCK), "impossible counts")
    refuse((valid + missing != rows[:, None]) | (rows[:, None] > MAX_ROWS_PER_BLOCK), "another number of rows")
    if int(rows.sum()) != n_rows:
        raise XdfFormatError(f"its blocks hold {int(rows.sum()):,} rows, not {n_rows:,}")
    newer = (codec > max(Codec)) | (cells["encoding"] > max(Encoding))
    refuse(newer, "an encoding of a newer release", XdfVersionError)
    kinds, of_columns = _types_of(fields)
    allowed = np.array([sum(1 << one for one in allowed_physical(kind)) for kind in kinds], np.int64)[of_columns]
    refuse(~_physical_fits(cells["physical"], allowed), "a stored type that does not fit its column")
    refuse(~_encoding_fits(cells["encoding"], cells["physical"]), "an encoding that does not fit its stored type")
    refuse((length < 1) | (offset < HEADER_SIZE) | (offset > file_length - length), "bytes outside the file")
    refuse(np.where(codec == Codec.PLAIN, decoded != length, False), "a plain chunk of two lengths")
    refuse(np.where(codec == Codec.PLAIN, offset % PLAIN_ALIGNMENT != 0, False), "a plain chunk where none may begin")
    # Lengths are below the file's by now, so that the products stay far from overflowing.
    smallest, largest = content_sizes(cells, rows)
    refuse((decoded < smallest) | (decoded > largest), "a size that its rows do not explain")
    memory = rows[:, None] * PHYSICAL_WIDTH[cells["physical"]]
    refuse(memory > length * MAX_EXPANSION, "more rows than its bytes can hold")
    base, is_integer = cells["base"], cells["physical"] < Physical.FLOAT16
    limits = np.array([base_limits(kind) for kind in kinds], np.int64)[of_columns]
    is_native = cells["physical"] == np.array([allowed_physical(kind)[-1] for kind in kinds])[of_columns]
    outside = (base < limits[:, 0]) | (base > limits[:, 1])
    refuse((base != 0) & (~is_integer | is_native | outside), "a base it cannot have")


def check_total(length: Cells, file_length: int) -> None:
    """Refuse chunks that are longer together than their file: some bytes would be decoded, and paid for, many times.

    Raises
    ------
    XdfFormatError
        The message is the bare reason.
    """
    # As floats, because the sum of hostile integers may go round 2 ** 63.
    if float(length.sum(dtype=np.float64)) > file_length:
        raise XdfFormatError(f"its chunks are longer together than the {file_length:,} bytes of the file")


def content_sizes(cells: dict[str, Cells], rows: npt.NDArray[np.int64]) -> tuple[Cells, Cells]:
    """The least and the most bytes that the content of each chunk may have (3.10)."""
    physical, encoding = cells["physical"], cells["encoding"]
    width = PHYSICAL_WIDTH[physical]
    of_rows = rows[:, None] * width
    padding = of_rows // MAX_EXPANSION + MESSAGE_OVERHEAD
    largest = of_rows + rows[:, None] // 8 + padding
    # Codes take up to 20 bits, whatever the width of what they stand for.
    in_dictionary = rows[:, None] * (width + 3) + rows[:, None] // 8 + padding
    largest = np.where(encoding == Encoding.DICTIONARY, in_dictionary, largest)
    any_size = cells["length"] * MAX_EXPANSION
    largest = np.where(has_any_size(physical), any_size, np.minimum(largest, any_size))
    has_rows = (encoding == Encoding.DIRECT) | (encoding == Encoding.PLANES)
    return np.where(has_rows, of_rows, CONTENT_HEAD.size), largest


class _Refusal:
    """Raises for the first cell that is flagged, naming its column and block."""

    def __init__(self, fields: Sequence[Field]) -> None:
        self._fields = fields

    def __call__(self, wrong: Flags, what: str, error: type[XdfFormatError] = XdfFormatError) -> None:
        if wrong.any():
            block, column = (int(numbers[0]) for numbers in np.nonzero(wrong))
            raise error(f"column {self._fields[column].name!r} of block {block} has {what}")


def has_any_size(physical: Cells) -> Flags:
    """Whether chunks hold strings or bytes, whose size the number of rows does not tell."""
    variable: Flags = (physical >= Physical.STRING) & (physical <= Physical.BINARY)
    return variable


def _types_of(fields: Sequence[Field]) -> tuple[list[pa.DataType], npt.NDArray[np.int64]]:
    """The types that columns have, each object once, and which of them each column has.

    Thousands of columns share a few, and comparing types of Arrow takes longer than all else in opening such a file.
    """
    places: dict[int, int] = {}
    of_columns = [places.setdefault(id(field.type), len(places)) for field in fields]
    kinds = {id(field.type): field.type for field in fields}
    return [kinds[key] for key in places], np.array(of_columns, np.int64)


def _encoding_fits(encoding: Cells, physical: Cells) -> Flags:
    variable = has_any_size(physical)
    fits: Flags = np.where(encoding == Encoding.PLANES, ~variable, np.where(encoding == Encoding.TEXTS, variable, True))
    return fits


def _physical_fits(physical: Cells, allowed: npt.NDArray[np.int64]) -> Flags:
    """``allowed``: for each column a bit for each physical type."""
    known = physical <= max(Physical)
    shifts = np.where(known, physical, 0).astype(np.int64)
    fits: Flags = known & ((allowed[None, :] >> shifts) & 1).astype(np.bool_)
    return fits
