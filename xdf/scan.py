"""Reading some rows of some columns: projection, filters, and blocks that need not be read for them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import current_thread
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from xdf.arrow import arrow_schema, labelled
from xdf.errors import XdfError, XdfSchemaError
from xdf.expressions import Node, as_expression, columns_of, understood
from xdf.pruning import TRUE, Facts, outcomes
from xdf.schema import Field

if TYPE_CHECKING:
    import pandas as pd

    from xdf.tabular import Tabular

ItemT = TypeVar("ItemT")
DoneT = TypeVar("DoneT")
Rows = slice | range | tuple[int, int]
_THREAD_NAME = "xdf-scan"
_MAX_THREADS = 4


@dataclass(frozen=True, slots=True)
class _Part:
    """The rows of one block that a scan is about."""

    block: int
    start: int
    stop: int
    is_whole: bool
    passes: bool
    """Whether every row is known to pass the filter."""


class Scanner:
    """Rows and columns chosen from an .xdf file or set. Made by ``scan``; may be run any number of times.

    Attributes
    ----------
    schema : pyarrow.Schema
        The columns that come out, with their labels.
    filter : pyarrow.compute.Expression or None
    n_blocks : int
        Blocks that hold the asked rows.
    n_blocks_skipped : int
        Those among them that are not read, because their statistics in the footer rule out that a row passes.
    """

    def __init__(
        self, table: Tabular, columns: Sequence[str] | None = None, filter: object = None, rows: Rows | None = None
    ) -> None:
        self._table = table
        self._where = f"{table.path}: scan"
        self._fields = table.explicit_fields(columns)
        self.schema = arrow_schema(self._fields)
        self.filter: pc.Expression | None = None
        self._needed: tuple[str, ...] = ()
        node = None
        if filter is not None:
            self.filter = as_expression(filter, table.schema, self._where)
            node = understood(self.filter)
            # A filter that cannot be taken apart may read any column.
            self._needed = table.schema.names if node is None else columns_of(node)
            table.schema.select(self._needed)
            # Also a filter that reads no column needs to know how many rows there are.
            self._needed = self._needed or table.schema.names[:1]
        parts = _parts_of(table.rows_per_block, rows, self._where)
        self.n_blocks = len(parts)
        self._parts = parts
        if node is not None and table.keeps_statistics:
            self._parts = _unruled(parts, node, _facts(table, self._needed))
        self.n_blocks_skipped = self.n_blocks - len(self._parts)

    def __repr__(self) -> str:
        skipped = f", {self.n_blocks_skipped} of {self.n_blocks} blocks skipped" if self.filter is not None else ""
        return f"Scanner({str(self._table.path)!r}, {len(self._fields)} columns{skipped})"

    def __arrow_c_schema__(self) -> object:
        """The schema through Arrow's C data interface."""
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """The rows through Arrow's C stream interface."""
        return self.to_reader().__arrow_c_stream__(requested_schema)

    def to_batches(self) -> Iterator[pa.RecordBatch]:
        """The rows in order, one batch per block that has any.

        Memory: a block for each thread that reads ahead (as many as there are processors, at most 4).
        """
        for batch in _in_order(self._parts, self._read):
            if batch.num_rows:
                yield batch

    def to_reader(self) -> pa.RecordBatchReader:
        """The rows as a stream that any Arrow library reads.

        Where no row is left it is one empty batch, so that factors keep their levels.
        """
        return pa.RecordBatchReader.from_batches(self.schema, self._never_nothing())

    def to_table(self) -> pa.Table:
        """The rows in memory: one chunk per block."""
        return pa.Table.from_batches(self._never_nothing(), schema=self.schema)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a pandas frame; see :meth:`xdf.XdfFile.to_pandas`."""
        from xdf.pandas_frame import frame_of

        return frame_of(self.to_table(), self._fields)

    def count_rows(self) -> int:
        """How many rows there are. Reads the columns of the filter, and only in blocks that the footer leaves open."""
        return sum(_in_order(self._parts, self._count))

    def head(self, n_rows: int = 6) -> pa.Table:
        """The first rows. Reads no more blocks than it takes to find them.

        Parameters
        ----------
        n_rows : int, default 6
        """
        if n_rows < 0:
            raise XdfError(f"{self._where}: head: n_rows must be a whole number of at least 0; got {n_rows!r}")
        found: list[pa.RecordBatch] = []
        left = n_rows
        for part in self._parts:
            if left == 0:
                break
            batch = self._read(part).slice(0, left)
            left -= batch.num_rows
            if batch.num_rows:
                found.append(batch)
        return pa.Table.from_batches(found or [self._empty_batch()], schema=self.schema)

    def _never_nothing(self) -> Iterator[pa.RecordBatch]:
        is_empty = True
        for batch in self.to_batches():
            is_empty = False
            yield batch
        if is_empty:
            yield self._empty_batch()

    def _empty_batch(self) -> pa.RecordBatch:
        arrays = []
        for field, target in zip(self._fields, self.schema, strict=True):
            array = pa.nulls(0, pa.int32() if field.is_factor else field.type)
            if field.is_factor:
                array = pa.DictionaryArray.from_arrays(array, self._table.level_array(field.name))
            arrays.append(labelled(array, target.type))
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _count(self, part: _Part) -> int:
        mask = self._mask(part)
        return part.stop - part.start if mask is None else int(pc.sum(mask.cast(pa.uint64())).as_py() or 0)

    def _read(self, part: _Part) -> pa.RecordBatch:
        """The rows of one block that pass. The columns of the filter are read first; the others only if a row does."""
        names = [field.name for field in self._fields]
        if part.passes or self.filter is None:
            return self._labelled(self._rows(part, names), part.stop - part.start)
        tested = self._rows(part, self._needed)
        mask = self._evaluated(tested)
        n_passing = int(pc.sum(mask.cast(pa.uint64())).as_py() or 0)
        if n_passing == 0:
            return self._empty_batch()
        others = self._rows(part, [name for name in names if name not in self._needed])
        columns = {name: batch.column(name) for batch in (tested, others) for name in batch.schema.names}
        arrays = [columns[name] for name in names]
        if n_passing < len(mask):
            arrays = [array.filter(mask) for array in arrays]
        batch = pa.RecordBatch.from_arrays(arrays, names=names) if names else None
        return self._labelled(batch, n_passing)

    def _rows(self, part: _Part, names: Sequence[str]) -> pa.RecordBatch:
        batch = self._table.read_block_arrow(part.block, names)
        return batch if part.is_whole else batch.slice(part.start, part.stop - part.start)

    def _labelled(self, batch: pa.RecordBatch | None, n_rows: int) -> pa.RecordBatch:
        if batch is None or not self._fields:
            return _rows_only(n_rows, self.schema)
        arrays = [labelled(array, field.type) for array, field in zip(batch.columns, self.schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _mask(self, part: _Part) -> pa.BooleanArray | None:
        """Which rows pass; None for all."""
        if part.passes or self.filter is None:
            return None
        return self._evaluated(self._rows(part, self._needed))

    def _evaluated(self, batch: pa.RecordBatch) -> pa.BooleanArray:
        from pyarrow import acero

        assert self.filter is not None
        plan = [
            acero.Declaration("table_source", acero.TableSourceNodeOptions(pa.Table.from_batches([batch]))),
            acero.Declaration("project", acero.ProjectNodeOptions([self.filter], ["passes"])),
        ]
        try:
            column = acero.Declaration.from_sequence(plan).to_table(use_threads=False).column(0)
        except (pa.ArrowException, NotImplementedError) as error:
            raise XdfSchemaError(f"{self._where}: the filter {self.filter} cannot be evaluated: {error}") from error
        if not pa.types.is_boolean(column.type):
            raise XdfSchemaError(f"{self._where}: the filter {self.filter} gives {column.type}, not true or false")
        mask = column.combine_chunks()
        return pa.concat_arrays(mask.chunks) if isinstance(mask, pa.ChunkedArray) else mask


def _rows_only(n_rows: int, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of so many rows and no column: only a struct without members tells Arrow their number."""
    empty = pa.StructArray.from_buffers(pa.struct([]), n_rows, [None])
    return pa.RecordBatch.from_struct_array(empty).replace_schema_metadata(schema.metadata)


def _parts_of(rows_per_block: Sequence[int], rows: Rows | None, where: str) -> list[_Part]:
    first, behind = _bounds(rows, sum(rows_per_block), where)
    parts, begin = [], 0
    for block, n_rows in enumerate(rows_per_block):
        start, stop = max(first - begin, 0), min(behind - begin, n_rows)
        if start < stop:
            parts.append(_Part(block, start, stop, (start, stop) == (0, n_rows), passes=False))
        begin += n_rows
    return parts


def _bounds(given: Any, n_rows: int, where: str) -> tuple[int, int]:
    if given is None:
        return 0, n_rows
    rows = given
    if isinstance(rows, tuple) and len(rows) == 2 and all(isinstance(one, int) for one in rows):
        rows = slice(*rows)
    if isinstance(rows, range):
        rows = slice(rows.start, rows.stop, rows.step)
    if not isinstance(rows, slice) or rows.step not in (None, 1):
        raise XdfError(
            f"{where}: rows: got {given!r}; allowed: a slice, a range or a pair (first row, row behind the last), "
            "counted from 0, without gaps"
        )
    start, stop, _ = rows.indices(n_rows)
    return start, stop


def _unruled(parts: Iterable[_Part], node: Node, facts: Callable[[int], Callable[[str], Facts]]) -> list[_Part]:
    """The parts in which a row may pass."""
    left = []
    for part in parts:
        found = outcomes(node, facts(part.block))
        if found & TRUE:
            passes = found == TRUE
            left.append(_Part(part.block, part.start, part.stop, part.is_whole, passes))
    return left


def possible_blocks(table: Tabular, condition: Node) -> list[int]:
    """The numbers of the blocks in which a row may meet a condition, as far as their statistics tell."""
    facts = _facts(table, columns_of(condition))
    return [block for block in range(table.n_blocks) if outcomes(condition, facts(block)) & TRUE]


def _facts(table: Tabular, needed: Iterable[str]) -> Callable[[int], Callable[[str], Facts]]:
    fields: dict[str, Field] = {name: table.schema.field(name) for name in needed}

    def of_block(block: int) -> Callable[[str], Facts]:
        def of_column(name: str) -> Facts:
            field = fields[name]
            return Facts(field, table.block_statistics(block, name), _levels_in(table, block, field))

        return of_column

    return of_block


def _levels_in(table: Tabular, block: int, field: Field) -> frozenset[str] | None:
    """The levels of a factor that occur in a block, or all of them where that is not known."""
    if field.levels is None:
        return None
    counts = table.level_counts(field.name, block)
    return frozenset(field.levels if counts is None else (field.levels[code] for code in np.flatnonzero(counts)))


def _in_order(items: Sequence[ItemT], work: Callable[[ItemT], DoneT]) -> Iterator[DoneT]:
    """The results in the order of the items, while some threads work ahead."""
    n_threads = min(_MAX_THREADS, os.cpu_count() or 1, len(items))
    if n_threads <= 1:
        yield from map(work, items)
        return
    pool = ThreadPoolExecutor(n_threads, thread_name_prefix=_THREAD_NAME)
    waiting: deque[Future[DoneT]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > n_threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # Who gives up may change or remove the file next, so no thread may still be reading it. Whoever drops the last
        # reference may be one of these threads, which cannot wait for itself.
        pool.shutdown(wait=not current_thread().name.startswith(_THREAD_NAME), cancel_futures=True)
