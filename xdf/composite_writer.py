"""Writing composite sets: data files by one writer or by many at once, and one metadata file as their commit."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

import numpy as np
import pyarrow as pa

from xdf.composite import child, close_handle, open_handle, shown
from xdf.creation import begin, check_level, checked_fields, new_output
from xdf.errors import XdfError, XdfSchemaError, XdfWriteError
from xdf.filesystems import Place, locate
from xdf.format import COMPOSITE, DEFAULT_LEVEL, pack_header
from xdf.level_counts import load_counts, numbers_of_levels
from xdf.output import Output
from xdf.reader import split_levels
from xdf.schema import Field, Schema
from xdf.set_folder import SetFolder, continue_set, new_set
from xdf.set_format import Codes, DataFile, SetJournal
from xdf.snapshot import load_levels, load_snapshot
from xdf.writer import XdfWriter, relabelled

DEFAULT_BLOCKS_PER_FILE = 3
# A data file begins with the levels known so far, so that its codes are those of the set. Beyond so many levels it
# begins with none: they would fill the files, and its codes are translated when they are read.
_MOST_SEEDED = 65_536


def create_composite(
    folder: str | os.PathLike[str],
    schema: Schema,
    *,
    blocks_per_file: int = DEFAULT_BLOCKS_PER_FILE,
    overwrite: bool = False,
    compression_level: int = DEFAULT_LEVEL,
    filesystem: object = None,
) -> CompositeWriter:
    """Start a new composite set.

    Data files get their names as they are finished; the set is there when its metadata file is, which is written last,
    when the writer is closed. Until then an existing set of that name stays as it is; if writing fails, it stays for
    good.

    Parameters
    ----------
    folder : str or path-like
        A local folder, or an URL.
    schema : Schema
        As for :func:`xdf.create`.
    blocks_per_file : int, default 3
        Blocks of each data file.
    overwrite : bool, default False
        Replace an existing set. A folder that holds anything else is never replaced.
    compression_level : int, default 1
        As for :func:`xdf.create`.
    filesystem : fsspec or pyarrow file system, optional
        Where ``folder`` is, if not on this machine.

    Returns
    -------
    CompositeWriter
        A context manager: closed on success, aborted on an exception.

    Raises
    ------
    XdfExistsError
        The set is there and ``overwrite`` is False, or the folder holds something else.
    XdfLockedError
        Another writer holds the set.
    XdfSchemaError
        There is no column, a type that the format does not hold, or no such compression level.
    XdfWriteError
        The system refused.

    Examples
    --------
    >>> import pyarrow as pa, tempfile, pathlib, xdf
    >>> folder = pathlib.Path(tempfile.mkdtemp(), "ages")
    >>> with xdf.create_composite(folder, xdf.Schema((xdf.Field("age", pa.int64()),)), blocks_per_file=1) as writer:
    ...     writer.write(pa.record_batch({"age": [31, None]}))
    ...     writer.write(pa.record_batch({"age": [45]}))
    >>> with xdf.open(folder) as file:
    ...     file.n_files, file.statistics("age").mean
    (2, 38.0)
    """
    where = "xdf.create_composite"
    check_level(compression_level, where)
    _check_blocks(blocks_per_file, where)
    if not isinstance(schema, Schema):
        raise TypeError(f"{where}: schema must be an xdf.Schema; got {type(schema).__name__}")
    place = locate(folder, filesystem, where)
    fields = checked_fields(schema, f"{where}: {shown(place)}")
    files, output = new_set(place, overwrite)
    journal = SetJournal(len(fields))
    levels = {}
    try:
        output.write_at(0, pack_header(COMPOSITE))
        for number, field in enumerate(fields):
            if field.levels is not None:
                levels[number] = list(field.levels)
                journal.add_levels(number, field.levels)
    except BaseException:
        output.discard()
        files.release()
        raise
    return CompositeWriter(files, output, journal, fields, levels, blocks_per_file, compression_level)


def append_composite(
    folder: Place, *, blocks_per_file: int = DEFAULT_BLOCKS_PER_FILE, compression_level: int | None = None
) -> CompositeWriter:
    """Continue a composite set with more data files; see :func:`xdf.append`."""
    _check_blocks(blocks_per_file, "xdf.append")
    if compression_level is not None:
        check_level(compression_level, "xdf.append")
    files, output, contents = continue_set(folder)
    snapshot = contents.snapshot
    fields = snapshot.footer.fields
    journal = SetJournal.continued(snapshot, contents.levels, contents.counts, contents.files, contents.mappings)
    known = journal.levels_by_field()
    levels = {number: list(known.get(number, ())) for number, field in enumerate(fields) if field.is_factor}
    level = snapshot.footer.compression_level if compression_level is None else compression_level
    return CompositeWriter(files, output, journal, fields, levels, blocks_per_file, level)


@dataclass(frozen=True)
class DataFilePart:
    """A data file still to be written, by whichever thread or process. Pickles. Made by ``CompositeWriter.reserve``.

    Attributes
    ----------
    place : pathlib.Path or Remote
    schema : Schema
    compression_level : int
    """

    place: Place
    schema: Schema
    compression_level: int

    def open(self) -> XdfWriter:
        """A writer for it, to be closed before the writer of the set is."""
        fields = checked_fields(self.schema, shown(self.place))
        return begin(new_output(self.place, overwrite=False), fields, self.compression_level)


class CompositeWriter:
    """Writes blocks to a composite set. Made by :func:`create_composite` and :func:`append`.

    Like :class:`XdfWriter`, and used by one thread at a time; :meth:`reserve` gives out data files that others write
    meanwhile. As a context manager it is closed on success and aborted on an exception.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    blocks_per_file, compression_level : int
    """

    def __init__(
        self,
        files: SetFolder,
        output: Output,
        journal: SetJournal,
        fields: tuple[Field, ...],
        levels: dict[int, list[str]],
        blocks_per_file: int,
        compression_level: int,
    ) -> None:
        self.path = files.path
        self.blocks_per_file = blocks_per_file
        self.compression_level = compression_level
        self._files = files
        self._journal = journal
        self._fields = fields
        self._types = tuple((field.name, field.type) for field in fields)
        self._levels = levels
        self._codes = {number: {level: code for code, level in enumerate(known)} for number, known in levels.items()}
        self._current: XdfWriter | None = None
        self._pending: list[str] = []
        self._pending_rows = 0
        self._pending_blocks = 0
        self._dirty = output.is_new
        self._failed = False
        self._process = os.getpid()
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
            self.abort()

    @property
    def n_rows(self) -> int:
        """Rows of the set so far; those of reserved data files count when they are committed."""
        return self._journal.n_rows + self._pending_rows + (0 if self._current is None else self._current.n_rows)

    @property
    def n_blocks(self) -> int:
        """Blocks of the set so far; those of reserved data files count when they are committed."""
        return self._journal.n_blocks + self._pending_blocks + (0 if self._current is None else self._current.n_blocks)

    @property
    def schema(self) -> Schema:
        """The columns with the levels known so far. Low and high are the explicit ones only."""
        fields = list(self._fields)
        for number, known in self._levels.items():
            own = () if self._current is None else self._current.schema.fields[number].levels or ()
            fields[number] = fields[number].with_(levels=tuple(dict.fromkeys((*known, *own))))
        return Schema(tuple(fields))

    def write(self, batch: pa.RecordBatch, /) -> None:
        """Add one block, in a new data file where the last one has as many as it may; see :meth:`XdfWriter.write`."""
        self._usable()
        try:
            if self._current is None:
                self._current = self._new_part().open()
            self._current.write(batch)
            self._dirty = True
            if self._current.n_blocks >= self.blocks_per_file:
                self._finish_current()
        except XdfWriteError:
            self._failed = True
            raise

    def reserve(self, count: int = 1) -> list[DataFilePart]:
        """Data files for others to write, in any thread or process, at the same time.

        Their blocks follow one another in the order of this list, behind what was written before, whoever finishes
        first. All of them must have been closed when the set is committed; one without a block is left out. Levels that
        only some of them know are brought together in that order too, so the result does not depend on who was faster.

        Parameters
        ----------
        count : int, default 1

        Returns
        -------
        list of DataFilePart
            Their ``open()`` gives an :class:`XdfWriter`.

        Examples
        --------
        >>> import pyarrow as pa, tempfile, pathlib, xdf
        >>> from concurrent.futures import ThreadPoolExecutor
        >>> folder = pathlib.Path(tempfile.mkdtemp(), "parts")
        >>> def write(part, number):
        ...     with part.open() as writer:
        ...         writer.write(pa.record_batch({"x": [number]}))
        >>> with xdf.create_composite(folder, xdf.Schema((xdf.Field("x", pa.int64()),))) as writer:
        ...     with ThreadPoolExecutor() as pool:
        ...         _ = list(pool.map(write, writer.reserve(3), range(3)))
        >>> with xdf.open(folder) as file:
        ...     file.to_arrow()["x"].to_pylist()
        [0, 1, 2]
        """
        self._usable()
        self._finish_current()
        self._dirty = True
        return [self._new_part() for _ in range(count)]

    def set_field(self, name: str, **changes: object) -> None:
        """Change what a column is labelled with; see :meth:`XdfWriter.set_field`. Data files keep their own labels."""
        self._usable()
        self._fields = relabelled(self._fields, name, changes, str(self.path))
        self._dirty = True

    def commit(self) -> None:
        """Make what was written so far the set's last snapshot, safe on the disk.

        The next block begins a data file. A new set is there only after :meth:`close`.

        Raises
        ------
        XdfWriteError
            The system refused, or a reserved data file was not written. The set keeps its earlier commit; the writer
            can only be aborted.
        """
        output = self._usable()
        if not self._dirty:
            return
        try:
            self._finish_current()
            for name in self._pending:
                self._take(name)
            self._journal.commit(output, self._fields, self.compression_level)
        except BaseException:
            self._failed = True
            raise
        self._files.committed(self._pending, is_published=not output.is_new)
        self._pending, self._pending_rows, self._pending_blocks = [], 0, 0
        self._dirty = False

    def close(self) -> None:
        """Commit, and let go of the set. Closing twice does nothing.

        Raises
        ------
        XdfWriteError
            The system refused, now or at an earlier write: a new set is removed, an existing one keeps its last commit.
        """
        if self._output is None:
            return
        try:
            self.commit()
            output = self._usable()
            output.publish()
        except BaseException:
            self.abort()
            raise
        self._output = None
        self._files.published([file.name for file in self._journal.files])
        self._files.release()

    def abort(self) -> None:
        """Give up what was not committed: a new set is removed, an existing one keeps its last commit."""
        output, self._output = self._output, None
        current, self._current = self._current, None
        if current is not None:
            current.abort()
        if output is None or self._process != os.getpid():
            return
        try:
            if not output.is_new:
                # What lies behind the last commit is never read; the next append cuts it off.
                with contextlib.suppress(XdfWriteError):
                    output.truncate(self._journal.committed_length)
        finally:
            output.discard()
            self._files.remove_uncommitted()
            self._files.release()

    def _usable(self) -> Output:
        if self._output is None:
            raise XdfError(f"{self.path}: this writer was closed")
        if self._failed:
            raise XdfWriteError(f"{self.path}: an earlier write failed, so this writer can only be aborted")
        return self._output

    def _new_part(self) -> DataFilePart:
        place, name = self._files.next_file()
        self._pending.append(name)
        fields = list(self._fields)
        for number, known in self._levels.items():
            fields[number] = replace(fields[number], levels=tuple(known) if len(known) <= _MOST_SEEDED else ())
        return DataFilePart(place, Schema(tuple(fields)), self.compression_level)

    def _finish_current(self) -> None:
        writer, self._current = self._current, None
        if writer is None:
            return
        self._pending_rows += writer.n_rows
        self._pending_blocks += writer.n_blocks
        for number, known in self._levels.items():
            self._levels[number] = list(dict.fromkeys((*known, *(writer.schema.fields[number].levels or ()))))
        writer.close()

    def _take(self, name: str) -> None:
        """Take a finished data file into the journal, and its levels into those of the set."""
        place = child(self._files.data, name)
        try:
            handle = open_handle(place)
        except FileNotFoundError as error:
            raise XdfWriteError(
                f"{self.path}: data file {name!r} was reserved and not written, or its writer was not closed; "
                "close the writers of all reserved files before the set"
            ) from error
        try:
            snapshot = load_snapshot(handle, shown(place))
            table = load_levels(handle, shown(place), snapshot.footer)
            counts = load_counts(handle, shown(place), snapshot, numbers_of_levels(table))
        finally:
            close_handle(handle)
        found, commit = snapshot.footer, snapshot.commit
        if tuple((field.name, field.type) for field in found.fields) != self._types:
            raise XdfSchemaError(f"{self.path}: data file {name!r} has other columns than the set")
        if found.n_blocks == 0:
            self._files.remove(name)
            return
        file = DataFile(name, found.n_rows, found.n_blocks, commit.file_length, commit.footer_checksum)
        self._journal.add_file(file, snapshot.index_table, counts, self._mappings(split_levels(table)))

    def _mappings(self, levels: dict[int, pa.StringArray]) -> dict[int, Codes]:
        """The global codes of the factors of a data file, where they are others than its own."""
        mappings = {}
        for number, codes in self._codes.items():
            own: Sequence[str] = levels[number].to_pylist() if number in levels else ()
            before = len(codes)
            found = np.fromiter((codes.setdefault(level, len(codes)) for level in own), np.int32, len(own))
            self._journal.add_levels(number, list(codes)[before:])
            if not np.array_equal(found, np.arange(len(found))):
                mappings[number] = found
            self._levels[number] = list(codes)
        return mappings


def _check_blocks(blocks_per_file: object, where: str) -> None:
    if not isinstance(blocks_per_file, int) or isinstance(blocks_per_file, bool) or blocks_per_file < 1:
        raise XdfError(f"{where}: blocks_per_file must be a whole number of at least 1; got {blocks_per_file!r}")
