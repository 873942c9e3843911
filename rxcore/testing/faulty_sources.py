"""Sources that each break a law of sources. They wrap :class:`~rxcore.testing.examples.TableSource`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rxcore.blocks import Block
from rxcore.sources.base import Partition
from rxcore.testing.examples import TableSource, example_table
from rxcore.testing.reshape import copied, map_columns, narrowed
from xdf.columns import Column
from xdf.schema import Field, Schema, factor_field

LAYOUT = ((60, 60, 30), (), (100, 50))
ONE_BLOCK_PER_FILE = ((150,), (), (150,))


Change = Callable[[Iterator[Block]], Iterator[Block]]


@dataclass
class ChangedPartition:
    """A partition with something changed."""

    inner: Any
    file: int
    first_block: int
    n_blocks: int | None
    n_rows: int | None
    change: Change

    def blocks(self) -> Iterator[Block]:
        """The inner partition's blocks, changed."""
        return self.change(self.inner.blocks())


def _unchanged(blocks: Iterator[Block]) -> Iterator[Block]:
    return blocks


class ExampleSource(TableSource):
    """The correct source that the broken ones are made of: three files, the second empty."""

    def __init__(self) -> None:
        super().__init__(example_table(300), LAYOUT)

    def changed(self, part: Any, change: Change = _unchanged, **numbers: Any) -> Any:
        """A partition with other numbers or blocks."""
        held = {name: getattr(part, name) for name in ("file", "first_block", "n_blocks", "n_rows")}
        return ChangedPartition(part, change=change, **(held | numbers))


class DropsTheLastBlock(ExampleSource):
    """Loses the last block of the last file, as a reader that stops at a short block; its counts know no better."""

    @property
    def n_rows(self) -> int | None:
        return None

    @property
    def n_blocks(self) -> int | None:
        return None

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return super().partitions(columns)[:-1]


class CountsBlocksAcrossFiles(ExampleSource):
    """Numbers blocks through the whole source instead of within each file."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, first_block=number) for number, part in enumerate(super().partitions(columns))]


class StartRowsAcrossFiles(ExampleSource):
    """Counts rows through the whole source instead of within each file."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, _StartRow(150) if part.file else _unchanged) for part in super().partitions(columns)]


@dataclass(frozen=True)
class _StartRow:
    shift: int

    def __call__(self, blocks: Iterator[Block]) -> Iterator[Block]:
        return (replace(block, start_row=block.start_row + self.shift) for block in blocks)


class CannotBeSent(ExampleSource):
    """Its partitions hold a function that pickle cannot name."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, lambda blocks: blocks) for part in super().partitions(columns)]


class LeaksWritableArrays(ExampleSource):
    """Hands out memory that can be written to."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, _copy) for part in super().partitions(columns)]


def _copy(blocks: Iterator[Block]) -> Iterator[Block]:
    return (copied(block) for block in blocks)


class StatesTheWrongType(ExampleSource):
    """Says that an int16 column is float64."""

    @property
    def schema(self) -> Schema:
        return Schema(tuple(Field("k", pa.float64()) if item.name == "k" else item for item in super().schema))


class StringsWhereFactorsArePromised(ExampleSource):
    """Its schema has a factor; its blocks have strings."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, _decode_factors) for part in super().partitions(columns)]

    def block_nbytes(self, columns: Sequence[str]) -> int:
        return 3 * super().block_nbytes(columns)


def _decode_factors(blocks: Iterator[Block]) -> Iterator[Block]:
    return (map_columns(block, _decode_factor) for block in blocks)


def _decode_factor(column: Column) -> Column:
    if column.levels is None:
        return column
    texts = column.to_arrow(factor_field("g", column.levels.to_pylist())).cast(pa.string())
    return Column(np.empty(0, np.uint8), other=texts)


class ForgetsTheBitmap(ExampleSource):
    """Loses which rows are missing."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, _without_bitmap) for part in super().partitions(columns)]


def _without_bitmap(blocks: Iterator[Block]) -> Iterator[Block]:
    return (map_columns(block, lambda column: replace(column, validity=None)) for block in blocks)


class MiscountsItsRows(ExampleSource):
    """States the rows of the first file as those of the whole."""

    @property
    def n_rows(self) -> int | None:
        return 150


class PartitionMiscountsItsBlocks(ExampleSource):
    """Says that each partition has two blocks, where each has one."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, n_blocks=2) for part in super().partitions(columns)]


class SizesItsBlocksTooSmall(ExampleSource):
    """Estimates eight bytes for each row, whatever the columns."""

    def block_nbytes(self, columns: Sequence[str]) -> int:
        return 8 * max(max(rows, default=0) for rows in self.layout) if columns else 0


class IgnoresUnknownColumns(ExampleSource):
    """Leaves out what it does not have."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return super().partitions([name for name in columns if name in self.table.column_names])


class RaisesAPlainKeyError(ExampleSource):
    """Lets the error of a dictionary through."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        for name in columns:
            self.table.column(name)
        return super().partitions(columns)


class GivesColumnsByPosition(ExampleSource):
    """Pairs the names asked for with the columns in the order of the file."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        parts = super().partitions(columns)
        in_file_order = [name for name in self.table.column_names if name in columns]
        renamed = _Renamed(dict(zip(columns, in_file_order, strict=True)))
        return [self.changed(part, renamed) for part in parts]


@dataclass(frozen=True)
class _Renamed:
    source_of: dict[str, str]

    def __call__(self, blocks: Iterator[Block]) -> Iterator[Block]:
        for block in blocks:
            yield replace(block, columns={name: block.columns[held] for name, held in self.source_of.items()})


class CutsByWidth(ExampleSource):
    """Makes larger blocks of fewer columns, to hold bytes rather than rows steady."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        parts = super().partitions(columns)
        return parts if len(columns) > 1 else TableSource(self.table, ONE_BLOCK_PER_FILE).partitions(columns)

    def block_nbytes(self, columns: Sequence[str]) -> int:
        return 3 * super().block_nbytes(columns)


class DiffersEachTime(ExampleSource):
    """Stores numbers narrower the second time, as a reader that learned their range would."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        again = bool(self._used)
        return [self.changed(part, _narrow_blocks if again else _unchanged) for part in super().partitions(columns)]


def _narrow_blocks(blocks: Iterator[Block]) -> Iterator[Block]:
    for block in blocks:
        yield copied(narrowed(block), writable=False)


class RunsDryInSilence(ExampleSource):
    """Cannot be read twice, and gives nothing instead of saying so."""

    @property
    def rereadable(self) -> bool:
        return False

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [] if self._used else super().partitions(columns)


class SharesOneCursor(ExampleSource):
    """Its partitions read from one iterator over the file, whoever asks."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        parts = super().partitions(columns)
        cursor = _Cursor(parts)
        return [self.changed(part, cursor.at(number)) for number, part in enumerate(parts)]


class _Cursor:
    """Gives the next block, and starts over only for the first partition."""

    def __init__(self, parts: Sequence[Partition]) -> None:
        self.parts = parts
        self.position = 0

    def at(self, number: int) -> _Position:
        return _Position(self, number)


@dataclass
class _Position:
    cursor: _Cursor
    number: int

    def __call__(self, blocks: Iterator[Block]) -> Iterator[Block]:
        if self.number == 0:
            self.cursor.position = 0
        part = self.cursor.parts[self.cursor.position % len(self.cursor.parts)]
        self.cursor.position += 1
        return part.blocks()


class HasNoLabel(ExampleSource):
    """Prints as nothing."""

    @property
    def label(self) -> str:
        return ""


class CutsOtherBlocks(ExampleSource):
    """Joins the blocks of each file into one, against its promise."""

    @property
    def n_blocks(self) -> int | None:
        return None

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        super().partitions(columns)
        return TableSource(self.table, ONE_BLOCK_PER_FILE).partitions(columns)

    def block_nbytes(self, columns: Sequence[str]) -> int:
        return 3 * super().block_nbytes(columns)


class ReadsDoublesAsSingles(ExampleSource):
    """Loses digits on the way."""

    def partitions(self, columns: Sequence[str]) -> Sequence[Partition]:
        return [self.changed(part, _in_singles) for part in super().partitions(columns)]


def _in_singles(blocks: Iterator[Block]) -> Iterator[Block]:
    return (copied(map_columns(block, _in_single), writable=False) for block in blocks)


def _in_single(column: Column) -> Column:
    return replace(column, values=column.values.astype(np.float32)) if column.values.dtype == np.float64 else column


FAULTY_SOURCES: tuple[Callable[[], ExampleSource], ...] = (
    CannotBeSent, CountsBlocksAcrossFiles, CutsByWidth, CutsOtherBlocks, DiffersEachTime, DropsTheLastBlock,
    ForgetsTheBitmap, GivesColumnsByPosition, HasNoLabel, IgnoresUnknownColumns, LeaksWritableArrays, MiscountsItsRows,
    PartitionMiscountsItsBlocks, RaisesAPlainKeyError, ReadsDoublesAsSingles, RunsDryInSilence, SharesOneCursor,
    SizesItsBlocksTooSmall, StartRowsAcrossFiles, StatesTheWrongType, StringsWhereFactorsArePromised,
)  # fmt: skip
"""Every broken source; each must fail some law."""
