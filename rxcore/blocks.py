"""The unit that passes fold: contiguous rows, decoded, one narrow array per column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from xdf.columns import Column


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """Contiguous rows of a source. Read-only.

    Attributes
    ----------
    n_rows : int
    columns : mapping of str to Column
        At least the columns that were asked for.
    start_row : int
        Row number of the first row in its file, counted from 0.
    """

    n_rows: int
    columns: Mapping[str, Column]
    start_row: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes the columns hold in memory."""
        return sum(column.nbytes for column in self.columns.values())

    @classmethod
    def from_arrow(cls, batch: pa.RecordBatch, start_row: int = 0) -> Block:
        """View a record batch as a block, without copying where its layout allows."""
        columns = {
            name: Column.from_arrow(array) for name, array in zip(batch.schema.names, batch.columns, strict=True)
        }
        return cls(batch.num_rows, columns, start_row)
