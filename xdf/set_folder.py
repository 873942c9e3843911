"""The folder of a composite set while somebody writes to it: names, the lock, and what is left over from a crash."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from xdf.composite import child, find_metadata, load_set, name_of, names_in, shown
from xdf.creation import continue_file, new_output
from xdf.errors import XdfError, XdfExistsError, XdfFormatError, XdfLockedError, XdfWriteError
from xdf.filesystems import Place
from xdf.level_counts import load_counts, numbers_of_levels
from xdf.locks import read_note
from xdf.output import Output, refusals
from xdf.set_format import (
    DATA_FOLDER,
    DATA_SUFFIX,
    METADATA_FOLDER,
    METADATA_SUFFIX,
    DataFile,
    Mappings,
    is_data_name,
    load_files,
)
from xdf.snapshot import Snapshot, load_levels


@dataclass(frozen=True, slots=True, eq=False)
class SetContents:
    """What an appending writer starts from."""

    snapshot: Snapshot
    levels: pa.Table
    counts: pa.Table
    files: tuple[DataFile, ...]
    mappings: Mappings


class SetFolder:
    """A folder that is held against other writers. Made by :func:`new_set` and :func:`continue_set`.

    Attributes
    ----------
    path : pathlib.Path or str
        How messages name the folder.
    data : pathlib.Path or Remote
        The folder of the data files.
    """

    def __init__(self, folder: Place, name: str, lock: int | None, made: Sequence[Path] = ()) -> None:
        self.path: Path | str = folder if isinstance(folder, Path) else folder.shown
        self.data = child(folder, DATA_FOLDER)
        self._metadata = child(folder, METADATA_FOLDER)
        self._name = name
        self._lock = lock
        self._made = made
        self._kept: set[str] = set()
        self._own = re.compile(rf"{re.escape(name)}_([0-9]+)\.xdfd")
        self._unfinished = re.compile(rf"\.{re.escape(name)}(_[0-9]+\.xdfd|\.xdfm)\..*\.partial")
        self._replaced: set[str] = set()
        self._next = self._first = 1
        self._count()

    def next_file(self) -> tuple[Place, str]:
        """A place for a new data file, and its name."""
        name = f"{self._name}_{self._next}{DATA_SUFFIX}"
        self._next += 1
        return child(self.data, name), name

    def committed(self, names: Iterable[str], is_published: bool) -> None:
        """These files must not be removed any more, if the commit is one that readers see."""
        if is_published:
            self._kept.update(names)

    def published(self, names: Sequence[str]) -> None:
        """The set consists of these files now: remove all others.

        Where there is no lock, others may be those of another writer: only what this one replaced is removed then.
        """
        self._kept.update(names)
        if self._lock is not None:
            self.remove_leftovers(names)
        elif names:
            for name in self._replaced.difference(names):
                self.remove(name)

    def clear_for_new(self, overwrite: bool) -> None:
        """Make room where there is no metadata file: data files without one may be all that is left of a set."""
        left = [name for name in names_in(self.data) if self._own.fullmatch(name)]
        if left and not overwrite:
            raise XdfExistsError(
                f"{self.path}: data files of a set that was never finished, or that lost its metadata file, are there "
                f"({', '.join(left[:3])}{', ...' if len(left) > 3 else ''}); pass overwrite=True to remove them"
            )
        self.published(())

    def remove_leftovers(self, named: Iterable[str]) -> list[str]:
        """Remove data files that the set does not name, of crashed writers and replaced sets; gives their names."""
        known = set(named)
        left = [name for name in names_in(self.data) if self._is_own(name) and name not in known]
        for name in left:
            self.remove(name)
        for name in names_in(self._metadata):
            if self._unfinished.fullmatch(name):
                _delete(child(self._metadata, name))
        if self._next == self._first:
            self._count()
        return left

    def remove_uncommitted(self) -> None:
        """Remove what was written here since the last commit, and folders that were made for it."""
        for number in range(self._first, self._next):
            name = f"{self._name}_{number}{DATA_SUFFIX}"
            if name not in self._kept:
                self.remove(name)
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def remove(self, name: str) -> None:
        """Remove a data file, if it is there."""
        _delete(child(self.data, name))

    def release(self) -> None:
        """Let other writers in."""
        lock, self._lock = self._lock, None
        if lock is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def _count(self) -> None:
        """Number new data files behind those that are there."""
        present = [match for match in map(self._own.fullmatch, names_in(self.data)) if match]
        self._replaced = {match[0] for match in present}
        self._next = self._first = 1 + max((int(match[1]) for match in present), default=0)

    def _is_own(self, name: str) -> bool:
        return self._own.fullmatch(name) is not None or self._unfinished.fullmatch(name) is not None


def new_set(folder: Place, overwrite: bool) -> tuple[SetFolder, Output]:
    """A folder for a new set, held, and the output of its metadata file.

    Raises
    ------
    XdfExistsError, XdfLockedError, XdfWriteError
    """
    made = _make_folders(folder) if isinstance(folder, Path) else []
    lock = lock_folder(folder)
    try:
        old = _old_metadata(folder, overwrite)
        name = name_of(folder) if old is None else name_of(old).removesuffix(METADATA_SUFFIX)
        _check_name(name, folder)
        files = SetFolder(folder, name, lock, made)
        if old is None:
            files.clear_for_new(overwrite)
        metadata = child(child(folder, METADATA_FOLDER), name + METADATA_SUFFIX)
        return files, new_output(metadata, overwrite)
    except BaseException:
        if lock is not None:
            os.close(lock)
        for one in made:
            with contextlib.suppress(OSError):
                one.rmdir()
        raise


def continue_set(folder: Place) -> tuple[SetFolder, Output, SetContents]:
    """The folder of an existing set, held and cleared of what a crash left over, and what is in it.

    Raises
    ------
    FileNotFoundError, XdfError, XdfFormatError, XdfLockedError, XdfWriteError
    """
    if not isinstance(folder, Path):
        raise XdfError(
            f"{folder.shown}: appending needs a file system that can lock and change files in place; only local ones "
            "can. Write a new set or file instead"
        )
    metadata = find_metadata(folder)
    assert isinstance(metadata, Path)
    lock = lock_folder(folder)
    files = SetFolder(folder, metadata.name.removesuffix(METADATA_SUFFIX), lock)
    try:
        with open(metadata, "rb") as file:
            load_set(file.fileno(), metadata)
        output, snapshot, _ = continue_file(metadata, "append", may_be_composite=True)
    except BaseException:
        files.release()
        raise
    try:
        levels = load_levels(output.fd, metadata, snapshot.footer)
        n_levels = numbers_of_levels(levels)
        counts = load_counts(output.fd, metadata, snapshot, n_levels)
        named, mappings = load_files(output.fd, metadata, snapshot, n_levels)
        files.remove_leftovers([file.name for file in named])
        return files, output, SetContents(snapshot, levels, counts.table, named, mappings)
    except BaseException:
        output.release()
        files.release()
        raise


def _check_name(name: str, folder: Place) -> None:
    """Refuse names that a reader of the set would not take."""
    try:
        name.encode()
        is_readable = is_data_name(f"{name}_1{DATA_SUFFIX}") and not name.startswith(".")
    except UnicodeEncodeError:
        is_readable = False
    if not is_readable:
        raise XdfWriteError(
            f"{shown(folder)!r}: a composite set cannot be called {name!r}: the name must be valid Unicode, begin with "
            "another letter than a dot and have no backslash"
        )


def _make_folders(folder: Path) -> list[Path]:
    """Make the folders that are not there; gives those made, innermost first."""
    if folder.exists() and not folder.is_dir():
        raise XdfExistsError(f"{folder}: this is a file; a composite set needs a folder of its own")
    if folder.is_dir():
        others = sorted(entry.name for entry in folder.iterdir() if entry.name not in (DATA_FOLDER, METADATA_FOLDER))
        if others:
            raise XdfExistsError(
                f"{folder}: this folder holds other things ({', '.join(others[:5])}); a composite set needs a folder "
                "of its own"
            )
    made: list[Path] = []
    with refusals(folder):
        for one in (folder, folder / DATA_FOLDER, folder / METADATA_FOLDER):
            if not one.is_dir():
                one.mkdir()
                made.insert(0, one)
    return made


def _old_metadata(folder: Place, overwrite: bool) -> Place | None:
    try:
        found = find_metadata(folder)
    except FileNotFoundError:
        return None
    except XdfFormatError:
        if any(name.endswith(METADATA_SUFFIX) for name in names_in(child(folder, METADATA_FOLDER))):
            raise
        return None
    if not overwrite:
        raise XdfExistsError(
            f"{shown(folder)}: the composite set is already there; pass overwrite=True to replace it, or append to it"
        )
    return found


def lock_folder(folder: Place) -> int | None:
    """Hold the folder of the data files; None where there are no locks."""
    if not isinstance(folder, Path):
        return None
    data = folder / DATA_FOLDER
    with refusals(folder):
        fd = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(fd)
        raise XdfLockedError(
            f"{folder}: another writer holds the set{_holder(folder)}. Try again when it is done"
        ) from error
    except OSError:
        # The metadata file has a lock of its own; a file system without any has none to offer.
        os.close(fd)
        return None
    return fd


def _holder(folder: Path) -> str:
    with contextlib.suppress(OSError, XdfFormatError):
        fd = os.open(str(find_metadata(folder)), os.O_RDONLY | os.O_CLOEXEC)
        try:
            note = read_note(fd)
        finally:
            os.close(fd)
        return "" if note is None else f": {note}"
    return ""


def _delete(place: Place) -> None:
    with contextlib.suppress(OSError):
        if isinstance(place, Path):
            place.unlink()
        else:
            place.store.delete(place.key)
