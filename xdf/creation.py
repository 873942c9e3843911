"""Starting to write: a new file, or the continuation of one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from xdf.dictionaries import GrowingDictionary
from xdf.errors import XdfSchemaError
from xdf.filesystems import FileSink, Place, StreamOutput, create_stream, locate
from xdf.format import BLANK_RECORD, DEFAULT_LEVEL, HIGHEST_LEVEL, LOWEST_LEVEL, SLOT_OFFSETS, pack_commit, pack_header
from xdf.journal import Journal
from xdf.level_counts import load_counts, numbers_of_levels
from xdf.logical import checked_field
from xdf.output import Output, create_output, lock_output
from xdf.schema import Field, Schema
from xdf.snapshot import Snapshot, load_levels, load_snapshot, read_slots
from xdf.writer import XdfWriter


def create(
    path: str | os.PathLike[str] | BinaryIO,
    schema: Schema,
    *,
    overwrite: bool = False,
    compression_level: int = DEFAULT_LEVEL,
    filesystem: object = None,
) -> XdfWriter:
    """Start a new .xdf file.

    The file is written under a temporary name in the same folder and takes its own when the writer is closed. Until
    then an existing file of that name stays as it is; if writing fails, it stays for good.

    Parameters
    ----------
    path : str, path-like or binary stream
        A local path; an URL such as ``s3://bucket/sales.xdf``, where the file is written as a stream and appears when
        the writer is closed; or a stream that is open for writing, such as a pipe, which stays open.
    schema : Schema
        The columns. Levels of a factor may be given, and grow with the data; low and high, where given, are kept
        instead of those of the data.
    overwrite : bool, default False
        Replace an existing file, which is held against other writers until then: what they added would vanish with it.
    compression_level : int, default 1
        -1 (the codec's own default), 0 (none) or 1 (fastest) .. 9 (smallest).
    filesystem : fsspec or pyarrow file system, optional
        Where ``path`` is, if not on this machine.

    Returns
    -------
    XdfWriter
        A context manager: closed on success, aborted on an exception.

    Raises
    ------
    XdfExistsError
        The file is there and ``overwrite`` is False.
    XdfLockedError
        A writer is adding to the file that is to be replaced; the message says who.
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
    check_level(compression_level, "xdf.create")
    if not isinstance(schema, Schema):
        raise TypeError(f"xdf.create: schema must be an xdf.Schema; got {type(schema).__name__}")
    name = os.path.basename(path) if isinstance(path, (str, os.PathLike)) else "stream"
    fields = checked_fields(schema, f"xdf.create: {name}")
    return begin(_new_output(path, overwrite, filesystem), fields, compression_level)


def checked_fields(schema: Schema, where: str) -> tuple[Field, ...]:
    """The columns as the format stores them.

    Raises
    ------
    XdfSchemaError
        There is none, or one of a type that the format does not hold.
    """
    if len(schema) == 0:
        raise XdfSchemaError(f"{where}: the schema has no column; a file needs at least one")
    return tuple(checked_field(field, where) for field in schema)


def begin(output: Output, fields: tuple[Field, ...], compression_level: int) -> XdfWriter:
    """Start an empty file on an output."""
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


def _new_output(path: str | os.PathLike[str] | BinaryIO, overwrite: bool, filesystem: object) -> Output:
    if not isinstance(path, (str, os.PathLike)) and hasattr(path, "write"):
        return StreamOutput(str(getattr(path, "name", "stream")), FileSink(path))
    return new_output(locate(path, filesystem, "xdf.create"), overwrite)


def new_output(place: Place, overwrite: bool) -> Output:
    """A new file, on this machine or elsewhere."""
    return create_output(place, overwrite) if isinstance(place, Path) else create_stream(place, overwrite)


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
        Another writer holds the file; the message says who. Raised at once, without waiting.
    XdfFormatError, XdfChecksumError, XdfVersionError
        It is no .xdf file of this package, or a damaged one.
    XdfWriteError
        The system refused.
    """
    file = Path(path)
    if compression_level is not None:
        check_level(compression_level, "xdf.append")
    output, snapshot, journal = continue_file(file, "append")
    fields = snapshot.footer.fields
    known = journal.levels_by_field()
    dictionaries = {
        number: GrowingDictionary(known.get(number, ())) for number, field in enumerate(fields) if field.is_factor
    }
    level = snapshot.footer.compression_level if compression_level is None else compression_level
    return XdfWriter(output, fields, dictionaries, journal, level)


def continue_file(file: Path, doing: str, *, may_be_composite: bool = False) -> tuple[Output, Snapshot, Journal]:
    """Hold a file, read its last commit, and cut off what an interrupted writer left behind it."""
    output = lock_output(file, doing)
    try:
        snapshot = load_snapshot(output.fd, file, may_be_composite=may_be_composite)
        _heal_slots(output, snapshot)
        levels = load_levels(output.fd, file, snapshot.footer)
        counts = load_counts(output.fd, file, snapshot, numbers_of_levels(levels))
        journal = Journal.from_snapshot(snapshot, levels, counts.table)
        output.truncate(journal.committed_length)
    except BaseException:
        output.release()
        raise
    return output, snapshot, journal


def _heal_slots(output: Output, snapshot: Snapshot) -> None:
    """Finish a commit that its slot does not have, and then put a blank record into the other where that is damaged.

    Only the copy that closes the file makes up for such a slot, and what is about to be written will hide that copy.
    """
    commit = snapshot.commit
    if not snapshot.in_slot:
        output.write_at(SLOT_OFFSETS[commit.slot], pack_commit(commit))
        output.sync()
    other = read_slots(output.fd)[1 - commit.slot]
    if other.damaged:
        output.write_at(other.offset, BLANK_RECORD)
        output.sync()


def check_level(compression_level: int, where: str) -> None:
    """Refuse a compression level that does not exist."""
    if compression_level not in range(LOWEST_LEVEL, HIGHEST_LEVEL + 1):
        raise XdfSchemaError(
            f"{where}: compression_level must be a whole number from {LOWEST_LEVEL} to {HIGHEST_LEVEL}; "
            f"got {compression_level!r}"
        )
