""".xdf files, Microsoft's too: one partition per block, columns handed on as they are stored."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

import xdf
from rxcore.blocks import Block
from rxcore.errors import SourceError
from rxcore.sources.handles import HandleCache
from xdf.columns import Column
from xdf.expressions import Node as Condition
from xdf.foreign import first_bytes
from xdf.legacy.layout import is_legacy
from xdf.scan import possible_blocks
from xdf.schema import Schema

# For partitions that came from another process, and so without the handle of their source.
_files: HandleCache[xdf.OpenFile] = HandleCache(xdf.open)


def open_xdf(path: str) -> xdf.OpenFile:
    """The open file.

    Raises
    ------
    SourceError
        When it is missing, foreign or damaged; the message says what it looks like.
    """
    try:
        return xdf.open(path)
    except (OSError, xdf.XdfError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: Exception) -> SourceError:
    name = os.path.basename(path)
    if not os.path.exists(path):
        return SourceError(f"{name}: file {path!r} does not exist")
    if os.path.isfile(path) and not xdf.is_xdf(path) and not is_legacy(first_bytes(Path(path), 4)):
        return SourceError(
            f"{name} is not an .xdf file of this package: it looks like {xdf.describe_foreign(path)}; "
            "import the original data with rx_import"
        )
    return SourceError(str(error) if name in str(error) else f"{name}: {error}")


@dataclass(frozen=True)
class XdfPartition:
    """One block of an .xdf file, read through the handle of its source; pickled, it opens the file where it arrives.

    One that is ruled out comes without rows, and is not read.
    """

    path: str
    first_block: int
    n_rows: int | None
    start_row: int
    columns: tuple[str, ...]
    file: int = 0
    n_blocks: int | None = 1
    is_ruled_out: bool = False
    handle: xdf.OpenFile | None = field(default=None, compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        rest = (self.path, self.first_block, self.n_rows, self.start_row, self.columns, self.file, self.n_blocks)
        return XdfPartition, (*rest, self.is_ruled_out)

    def _open(self) -> xdf.OpenFile:
        if self.handle is not None:
            return self.handle
        try:
            found = _files.get(self.path)
        except (OSError, xdf.XdfError) as error:
            raise _unreadable(self.path, error) from error
        rows = found.rows_per_block
        if self.first_block >= len(rows) or rows[self.first_block] != self.n_rows:
            raise SourceError(f"{os.path.basename(self.path)} was replaced by another file while it was being read")
        return found

    def blocks(self) -> Iterator[Block]:
        """The block, its columns narrow as stored."""
        opened = self._open()
        if self.is_ruled_out:
            yield Block(0, {name: _empty(opened, name) for name in self.columns}, self.start_row)
            return
        try:
            columns = opened.read_block(self.first_block, self.columns)
        except xdf.XdfError as error:
            raise _unreadable(self.path, error) from error
        yield Block(self.n_rows or 0, columns, self.start_row)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The block as a record batch of logical types; always with its rows."""
        opened = self._open()
        try:
            yield opened.read_block_arrow(self.first_block, self.columns)
        except xdf.XdfError as error:
            raise _unreadable(self.path, error) from error


def _empty(file: xdf.OpenFile, name: str) -> Column:
    """A column as the file has it, without rows."""
    kind = file.schema.field(name).type
    if pa.types.is_dictionary(kind):
        return Column(np.empty(0, np.int8), levels=file.level_array(name))
    return Column.from_arrow(pa.nulls(0, kind))


class XdfSource:
    """An .xdf file or composite set as it is when the source is made.

    The blocks of a set number through all its data files, as one file: so it gives the same bits as a single file with
    the same blocks.

    Parameters
    ----------
    path : str or path-like
        A file, or the folder of a set.
    label : str, optional
        How results name it; default ``File name: <path>``.

    Raises
    ------
    SourceError
        When the file is missing, foreign or damaged.
    """

    rereadable = True
    open_factors: frozenset[str] = frozenset()

    def __init__(self, path: str | os.PathLike[str], label: str | None = None) -> None:
        self.path = os.path.abspath(os.fspath(path))
        self.label = f"File name: {os.fspath(path)}" if label is None else label
        self._file = open_xdf(self.path)
        # What changes when rows are added to a set is its metadata file, not its folder.
        self._opened_by = str(self._file.metadata_path) if isinstance(self._file, xdf.XdfSet) else self.path

    @property
    def file(self) -> xdf.OpenFile:
        """The open file."""
        return self._file

    @property
    def schema(self) -> Schema:
        """The columns, with levels, labels, and low and high."""
        return self._file.schema

    @property
    def n_rows(self) -> int | None:
        """Rows of the file."""
        return self._file.n_rows

    @property
    def n_blocks(self) -> int | None:
        """Blocks of the file."""
        return self._file.n_blocks

    def partitions(self, columns: Sequence[str]) -> Sequence[XdfPartition]:
        """One partition per block."""
        wanted = tuple(dict.fromkeys(columns)) or self.schema.names[:1]
        self.schema.select(wanted)
        parts, start = [], 0
        for number, n_rows in enumerate(self._file.rows_per_block):
            parts.append(XdfPartition(self._opened_by, number, n_rows, start, wanted, handle=self._file))
            start += n_rows
        return parts

    def partitions_where(self, columns: Sequence[str], condition: Condition) -> Sequence[XdfPartition]:
        """One partition per block; those in which no row can meet the condition come without rows and are not read."""
        if not self._file.keeps_statistics:
            return self.partitions(columns)
        try:
            open_blocks = set(possible_blocks(self._file, condition))
        except xdf.XdfError as error:
            raise _unreadable(self.path, error) from error
        return [
            part if part.first_block in open_blocks else replace(part, is_ruled_out=True)
            for part in self.partitions(columns)
        ]

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes while it is read."""
        return self._file.block_nbytes(list(columns) or list(self.schema.names[:1]))

    def block_statistics(self, column: str) -> dict[str, npt.NDArray[np.float64]] | None:
        """Statistics of a numeric column by block, from the footer: no data are read. None where there are none."""
        if not self._file.keeps_statistics or not self.schema.field(column).is_numeric:
            return None
        return self._file.statistics_of_blocks(column)

    def level_counts(self, column: str) -> npt.NDArray[np.int64] | None:
        """How many rows have each level of a factor, from the footer: no data are read. None where they are not kept.

        Raises
        ------
        SourceError
            When that part of the footer is damaged.
        """
        if not self._file.keeps_statistics:
            return None
        try:
            return self._file.level_counts(column)
        except xdf.XdfError as error:
            raise _unreadable(self.path, error) from error
