"""What files and composite sets have in common for those who want rows: Arrow, pandas, scans and streams."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.arrow import arrow_schema
from xdf.scan import Rows, Scanner
from xdf.schema import Field, Schema
from xdf.stats import ColumnStatistics

if TYPE_CHECKING:
    import pandas as pd

    from xdf.arrow_dataset import XdfDataset


class Tabular(ABC):
    """Columns in blocks of rows, with statistics of each block."""

    path: Path | str
    n_rows: int
    n_blocks: int
    rows_per_block: tuple[int, ...]
    keeps_statistics = True
    """Whether statistics of blocks are at hand; else asking for them reads the column."""

    @property
    @abstractmethod
    def schema(self) -> Schema:
        """The columns, with levels, labels, and low and high."""

    @abstractmethod
    def explicit_fields(self, columns: Sequence[str] | None = None) -> tuple[Field, ...]:
        """The columns with levels and labels, but low and high only where somebody set them."""

    @abstractmethod
    def level_array(self, column: str) -> pa.StringArray:
        """The levels of a factor, the same object each time; empty for other columns."""

    @abstractmethod
    def read_block_arrow(self, number: int, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """The columns of one block in logical types."""

    @abstractmethod
    def block_statistics(self, number: int, column: str) -> ColumnStatistics:
        """Statistics of a column in one block."""

    @abstractmethod
    def level_counts(self, column: str, block: int | None = None) -> npt.NDArray[np.int64] | None:
        """How many rows have each level of a factor, in all blocks or in one; None where the footer does not tell."""

    @property
    def arrow_schema(self) -> pa.Schema:
        """The columns as Arrow knows them, labels and all: see :mod:`xdf.arrow`."""
        return arrow_schema(self.explicit_fields())

    def scan(self, columns: Sequence[str] | None = None, filter: object = None, rows: Rows | None = None) -> Scanner:
        """Choose columns and rows; nothing is read yet.

        Blocks in which no row can pass the filter are left out: the footer knows the minimum, the maximum and the
        number of missing rows of each column in each block. That goes for comparisons of numbers, dates, times and
        truth values with constants and with each other, for membership in a list, for tests for missing values, and
        for ``&``, ``|`` and ``~`` of those; a factor rules blocks out when the text is not among the levels that occur
        in them.

        Parameters
        ----------
        columns : sequence of str, optional
            All columns by default.
        filter : pyarrow.compute.Expression or comparisons, optional
            ``pyarrow.compute.field("age") > 30``, or ``("age", ">", 30)``, or a list of such comparisons that must all
            be true, or a list of such lists of which one must be. Rows in which it is null do not pass.
        rows : slice, range or pair of int, optional
            Row numbers to look at, counted from 0: first one, and the one behind the last.

        Returns
        -------
        Scanner

        Raises
        ------
        XdfColumnError
            A column is not there; the message names the closest ones.
        XdfSchemaError
            The filter is none.

        Examples
        --------
        >>> import pyarrow as pa, tempfile, pathlib, xdf
        >>> path = pathlib.Path(tempfile.mkdtemp(), "ages.xdf")
        >>> _ = xdf.write(pa.table({"age": range(100), "id": range(100)}), path, rows_per_block=10)
        >>> with xdf.open(path) as file:
        ...     scan = file.scan(["id"], filter=("age", ">=", 95))
        ...     scan.n_blocks_skipped, scan.to_table()["id"].to_pylist()
        (9, [95, 96, 97, 98, 99])
        """
        return Scanner(self, columns, filter, rows)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole of it, or some of its columns, as an Arrow table in memory: one chunk per block.

        Labels are in the metadata of the table's fields, see :mod:`xdf.arrow`; ordered factors are ordered
        dictionaries.
        """
        return self.scan(columns).to_table()

    def to_reader(self, columns: Sequence[str] | None = None, filter: object = None) -> pa.RecordBatchReader:
        """A stream of record batches, one per block, for whatever reads Arrow. Memory: some blocks.

        Parameters
        ----------
        columns, filter
            As for :meth:`scan`.
        """
        return self.scan(columns, filter).to_reader()

    def to_pandas(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """The whole of it, or some of its columns, as a pandas frame.

        Factors are categorical, levels in their order. Integers and truth values with missing rows are nullable.
        Dates are ``datetime64``. Descriptions, explicit low and high, and value labels are in ``frame.attrs["xdf"]``,
        where :func:`xdf.write` finds them again. Memory: twice the frame while it is made.

        Parameters
        ----------
        columns : sequence of str, optional
            All columns by default.
        """
        return self.scan(columns).to_pandas()

    def dataset(self) -> XdfDataset:
        """A ``pyarrow.dataset.Dataset``, for libraries that push projections and filters into one.

        ``duckdb.sql("select age from people where age > 30")`` with ``people = file.dataset()`` reads the column
        ``age`` of the blocks that can have such rows. ``from file`` itself works as well, but reads all columns: DuckDB
        pushes nothing into a stream.
        """
        from xdf.arrow_dataset import XdfDataset

        return XdfDataset(self)

    def __arrow_c_schema__(self) -> object:
        """The schema through Arrow's C data interface."""
        return self.arrow_schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """All rows through Arrow's C stream interface; nothing is read before the first batch is asked for."""
        return self.to_reader().__arrow_c_stream__(requested_schema)
