"""Opening whatever a path leads to: a file or a composite set, on this machine or elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from xdf import creation
from xdf.composite import open_set
from xdf.composite_writer import DEFAULT_BLOCKS_PER_FILE, CompositeWriter, append_composite
from xdf.errors import XdfError
from xdf.filesystems import Remote, locate
from xdf.reader import XdfFile, open_file
from xdf.set_format import DATA_SUFFIX, METADATA_SUFFIX
from xdf.snapshot import load_snapshot
from xdf.writer import XdfWriter


def open(path: str | os.PathLike[str], *, filesystem: object = None) -> XdfFile:  # noqa: A001
    """Open an .xdf file or a composite set for reading.

    Reads the header, the footer and the block index; no data. What is opened is the last commit: rows that a writer
    adds later are seen by whoever opens it later.

    Parameters
    ----------
    path : str or path-like
        A file; the folder of a composite set, or its metadata file (.xdfm); or an URL of one of these, such as
        ``s3://bucket/sales.xdf``. What is elsewhere is read by ranges: the chunks of the columns asked for, neighbours
        in one request.
    filesystem : fsspec or pyarrow file system, optional
        Where ``path`` is, if not on this machine.

    Returns
    -------
    XdfFile
        A context manager; may be shared by threads. Of a set an :class:`XdfSet`, which is one too.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfFormatError
        The file is foreign (the message says what it looks like), truncated or damaged.
    XdfVersionError
        A newer release wrote it.
    XdfChecksumError
        Its footer does not match its checksum.
    XdfError
        The URL needs something that is not installed.

    Examples
    --------
    >>> import xdf
    >>> with xdf.open("flights.xdf") as file:  # doctest: +SKIP
    ...     print(file.n_rows, file.schema.names)
    """
    place = locate(path, filesystem, "xdf.open")
    if isinstance(place, Path):
        if place.suffix == METADATA_SUFFIX and place.is_file():
            return open_set(place.absolute().parent.parent, place)
        return open_set(place) if place.is_dir() else open_file(place)
    return _open_remote(place)


def _open_remote(place: Remote) -> XdfFile:
    if place.name.endswith(METADATA_SUFFIX):
        folder = place.key.rpartition("/")[0].rpartition("/")[0]
        return open_set(Remote(place.store, folder, place.shown.rpartition("/")[0].rpartition("/")[0]), place)
    is_file = place.name.endswith((".xdf", DATA_SUFFIX)) or place.store.is_file(place.key)
    if not is_file:
        return open_set(place)
    reader = place.reader()
    file = XdfFile(place.shown, reader, load_snapshot(reader, place.shown))
    reader.forget_ends()
    return file


def append(
    path: str | os.PathLike[str],
    *,
    compression_level: int | None = None,
    blocks_per_file: int = DEFAULT_BLOCKS_PER_FILE,
    filesystem: object = None,
) -> XdfWriter | CompositeWriter:
    """Continue an .xdf file in place, or a composite set with more data files.

    Nothing that is there is overwritten: readers keep what they opened, and a crash at any moment leaves the last
    commit. The file or set is held against other writers until the writer is closed. Data files that a crashed writer
    left in a set are removed.

    Parameters
    ----------
    path : str or path-like
        A local file, or the folder of a composite set.
    compression_level : int, optional
        As in :func:`create`; that of the file by default.
    blocks_per_file : int, default 3
        Blocks of each data file added to a set.
    filesystem : fsspec or pyarrow file system, optional
        A local one; others cannot append.

    Returns
    -------
    XdfWriter or CompositeWriter

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfLockedError
        Another writer holds the file; the message says who. Raised at once, without waiting.
    XdfFormatError, XdfChecksumError, XdfVersionError
        It is no .xdf file of this package, or a damaged one.
    XdfWriteError
        The system refused.
    XdfError
        The file is not on this machine.
    """
    place = locate(path, filesystem, "xdf.append")
    if not isinstance(place, Path):
        raise XdfError(
            f"{place.shown}: appending needs a file system that can lock and change files in place; only local ones "
            "can. Write a new file instead"
        )
    if place.is_dir():
        return append_composite(place, blocks_per_file=blocks_per_file, compression_level=compression_level)
    return creation.append(place, compression_level=compression_level)
