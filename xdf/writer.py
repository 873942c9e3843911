"""Writing .xdf files: one block per batch, all or nothing, committed by the header's older slot."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import pyarrow as pa

from xdf.chunks import Chunk, encode_column, encode_factor
from xdf.conversion import match_columns
from xdf.dictionaries import GrowingDictionary, Unified
from xdf.errors import XdfColumnError, XdfError, XdfSchemaError, XdfWriteError
from xdf.format import (
    MAX_ROWS_PER_BLOCK,
)
from xdf.journal import Journal
from xdf.logical import checked_field
from xdf.output import Output
from xdf.schema import Field, Schema, missing_column_message

_MAX_THREADS = 4
# Below so many rows a thread costs more than the encoding.
_ROWS_WORTH_A_THREAD = 8192
_EDITABLE = ("description", "low", "high", "value_codes", "value_labels")


class XdfWriter:
    """Writes blocks to an .xdf file. Made by :func:`create` and :func:`append`; used by one thread at a time.

    As a context manager it is closed on success and aborted on an exception. One that is forgotten is aborted.

    Attributes
    ----------
    path : pathlib.Path
    compression_level : int
    """

    def __init__(
        self,
        output: Output,
        fields: tuple[Field, ...],
        dictionaries: dict[int, GrowingDictionary],
        journal: Journal,
        compression_level: int,
    ) -> None:
        self.path = output.path
        self.compression_level = compression_level
        self._fields = fields
        self._dictionaries = dictionaries
        self._journal = journal
        self._dirty = output.is_new
        self._failed = False
        self._pool: ThreadPoolExecutor | None = None
        self._output: Output | None = output

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    def __del__(self) -> None:
        if getattr(self, "_output", None) is not None:
            # Whoever drops the last reference may be a thread of the pool, which cannot wait for itself.
            self._close_pool(wait=False)
            self.abort()

    @property
    def n_rows(self) -> int:
        """Rows of the file so far, those of earlier commits included."""
        return self._journal.n_rows

    @property
    def n_blocks(self) -> int:
        """Blocks of the file so far, those of earlier commits included."""
        return self._journal.n_blocks

    @property
    def schema(self) -> Schema:
        """The columns with the levels known so far. Low and high are the explicit ones only."""
        fields = list(self._fields)
        for number, dictionary in self._dictionaries.items():
            fields[number] = fields[number].with_(levels=tuple(dictionary.levels))
        return Schema(tuple(fields))

    def write(self, batch: pa.RecordBatch, /) -> None:
        """Add one block.

        Columns are matched by name, in any order. A factor may come as strings or as a dictionary array with a
        dictionary of its own: it is unified by value, and levels that are new go to the end, in the order of that
        dictionary, or of first appearance for strings. Other columns are converted where nothing is lost by it.

        Parameters
        ----------
        batch : pyarrow.RecordBatch
            The rows of the block. Memory: about twice the block in its narrow types, and the batch itself.

        Raises
        ------
        XdfColumnError
            A column is missing.
        XdfSchemaError
            A column is too many, of another kind, or does not convert without loss. The writer can be used further.
        XdfWriteError
            The system refused. The block is not in the file, and the writer can only be aborted.
        """
        output = self._usable()
        if not isinstance(batch, pa.RecordBatch):
            raise TypeError(f"XdfWriter.write takes a pyarrow.RecordBatch; got {type(batch).__name__}")
        if batch.num_rows > MAX_ROWS_PER_BLOCK:
            raise XdfSchemaError(
                f"{self.path}: a block has at most {MAX_ROWS_PER_BLOCK:,} rows; got {batch.num_rows:,}"
            )
        arrays = match_columns(batch, self._fields, str(self.path))
        unified = self._unify(arrays)
        try:
            self._write_chunks(output, batch.num_rows, arrays, unified)
        except XdfWriteError:
            self._failed = True
            raise
        for number, mine in unified.items():
            self._journal.add_levels(number, mine.new_levels)
            self._dictionaries[number].accept(mine)
        self._dirty = True

    def set_field(self, name: str, **changes: object) -> None:
        """Change what a column is labelled with; part of the next commit, no data is rewritten.

        Parameters
        ----------
        name : str
        **changes
            ``description`` (str), ``low`` and ``high`` (float, or None for those of the data), ``value_codes`` and
            ``value_labels`` (sequences of one length).

        Raises
        ------
        XdfColumnError
            There is no such column.
        XdfSchemaError
            Something else is to be changed, or to something that is not allowed.
        """
        self._usable()
        self._fields = relabelled(self._fields, name, changes, str(self.path))
        self._dirty = True

    def commit(self) -> None:
        """Make what was written so far the file's last snapshot, safe on the disk.

        Readers that open the file later see it. A new file has its final name only after :meth:`close`. Does nothing
        when nothing changed.

        Raises
        ------
        XdfWriteError
            The system refused. The file keeps its earlier commit; the writer can only be aborted.
        """
        output = self._usable()
        if not self._dirty:
            return
        try:
            self._journal.commit(output, self._fields, self.compression_level)
        except XdfWriteError:
            self._failed = True
            raise
        self._dirty = False

    def close(self) -> None:
        """Commit, and let go of the file; a new file takes its name. Closing twice does nothing.

        Raises
        ------
        XdfWriteError
            The system refused, now or at an earlier write: a new file is removed, an existing one keeps its last
            commit.
        XdfExistsError
            Without ``overwrite``, when a file of that name has appeared meanwhile.
        """
        if self._output is None:
            return
        try:
            self.commit()
            output, self._output = self._usable(), None
            try:
                output.publish()
            except BaseException:
                output.discard()
                raise
        except BaseException:
            self.abort()
            raise
        self._close_pool()

    def abort(self) -> None:
        """Give up what was not committed: a new file is removed, an existing one keeps its last commit."""
        output, self._output = self._output, None
        self._close_pool()
        if output is None:
            return
        try:
            if not output.is_new:
                output.truncate(self._journal.committed_length)
        except XdfWriteError:
            # What lies behind the last commit is never read; the next append cuts it off.
            pass
        finally:
            output.discard()

    def _usable(self) -> Output:
        if self._output is None:
            raise XdfError(f"{self.path}: this writer was closed")
        if self._failed:
            raise XdfWriteError(f"{self.path}: an earlier write failed, so this writer can only be aborted")
        return self._output

    def _unify(self, arrays: Sequence[pa.Array]) -> dict[int, Unified]:
        unified = {}
        for number, dictionary in self._dictionaries.items():
            try:
                unified[number] = dictionary.unify(arrays[number])
            except XdfSchemaError as error:
                raise XdfSchemaError(f"{self.path}: column {self._fields[number].name!r}: {error}") from error
        return unified

    def _write_chunks(
        self, output: Output, n_rows: int, arrays: Sequence[pa.Array], unified: dict[int, Unified]
    ) -> None:
        """Write the chunks in the order of the columns while later ones are still being encoded."""
        chunks, offsets = [], []
        end = self._journal.end
        for chunk in self._encode(n_rows, arrays, unified):
            offset = self._journal.place(chunk, end)
            output.write_at(offset, chunk.frame.data)
            end = offset + len(chunk.frame.data)
            chunks.append(chunk)
            offsets.append(offset)
        self._journal.add_block(n_rows, chunks, offsets, end)

    def _encode(self, n_rows: int, arrays: Sequence[pa.Array], unified: dict[int, Unified]) -> Iterator[Chunk]:
        def encode(number: int) -> Chunk:
            try:
                if number in unified:
                    return encode_factor(unified[number].codes, self.compression_level)
                return encode_column(arrays[number], self.compression_level)
            except XdfSchemaError as error:
                raise XdfSchemaError(f"{self.path}: column {self._fields[number].name!r}: {error}") from error

        if n_rows < _ROWS_WORTH_A_THREAD or len(arrays) == 1:
            return map(encode, range(len(arrays)))
        if self._pool is None:
            n_threads = max(1, min(_MAX_THREADS, os.cpu_count() or 1))
            self._pool = ThreadPoolExecutor(n_threads, thread_name_prefix="xdf-writer")
        return self._pool.map(encode, range(len(arrays)))

    def _close_pool(self, wait: bool = True) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=wait, cancel_futures=True)


def relabelled(fields: tuple[Field, ...], name: str, changes: dict[str, object], where: str) -> tuple[Field, ...]:
    """The columns, one of them with other labels; see :meth:`XdfWriter.set_field`."""
    wrong = sorted(set(changes) - set(_EDITABLE))
    if wrong:
        raise XdfSchemaError(
            f"{where}: column {name!r}: {', '.join(wrong)} cannot be changed; allowed: {', '.join(_EDITABLE)}"
        )
    for number, field in enumerate(fields):
        if field.name == name:
            edited = checked_field(field.with_(**_normalised(changes)), where)
            return (*fields[:number], edited, *fields[number + 1 :])
    raise XdfColumnError(f"{where}: {missing_column_message(name, tuple(field.name for field in fields))}")


def _normalised(changes: dict[str, object]) -> dict[str, object]:
    """Sequences as the tuples that a frozen field holds."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in changes.items()}
