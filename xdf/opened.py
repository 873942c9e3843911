"""What :func:`xdf.open` gives, whatever the format: columns in blocks of rows, read from any number of threads."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.columns import Column
from xdf.errors import XdfColumnError, XdfError, XdfFormatError
from xdf.schema import missing_column_message
from xdf.stats import ColumnStatistics
from xdf.tabular import Tabular


class OpenFile(Tabular):
    """One state of a file or set, open for reading. Made by :func:`xdf.open`.

    Reading is thread-safe: it uses positioned reads and shares nothing but what is read once under a lock.

    Attributes
    ----------
    path : pathlib.Path or str
        The latter for a file that is not on this machine.
    n_rows, n_blocks : int
    rows_per_block : tuple of int
    compression_level : int
        -1 .. 9, as asked for when the file was last written to; -1 where the file does not say it.
    size_on_disk : int
        Bytes.
    """

    compression_level: int
    size_on_disk: int

    def __init__(self, path: Path | str, names: Sequence[str], rows_per_block: tuple[int, ...]) -> None:
        self.path: Path | str = path
        self.n_rows = sum(rows_per_block)
        self.n_blocks = len(rows_per_block)
        self.rows_per_block: tuple[int, ...] = rows_per_block
        self._positions = {name: position for position, name in enumerate(names)}
        if len(self._positions) != len(names):
            raise XdfFormatError(f"{path}: the file is damaged: two columns have the same name")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        size = f"{self.n_rows:,} rows, {len(self._positions)} columns, {self.n_blocks} blocks"
        return f"{type(self).__name__}({str(self.path)!r}, {size})"

    @abstractmethod
    def close(self) -> None:
        """Let go of the file. Columns that were read stay valid. Closing twice does nothing."""

    @abstractmethod
    def statistics(self, column: str) -> ColumnStatistics:
        """Statistics of a column over the whole file."""

    @abstractmethod
    def statistics_of_blocks(self, column: str) -> dict[str, npt.NDArray[np.float64]]:
        """Statistics of a column in every block: an array over blocks for each of them, by the names of
        :class:`ColumnStatistics`.
        """

    @abstractmethod
    def block_nbytes(self, columns: Sequence[str] | None = None) -> int:
        """The most bytes of memory that :meth:`read_block` of these columns takes: stored and decoded ones together."""

    @abstractmethod
    def _at_hand(self, block: int, selected: Iterable[tuple[str, int]]) -> AbstractContextManager[None]:
        """Read the chunks of these columns together where every read is a request to somewhere else."""

    @abstractmethod
    def _read_column(self, block: int, position: int) -> Column:
        """One column of one block."""

    @abstractmethod
    def _read_arrow(self, block: int, position: int) -> pa.Array:
        """The same in its logical type."""

    @abstractmethod
    def _arrow_schema(self, selected: Iterable[tuple[str, int]]) -> pa.Schema:
        """Names and logical types of these columns."""

    def read_block(self, number: int, columns: Sequence[str] | None = None) -> dict[str, Column]:
        """The columns of one block in their narrow physical types, ready for kernels.

        Reads and decompresses the chunks of these columns and nothing else. The arrays are read-only and own their
        memory. The levels of a factor are the same object in every block of this file. A decimal comes as float64; use
        :meth:`read_block_arrow` for its exact value.

        Parameters
        ----------
        number : int
            0 .. ``n_blocks - 1``.
        columns : sequence of str, optional
            All columns by default.

        Returns
        -------
        dict of str to Column
            In the order asked for.

        Raises
        ------
        XdfColumnError
            A column is not in the file; the message names the closest ones.
        XdfError
            There is no block of that number, or the file was closed.
        XdfChecksumError, XdfFormatError
            The stored bytes are damaged.
        """
        self._check_block(number)
        selected = self._select(columns)
        with self._at_hand(number, selected):
            return {name: self._read_column(number, position) for name, position in selected}

    def read_block_arrow(self, number: int, columns: Sequence[str] | None = None) -> pa.RecordBatch:
        """The same in logical types, missing rows null, as a record batch."""
        self._check_block(number)
        selected = self._select(columns)
        with self._at_hand(number, selected):
            arrays = [self._read_arrow(number, position) for _, position in selected]
        return pa.RecordBatch.from_arrays(arrays, schema=self._arrow_schema(selected))

    def _select(self, columns: Iterable[str] | None) -> list[tuple[str, int]]:
        if columns is None:
            return list(self._positions.items())
        if isinstance(columns, str):
            raise TypeError(f"columns: a sequence of names is needed, got the string {columns!r}; write [{columns!r}]")
        selected = []
        for name in columns:
            if name not in self._positions:
                raise XdfColumnError(f"{self.path}: {missing_column_message(name, tuple(self._positions))}")
            selected.append((name, self._positions[name]))
        return selected

    def _check_block(self, number: int) -> None:
        if not 0 <= number < self.n_blocks:
            raise XdfError(
                f"{self.path}: block {number} is not there; the file has {self.n_blocks} blocks, counted from 0"
            )
