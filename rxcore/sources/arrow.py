"""Rows that are already Arrow: tables in memory, one-shot streams, datasets on disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from rxcore.blocks import Block
from rxcore.errors import SourceError, UnsupportedInContextError
from rxcore.sources.arrow_types import (
    block_of,
    check_readable,
    plain_array,
    plain_batch,
    plain_field,
    plain_schema,
    shared_levels,
)
from rxcore.sources.recut import recut
from xdf.schema import Field, Schema, factor_field


def needed(schema: Schema, columns: Sequence[str], label: str) -> tuple[str, ...]:
    """The columns to read: those asked for, checked; the first one where only rows are counted."""
    wanted = tuple(dict.fromkeys(columns)) or schema.names[:1]
    check_readable(schema, wanted, label)
    return wanted


def estimate_nbytes(schema: Schema, columns: Sequence[str], rows: int) -> int:
    """Upper estimate of one decoded block: two copies of each value, strings taken as 64 bytes."""
    total = 0
    for name in columns:
        kind = schema.field(name).type
        total += 64 if pa.types.is_string(kind) else 2 * max(1, getattr(kind, "bit_width", 64) // 8)
    return total * rows


@dataclass(frozen=True)
class TablePartition:
    """One block of a table in memory. Holds a view of its rows; pickles with its own rows only."""

    file: int
    first_block: int
    rows: pa.Table
    start_row: int
    levels: dict[str, pa.StringArray] = field(default_factory=dict)
    n_blocks: int | None = 1

    @property
    def n_rows(self) -> int | None:
        """Rows of the block."""
        return int(self.rows.num_rows)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The block as a plain record batch."""
        yield plain_batch(_one_batch(self.rows))

    def blocks(self) -> Iterator[Block]:
        """The block."""
        for batch in self.batches():
            yield block_of(batch, self.start_row, self.levels)

    def __reduce__(self) -> tuple[Any, ...]:
        # pyarrow pickles the whole buffers behind a slice; the IPC stream holds the slice alone.
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.rows.schema) as writer:
            writer.write_table(self.rows)
        rest = (self.file, self.first_block, sink.getvalue().to_pybytes(), self.start_row, self.levels)
        return _unpickle_table_partition, rest


def _unpickle_table_partition(
    file: int, first_block: int, data: bytes, start_row: int, levels: dict[str, pa.StringArray]
) -> TablePartition:
    with pa.ipc.open_stream(data) as reader:
        return TablePartition(file, first_block, reader.read_all(), start_row, levels)


class TableSource:
    """A table in memory, cut every ``rows_per_block`` rows. Values are converted one block at a time.

    Parameters
    ----------
    table : pyarrow.Table
    rows_per_block : int
    label : str
    """

    rereadable = True
    open_factors: frozenset[str] = frozenset()

    def __init__(self, table: pa.Table, rows_per_block: int, label: str = "Data: table") -> None:
        plain_schema(table.schema, label)
        self.label = label
        self.rows_per_block = rows_per_block
        # Levels of dictionary columns become known, and the same for every block.
        self._table = table.unify_dictionaries() if _has_differing_dictionaries(table) else table
        self.schema = Schema(tuple(_table_field(self._table, name) for name in table.schema.names))

    @property
    def n_rows(self) -> int | None:
        """Rows, where known without reading."""
        return int(self._table.num_rows)

    @property
    def n_blocks(self) -> int | None:
        """Blocks, where known without reading."""
        return -(-int(self._table.num_rows) // self.rows_per_block)

    def partitions(self, columns: Sequence[str]) -> Sequence[TablePartition]:
        """Handles that cover all rows once, for these columns."""
        wanted = needed(self.schema, columns, self.label)
        levels = shared_levels(self.schema, wanted)
        table = self._table.select(list(wanted))
        parts = []
        for number in range(self.n_blocks or 0):
            start = number * self.rows_per_block
            parts.append(TablePartition(0, number, table.slice(start, self.rows_per_block), start, levels))
        return parts

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes while it is read."""
        return estimate_nbytes(self.schema, columns, min(self.rows_per_block, self._table.num_rows))


def _one_batch(piece: pa.Table) -> pa.RecordBatch:
    """The rows of a slice as one batch; copies only where the table's chunks meet inside it."""
    arrays = []
    for column in piece.columns:
        chunks = [chunk for chunk in column.chunks if len(chunk)]
        if len(chunks) == 1:
            arrays.append(chunks[0])
        else:
            arrays.append(pa.concat_arrays(chunks or column.chunks or [pa.nulls(0, column.type)]))
    return pa.RecordBatch.from_arrays(arrays, names=piece.schema.names)


def _has_differing_dictionaries(table: pa.Table) -> bool:
    for column in table.columns:
        if pa.types.is_dictionary(column.type) and column.num_chunks > 1:
            first = column.chunk(0).dictionary
            if any(not chunk.dictionary.equals(first) for chunk in column.chunks[1:]):
                return True
    return False


def _table_field(table: pa.Table, name: str) -> Field:
    column = table.column(name)
    if not pa.types.is_dictionary(column.type):
        return plain_field(table.schema.field(name))[0]
    empty = pa.DictionaryArray.from_arrays(pa.nulls(0, pa.int32()), pa.nulls(0, column.type.value_type))
    chunk = plain_array(column.chunk(0) if column.num_chunks else empty)
    return factor_field(name, chunk.dictionary.to_pylist(), ordered=column.type.ordered)


class StreamPartition:
    """The whole of a one-shot stream. Lives in this process and can be read once."""

    file = 0
    first_block = 0
    n_blocks: int | None = None
    n_rows: int | None = None

    def __init__(self, source: StreamSource, columns: tuple[str, ...]) -> None:
        self._source = source
        self._columns = columns

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Plain record batches of exactly ``rows_per_block`` rows, the last one shorter."""
        source = self._source
        reader = source.take()
        plain = (plain_batch(batch.select(list(self._columns))) for batch in reader)
        yield from recut(plain, source.rows_per_block)

    def blocks(self) -> Iterator[Block]:
        """The blocks, in order."""
        start = 0
        for batch in self.batches():
            yield block_of(batch, start)
            start += batch.num_rows

    def __reduce__(self) -> tuple[Any, ...]:
        raise UnsupportedInContextError(
            f"{self._source.label} is a one-shot stream and cannot be sent to another process; "
            "write it to a file first: rx_import(stream, output_file='name.xdf')"
        )


class StreamSource:
    """A one-shot stream of record batches: a RecordBatchReader, a duckdb result, anything with ``__arrow_c_stream__``.

    Dictionary columns are open factors: their levels become known by reading only.
    """

    rereadable = False
    n_rows: int | None = None
    n_blocks: int | None = None

    def __init__(self, reader: pa.RecordBatchReader, rows_per_block: int, label: str = "Data: stream") -> None:
        self.label = label
        self.rows_per_block = rows_per_block
        self.schema, self.open_factors = plain_schema(reader.schema, label)
        self._reader: pa.RecordBatchReader | None = reader

    def take(self) -> pa.RecordBatchReader:
        """The stream, once.

        Raises
        ------
        SourceError
            When it has been read before.
        """
        reader, self._reader = self._reader, None
        if reader is None:
            raise SourceError(
                f"{self.label} was read already and a stream can be read once; make a new one, "
                "or write it to a file first: rx_import(stream, output_file='name.xdf')"
            )
        return reader

    def partitions(self, columns: Sequence[str]) -> Sequence[StreamPartition]:
        """Handles that cover all rows once, for these columns."""
        return [StreamPartition(self, needed(self.schema, columns, self.label))]

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes while it is read."""
        return estimate_nbytes(self.schema, columns, self.rows_per_block)


@dataclass(frozen=True)
class FragmentPartition:
    """One file of a dataset, or (``schema`` is None) a filtered dataset as a whole."""

    file: int
    rows: Any
    schema: pa.Schema | None
    columns: tuple[str, ...]
    rows_per_block: int
    first_block: int = 0
    n_blocks: int | None = None
    n_rows: int | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Plain record batches of exactly ``rows_per_block`` rows, the last one shorter."""
        scan: dict[str, Any] = {"columns": list(self.columns), "batch_readahead": 2, "fragment_readahead": 1}
        if self.schema is not None:
            scan["schema"] = self.schema
        found = self.rows.to_batches(**scan)
        yield from recut((plain_batch(batch) for batch in found), self.rows_per_block)

    def blocks(self) -> Iterator[Block]:
        """The blocks, in order."""
        start = 0
        for batch in self.batches():
            yield block_of(batch, start)
            start += batch.num_rows


class DatasetSource:
    """A ``pyarrow.dataset.Dataset``: one partition per file, each cut every ``rows_per_block`` rows.

    A dataset that carries a filter is read as one run. Partition columns (``year=2013/``) are columns like any other.
    """

    rereadable = True
    n_rows: int | None = None
    n_blocks: int | None = None

    def __init__(self, dataset: Any, rows_per_block: int, label: str = "Data: dataset") -> None:
        self.label = label
        self.rows_per_block = rows_per_block
        self.schema, self.open_factors = plain_schema(dataset.schema, label)
        self._dataset = dataset

    def partitions(self, columns: Sequence[str]) -> Sequence[FragmentPartition]:
        """Handles that cover all rows once, for these columns."""
        wanted = needed(self.schema, columns, self.label)
        # A stored filter lives in the dataset, not in its fragments.
        filtered = bool(getattr(self._dataset, "_scan_options", None))
        runs = [self._dataset] if filtered else list(self._dataset.get_fragments())
        schema = None if filtered else self._dataset.schema
        return [
            FragmentPartition(number, rows, schema, wanted, self.rows_per_block) for number, rows in enumerate(runs)
        ]

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes while it is read."""
        return estimate_nbytes(self.schema, columns, self.rows_per_block)
