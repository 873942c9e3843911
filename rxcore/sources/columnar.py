"""Parquet and ORC files on this machine: one file, a folder, a glob or a list.

Row groups and stripes are the blocks, cut into pieces of at most ``rows_per_block`` rows. A partition is one row group
or stripe, since its pieces are decoded in one go. Strings that Parquet stores as a dictionary are handed out as codes
into the block's own levels, in order of first appearance; their field is ``string`` all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.orc as pa_orc
import pyarrow.parquet as pa_parquet

from rxcore.blocks import Block
from rxcore.errors import SourceError
from rxcore.sources.arrow import estimate_nbytes, needed
from rxcore.sources.arrow_types import block_of, is_text, open_factor, plain_array, plain_schema
from rxcore.sources.convert import convert
from rxcore.sources.handles import HandleCache
from rxcore.sources.orc_tail import stripe_rows
from rxcore.sources.recut import recut
from xdf.schema import Schema, missing_column_message

# A column chunk with fewer bytes per value than this was stored as a dictionary to its end.
_DICTIONARY_BYTES = 4


def _open_parquet(path: str) -> Any:
    return pa_parquet.read_metadata(path)


def _open_orc(path: str) -> Any:
    return stripe_rows(pa_orc.ORCFile(path))


_parquet_footers: HandleCache[Any] = HandleCache(_open_parquet)
_orc_stripes: HandleCache[list[int]] = HandleCache(_open_orc)


@dataclass(frozen=True)
class ColumnarPartition:
    """One row group or stripe."""

    file: int
    first_block: int
    n_blocks: int | None
    n_rows: int | None
    path: str
    kind: str
    number: int
    start_row: int
    schema: Schema
    open_factors: frozenset[str]
    rows_per_block: int

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Plain record batches of at most ``rows_per_block`` rows."""
        try:
            found = self._parquet() if self.kind == "Parquet" else self._orc()
            for batch in recut(found, self.rows_per_block):
                yield self._plain(batch)
        except (OSError, pa.ArrowException) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{os.path.basename(self.path)} cannot be read: {error}") from error

    def _plain(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = []
        for field in self.schema:
            array = batch.column(field.name)
            if not pa.types.is_dictionary(array.type):
                array = plain_array(array)
                if array.type != field.type:
                    array = convert(array, field.type, f"{os.path.basename(self.path)}, column {field.name!r}")
            else:
                array = plain_array(array) if field.name in self.open_factors else open_factor(array)
            arrays.append(array)
        return pa.RecordBatch.from_arrays(arrays, names=list(self.schema.names))

    def _parquet(self) -> Iterator[pa.RecordBatch]:
        footer = _parquet_footers.get(self.path)
        encoded = _stored_as_dictionary(footer, self.number, [f.name for f in self.schema if f.is_string])
        with pa_parquet.ParquetFile(self.path, metadata=footer, read_dictionary=encoded, pre_buffer=False) as reader:
            yield from reader.iter_batches(
                self.rows_per_block, row_groups=[self.number], columns=list(self.schema.names)
            )

    def _orc(self) -> Iterator[pa.RecordBatch]:
        reader = pa_orc.ORCFile(self.path)
        yield reader.read_stripe(self.number, columns=list(self.schema.names))

    def blocks(self) -> Iterator[Block]:
        """The blocks, in order."""
        start = self.start_row
        for batch in self.batches():
            yield block_of(batch, start)
            start += batch.num_rows


def _stored_as_dictionary(footer: Any, number: int, names: Sequence[str]) -> list[str]:
    group = footer.row_group(number)
    encoded = []
    for position in range(group.num_columns):
        chunk = group.column(position)
        small = chunk.total_uncompressed_size <= _DICTIONARY_BYTES * max(chunk.num_values, 1)
        if chunk.path_in_schema in names and chunk.has_dictionary_page and small:
            encoded.append(chunk.path_in_schema)
    return encoded


class ColumnarSource:
    """Parquet or ORC files with one schema, that of the first.

    Parameters
    ----------
    files : sequence of str
    kind : {"Parquet", "ORC"}
    rows_per_block : int
    label : str

    Raises
    ------
    SourceError
        When a file is not of that kind, or lacks a column of the first one.
    """

    rereadable = True

    def __init__(self, files: Sequence[str], kind: str, rows_per_block: int, label: str) -> None:
        self.label = label
        self.kind = kind
        self.rows_per_block = rows_per_block
        self._files = tuple(files)
        schemas = [self._arrow_schema(path) for path in files]
        self.schema, self.open_factors = plain_schema(schemas[0], os.path.basename(files[0]))
        for path, schema in zip(files[1:], schemas[1:], strict=True):
            self._check(path, schema)
        self._rows = [self._rows_of(path) for path in files]

    def _arrow_schema(self, path: str) -> pa.Schema:
        try:
            if self.kind == "Parquet":
                return _parquet_footers.get(path).schema.to_arrow_schema()
            return pa_orc.ORCFile(path).schema
        except (OSError, pa.ArrowException) as error:
            raise SourceError(f"{os.path.basename(path)} cannot be read as {self.kind}: {error}") from error

    def _rows_of(self, path: str) -> list[int]:
        if self.kind == "ORC":
            return _orc_stripes.get(path)
        footer = _parquet_footers.get(path)
        return [footer.row_group(number).num_rows for number in range(footer.num_row_groups)]

    def _check(self, path: str, schema: pa.Schema) -> None:
        for field in self.schema:
            if field.name not in schema.names:
                message = missing_column_message(field.name, schema.names)
                raise SourceError(f"{os.path.basename(path)}, which belongs to the same data: {message}")
            kind = schema.field(field.name).type
            textual = is_text(kind) or pa.types.is_dictionary(kind)
            if textual != field.is_string:
                raise SourceError(
                    f"{os.path.basename(path)}: column {field.name!r} has type {kind} where the first file has "
                    f"{field.type}; write the files with one type, or read them one by one"
                )

    @property
    def n_rows(self) -> int | None:
        """Rows, from the footers."""
        return sum(sum(rows) for rows in self._rows)

    @property
    def n_blocks(self) -> int | None:
        """Blocks, from the footers."""
        return sum(self._pieces(n_rows) for rows in self._rows for n_rows in rows)

    def _pieces(self, n_rows: int) -> int:
        return -(-n_rows // self.rows_per_block)

    def partitions(self, columns: Sequence[str]) -> Sequence[ColumnarPartition]:
        """Row groups or stripes that have rows."""
        schema = self.schema.select(needed(self.schema, columns, self.label))
        open_factors = self.open_factors.intersection(schema.names)
        parts = []
        for file, (path, groups) in enumerate(zip(self._files, self._rows, strict=True)):
            block = start = 0
            for number, n_rows in enumerate(groups):
                if n_rows:
                    parts.append(
                        ColumnarPartition(
                            file, block, self._pieces(n_rows), n_rows, path, self.kind, number, start, schema,
                            open_factors, self.rows_per_block,
                        )
                    )  # fmt: skip
                block += self._pieces(n_rows)
                start += n_rows
        return parts

    def block_nbytes(self, columns: Sequence[str]) -> int:
        """The most bytes that one block of these columns takes; a stripe of ORC is decoded whole."""
        wanted = needed(self.schema, columns, self.label)
        most = max((n_rows for rows in self._rows for n_rows in rows), default=0)
        cut = min(most, self.rows_per_block)
        return estimate_nbytes(self.schema, wanted, cut if self.kind == "Parquet" else max(cut, most))
