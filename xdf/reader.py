"""Reading an .xdf file: one snapshot, any columns of any block, from any number of threads."""

from __future__ import annotations

import dataclasses
import math
import os
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.codecs import decode_frame
from xdf.columns import Column
from xdf.decoders import comes_as_array, decode_array, decode_column
from xdf.errors import SEE_REPAIR, XdfError, XdfFormatError
from xdf.format import Codec
from xdf.index import Entry
from xdf.level_counts import LevelCounts, load_counts
from xdf.mapping import Mapping
from xdf.opened import OpenFile
from xdf.ranges import Handle
from xdf.schema import FACTOR_TYPE, Field, Schema
from xdf.snapshot import Snapshot, load_levels, load_snapshot, read_exactly
from xdf.stats import ColumnStatistics
from xdf.views import array_of, column_of

_NO_LEVELS = pa.nulls(0, pa.string())
_CLOSED = -1


def open_file(path: str | os.PathLike[str]) -> XdfFile:
    """Open an .xdf file for reading.

    Reads the header, the footer and the block index; no data. What is opened is the last commit: rows that a writer
    adds later are seen by whoever opens the file later.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    XdfFile
        A context manager; may be shared by threads.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfFormatError
        The file is foreign (the message says what it looks like), truncated or damaged.
    XdfVersionError
        A newer release wrote it.
    XdfChecksumError
        Its footer does not match its checksum.

    Examples
    --------
    >>> import xdf
    >>> with xdf.open("flights.xdf") as file:  # doctest: +SKIP
    ...     print(file.n_rows, file.schema.names)
    """
    file = Path(path)
    if file.is_dir():
        raise XdfFormatError(f"{file}: this is a folder, not an .xdf file")
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return XdfFile(file, fd, load_snapshot(fd, file))
    except BaseException:
        os.close(fd)
        raise


class XdfFile(OpenFile):
    """One snapshot of an .xdf file. Made by :func:`xdf.open`.

    Reading is thread-safe: it uses positioned reads and shares nothing but what is read once under a lock. A file stays
    readable when it is appended to or replaced by name.

    Attributes
    ----------
    path : pathlib.Path
    n_rows, n_blocks : int
    rows_per_block : tuple of int
    compression_level : int
        -1 .. 9, as asked for when the file was last written to.
    size_on_disk : int
        Bytes of the file at this commit.
    """

    def __init__(self, path: Path | str, fd: Handle, snapshot: Snapshot) -> None:
        footer = snapshot.footer
        super().__init__(path, [field.name for field in footer.fields], tuple(snapshot.index.rows_per_block.tolist()))
        self.compression_level = footer.compression_level
        self.size_on_disk = snapshot.commit.file_length
        self._snapshot = snapshot
        self._footer = footer
        self._index = snapshot.index
        if len({field.name for field in footer.fields}) != len(footer.fields):
            raise XdfFormatError(f"{path}: the footer is damaged: two columns have the same name{SEE_REPAIR}")
        self._fd: Handle = fd
        self._lock = threading.Lock()
        self._mapping = Mapping(self.size_on_disk)
        self._levels: dict[int, pa.StringArray] | None = None
        self._counts: LevelCounts | None = None
        self._schema: Schema | None = None

    def __del__(self) -> None:
        if hasattr(self, "_fd"):
            self.close()

    def close(self) -> None:
        """Let go of the file. Columns that were read stay valid. Closing twice does nothing."""
        fd, self._fd = self._fd, _CLOSED
        self._mapping.release()
        if not isinstance(fd, int):
            fd.close()
        elif fd != _CLOSED:
            os.close(fd)

    @property
    def schema(self) -> Schema:
        """The columns, with levels, labels, and low and high.

        Low and high of a numeric column without explicit ones are the minimum and maximum of the whole file.
        """
        if self._schema is None:
            levels = self._factor_levels()
            with self._lock:
                if self._schema is None:
                    self._schema = self._build_schema(levels)
        return self._schema

    def statistics(self, column: str) -> ColumnStatistics:
        """Statistics of a column over the whole file, from the footer: no data is read."""
        return self._index.file_statistics(self._select([column])[0][1])

    def block_statistics(self, number: int, column: str) -> ColumnStatistics:
        """Statistics of a column in one block, from the footer: no data is read."""
        self._check_block(number)
        return self._index.block_statistics(number, self._select([column])[0][1])

    def statistics_of_blocks(self, column: str) -> dict[str, npt.NDArray[np.float64]]:
        """Statistics of a column in every block, from the footer: an array over blocks for each of them.

        The names are those of :class:`ColumnStatistics`.
        """
        position = self._select([column])[0][1]
        names = (field.name for field in dataclasses.fields(ColumnStatistics))
        return {name: self._index.cells[name][:, position].astype(np.float64) for name in names}

    def level_counts(self, column: str, block: int | None = None) -> npt.NDArray[np.int64] | None:
        """How many rows have each level of a factor, from the footer: no data is read.

        Parameters
        ----------
        column : str
        block : int, optional
            Count in this block only.

        Returns
        -------
        array of int, or None
            In the order of the levels. None where the footer does not tell: the column is no factor, more than 1,000 of
            its levels occur in a block, or whoever wrote the file did not count.

        Raises
        ------
        XdfColumnError
            The column is not in the file; the message names the closest ones.
        XdfFormatError, XdfChecksumError
            The counts are damaged.

        Examples
        --------
        >>> import pyarrow as pa, tempfile, pathlib, xdf
        >>> path = pathlib.Path(tempfile.mkdtemp(), "pets.xdf")
        >>> with xdf.create(path, xdf.Schema((xdf.factor_field("kind", ["cat", "dog"]),))) as writer:
        ...     writer.write(pa.record_batch({"kind": ["dog", "cat", None, "dog"]}))
        >>> with xdf.open(path) as file:
        ...     file.level_counts("kind").tolist()
        [1, 2]
        """
        position = self._select([column])[0][1]
        if not self._footer.fields[position].is_factor:
            return None
        n_levels, n_valid = len(self.level_array(column)), self._index.cells["n_valid"][:, position]
        if block is None:
            return self._level_counts().of_column(position, n_levels, n_valid)
        self._check_block(block)
        counted = self._level_counts().of_chunk(block, position)
        if counted is None and n_valid[block]:
            return None
        counts = np.zeros(n_levels, np.int64)
        if counted is not None:
            counts[counted.codes] = counted.counts
        return counts

    def block_nbytes(self, columns: Sequence[str] | None = None) -> int:
        """The most bytes of memory that :meth:`read_block` of these columns takes: stored and decoded ones together."""
        positions = [position for _, position in self._select(columns)]
        return int(self._index.memory()[:, positions].sum(axis=1).max(initial=0))

    def explicit_fields(self, columns: Sequence[str] | None = None) -> tuple[Field, ...]:
        """The columns with levels and labels, but low and high only where somebody set them.

        That is what a copy should have: the range of the data follows from the data.
        """
        known, explicit = self.schema.fields, self._footer.fields
        return tuple(
            known[position].with_(low=explicit[position].low, high=explicit[position].high)
            for _, position in self._select(columns)
        )

    def level_array(self, column: str) -> pa.StringArray:
        """The levels of a factor, the same object each time; empty for other columns."""
        return self._factor_levels().get(self._select([column])[0][1], _NO_LEVELS)

    def _at_hand(self, block: int, selected: Iterable[tuple[str, int]]) -> AbstractContextManager[None]:
        """Read the chunks of these columns together where every read is a request to somewhere else."""
        if isinstance(self._fd, int):
            return nullcontext()
        entries = [self._index.entry(block, position) for _, position in selected]
        return self._fd.holding([(entry.offset, entry.length) for entry in entries])

    def _arrow_schema(self, selected: Iterable[tuple[str, int]]) -> pa.Schema:
        return pa.schema([pa.field(name, self._footer.fields[position].type) for name, position in selected])

    def _read_column(self, block: int, position: int) -> Column:
        field = self._footer.fields[position]
        entry = self._index.entry(block, position)
        levels = self._factor_levels().get(position, _NO_LEVELS) if field.is_factor else None
        try:
            return decode_column(self._content(entry), entry, field.type, self.rows_per_block[block], levels)
        except XdfFormatError as error:
            raise type(error)(self._where(entry, field, block, error)) from error

    def _read_arrow(self, block: int, position: int) -> pa.Array:
        field = self._footer.fields[position]
        entry = self._index.entry(block, position)
        if not comes_as_array(entry.physical):
            return self._read_column(block, position).to_arrow(field)
        try:
            return decode_array(self._content(entry), entry, field.type, self.rows_per_block[block])
        except XdfFormatError as error:
            raise type(error)(self._where(entry, field, block, error)) from error

    def _content(self, entry: Entry) -> pa.Buffer:
        if self._fd == _CLOSED:
            raise XdfError(f"{self.path}: the file was closed; open it again")
        if entry.codec == Codec.PLAIN and isinstance(self._fd, int):
            content = self._mapping.content(self._fd, entry)
            if content is not None:
                return content
        raw = read_exactly(self._fd, entry.offset, entry.length)
        return decode_frame(raw, entry.codec, entry.decoded_length, entry.checksum)

    def _where(self, entry: Entry, field: Field, block: int, error: XdfError) -> str:
        return (
            f"{self.path}: column {field.name!r} of block {block} (bytes {entry.offset:,} to "
            f"{entry.offset + entry.length:,}) is damaged: {error}{SEE_REPAIR}"
        )

    def _factor_levels(self) -> dict[int, pa.StringArray]:
        """Levels of each factor by position, read once."""
        if self._levels is None:
            with self._lock:
                if self._levels is None:
                    if self._fd == _CLOSED:
                        raise XdfError(f"{self.path}: the file was closed; open it again")
                    self._levels = split_levels(load_levels(self._fd, self.path, self._footer))
        return self._levels

    def _level_counts(self) -> LevelCounts:
        """The counts of levels in all chunks, read once, when they are first needed."""
        if self._counts is None:
            n_levels = {position: len(levels) for position, levels in self._factor_levels().items()}
            with self._lock:
                if self._counts is None:
                    if self._fd == _CLOSED:
                        raise XdfError(f"{self.path}: the file was closed; open it again")
                    self._counts = load_counts(self._fd, self.path, self._snapshot, n_levels)
        return self._counts

    def use_levels(self, levels: dict[int, pa.StringArray]) -> None:
        """Take these levels instead of those of the file, whose pages may be damaged; before anything is read."""
        self._levels = levels

    def _build_schema(self, levels: dict[int, pa.StringArray]) -> Schema:
        lowest, highest = self._index.ranges()
        fields = []
        for position, field in enumerate(self._footer.fields):
            if field.type == FACTOR_TYPE:
                known = tuple(levels.get(position, _NO_LEVELS).to_pylist())
                field = _with_levels(field, known, self.path)  # noqa: PLW2901
            elif field.is_numeric and not math.isnan(lowest[position]):
                low = float(lowest[position]) if field.low is None else field.low
                high = float(highest[position]) if field.high is None else field.high
                field = field.with_(low=low, high=high)  # noqa: PLW2901
            fields.append(field)
        return Schema(tuple(fields))


def split_levels(table: pa.Table) -> dict[int, pa.StringArray]:
    """The levels of each factor that has any, by the number of its column."""
    if table.num_rows == 0:
        return {}
    owners = column_of(table, "field")
    order = np.argsort(owners, kind="stable")
    sorted_levels = table.column("level").chunk(0).take(array_of(order))
    positions, starts = np.unique(owners[order], return_index=True)
    lengths = np.diff(np.append(starts, len(owners)))
    levels = {}
    for position, start, length in zip(positions.tolist(), starts.tolist(), lengths.tolist(), strict=True):
        levels[position] = pa.concat_arrays([sorted_levels.slice(start, length), _NO_LEVELS])
    return levels


def _with_levels(field: Field, levels: tuple[str, ...], path: Path | str) -> Field:
    try:
        return field.with_(levels=levels)
    except XdfError as error:
        raise XdfFormatError(f"{path}: the footer is damaged: {error}{SEE_REPAIR}") from error
