"""Reading a file that RevoScaleR wrote: as an .xdf file of this package is read, but never written to."""

from __future__ import annotations

import dataclasses
import os
import threading
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf import stats
from xdf.columns import Column
from xdf.errors import XdfError, XdfFormatError
from xdf.legacy.chunks import decode_chunk, most_decoded, text_bytes
from xdf.legacy.layout import Layout, load_layout
from xdf.legacy.objects import Storage
from xdf.legacy.variables import Variable
from xdf.opened import OpenFile
from xdf.ranges import Handle
from xdf.schema import Field, Schema
from xdf.snapshot import read_exactly
from xdf.stats import ColumnStatistics
from xdf.views import texts_of

_CLOSED = -1
_NO_LEVELS = pa.nulls(0, pa.string())


@dataclasses.dataclass(frozen=True, slots=True)
class Reading:
    """How to read an old file.

    Attributes
    ----------
    salvage : bool
        Leave out variables that cannot be read, instead of refusing the file.
    keep_missing_codes : bool
        Leave the integer that stands for a missing value (-2147483648) as it is.
    """

    salvage: bool = False
    keep_missing_codes: bool = False


class LegacyTable(OpenFile):
    """What old files and sets of them have in common.

    Attributes
    ----------
    version : float
        Of the format: 3.1 or 4.2.
    row_names : str or None
        The column with the names of the rows, which RevoScaleR calls ``.rxRowNames``.
    left_out : dict of str to str
        Variables that were left out with ``salvage``, and why.
    notes : tuple of str
        What no other file was seen to have.
    reading : Reading
    """

    keeps_statistics = False
    compression_level = -1
    version: float
    row_names: str | None
    notes: tuple[str, ...]

    def __init__(
        self, path: Path | str, variables: Sequence[Variable], rows_per_block: tuple[int, ...], reading: Reading
    ) -> None:
        super().__init__(path, [variable.name for variable in variables], rows_per_block)
        self.reading = reading
        self.left_out: dict[str, str] = {}
        self._variables = tuple(variables)
        self._fields = tuple(None if variable.problem else variable.to_field() for variable in variables)
        self._levels = {
            number: texts_of(variable.levels) for number, variable in enumerate(variables) if variable.is_factor
        }
        self._schema: Schema | None = None
        self._lock = threading.Lock()
        self._statistics: dict[int, dict[str, npt.NDArray[np.float64]]] = {}

    @property
    def schema(self) -> Schema:
        """The columns, with levels, labels, and low and high as the file has them."""
        if self._schema is None:
            self._schema = Schema(self.explicit_fields())
        return self._schema

    def explicit_fields(self, columns: Sequence[str] | None = None) -> tuple[Field, ...]:
        """The same as a tuple. An old file does not tell a range that was set from one that was found."""
        return tuple(self._field(position) for _, position in self._select(columns))

    def level_array(self, column: str) -> pa.StringArray:
        """The levels of a factor, the same object each time; empty for other columns."""
        return self._levels.get(self._select([column])[0][1], _NO_LEVELS)

    def statistics(self, column: str) -> ColumnStatistics:
        """Statistics of a column over the whole file: reads the column, once."""
        found = self.statistics_of_blocks(column)
        n_valid, mean, squares = stats.merge_blocks(
            found["n_valid"].astype(np.int64), found["mean"], found["centered_squares"]
        )
        return ColumnStatistics(
            n_valid,
            int(found["n_missing"].sum()),
            float(np.fmin.reduce(found["minimum"], initial=np.nan)),
            float(np.fmax.reduce(found["maximum"], initial=np.nan)),
            mean,
            squares,
        )

    def block_statistics(self, number: int, column: str) -> ColumnStatistics:
        """Statistics of a column in one block: reads that chunk."""
        self._check_block(number)
        return _statistics_of(self.read_block(number, [column])[column])

    def level_counts(self, column: str, block: int | None = None) -> npt.NDArray[np.int64] | None:
        """None: these files count no levels."""
        self.schema.field(column)
        if block is not None:
            self._check_block(block)
        return None

    def statistics_of_blocks(self, column: str) -> dict[str, npt.NDArray[np.float64]]:
        """Statistics of a column in every block, an array over blocks for each: reads the column, once."""
        position = self._select([column])[0][1]
        with self._lock:
            found = self._statistics.get(position)
        if found is None:
            blocks = [self.block_statistics(number, column) for number in range(self.n_blocks)]
            found = {
                name: np.array([getattr(one, name) for one in blocks], np.float64)
                for name in (field.name for field in dataclasses.fields(ColumnStatistics))
            }
            with self._lock:
                self._statistics[position] = found
        return found

    def _arrow_schema(self, selected: Iterable[tuple[str, int]]) -> pa.Schema:
        return pa.schema([pa.field(name, self._variables[position].type) for name, position in selected])

    def _read_arrow(self, block: int, position: int) -> pa.Array:
        return self._read_column(block, position).to_arrow(self._field(position))

    def _field(self, position: int) -> Field:
        field = self._fields[position]
        assert field is not None, "a variable with a problem is left out, or the file refused"
        return field

    @abstractmethod
    def check(self, position: int) -> str | None:
        """What is wrong with a variable, if something is. Reads all of it."""

    def _keep(self, positions: Sequence[int]) -> None:
        """Show these variables only."""
        self._positions = {self._variables[position].name: position for position in positions}

    def _salvage(self) -> None:
        """Leave out what cannot be read."""
        kept = []
        for position, variable in enumerate(self._variables):
            problem = self.check(position)
            if problem is None:
                kept.append(position)
            else:
                self.left_out[variable.name] = problem
        if not kept:
            reasons = "; ".join(f"{name!r}: {reason}" for name, reason in list(self.left_out.items())[:5])
            raise XdfFormatError(f"{self.path}: no variable of it can be read. {reasons}")
        self._keep(kept)


class LegacyFile(LegacyTable):
    """One file of RevoScaleR, Machine Learning Server or SQL Server Machine Learning Services. Made by
    :func:`xdf.open`; read only.

    A column of whole numbers has missing rows where the file has their code. There are no statistics of blocks:
    :meth:`statistics` reads the column. ``low`` and ``high`` are what the file says.
    """

    def __init__(
        self, path: Path | str, fd: Handle, layout: Layout, reading: Reading, *, is_part: bool = False
    ) -> None:
        self._fd: Handle = _CLOSED
        super().__init__(path, layout.variables, layout.rows_per_block, reading)
        self.layout = layout
        self.version = layout.version
        self.row_names = layout.row_names
        self.notes = layout.notes
        self.size_on_disk = layout.file_size
        self._text_bytes: dict[tuple[int, int], int] = {}
        try:
            self._fd = fd
            if reading.salvage:
                self._salvage()
            elif not is_part:
                _refuse_unknown(path, layout)
        except BaseException:
            self._fd = _CLOSED  # whoever opened it closes it
            raise

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            self.close()

    def close(self) -> None:
        """Let go of the file. Columns that were read stay valid. Closing twice does nothing."""
        fd, self._fd = self._fd, _CLOSED
        if not isinstance(fd, int):
            fd.close()
        elif fd != _CLOSED:
            os.close(fd)

    def block_nbytes(self, columns: Sequence[str] | None = None) -> int:
        """The most bytes of memory that :meth:`read_block` of these columns takes: stored and decoded ones together.

        Of texts the last bytes of each chunk are read: they tell what it decodes to.
        """
        positions = [position for _, position in self._select(columns)]
        return max(
            (sum(self._chunk_nbytes(block, position) for position in positions) for block in range(self.n_blocks)),
            default=0,
        )

    def check(self, position: int) -> str | None:
        """What is wrong with a variable, if something is. Reads all of it."""
        if (problem := self._variables[position].problem) is not None:
            return problem
        try:
            for block in range(self.n_blocks):
                self._read_column(block, position)
        except XdfFormatError as error:
            return str(error).removeprefix(f"{self.path}: ")
        return None

    def _at_hand(self, block: int, selected: Iterable[tuple[str, int]]) -> AbstractContextManager[None]:
        if isinstance(self._fd, int):
            return nullcontext()
        return self._fd.holding([self._chunk(block, position) for _, position in selected])

    def _read_column(self, block: int, position: int) -> Column:
        if self._fd == _CLOSED:
            raise XdfError(f"{self.path}: the file was closed; open it again")
        levels = self._levels.get(position)
        return read_chunk(self._fd, self.path, self.layout, block, position, levels, self.reading)

    def _chunk(self, block: int, position: int) -> tuple[int, int]:
        return int(self.layout.offsets[block, position]), int(self.layout.sizes[block, position])

    def _chunk_nbytes(self, block: int, position: int) -> int:
        variable, n_rows = self._variables[position], self.rows_per_block[block]
        offset, size = self._chunk(block, position)
        if variable.storage != Storage.STRING:
            return most_decoded(size, n_rows, variable.width)
        known = self._text_bytes.get((block, position))
        if known is None:
            tail = min(size, 8)
            known = text_bytes(read_exactly(self._fd, offset + size - tail, tail), size)
            self._text_bytes[block, position] = known
        # The bytes, a mark for each of them, the texts alone, and flags, lengths and places of each text.
        return size + 4 * known + 120 * min(n_rows, known // 8)


def read_chunk(
    fd: Handle, path: Path | str, layout: Layout, block: int, position: int, levels: pa.StringArray | None,
    reading: Reading,
) -> Column:  # fmt: skip
    """One variable of one block.

    Raises
    ------
    XdfFormatError
        Its bytes are damaged; the message names variable, block and offset.
    """
    variable, n_rows = layout.variables[position], layout.rows_per_block[block]
    offset, size = int(layout.offsets[block, position]), int(layout.sizes[block, position])
    try:
        raw = read_exactly(fd, offset, size)
        return decode_chunk(
            raw, variable, n_rows, levels,
            may_be_plain=lambda: layout.is_plain(block, position), keep_codes=reading.keep_missing_codes,
        )  # fmt: skip
    except XdfFormatError as error:
        raise XdfFormatError(
            f"{path}: variable {variable.name!r} in block {block} (bytes {offset:,} to {offset + size:,}) cannot be "
            f"read: {error}"
        ) from error


def open_legacy(path: Path, reading: Reading) -> LegacyFile:
    """Open an old file of this machine."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return LegacyFile(path, fd, load_layout(fd, path), reading)
    except BaseException:
        os.close(fd)
        raise


def _refuse_unknown(path: Path | str, layout: Layout) -> None:
    for position, variable in enumerate(layout.variables):
        if variable.problem is not None:
            offset = f" at byte {layout.offsets[0, position]:,}, block 0," if len(layout.offsets) else ""
            raise XdfFormatError(
                f"{path}: variable {variable.name!r}{offset} cannot be read: {variable.problem}. The other variables "
                "can: xdf.open(path, salvage=True), or python -m xdf convert --salvage. See docs/legacy-xdf.md for how "
                "to send such a file"
            )


def _statistics_of(column: Column) -> ColumnStatistics:
    """To the bit what a pass over the block finds."""
    n_rows = len(column)
    if column.other is not None:
        return stats.counts_only(n_rows - column.other.null_count, column.other.null_count)
    values = column.values
    if column.levels is not None:
        n_valid = int(((values >= 0) & (values < len(column.levels))).sum())  # type: ignore[operator]
        return stats.counts_only(n_valid, n_rows - n_valid)
    n_missing = 0
    if column.validity is not None:
        is_there = np.unpackbits(column.validity, bitorder="little", count=n_rows).view(np.bool_)
        values = values[is_there]
        n_missing = n_rows - len(values)
    return stats.of_values(values, 0, n_missing)
