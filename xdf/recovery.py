"""What can be read of a file whose commit records, footer or pages are damaged.

Old commits lie behind one another in a file, each closed by a copy of its record. So when the header does not say which
is the last, the records are searched for; and what one commit cannot tell any more, an older one often can.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from xdf.codecs import decode_frame
from xdf.errors import XdfFormatError, XdfVersionError
from xdf.footer import Footer, Page, unpack_footer
from xdf.format import (
    COMMIT_MARK,
    COMMIT_SIZE,
    HEADER_SIZE,
    INDEX_SCHEMA,
    LEVELS_SCHEMA,
    LONGEST_DATA_FILE,
    Codec,
    Commit,
    PageKind,
    check_header,
    has_good_prefix,
    unpack_commit,
)
from xdf.index import BlockIndex, check_index, check_total
from xdf.snapshot import Snapshot, have_owners, read_exactly, read_page, read_slots

_WINDOW = 4 << 20


@dataclass(frozen=True, slots=True)
class Salvage:
    """The newest commit whose footer can be read, and as much of its lists as any commit of the file can tell.

    Attributes
    ----------
    snapshot : Snapshot
        Of the blocks that are known.
    blocks : tuple of int
        Their numbers in the file as it was.
    lost_blocks : tuple of (int, int)
        First number and count of blocks of which nobody knows where they lie.
    levels : pyarrow.Table
        Levels and their fields as far as they are known without a gap.
    n_lost_levels : int
    damaged_pages : tuple of (Page, str)
        Pages of this commit that cannot be read, and why.
    from_others : tuple of str
        What only other commits could tell.
    """

    snapshot: Snapshot
    blocks: tuple[int, ...]
    lost_blocks: tuple[tuple[int, int], ...]
    levels: pa.Table
    n_lost_levels: int
    damaged_pages: tuple[tuple[Page, str], ...]
    from_others: tuple[str, ...]


def header_problem(fd: int) -> str | None:
    """What is wrong with the fixed part of the header.

    Raises
    ------
    XdfVersionError
        Nothing is wrong; a newer release wrote it.
    """
    header = read_exactly(fd, 0, HEADER_SIZE)
    try:
        check_header(header)
    except XdfVersionError as error:
        if has_good_prefix(header):
            raise
        return f"its checksum does not match ({error})"
    except XdfFormatError as error:
        return str(error)
    return None


def known_commits(fd: int, size: int) -> list[Commit]:
    """Every commit of which a record is left, the best one first. Reads the whole file.

    That is the last one that the slots name, where neither is damaged: then what was written later was never committed.
    Still, it holds all of the earlier rows, and comes before commits that do not.
    """
    slots = read_slots(fd)
    named = [slot.commit for slot in slots if slot.commit is not None]
    found = sorted(
        {*named, *_apart(scan_commits(fd, size))}, key=lambda one: (one.sequence, one.file_length), reverse=True
    )
    if named and not any(slot.damaged for slot in slots):
        last = max(named, key=lambda one: one.sequence)
        found.remove(last)
        found.insert(0, last)
    return found


def _apart(commits: Iterable[Commit]) -> Iterator[Commit]:
    """Those whose footers have no other record in them. No writer makes others, and reading each of them could mean to
    read the same bytes as often as there are records.
    """
    end = 0
    for commit in sorted(commits, key=lambda one: one.file_length):
        if commit.footer_offset >= end:
            yield commit
        end = commit.file_length


def scan_commits(fd: int, size: int) -> Iterator[Commit]:
    """Closing copies anywhere in the file, last one first. Each states the place where it ends, so that a copy of a
    whole file inside a column is not taken for one.
    """
    end = size
    while end > HEADER_SIZE:
        start = max(HEADER_SIZE, end - _WINDOW)
        window = read_exactly(fd, start, min(size, end + COMMIT_SIZE - 1) - start)
        place = window.rfind(COMMIT_MARK)
        while place >= 0:
            if start + place < end:
                commit = unpack_commit(window[place : place + COMMIT_SIZE])
                if commit is not None and commit.file_length == start + place + COMMIT_SIZE:
                    yield commit
            place = window.rfind(COMMIT_MARK, 0, place + len(COMMIT_MARK) - 1)
        end = start


def salvage(
    fd: int, commits: Sequence[Commit], *, is_set: bool = False
) -> tuple[Salvage | None, list[tuple[Commit, str]]]:
    """Read the first commit that can be read, if any; and say of those before it why they cannot."""
    size = os.fstat(fd).st_size
    unreadable: list[tuple[Commit, str]] = []
    for number, commit in enumerate(commits):
        if commit.file_length > size:
            unreadable.append((commit, f"it needs {commit.file_length:,} bytes, {size:,} are there"))
            continue
        try:
            footer = read_footer(fd, commit)
            others = (*commits[:number], *commits[number + 1 :])
            return _collect(fd, commit, footer, others, is_set), unreadable
        except XdfFormatError as error:
            unreadable.append((commit, str(error)))
    return None, unreadable


def read_footer(fd: int, commit: Commit) -> Footer:
    """The footer of a commit; the message of an error is the bare reason."""
    raw = read_exactly(fd, commit.footer_offset, commit.footer_length)
    content = decode_frame(raw, Codec.ZSTD, commit.footer_decoded_length, commit.footer_checksum)
    return unpack_footer(content, commit.file_length)


def _collect(fd: int, commit: Commit, footer: Footer, others: Sequence[Commit], is_set: bool) -> Salvage:
    if any(page.count > page.decoded_length for page in footer.pages):
        raise XdfFormatError("a page promises more than its bytes can hold")
    n_columns = len(footer.fields)
    told: list[str] = []
    damaged: list[tuple[Page, str]] = []
    index = _Gathering(fd, PageKind.INDEX, INDEX_SCHEMA, n_columns)
    levels = _Gathering(fd, PageKind.LEVELS, LEVELS_SCHEMA, 1)
    for gathering, total, what in ((index, footer.n_blocks, "blocks"), (levels, footer.n_levels, "levels")):
        gathering.add(footer.pages)
        damaged.extend(gathering.damaged)
        before = gathering.n_known(total)
        for other in others:
            if gathering.n_known(total) == total:
                break
            gathering.add_from(other, n_columns)
        if (found := gathering.n_known(total) - before) > 0:
            told.append(f"where {found:,} {what} lie" if what == "blocks" else f"the texts of {found:,} {what}")
    blocks, table = index.known(footer.n_blocks)
    lost = _ranges_missing(blocks, footer.n_blocks)
    found_index = BlockIndex.from_table(table, n_columns)
    n_rows = int(found_index.rows_per_block.sum())
    check_index(found_index, footer.fields, n_rows, LONGEST_DATA_FILE if is_set else commit.file_length)
    if not is_set:
        check_total(found_index.cells["length"], commit.file_length)
    items, texts = levels.known(footer.n_levels)
    if not have_owners(texts, footer):
        raise XdfFormatError("some factor levels belong to no factor")
    # Without the levels in between nobody can say which code belongs to a level behind a gap.
    n_levels = next((place for place, item in enumerate(items) if item != place), len(items))
    return Salvage(
        Snapshot(commit, False, replace(footer, n_rows=n_rows, n_blocks=len(blocks)), table, found_index),
        blocks,
        lost,
        texts.slice(0, n_levels),
        footer.n_levels - n_levels,
        tuple(damaged),
        tuple(told),
    )


class _Gathering:
    """Pages of one kind that can be read, of one commit and of others."""

    def __init__(self, fd: int, kind: PageKind, schema: pa.Schema, rows_per_item: int) -> None:
        self._fd = fd
        self._kind = kind
        self._schema = schema
        self._rows_per_item = rows_per_item
        self._found: list[tuple[Page, pa.Table]] = []
        self.damaged: list[tuple[Page, str]] = []

    def add(self, pages: Sequence[Page]) -> None:
        """Read those of these pages that can be read and tell something new."""
        for page in pages:
            if page.kind != self._kind or any(page == other for other, _ in self._found):
                continue
            try:
                self._found.append((page, read_page(self._fd, page, self._schema, self._rows_per_item)))
            except XdfFormatError as error:
                self.damaged.append((page, str(error)))

    def add_from(self, commit: Commit, n_columns: int) -> None:
        """Read the pages of another commit, if its footer can be read."""
        try:
            footer = read_footer(self._fd, commit)
        except XdfFormatError:
            return
        if len(footer.fields) == n_columns:
            self.add(footer.pages)

    def n_known(self, total: int) -> int:
        """How many of the items the pages tell."""
        return sum(stop - first for first, stop, _ in self._runs(total))

    def known(self, total: int) -> tuple[tuple[int, ...], pa.Table]:
        """The numbers of the items that are known, and their rows."""
        rows = self._rows_per_item
        items: list[int] = []
        slices = []
        for first, stop, number in self._runs(total):
            page, table = self._found[number]
            items.extend(range(first, stop))
            slices.append(table.slice((first - page.first) * rows, (stop - first) * rows))
        table = pa.concat_tables(slices) if slices else self._schema.empty_table()
        return tuple(items), table.combine_chunks()

    def _runs(self, total: int) -> list[tuple[int, int, int]]:
        """First item, the one behind the last, and the number of the page found that has them; in order."""
        runs: list[tuple[int, int, int]] = []
        for number, (page, _) in enumerate(self._found):
            start, stop = page.first, min(page.first + page.count, total)
            taken = sorted(run for run in runs if run[0] < stop and run[1] > start)
            for first, behind, _ in taken:
                if start < first:
                    runs.append((start, first, number))
                start = max(start, behind)
            if start < stop:
                runs.append((start, stop, number))
        return sorted(runs)


def _ranges_missing(known: Sequence[int], total: int) -> tuple[tuple[int, int], ...]:
    """First number and count of the runs of numbers that are not among the known ones."""
    missing, start = [], 0
    for number in (*known, total):
        if number > start:
            missing.append((start, number - start))
        start = number + 1
    return tuple(missing)
