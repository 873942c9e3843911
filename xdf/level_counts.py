"""How many rows of a block have each level of a factor: part of the footer, in pages of their own (5.5 of the format).

Only levels that occur are listed, so that a factor of many levels costs no more than its blocks are varied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.errors import XdfFormatError
from xdf.footer import Footer
from xdf.format import COUNTS_SCHEMA, PageKind
from xdf.index import BlockIndex
from xdf.ranges import Handle
from xdf.snapshot import Snapshot, read_pages
from xdf.views import array_of, column_of

Codes = npt.NDArray[np.int32]
Counts = npt.NDArray[np.int64]

# A chunk in which more levels occur has no counts: they would be no smaller than its codes.
MOST_LEVELS = 1000
# Up to so many codes a table of all of them is faster than sorting.
_MOST_TABULATED = 1 << 16


class Counted(NamedTuple):
    """The levels that occur, ascending, and how many rows have each."""

    codes: Codes
    counts: Counts


def count_codes(codes: npt.NDArray[Any]) -> Counted:
    """Count codes; those below 0 are missing and not counted."""
    highest = int(codes.max(initial=-1))
    if highest < _MOST_TABULATED:
        table = np.bincount(codes[codes >= 0], minlength=highest + 1)
        found = np.flatnonzero(table)
        return Counted(found.astype(np.int32), table[found].astype(np.int64))
    found, counts = np.unique(codes[codes >= 0], return_counts=True)
    return Counted(found.astype(np.int32), counts.astype(np.int64))


def table_of_block(block: int, counted: Mapping[int, Counted]) -> pa.Table:
    """The items of one block, for the counts of its factors by their column."""
    items = sorted(counted.items())
    lengths = [len(one.codes) for _, one in items]
    fields = np.repeat(np.array([number for number, _ in items], np.int32), lengths)
    codes = np.concatenate([one.codes for _, one in items]) if items else np.empty(0, np.int32)
    counts = np.concatenate([one.counts for _, one in items]) if items else np.empty(0, np.int64)
    return _table(np.full(len(codes), block, np.int64), fields, codes, counts)


def _table(blocks: Counts, fields: Codes, codes: Codes, counts: Counts) -> pa.Table:
    arrays = [array_of(np.ascontiguousarray(one)) for one in (blocks, fields, codes, counts)]
    return pa.Table.from_arrays(arrays, schema=COUNTS_SCHEMA)


@dataclass(frozen=True, slots=True, eq=False)
class LevelCounts:
    """The counts of a snapshot: one item for each level that occurs in a chunk, by block, column and code."""

    table: pa.Table
    n_columns: int
    cells: Counts
    codes: Codes
    counts: Counts

    @classmethod
    def from_table(cls, table: pa.Table, n_columns: int) -> LevelCounts:
        """View the items of the pages."""
        table = table.combine_chunks()
        blocks, fields, codes, counts = (column_of(table, name) for name in COUNTS_SCHEMA.names)
        return cls(table, n_columns, blocks * n_columns + fields, codes, counts)

    def of_chunk(self, block: int, column: int) -> Counted | None:
        """What is known of one chunk; None where it has no items."""
        cell = block * self.n_columns + column
        start, stop = np.searchsorted(self.cells, [cell, cell + 1]).tolist()
        return Counted(self.codes[start:stop], self.counts[start:stop]) if start < stop else None

    def of_column(self, column: int, n_levels: int, n_valid: Counts) -> Counts | None:
        """Rows of each level over all blocks; None where a block that has some says nothing.

        Parameters
        ----------
        n_valid : array of int
            Rows with a level, in each block.
        """
        mine = self.cells % self.n_columns == column
        known = np.zeros(len(n_valid), np.bool_)
        known[self.cells[mine] // self.n_columns] = True
        if not (known | (n_valid == 0)).all():
            return None
        total = np.zeros(n_levels, np.int64)
        np.add.at(total, self.codes[mine], self.counts[mine])
        return total

    def renumbered(self, first_block: int, codes: Mapping[int, Codes]) -> pa.Table:
        """The items as those of another file, behind so many blocks, with other codes for some of the columns."""
        cells, found = self.cells + first_block * self.n_columns, self.codes.copy()
        fields = (cells % self.n_columns).astype(np.int32)
        for column, new in codes.items():
            mine = fields == column
            found[mine] = new[found[mine]]
        order = np.lexsort((found, cells))
        return _table((cells // self.n_columns)[order], fields[order], found[order], self.counts[order])


def numbers_of_levels(levels: pa.Table) -> dict[int, int]:
    """How many levels each factor has that has any, by its column."""
    owners, numbers = np.unique(column_of(levels, "field"), return_counts=True)
    return dict(zip(owners.tolist(), numbers.tolist(), strict=True))


def load_counts(fd: Handle, path: Path | str, snapshot: Snapshot, n_levels: Mapping[int, int]) -> LevelCounts:
    """The counts of a snapshot, checked against its index.

    Parameters
    ----------
    n_levels : mapping
        Number of levels of each factor that has any, by its column.

    Raises
    ------
    XdfFormatError, XdfChecksumError
        Naming the path and what is wrong.
    """
    footer = snapshot.footer
    try:
        table = read_pages(fd, footer, PageKind.COUNTS, COUNTS_SCHEMA)
        _check_places(table, footer)
        counts = LevelCounts.from_table(table, len(footer.fields))
        _check(counts, snapshot.index, n_levels)
    except XdfFormatError as error:
        raise type(error)(f"{path}: the counts of factor levels are damaged: {error}") from error
    return counts


def _check_places(table: pa.Table, footer: Footer) -> None:
    """Every item belongs to a factor of a block; before products of these numbers are formed."""
    blocks, fields = column_of(table, "block"), column_of(table, "field")
    factors = [number for number, field in enumerate(footer.fields) if field.is_factor]
    if not ((blocks >= 0) & (blocks < footer.n_blocks) & np.isin(fields, factors)).all():
        raise XdfFormatError("some belong to no block or to no factor")


def _check(found: LevelCounts, index: BlockIndex, n_levels: Mapping[int, int]) -> None:
    cells, codes, counts = found.cells, found.codes, found.counts
    if not len(cells):
        return
    if not ((np.diff(cells) > 0) | ((np.diff(cells) == 0) & (np.diff(codes) > 0))).all():
        raise XdfFormatError("they do not ascend by block, column and level")
    limits = np.zeros(found.n_columns, np.int64)
    for field, count in n_levels.items():
        limits[field] = count
    if not ((codes >= 0) & (codes < limits[cells % found.n_columns])).all():
        raise XdfFormatError("some belong to no level")
    rows = index.cells["n_valid"].reshape(-1)
    if not ((counts >= 1) & (counts <= rows[cells])).all():
        raise XdfFormatError("some are impossible")
    starts = np.flatnonzero(np.diff(cells, prepend=-1))
    if not np.array_equal(np.add.reduceat(counts, starts), rows[cells[starts]]):
        raise XdfFormatError("those of a chunk do not add up to its rows")
