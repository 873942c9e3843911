"""Small examples that the kit runs on: a table, a source over it, and an updater that records merges."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rxcore.blocks import Block
from rxcore.errors import ColumnNotFoundError, SourceError
from rxcore.sources.base import Partition
from rxcore.testing.reshape import logical_values
from xdf.columns import Column
from xdf.schema import Field, Schema, factor_field, missing_column_message

Layout = tuple[tuple[int, ...], ...]
"""Rows of each block of each file: ``((100, 100, 7), (), (50,))`` is three files, the second empty."""


def example_table(n_rows: int = 300, seed: int = 1) -> pa.Table:
    """A table with a column of every common kind and missing values in most.

    Columns: ``row`` (int64, 0, 1, 2, ...), ``x`` (float64 that float32 holds too; zeros, NaN and nulls among them),
    ``k`` (int16 around 1000), ``g`` (factor of four levels), ``w`` (positive weights), ``flag`` (bool), ``day`` (date),
    ``text`` (string). The missing rows of ``x`` never fill eight rows in a row.
    """
    random = np.random.default_rng(seed)
    # 22 significant bits: float32 holds each value but not a sum of them.
    x = np.round(random.normal(3.0, 2.0, n_rows) * 2**18) / 2**18
    x[::17] = 0.0
    x[5::23] = np.nan

    def some_missing(values: Any, kind: pa.DataType | None = None) -> pa.Array:
        return pa.array(values, kind, mask=random.random(n_rows) < 0.1)

    codes = some_missing(random.choice(4, n_rows, p=[0.4, 0.3, 0.2, 0.1]), pa.int32())
    missing_x = np.zeros(n_rows, np.bool_)
    missing_x[::11] = True
    return pa.table({
        "row": pa.array(np.arange(n_rows)),
        "x": pa.array(x, mask=missing_x),
        "k": some_missing(1000 + random.integers(-100, 100, n_rows), pa.int16()),
        "g": pa.DictionaryArray.from_arrays(codes, pa.array(["north", "south", "east", "west"])),
        "w": pa.array(np.round(random.uniform(0.5, 2.0, n_rows), 3)),
        "flag": some_missing(random.random(n_rows) < 0.5),
        "day": some_missing(random.integers(15000, 15400, n_rows), pa.int32()).cast(pa.date32()),
        "text": some_missing(np.array(["a", "bb", "", "dé"])[random.integers(0, 4, n_rows)].tolist(), pa.string()),
    })  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pauses:
    """How long a slow reader sleeps before each block: up to ``longest`` seconds, fixed by the block's numbers."""

    longest: float = 0.0
    seed: int = 0

    def sleep(self, file: int, block: int) -> None:
        """Wait as long as this block takes to arrive."""
        if self.longest > 0.0:
            time.sleep(self.longest * float(np.random.default_rng([self.seed, file, block]).random()))


@dataclass(frozen=True, slots=True)
class TablePartition:
    """A run of blocks of a table. Unlike a partition of a file it carries its rows."""

    table: pa.Table
    schema: Schema
    file: int
    first_block: int
    n_blocks: int | None
    n_rows: int | None
    block_rows: tuple[int, ...]
    start_row: int
    pauses: Pauses

    def blocks(self) -> Iterator[Block]:
        """The blocks in order."""
        levels = {item.name: pa.array(item.levels, pa.string()) for item in self.schema if item.levels is not None}
        start = 0
        for number, n_rows in enumerate(self.block_rows, self.first_block):
            self.pauses.sleep(self.file, number)
            yield self._block(start, n_rows, levels)
            start += n_rows

    def _block(self, start: int, n_rows: int, levels: dict[str, pa.StringArray]) -> Block:
        columns = {}
        for name in self.schema.names:
            column = Column.from_arrow(self.table.column(name).chunk(0).slice(start, n_rows))
            columns[name] = replace(column, levels=levels[name]) if name in levels else column
        return Block(n_rows, columns, self.start_row + start)


@dataclass(frozen=True)
class TableSource:
    """A source over an in-memory table: any layout of files and blocks, random access or streams, fast or slow.

    Parameters
    ----------
    table : pyarrow.Table
    layout : tuple of tuples of int
        Rows of each block of each file. ``TableSource.cut`` makes an even one.
    blocks_per_partition : int, default 1
    stream : bool, default False
        One partition for each file, of unknown length.
    once : bool, default False
        Only the first call of ``partitions`` works, as with a one-shot stream.
    pauses : Pauses
        How slowly blocks arrive.

    Examples
    --------
    >>> source = TableSource.cut(example_table(10), rows_per_block=4)
    >>> [(part.first_block, part.n_rows) for part in source.partitions(["x"])]
    [(0, 4), (1, 4), (2, 2)]
    """

    table: pa.Table
    layout: Layout
    blocks_per_partition: int = 1
    stream: bool = False
    once: bool = False
    pauses: Pauses = Pauses()
    _used: list[bool] = field(default_factory=list, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        rows = sum(map(sum, self.layout))
        if rows != self.table.num_rows:
            held = self.table.num_rows
            raise SourceError(f"TableSource: the layout has {rows} rows, the table {held}; make them equal")
        one_piece = self.table.unify_dictionaries().combine_chunks()
        arrays = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in one_piece.columns]
        object.__setattr__(self, "table", pa.Table.from_arrays(arrays, names=self.table.column_names))

    @classmethod
    def cut(cls, table: pa.Table, rows_per_block: int, n_files: int = 1, **settings: Any) -> TableSource:
        """Files of about equal length, each cut every ``rows_per_block`` rows."""
        ends = [table.num_rows * (number + 1) // n_files for number in range(n_files)]
        sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
        layout = tuple(tuple(min(rows_per_block, size - at) for at in range(0, size, rows_per_block)) for size in sizes)
        return cls(table, layout, **settings)

    @property
    def label(self) -> str:
        """How results name it."""
        return "Data: table"

    @property
    def schema(self) -> Schema:
        """The columns; dictionary columns are factors."""
        return Schema(tuple(_field(name, self.table.column(name)) for name in self.table.column_names))

    @property
    def n_rows(self) -> int | None:
        """Rows, unknown to a stream."""
        return None if self.stream else self.table.num_rows

    @property
    def n_blocks(self) -> int | None:
        """Blocks, unknown to a stream."""
        return None if self.stream else sum(map(len, self.layout))

    @property
    def rereadable(self) -> bool:
        """Whether a second pass is possible."""
        return not self.once

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The bytes of the largest block of these columns."""
        parts = self._partitions(columns)
        return max((block.nbytes for part in parts for block in replace(part, pauses=Pauses()).blocks()), default=0)

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        """Handles on the blocks."""
        if self.once and self._used:
            raise SourceError("TableSource: the stream was read already and cannot be read again; make a new source")
        self._used.append(True)
        return self._partitions(columns)

    def _partitions(self, columns: Sequence[str]) -> list[TablePartition]:
        for name in columns:
            if name not in self.table.column_names:
                raise ColumnNotFoundError(f"TableSource: {missing_column_message(name, self.table.column_names)}")
        parts: list[TablePartition] = []
        file_start = 0
        for file, block_rows in enumerate(self.layout):
            parts += self._file_partitions(file, block_rows, file_start, columns)
            file_start += sum(block_rows)
        return parts

    def _file_partitions(
        self, file: int, block_rows: tuple[int, ...], file_start: int, columns: Sequence[str]
    ) -> Iterator[TablePartition]:
        step = max(len(block_rows), 1) if self.stream else self.blocks_per_partition
        schema = self.schema.select(columns)
        for first in range(0, len(block_rows) or (1 if self.stream else 0), step):
            run = block_rows[first : first + step]
            start = sum(block_rows[:first])
            rows = self.table.select(list(columns)).slice(file_start + start, sum(run))
            n_blocks, n_rows = (None, None) if self.stream else (len(run), sum(run))
            yield TablePartition(_one_piece(rows), schema, file, first, n_blocks, n_rows, run, start, self.pauses)


def _one_piece(table: pa.Table) -> pa.Table:
    """The table with exactly one chunk for each column, also without rows."""
    arrays = [column.chunk(0) if column.num_chunks else pa.array([], column.type) for column in table.columns]
    return pa.Table.from_arrays(arrays, names=table.column_names)


def _field(name: str, column: pa.ChunkedArray) -> Field:
    if pa.types.is_dictionary(column.type):
        levels = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
        return factor_field(name, levels)
    return Field(name, column.type)


MergeShape = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class MergeRecorder:
    """An updater whose state is the record of what was done to it, as nested tuples.

    A fresh state is ``()``; a block becomes ``("block", first row, rows)`` by its column ``row``; a merge becomes
    ``("merge", left, right)``; a block folded into a used state ``("update", state, block)``. It breaks the laws of
    updaters on purpose: an empty state is seen in the record, so that a context that adds one is caught.
    """

    columns: tuple[str, ...] = ("row",)

    def init(self) -> MergeShape:
        """The empty record."""
        return ()

    def update(self, state: MergeShape, block: Block) -> MergeShape:
        """Record a block."""
        first = int(logical_values(block.columns[self.columns[0]])[0]) if block.n_rows else -1
        leaf = ("block", first, block.n_rows)
        return leaf if state == () else ("update", state, leaf)

    def merge(self, left: MergeShape, right: MergeShape) -> MergeShape:
        """Record a merge."""
        return ("merge", left, right)

    def finalize(self, state: MergeShape) -> MergeShape:
        """The record."""
        return state

    def state_nbytes(self) -> int:
        """A guess: the record grows with the blocks."""
        return 1 << 20
