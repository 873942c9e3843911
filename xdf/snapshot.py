"""Finding and reading the last commit of an open file: what readers and appending writers start from."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from xdf.codecs import decode_frame
from xdf.errors import SEE_REPAIR, XdfFormatError, XdfVersionError
from xdf.footer import Footer, Page, unpack_footer
from xdf.foreign import LEGACY_MAGIC, OWN, describe_start
from xdf.format import (
    BLANK_RECORD,
    COMMIT_SIZE,
    COMPOSITE,
    HEADER_SIZE,
    INDEX_SCHEMA,
    LEVELS_SCHEMA,
    LONGEST_DATA_FILE,
    MAGIC,
    NULLABLE,
    SLOT_OFFSETS,
    Codec,
    Commit,
    PageKind,
    check_header,
    features_of,
    unpack_commit,
)
from xdf.index import BlockIndex, check_index, check_total
from xdf.messages import read_table
from xdf.ranges import Handle
from xdf.views import column_of

# A slot read while it is being written looks damaged for some microseconds.
_ATTEMPTS = 5
_PAUSE_SECONDS = 0.002


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """One commit, read and checked.

    Attributes
    ----------
    commit : Commit
    in_slot : bool
        False when only the copy at the end of the file holds the commit, because its slot was torn or never written.
    footer : Footer
    index_table : pyarrow.Table
    index : BlockIndex
    is_composite : bool
        Whether this is the metadata file of a composite set: the index then points into its data files.
    """

    commit: Commit
    in_slot: bool
    footer: Footer
    index_table: pa.Table
    index: BlockIndex
    is_composite: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """What one of the two commit slots holds: a commit, nothing, or something damaged."""

    offset: int
    commit: Commit | None
    damaged: bool


def read_exactly(fd: Handle, offset: int, length: int) -> bytes:
    """Bytes of the file; fewer only where it ends."""
    if not isinstance(fd, int):
        return fd.read_at(offset, length)
    data = os.pread(fd, length, offset)
    if len(data) == length or not data:
        return data
    parts = [data]
    got = len(data)
    while got < length and (more := os.pread(fd, length - got, offset + got)):
        parts.append(more)
        got += len(more)
    return b"".join(parts)


def load_snapshot(fd: Handle, path: Path | str, *, may_be_composite: bool = False) -> Snapshot:
    """Read and check the last commit.

    Raises
    ------
    XdfFormatError, XdfChecksumError, XdfVersionError
        Naming the path and what is wrong.
    """
    commit, in_slot = _last_commit(fd, path)
    snapshot = read_snapshot(fd, path, commit, in_slot)
    if snapshot.is_composite and not may_be_composite:
        raise XdfFormatError(f"{path}: this is the metadata file of a composite set; open the folder of the set")
    return snapshot


def read_snapshot(fd: Handle, path: Path | str, commit: Commit, in_slot: bool) -> Snapshot:
    """Read and check one commit."""
    is_composite = bool(features_of(read_exactly(fd, 0, HEADER_SIZE)) & COMPOSITE)
    longest = LONGEST_DATA_FILE if is_composite else commit.file_length
    try:
        raw = read_exactly(fd, commit.footer_offset, commit.footer_length)
        content = decode_frame(raw, Codec.ZSTD, commit.footer_decoded_length, commit.footer_checksum)
        footer = unpack_footer(content, commit.file_length)
        tables = [read_page(fd, page, INDEX_SCHEMA, len(footer.fields)) for page in footer.pages_of(PageKind.INDEX)]
        table = pa.concat_tables(tables) if tables else INDEX_SCHEMA.empty_table()
        index = BlockIndex.from_table(table, len(footer.fields))
        check_index(index, footer.fields, footer.n_rows, longest)
        if not is_composite:  # else they lie in several files
            check_total(index.cells["length"], commit.file_length)
    except XdfFormatError as error:
        if isinstance(error, XdfVersionError):
            raise XdfVersionError(f"{path}: {error}; install a newer release to read it") from error
        raise type(error)(f"{path}: the footer is damaged: {error}{SEE_REPAIR}") from error
    return Snapshot(commit, in_slot, footer, table, index, is_composite)


def load_levels(fd: Handle, path: Path | str, footer: Footer) -> pa.Table:
    """All factor levels in the order they were added, each with the number of its field."""
    try:
        tables = [read_page(fd, page, LEVELS_SCHEMA, 1) for page in footer.pages_of(PageKind.LEVELS)]
    except XdfFormatError as error:
        raise type(error)(f"{path}: the factor levels are damaged: {error}{SEE_REPAIR}") from error
    if not tables:
        return LEVELS_SCHEMA.empty_table()
    table = pa.concat_tables(tables).combine_chunks()
    if not have_owners(table, footer):
        raise XdfFormatError(f"{path}: the factor levels are damaged: some belong to no factor{SEE_REPAIR}")
    return table


def have_owners(levels: pa.Table, footer: Footer) -> bool:
    """Whether each level belongs to a factor."""
    factors = [number for number, field in enumerate(footer.fields) if field.is_factor]
    return bool(np.isin(column_of(levels, "field"), factors).all())


def read_pages(fd: Handle, footer: Footer, kind: PageKind, schema: pa.Schema) -> pa.Table:
    """All pages of a kind whose items are rows and whose number nothing else tells.

    Raises
    ------
    XdfFormatError
        They are damaged, or do not follow one another. The message is the bare reason.
    """
    pages = footer.pages_of(kind)
    covered = 0
    for page in pages:
        if page.first != covered or page.count < 1:
            raise XdfFormatError("its pages do not follow one another")
        covered += page.count
    tables = [read_page(fd, page, schema, 1) for page in pages]
    return pa.concat_tables(tables).combine_chunks() if tables else schema.empty_table()


def read_page(fd: Handle, page: Page, schema: pa.Schema, rows_per_item: int) -> pa.Table:
    """The table of one page; the message of an error is the bare reason."""
    raw = read_exactly(fd, page.offset, page.length)
    table = read_table(decode_frame(raw, Codec.ZSTD, page.decoded_length, page.checksum), schema, NULLABLE)
    if table.num_rows != page.count * rows_per_item:
        raise XdfFormatError(f"a page holds {table.num_rows:,} rows instead of {page.count * rows_per_item:,}")
    return table


def _last_commit(fd: Handle, path: Path | str) -> tuple[Commit, bool]:
    _check_kind(read_exactly(fd, 0, HEADER_SIZE), path)
    good, damaged = _last_of(read_slots(fd))
    for _ in range(_ATTEMPTS):
        if not damaged:
            break
        time.sleep(_PAUSE_SECONDS)
        good, damaged = _last_of(read_slots(fd))
    # After the slots: a file only grows behind its last commit.
    size = os.fstat(fd).st_size if isinstance(fd, int) else fd.size
    if good is not None and not damaged:
        chosen, in_slot = good, True
    else:
        chosen, in_slot = _commit_at_end(fd, path, size, good, damaged)
    if chosen.file_length > size:
        raise XdfFormatError(
            f"{path}: the file is truncated: its last commit needs {chosen.file_length:,} bytes, {size:,} are there. "
            "Get the whole file again, or see xdf.repair for an older commit"
        )
    return chosen, in_slot


def _check_kind(header: bytes, path: Path | str) -> None:
    if header[: len(MAGIC)] == MAGIC:
        try:
            check_header(header)
        except XdfFormatError as error:
            raise type(error)(f"{path}: {error}") from error
        return
    looks_like = describe_start(header)
    if header.startswith(LEGACY_MAGIC):
        raise XdfFormatError(
            f"{path}: this is {looks_like}, another format with the same suffix, which is only read. Convert it first: "
            "python -m xdf convert old.xdf new.xdf, or rx_import"
        )
    if looks_like == OWN:
        looks_like = "another file than a moment ago"
    raise XdfFormatError(f"{path}: this is not an .xdf file of this package; it looks like {looks_like}")


def read_slots(fd: Handle) -> tuple[Slot, Slot]:
    """Both commit slots. Zeros are damage beside a commit: every writer puts a blank record there."""
    raws = [read_exactly(fd, offset, COMMIT_SIZE) for offset in SLOT_OFFSETS]
    commits = [unpack_commit(raw) for raw in raws]
    # A record in the slot of the other was misplaced.
    own = [commit if commit is not None and commit.slot == number else None for number, commit in enumerate(commits)]
    may_be_empty = all(commit is None for commit in own)
    first, second = (
        Slot(offset, commit, commit is None and raw != BLANK_RECORD and (any(raw) or not may_be_empty))
        for offset, commit, raw in zip(SLOT_OFFSETS, own, raws, strict=True)
    )
    return first, second


def _last_of(slots: tuple[Slot, Slot]) -> tuple[Commit | None, bool]:
    """The later of the commits in the two slots, and whether a slot is damaged."""
    commits = [slot.commit for slot in slots if slot.commit is not None]
    last = max(commits, key=lambda commit: commit.sequence, default=None)
    return last, any(slot.damaged for slot in slots)


def _commit_at_end(fd: Handle, path: Path | str, size: int, good: Commit | None, damaged: bool) -> tuple[Commit, bool]:
    """Decide by the copy that closes the file, when a slot is torn or none was written.

    The copy is safely on disk before its slot is touched. So a torn slot with a copy one commit ahead means that this
    commit is complete; a copy of the good slot's commit means that the damaged slot is the older one. With neither,
    committed rows could be missing from what the good slot shows, and that must not pass in silence.
    """
    at_end = None
    if size >= HEADER_SIZE + COMMIT_SIZE:
        at_end = unpack_commit(read_exactly(fd, size - COMMIT_SIZE, COMMIT_SIZE))
    if at_end is not None and at_end.file_length == size:
        if good is None and not damaged:
            return at_end, False
        if good is not None and at_end.sequence == good.sequence + 1:
            return at_end, False
        if good is not None and at_end == good:
            return good, True
    if good is None and not damaged:
        raise XdfFormatError(f"{path}: the file has no commit: it was cut short, or its writer never finished")
    raise XdfFormatError(
        f"{path}: a commit record in the header is damaged, and the end of the file does not tell which is the last. "
        "xdf.repair can find it"
    )
