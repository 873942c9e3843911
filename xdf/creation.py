"""Starting to write: a new file, or the continuation of one."""

from __future__ import annotations

import os
from pathlib import Path

from xdf.dictionaries import GrowingDictionary
from xdf.errors import XdfSchemaError
from xdf.format import DEFAULT_LEVEL, HIGHEST_LEVEL, LOWEST_LEVEL, SLOT_OFFSETS, pack_commit, pack_header
from xdf.journal import Journal
from xdf.logical import checked_field
from xdf.output import create_output, lock_output
from xdf.schema import Schema
from xdf.snapshot import load_levels, load_snapshot
from xdf.writer import XdfWriter


def create(
    path: str | os.PathLike[str], schema: Schema, *, overwrite: bool = False, compression_level: int = DEFAULT_LEVEL
) -> XdfWriter:
    """Start a new .xdf file.

    The file is written under a temporary name in the same folder and takes its own when the writer is closed. Until
    then an existing file of that name stays as it is; if writing fails, it stays for good.

    Parameters
    ----------
    path : str or path-like
    schema : Schema
        The columns. Levels of a factor may be given, and grow with the data; low and high, where given, are kept
        instead of those of the data.
    overwrite : bool, default False
    compression_level : int, default 1
        -1 (the codec's own default), 0 (none) or 1 (fastest) .. 9 (smallest).

    Returns
    -------
    XdfWriter
        A context manager: closed on success, aborted on an exception.

    Raises
    ------
    XdfExistsError
        The file is there and ``overwrite`` is False.
    XdfSchemaError
        There is no column, or a type that the format does not hold, or no such compression level.
    XdfWriteError
        The system refused.

    Examples
    --------
    >>> import pyarrow as pa, tempfile, pathlib, xdf
    >>> path = pathlib.Path(tempfile.mkdtemp(), "small.xdf")
    >>> with xdf.create(path, xdf.Schema((xdf.Field("age", pa.int64()),))) as writer:
    ...     writer.write(pa.record_batch({"age": [31, None, 45]}))
    >>> with xdf.open(path) as file:
    ...     file.statistics("age").mean
    38.0
    """
    file = Path(path)
    _check_level(compression_level, "xdf.create")
    if not isinstance(schema, Schema):
        raise TypeError(f"xdf.create: schema must be an xdf.Schema; got {type(schema).__name__}")
    if len(schema) == 0:
        raise XdfSchemaError(f"xdf.create: {file}: the schema has no column; a file needs at least one")
    fields = tuple(checked_field(field, f"xdf.create: {file.name}") for field in schema)
    output = create_output(file, overwrite)
    try:
        output.write_at(0, pack_header())
    except BaseException:
        output.discard()
        raise
    journal = Journal(len(fields))
    dictionaries = {}
    for number, field in enumerate(fields):
        if field.levels is not None:
            dictionaries[number] = GrowingDictionary(field.levels)
            journal.add_levels(number, field.levels)
    return XdfWriter(output, fields, dictionaries, journal, compression_level)


def append(path: str | os.PathLike[str], *, compression_level: int | None = None) -> XdfWriter:
    """Continue an .xdf file in place.

    Nothing that is in the file is overwritten: readers keep what they opened, and a crash at any moment leaves the last
    commit. The file is held against other writers until the writer is closed.

    Parameters
    ----------
    path : str or path-like
    compression_level : int, optional
        As in :func:`create`; that of the file by default.

    Returns
    -------
    XdfWriter

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfLockedError
        Another writer holds the file. Raised at once, without waiting.
    XdfFormatError, XdfChecksumError, XdfVersionError
        It is no .xdf file of this package, or a damaged one.
    XdfWriteError
        The system refused.
    """
    file = Path(path)
    if compression_level is not None:
        _check_level(compression_level, "xdf.append")
    output = lock_output(file)
    try:
        snapshot = load_snapshot(output.fd, file)
        if not snapshot.in_slot:
            # Its slot was torn: finish that commit before what lies behind it is touched.
            output.write_at(SLOT_OFFSETS[snapshot.commit.slot], pack_commit(snapshot.commit))
            output.sync()
        levels = load_levels(output.fd, file, snapshot.footer)
        journal = Journal.from_snapshot(snapshot, levels)
        output.truncate(journal.committed_length)
    except BaseException:
        output.release()
        raise
    fields = snapshot.footer.fields
    known = journal.levels_by_field()
    dictionaries = {
        number: GrowingDictionary(known.get(number, ())) for number, field in enumerate(fields) if field.is_factor
    }
    level = snapshot.footer.compression_level if compression_level is None else compression_level
    return XdfWriter(output, fields, dictionaries, journal, level)


def _check_level(compression_level: int, where: str) -> None:
    if compression_level not in range(LOWEST_LEVEL, HIGHEST_LEVEL + 1):
        raise XdfSchemaError(
            f"{where}: compression_level must be a whole number from {LOWEST_LEVEL} to {HIGHEST_LEVEL}; "
            f"got {compression_level!r}"
        )
