"""Composite sets: a folder of data files that are read as one, under a metadata file whose commit says which they are.

::

    sales/
        data/sales_1.xdfd  data/sales_2.xdfd  ...    each an .xdf file of its own
        metadata/sales.xdfm                          schema, levels, statistics, and the names of the data files

The blocks of a set number through all its files, so that a set and a single file with the same blocks give the same
results to the last bit. Data files that the metadata file does not name, left over from a crash, are not read.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pyarrow as pa

from xdf.columns import Column, Values
from xdf.errors import XdfError, XdfFormatError
from xdf.filesystems import Place
from xdf.foreign import LEGACY_MAGIC, describe_start
from xdf.format import MAGIC
from xdf.ranges import Handle
from xdf.reader import XdfFile
from xdf.set_format import (
    DATA_FOLDER,
    DATA_SUFFIX,
    METADATA_FOLDER,
    METADATA_SUFFIX,
    Codes,
    DataFile,
    load_files,
)
from xdf.snapshot import Snapshot, load_snapshot, read_exactly

# A process may have some thousand files open, often no more than 1024. A set holds on to its files as long as it and
# all sets together have no more than these; else it keeps a few open, enough for every thread to have one.
_MOST_HELD = 64
_MOST_HELD_IN_ALL = 256
_MOST_OPEN = 16
_ATTEMPTS = 5
_budget = threading.Lock()
_n_held = 0
_CLOSED = -1
_NO_LEVELS = pa.nulls(0, pa.string())
_CODE_TYPES = (np.dtype(np.int8), np.dtype(np.int16), np.dtype(np.int32))


def open_set(folder: Place, metadata: Place | None = None) -> XdfSet:
    """Open a composite set for reading: its metadata file, and no data file before it is needed.

    Parameters
    ----------
    folder : pathlib.Path or Remote
    metadata : pathlib.Path or Remote, optional
        Its metadata file, where known.

    Raises
    ------
    FileNotFoundError
        There is no such folder.
    XdfFormatError
        The folder holds no set, or an unfinished or damaged one, or one of another format.
    """
    attempts = _ATTEMPTS
    while True:
        attempts -= 1
        found = _open_once(folder, find_metadata(folder) if metadata is None else metadata)
        if attempts == 0 or not found.was_replaced():
            return found
        # Somebody replaced the set between its metadata and its data files: the new one is the one to open.
        found.close()


def _open_once(folder: Place, metadata: Place) -> XdfSet:
    handle = open_handle(metadata)
    try:
        return XdfSet(folder, metadata, handle, load_set(handle, metadata))
    except BaseException:
        close_handle(handle)
        raise


def load_set(handle: Handle, metadata: Place) -> Snapshot:
    """Read and check the last commit of a metadata file.

    Raises
    ------
    XdfFormatError
        Also when it is none of a composite set.
    """
    start = read_exactly(handle, 0, 512)
    if not start.startswith(MAGIC):
        hint = ", which is only read: convert the set first" if start.startswith(LEGACY_MAGIC) else ""
        raise XdfFormatError(
            f"{shown(metadata)}: this is not the metadata file of a composite set of this package; it looks like "
            f"{describe_start(start)}{hint}"
        )
    snapshot = load_snapshot(handle, shown(metadata), may_be_composite=True)
    if not snapshot.is_composite:
        raise XdfFormatError(f"{shown(metadata)}: this is a plain .xdf file and not the metadata file of a set")
    return snapshot


def find_metadata(folder: Place) -> Place:
    """The metadata file of a set: the one in its folder ``metadata``, or that of the folder's own name.

    Raises
    ------
    FileNotFoundError, XdfFormatError
    """
    inside = child(folder, METADATA_FOLDER)
    names = [name for name in names_in(inside) if name.endswith(METADATA_SUFFIX) and not name.startswith(".")]
    if len(names) > 1:
        own = name_of(folder) + METADATA_SUFFIX
        if own not in names:
            raise XdfFormatError(f"{shown(folder)}: this set has several metadata files: {', '.join(sorted(names))}")
        names = [own]
    if not names:
        if isinstance(folder, Path) and not folder.exists():
            raise FileNotFoundError(f"{folder}: there is no such folder")
        if any(DATA_SUFFIX in name for name in names_in(child(folder, DATA_FOLDER))):
            raise XdfFormatError(f"{shown(folder)}: this composite set has no metadata file: its writer never finished")
        if not isinstance(folder, Path):
            raise FileNotFoundError(f"{shown(folder)}: no file and no composite set is there")
        raise XdfFormatError(f"{folder}: this is a folder, not an .xdf file, and no composite set is in it")
    return child(inside, names[0])


class XdfSet(XdfFile):
    """One snapshot of a composite set, read like a file. Made by :func:`xdf.open`.

    Appending to a set adds files and never changes any, so that a set that is open keeps its snapshot. Replacing or
    compacting it takes files away: a local set of up to 64 files holds on to all of them; a larger one can then be read
    as far as its files were opened before.

    Attributes
    ----------
    path : pathlib.Path
        The folder.
    metadata_path : pathlib.Path
        The metadata file: what changes when the set does.
    files : tuple of DataFile
    n_files : int
    size_on_disk : int
        Bytes of all files.
    """

    def __init__(self, folder: Place, metadata: Place, handle: Handle, snapshot: Snapshot) -> None:
        super().__init__(folder if isinstance(folder, Path) else folder.shown, handle, snapshot)
        self.metadata_path = metadata if isinstance(metadata, Path) else metadata.shown
        self._open: OrderedDict[int, XdfFile] = OrderedDict()
        self._opening = threading.Lock()
        try:
            n_levels = {number: len(levels) for number, levels in self._factor_levels().items()}
            self.files, self._translations = load_files(handle, self.metadata_path, snapshot, n_levels)
        except BaseException:
            self._fd = _CLOSED  # whoever opened it closes it
            raise
        self.n_files = len(self.files)
        self.size_on_disk = snapshot.commit.file_length + sum(file.length for file in self.files)
        self._folder = child(folder, DATA_FOLDER)
        self._held: dict[int, int] = {}
        self._n_reserved = 0
        self._is_incomplete = self._hold()
        self._starts = np.cumsum([0, *(file.n_blocks for file in self.files)])

    def __repr__(self) -> str:
        return super().__repr__().removesuffix(")") + f", {self.n_files} files)"

    def close(self) -> None:
        """Let go of the files. Columns that were read stay valid. Closing twice does nothing."""
        super().close()
        if hasattr(self, "_held"):
            with self._opening:
                files, self._open = self._open, OrderedDict()
                held, self._held = self._held, {}
                n_reserved, self._n_reserved = self._n_reserved, 0
            for file in files.values():
                file.close()
            for fd in held.values():
                os.close(fd)
            _reserve(-n_reserved)

    def file_of_block(self, number: int) -> tuple[DataFile, int]:
        """The data file that holds a block, and the number of the block in it."""
        self._check_block(number)
        file, local = self._locate(number)
        return self.files[file], local

    def block_nbytes(self, columns: Sequence[str] | None = None) -> int:
        """The most bytes of memory that :meth:`read_block` of these columns takes."""
        positions = [position for _, position in self._select(columns)]
        translated = sum(any(key[1] == position for key in self._translations) for position in positions)
        largest = max(self.rows_per_block, default=0)
        return super().block_nbytes(columns) + translated * 2 * _CODE_TYPES[-1].itemsize * largest

    def was_replaced(self) -> bool:
        """Whether files were missing when it was opened, and its metadata file is another one by now."""
        if not self._is_incomplete or not isinstance(self._fd, int):
            return False
        try:
            return not os.path.samestat(os.fstat(self._fd), os.stat(self.metadata_path))
        except FileNotFoundError:
            return False

    def _hold(self) -> bool:
        """Open the data files, unless they are many, lest somebody takes them away; tells whether one is missing."""
        is_incomplete = False
        if isinstance(self._folder, Path) and len(self.files) <= _MOST_HELD and _reserve(len(self.files)):
            self._n_reserved = len(self.files)
            for number, file in enumerate(self.files):
                try:
                    self._held[number] = os.open(self._folder / file.name, os.O_RDONLY | os.O_CLOEXEC)
                except OSError:
                    is_incomplete = True  # whoever reads it is told
        return is_incomplete

    def _locate(self, block: int) -> tuple[int, int]:
        file = int(np.searchsorted(self._starts, block, side="right")) - 1
        return file, block - int(self._starts[file])

    def _data(self, number: int) -> XdfFile:
        """A data file, kept open for a while."""
        with self._opening:
            found = self._open.get(number)
            if found is not None:
                self._open.move_to_end(number)
                return found
            held = self._held.pop(number, None)
            if held is not None:
                # Inside the lock, because there is no second way to it if it is gone by name.
                found = self._open[number] = self._open_data(number, held)
                return found
        opened = self._open_data(number, None)
        with self._opening:
            if self._fd == _CLOSED:
                opened.close()
                raise XdfError(f"{self.path}: the set was closed; open it again")
            found = self._open.setdefault(number, opened)
            # Dropped and not closed: another thread may be reading. A file closes itself when nobody holds it.
            while len(self._open) > max(_MOST_OPEN, self._n_reserved):
                self._open.popitem(last=False)
        return found

    def _open_data(self, number: int, held: int | None) -> XdfFile:
        file = self.files[number]
        place = child(self._folder, file.name)
        try:
            handle = open_handle(place) if held is None else held
        except FileNotFoundError as error:
            raise XdfFormatError(
                f"{self.path}: data file {file.name!r} is gone: the set was replaced or compacted after it was opened, "
                "or the file was lost. Open the set again"
            ) from error
        try:
            snapshot = load_snapshot(handle, shown(place))
            self._check_identity(number, snapshot)
            return XdfFile(place if isinstance(place, Path) else place.shown, handle, snapshot)
        except BaseException:
            close_handle(handle)
            raise

    def _check_identity(self, number: int, snapshot: Snapshot) -> None:
        file, commit = self.files[number], snapshot.commit
        is_same = (commit.file_length, commit.footer_checksum) == (file.length, file.checksum)
        types = [[field.type for field in footer.fields] for footer in (snapshot.footer, self._footer)]
        first = int(self._starts[number])
        rows = self.rows_per_block[first : first + file.n_blocks]
        if not is_same or types[0] != types[1] or tuple(snapshot.index.rows_per_block.tolist()) != rows:
            raise XdfFormatError(
                f"{self.path}: data file {file.name!r} is not the one this set was committed with: its footer has "
                "another checksum, or its blocks other rows. It was replaced, or changed by itself; restore it"
            )

    def _at_hand(self, block: int, selected: Iterable[tuple[str, int]]) -> AbstractContextManager[None]:
        file, local = self._locate(block)
        return self._data(file)._at_hand(local, selected)

    def _read_column(self, block: int, position: int) -> Column:
        file, local = self._locate(block)
        column = self._data(file)._read_column(local, position)
        if column.levels is None or not self._footer.fields[position].is_factor:
            return column
        levels = self._factor_levels().get(position, _NO_LEVELS)
        mapping = self._translations.get((file, position))
        if len(column.levels) > (len(levels) if mapping is None else len(mapping)):
            raise XdfFormatError(
                f"{self.metadata_path}: column {self._footer.fields[position].name!r}: levels of "
                f"{self.files[file].name!r} are missing"
            )
        values = column.values if mapping is None else _translated(column.values, mapping)
        return Column(values, 0, column.validity, column.validity_offset, levels)

    def _read_arrow(self, block: int, position: int) -> pa.Array:
        field = self._footer.fields[position]
        if field.is_factor:
            return self._read_column(block, position).to_arrow(field)
        file, local = self._locate(block)
        return self._data(file)._read_arrow(local, position)


def _reserve(count: int) -> bool:
    """Take so many open files from the budget of all sets, if it has them; a negative number gives them back."""
    global _n_held  # noqa: PLW0603 - how many files a process has open is a state of the process
    with _budget:
        if count > 0 and _n_held + count > _MOST_HELD_IN_ALL:
            return False
        _n_held += count
        return True


def _translated(codes: Values, mapping: Codes) -> Values:
    """Global codes, as narrow as a file would store them; -1, a missing row, stays."""
    found = np.append(mapping, np.int32(-1))[codes.astype(np.int64, copy=False)]
    highest = int(found.max(initial=-1))
    narrow = found.astype(next(dtype for dtype in _CODE_TYPES if highest <= np.iinfo(dtype).max))
    narrow.flags.writeable = False
    return narrow


def child(place: Place, name: str) -> Place:
    """A place inside another."""
    return place / name if isinstance(place, Path) else place.child(name)


def shown(place: Place) -> str:
    """How messages name it."""
    return str(place) if isinstance(place, Path) else place.shown


def name_of(place: Place) -> str:
    """The last part of its path."""
    return os.path.basename(os.path.abspath(place)) if isinstance(place, Path) else place.name


def names_in(place: Place) -> list[str]:
    """Names of the files in a folder; none where there is no folder."""
    if not isinstance(place, Path):
        return place.store.names(place.key)
    return sorted(entry.name for entry in place.iterdir() if entry.is_file()) if place.is_dir() else []


def open_handle(place: Place) -> Handle:
    """A file, open for reading."""
    return os.open(place, os.O_RDONLY | os.O_CLOEXEC) if isinstance(place, Path) else place.reader()


def close_handle(handle: Handle) -> None:
    """Let go of it."""
    if isinstance(handle, int):
        os.close(handle)
    else:
        handle.close()
