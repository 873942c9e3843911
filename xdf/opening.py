"""Opening whatever a path leads to: a file or a composite set, on this machine or elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from xdf import creation
from xdf.composite import find_metadata, open_set
from xdf.composite_writer import DEFAULT_BLOCKS_PER_FILE, CompositeWriter, append_composite
from xdf.errors import XdfError
from xdf.filesystems import Remote, locate
from xdf.foreign import first_bytes
from xdf.legacy.composite import is_legacy_metadata, open_legacy_set
from xdf.legacy.layout import is_legacy, load_layout
from xdf.legacy.reader import LegacyFile, Reading, open_legacy
from xdf.opened import OpenFile
from xdf.reader import XdfFile, open_file
from xdf.set_format import DATA_SUFFIX, METADATA_SUFFIX
from xdf.snapshot import load_snapshot
from xdf.writer import XdfWriter


def open(  # noqa: A001
    path: str | os.PathLike[str],
    *,
    filesystem: object = None,
    salvage: bool = False,
    keep_missing_codes: bool = False,
) -> OpenFile:
    """Open an .xdf file or a composite set for reading, also one that Microsoft's products wrote.

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
    salvage : bool, default False
        Of a damaged file of Microsoft's, leave out the variables that cannot be read: reads all of it once. Files of
        this package are repaired with :func:`xdf.repair` instead.
    keep_missing_codes : bool, default False
        Of a file of Microsoft's, leave the integer that stands for a missing value (-2147483648) as it is.

    Returns
    -------
    OpenFile
        A context manager; may be shared by threads. An :class:`XdfFile`; of a set an :class:`XdfSet`, which is one too.
        A file or set of RevoScaleR, Machine Learning Server or SQL Server is recognised by its first bytes and comes
        as a :class:`LegacyFile` or :class:`LegacySet`, which can be read and not written to.

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
    reading = Reading(salvage=salvage, keep_missing_codes=keep_missing_codes)
    if not isinstance(place, Path):
        return _open_remote(place, reading)
    if place.suffix == METADATA_SUFFIX and place.is_file():
        folder = place.absolute().parent.parent
        return open_legacy_set(folder, place, reading) if is_legacy_metadata(place) else open_set(folder, place)
    if place.is_dir():
        legacy = _legacy_metadata(place)
        return open_set(place) if legacy is None else open_legacy_set(place, legacy, reading)
    return open_legacy(place, reading) if is_legacy(first_bytes(place, 4)) else open_file(place)


def _legacy_metadata(folder: Path) -> Path | None:
    """The metadata file of a folder that holds a set of Microsoft's; what else may be wrong with it is found later."""
    try:
        metadata = find_metadata(folder)
        return metadata if isinstance(metadata, Path) and is_legacy_metadata(metadata) else None
    except (OSError, XdfError):
        return None


def _open_remote(place: Remote, reading: Reading) -> OpenFile:
    if place.name.endswith(METADATA_SUFFIX):
        folder = place.key.rpartition("/")[0].rpartition("/")[0]
        return open_set(Remote(place.store, folder, place.shown.rpartition("/")[0].rpartition("/")[0]), place)
    is_file = place.name.endswith((".xdf", DATA_SUFFIX)) or place.store.is_file(place.key)
    if not is_file:
        return open_set(place)
    reader = place.reader()
    file: OpenFile
    if is_legacy(reader.read_at(0, 4)):
        file = LegacyFile(place.shown, reader, load_layout(reader, place.shown), reading)
    else:
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
