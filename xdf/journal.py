"""What a writer has added since the last commit, and how a commit puts it on the disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from xdf.chunks import Chunk
from xdf.codecs import encode_frame
from xdf.errors import XdfWriteError
from xdf.footer import Footer, Page, pack_footer, write_table
from xdf.format import (
    COMMIT_SIZE,
    COUNTS_SCHEMA,
    HEADER_SIZE,
    INDEX_SCHEMA,
    LAST_SEQUENCE,
    LEVELS_SCHEMA,
    PLAIN_ALIGNMENT,
    SLOT_OFFSETS,
    Codec,
    Commit,
    PageKind,
    pack_commit,
)
from xdf.level_counts import Counted, table_of_block
from xdf.output import Output
from xdf.schema import Field
from xdf.snapshot import Snapshot
from xdf.views import array_of

# Footers are small and read often, never stored plain: one level serves all.
_FOOTER_LEVEL = 1


class Journal:
    """The growing lists behind a file (blocks, levels, their counts) and the place where its next bytes go."""

    def __init__(self, n_columns: int) -> None:
        self.n_rows = 0
        self.n_blocks = 0
        self.end = HEADER_SIZE
        self.committed_length = HEADER_SIZE
        self._n_columns = n_columns
        self._sequence = 0
        self._pages: list[Page] = []
        self._index: list[pa.Table] = []
        self._level_owners: list[int] = []
        self._levels: list[str] = []
        self._counts: list[pa.Table] = []

    @classmethod
    def from_snapshot(cls, snapshot: Snapshot, levels: pa.Table, counts: pa.Table) -> Journal:
        """Continue after a commit."""
        footer = snapshot.footer
        journal = cls(len(footer.fields))
        journal.n_rows, journal.n_blocks = footer.n_rows, footer.n_blocks
        journal.end = journal.committed_length = snapshot.commit.file_length
        journal._sequence = snapshot.commit.sequence
        journal._pages = list(footer.pages)
        journal._index = [snapshot.index_table]
        journal._level_owners = levels.column("field").to_pylist()
        journal._levels = levels.column("level").to_pylist()
        journal._counts = [counts]
        return journal

    @classmethod
    def from_index(cls, table: pa.Table, n_columns: int, n_rows: int, end: int) -> Journal:
        """Start a file whose blocks have been written already, where these rows of the index say."""
        journal = cls(n_columns)
        journal.n_rows, journal.n_blocks, journal.end = n_rows, table.num_rows // n_columns, end
        journal._index = [table]
        return journal

    def take_levels(self, other: Journal) -> None:
        """Take over the levels, in their order, and the counts of another file with the same blocks."""
        self._level_owners, self._levels = list(other._level_owners), list(other._levels)
        self._counts = list(other._counts)

    def place(self, chunk: Chunk, end: int) -> int:
        """Where a chunk goes that may begin at ``end``: plain ones are aligned, so that they can be mapped."""
        return end + (-end % PLAIN_ALIGNMENT if chunk.frame.codec is Codec.PLAIN else 0)

    def add_block(self, n_rows: int, chunks: Sequence[Chunk], offsets: Sequence[int], end: int) -> None:
        """Take in a block whose chunks have been written."""
        self._index.append(index_rows(chunks, offsets))
        counted = {number: chunk.level_counts for number, chunk in enumerate(chunks) if chunk.level_counts is not None}
        self.add_counts(self.n_blocks, counted)
        self.n_rows += n_rows
        self.n_blocks += 1
        self.end = end

    def add_counts(self, block: int, counted: Mapping[int, Counted]) -> None:
        """Take in the counts of the factors of a block, by their column; blocks in order."""
        if counted:
            self._counts.append(table_of_block(block, counted))

    def add_levels(self, field: int, levels: Sequence[str]) -> None:
        """Take in new levels of a factor, in order."""
        self._level_owners.extend([field] * len(levels))
        self._levels.extend(levels)

    def relabel(self, field: int, levels: Sequence[str]) -> None:
        """Give the levels of a factor other texts, one for one; the next commit writes all levels anew."""
        rest = iter(levels)
        self._levels = [
            next(rest) if owner == field else level
            for owner, level in zip(self._level_owners, self._levels, strict=True)
        ]
        self._pages = [page for page in self._pages if page.kind != PageKind.LEVELS]

    def levels_by_field(self) -> dict[int, list[str]]:
        """The levels of each factor that has any, in order."""
        known: dict[int, list[str]] = {}
        for owner, level in zip(self._level_owners, self._levels, strict=True):
            known.setdefault(owner, []).append(level)
        return known

    def commit(self, output: Output, fields: tuple[Field, ...], compression_level: int) -> None:
        """Make everything added so far the file's last snapshot.

        Pages and footer go behind the blocks, the commit record behind the footer, and only when all of that is on
        the disk does the older slot of the header take the record.
        """
        if self._sequence >= LAST_SEQUENCE:
            raise XdfWriteError(f"{output.path}: the file has had all commits it can have; xdf.compact makes a new one")
        output.sync()
        end = self._write_pages(output)
        footer = Footer(self.n_rows, self.n_blocks, len(self._levels), compression_level, fields, tuple(self._pages))
        frame = encode_frame(pack_footer(footer), _FOOTER_LEVEL)
        length = end + len(frame.data) + COMMIT_SIZE
        commit = Commit(self._sequence + 1, end, len(frame.data), frame.decoded_length, length, frame.checksum)
        record = pack_commit(commit)
        output.write_at(end, frame.data)
        output.write_at(length - COMMIT_SIZE, record)
        output.sync()
        # From here on the slot may name the new end, even if this fails: nobody may cut it off.
        self.committed_length = length
        output.write_at(SLOT_OFFSETS[commit.slot], record)
        output.sync()
        self._sequence, self.end = commit.sequence, length

    def _write_pages(self, output: Output) -> int:
        """Write pages for what has no page yet; gives the end of the last one."""
        table = pa.concat_tables(self._index) if self._index else INDEX_SCHEMA.empty_table()
        self._index = [table]
        end = self._write_page(output, PageKind.INDEX, table, self._n_columns, self.end)
        owners = pa.array(self._level_owners, pa.int32())
        levels = pa.Table.from_arrays([owners, pa.array(self._levels, pa.string())], schema=LEVELS_SCHEMA)
        end = self._write_page(output, PageKind.LEVELS, levels, 1, end)
        counts = pa.concat_tables(self._counts) if self._counts else COUNTS_SCHEMA.empty_table()
        self._counts = [counts]
        return self._write_page(output, PageKind.COUNTS, counts, 1, end)

    def _write_page(self, output: Output, kind: PageKind, table: pa.Table, rows_per_item: int, end: int) -> int:
        """Write one page from the first row without one.

        Last pages that are no longer than the new one are written again as part of it. So a file appended to n times
        has about log2(n) pages, and each row is written about log2(n) times instead of n.
        """
        pages = [page for page in self._pages if page.kind == kind]
        total = table.num_rows // rows_per_item
        first = pages[-1].first + pages[-1].count if pages else 0
        if first == total:
            return end
        while pages and pages[-1].count <= total - first:
            first = pages.pop().first
        frame = encode_frame(write_table(table.slice(first * rows_per_item)), _FOOTER_LEVEL)
        output.write_at(end, frame.data)
        pages.append(Page(kind, first, total - first, end, len(frame.data), frame.decoded_length, frame.checksum))
        self._pages = [page for page in self._pages if page.kind != kind] + pages
        return end + len(frame.data)


def index_rows(chunks: Sequence[Chunk], offsets: Sequence[int]) -> pa.Table:
    """The rows of the index for these chunks."""
    columns = {
        "offset": offsets,
        "length": [len(chunk.frame.data) for chunk in chunks],
        "decoded_length": [chunk.frame.decoded_length for chunk in chunks],
        "checksum": [chunk.frame.checksum for chunk in chunks],
        "codec": [int(chunk.frame.codec) for chunk in chunks],
        "encoding": [int(chunk.encoding) for chunk in chunks],
        "physical": [int(chunk.physical) for chunk in chunks],
        "base": [chunk.base for chunk in chunks],
    }
    for name in INDEX_SCHEMA.names[len(columns) :]:
        columns[name] = [getattr(chunk.statistics, name) for chunk in chunks]
    arrays = [array_of(np.asarray(columns[field.name], field.type.to_pandas_dtype())) for field in INDEX_SCHEMA]
    return pa.Table.from_arrays(arrays, schema=INDEX_SCHEMA)
