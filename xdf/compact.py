"""Rewriting a file without the bytes that no commit needs any more: old footers, and what interrupted writers left."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from xdf.codecs import decode_frame
from xdf.creation import continue_file
from xdf.errors import XdfFormatError
from xdf.footer import Footer
from xdf.format import COMMIT_SIZE, HEADER_SIZE, PLAIN_ALIGNMENT, Codec, PageKind, pack_header
from xdf.index import BlockIndex, Entry
from xdf.journal import Journal
from xdf.output import Output, create_output
from xdf.set_format import METADATA_SUFFIX
from xdf.snapshot import Snapshot, read_exactly
from xdf.views import array_of


@dataclass(frozen=True, slots=True)
class CompactReport:
    """What :func:`compact` did.

    Attributes
    ----------
    path : pathlib.Path
    bytes_before, bytes_after : int
        Size of the file.
    rewritten : bool
        False where the last commit has no dead bytes before it. What an interrupted writer left behind it is cut off.
    """

    path: Path
    bytes_before: int
    bytes_after: int
    rewritten: bool

    def __str__(self) -> str:
        if self.bytes_before == self.bytes_after:
            return f"{self.path}: nothing to reclaim in {self.bytes_before:,} bytes"
        saved = self.bytes_before - self.bytes_after
        return f"{self.path}: {self.bytes_after:,} bytes, {saved:,} bytes reclaimed"


def compact(path: str | os.PathLike[str]) -> CompactReport:
    """Rewrite an .xdf file without dead bytes; of a composite set, write fewer and fuller data files.

    Every commit leaves the footer of the one before it behind, and a writer that was killed leaves its blocks. The new
    file has the same blocks, stored in the same way: their bytes are checked and copied, not encoded again. Names,
    labels and the order of levels stay. It takes the place of the old one when it is whole and safe on the disk;
    until then the old one stays, and readers that have it open keep it.

    Memory: the largest chunk, stored and decoded. Needs as much room on the disk as the new file takes.

    Parameters
    ----------
    path : str or path-like
        A file, or the folder of a composite set. Held against other writers until it is replaced.

    Returns
    -------
    CompactReport

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfLockedError
        A writer holds the file; the message says who.
    XdfFormatError, XdfChecksumError, XdfVersionError
        It is no .xdf file of this package, or a damaged one: see :func:`xdf.repair`.
    XdfWriteError
        The system refused. The file stays as it was.

    Examples
    --------
    >>> import xdf
    >>> print(xdf.compact("sales.xdf"))  # doctest: +SKIP
    sales.xdf: 1,204,224 bytes, 310,784 bytes reclaimed
    """
    file = Path(path)
    if file.is_dir() or file.suffix == METADATA_SUFFIX:
        from xdf.composite_compact import compact_set

        return CompactReport(file, *compact_set(file))
    before = file.stat().st_size
    old, snapshot, journal = continue_file(file, "compact")
    if dead_bytes(snapshot) == 0:
        old.release()
        return CompactReport(file, before, snapshot.commit.file_length, rewritten=False)
    source = old.fd
    try:
        new = create_output(file, overwrite=True, replaced=old)
    except BaseException:
        old.release()
        raise
    try:
        keep_permissions(source, new.fd)
        new.write_at(0, pack_header())
        copied = copy_blocks(source, snapshot, new, file)
        copied.take_levels(journal)
        copied.commit(new, snapshot.footer.fields, snapshot.footer.compression_level)
        after = copied.end
        new.publish()
    except BaseException:
        new.discard()
        raise
    return CompactReport(file, before, after, rewritten=True)


def copy_blocks(source: int, snapshot: Snapshot, new: Output, path: Path) -> Journal:
    """Copy every chunk, checked but not decoded further, and give the journal of the new file without its levels."""
    index, fields = snapshot.index, snapshot.footer.fields
    offsets = np.empty_like(index.cells["offset"])
    end = HEADER_SIZE
    for block in range(offsets.shape[0]):
        for column, field in enumerate(fields):
            entry = index.entry(block, column)
            try:
                raw = checked_bytes(source, entry)
            except XdfFormatError as error:
                raise type(error)(
                    f"{path}: column {field.name!r} of block {block} (bytes {entry.offset:,} to "
                    f"{entry.offset + entry.length:,}) is damaged: {error}. Nothing was changed; see xdf.repair"
                ) from error
            end = aligned(end, entry.codec)
            new.write_at(end, raw)
            offsets[block, column] = end
            end += entry.length
    return Journal.from_index(moved(snapshot.index_table, index, offsets), len(fields), snapshot.footer.n_rows, end)


def checked_bytes(source: int, entry: Entry) -> bytes:
    """The stored bytes of a chunk.

    Raises
    ------
    XdfChecksumError
        They are not those that were written. The message is the bare reason.
    """
    raw = read_exactly(source, entry.offset, entry.length)
    decode_frame(raw, entry.codec, entry.decoded_length, entry.checksum)
    return raw


def moved(table: pa.Table, index: BlockIndex, offsets: np.ndarray) -> pa.Table:
    """The rows of the index with other offsets."""
    assert offsets.shape == index.cells["offset"].shape
    position = table.schema.get_field_index("offset")
    return table.set_column(position, table.schema.field(position), array_of(offsets.reshape(-1)))


def aligned(end: int, codec: int) -> int:
    """Where stored bytes may begin: plain ones at a multiple of 64, so that they can be mapped."""
    return end + (-end % PLAIN_ALIGNMENT if codec == Codec.PLAIN else 0)


def dead_bytes(snapshot: Snapshot) -> int:
    """Bytes of the file that its last commit does not need; padding before plain chunks is not counted."""
    needed = live_bytes(snapshot.footer, snapshot.index) + snapshot.commit.footer_length + HEADER_SIZE + COMMIT_SIZE
    dead = snapshot.commit.file_length - needed
    padding = int(np.count_nonzero(snapshot.index.cells["codec"] == Codec.PLAIN)) * (PLAIN_ALIGNMENT - 1)
    pages = [len(snapshot.footer.pages_of(kind)) for kind in PageKind]
    # A commit that follows none leaves no gap but padding, and has at most one page of a kind.
    return 0 if dead <= padding and max(pages) <= 1 else max(dead, 1)


def live_bytes(footer: Footer, index: BlockIndex) -> int:
    """Bytes of chunks and pages."""
    return int(index.cells["length"].sum()) + sum(page.length for page in footer.pages)


def keep_permissions(source: int, target: int) -> None:
    """The new file may be read and written by whom the old one could be, as far as the system lets us."""
    about = os.fstat(source)
    with contextlib.suppress(OSError):
        os.fchown(target, about.st_uid, about.st_gid)
    with contextlib.suppress(OSError):
        os.fchmod(target, about.st_mode & 0o7777)
