"""Going through a whole file: header, slots, footer, pages, and every chunk against its checksum and statistics."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow as pa

from xdf import stats
from xdf.chunks import codes_of, valid_rows
from xdf.columns import Column
from xdf.errors import SEE_REPAIR, XdfChecksumError, XdfError, XdfFormatError, XdfVersionError
from xdf.findings import DAMAGED, LOST, NOTE, Finding
from xdf.format import COMMIT_SIZE, PREFIX_SIZE, Commit, PageKind, pack_commit
from xdf.level_counts import LevelCounts, count_codes, load_counts, numbers_of_levels
from xdf.reader import XdfFile, split_levels
from xdf.recovery import header_problem, known_commits, salvage
from xdf.snapshot import Slot, Snapshot, load_levels, load_snapshot, read_exactly, read_slots
from xdf.stats import ColumnStatistics

Progress = Callable[[int, int], None]
"""Called with bytes of chunks done and in all."""

Cell = tuple[int, int]
"""Block, as counted in the snapshot examined, and number of the column."""

# What is repaired where it lies: its content follows from the rest of the file.
_RESTORABLE = frozenset({"header", "slot", "closing copy"})
_MEAN_TOLERANCE = 1e-9
_SQUARES_TOLERANCE = 1e-9


@dataclass(slots=True)
class Examination:
    """Everything that verifying says and repairing acts upon.

    Attributes
    ----------
    path : pathlib.Path
    size : int
        Bytes of the file.
    findings : list of Finding
    snapshot : Snapshot or None
        What can be read: the last commit, or what is left of it. None when there is nothing.
    blocks : tuple of int
        Numbers in the file of the blocks of the snapshot.
    levels : pyarrow.Table or None
        Factor levels and their fields, as far as known.
    n_lost_levels : int
    counts : LevelCounts or None
        How many rows have each level, as the footer says, where it can be read.
    highest_codes : dict of int to int
        Of each factor, by number of its column: the highest code in sound chunks.
    unreadable : set
        Chunks whose bytes are damaged.
    misjudged : set
        Sound chunks whose statistics are wrong.
    n_checked, bytes_checked : int
        Chunks, and their stored bytes.
    is_set : bool
        Whether it is the metadata file of a composite set.
    """

    path: Path
    size: int
    findings: list[Finding] = field(default_factory=list)
    snapshot: Snapshot | None = None
    blocks: tuple[int, ...] = ()
    levels: pa.Table | None = None
    n_lost_levels: int = 0
    counts: LevelCounts | None = None
    highest_codes: dict[int, int] = field(default_factory=dict)
    unreadable: set[Cell] = field(default_factory=set)
    misjudged: set[Cell] = field(default_factory=set)
    n_checked: int = 0
    bytes_checked: int = 0
    is_set: bool = False

    @property
    def is_sound(self) -> bool:
        """Whether nothing is damaged or lost."""
        return all(finding.severity == NOTE for finding in self.findings)

    @property
    def is_restorable(self) -> bool:
        """Whether all damage is to bytes that follow from the rest of the file."""
        return self.snapshot is not None and all(is_harmless(finding) for finding in self.findings)

    def add(self, severity: str, part: str, message: str, *, at: tuple[int, int] | None = None) -> None:
        """Take note of something; ``at`` is an offset and a length."""
        offset, length = (None, None) if at is None else at
        self.findings.append(Finding(severity, part, message, offset=offset, length=length))


def is_harmless(finding: Finding) -> bool:
    """Whether it is a note, or damage to bytes that follow from the rest of the file."""
    return finding.severity == NOTE or (finding.severity == DAMAGED and finding.part in _RESTORABLE)


def examine(fd: int, path: Path, progress: Progress | None = None, *, is_set: bool = False) -> Examination:
    """Go through an open file; of a composite set through its metadata file, which has no chunks of its own.

    Raises
    ------
    XdfFormatError
        It is foreign: not one record of this format is in it.
    XdfVersionError
        A newer release wrote it.
    """
    result = Examination(path, os.fstat(fd).st_size, is_set=is_set)
    try:
        problem = header_problem(fd)
    except XdfVersionError as error:
        raise XdfVersionError(f"{path}: {error}") from error
    slots = read_slots(fd)
    if problem is not None:
        _check_not_foreign(fd, path, slots, result)
        result.add(DAMAGED, "header", problem, at=(0, PREFIX_SIZE))
    for number, slot in enumerate(slots):
        if slot.damaged:
            result.add(DAMAGED, "slot", f"commit slot {number} holds no commit", at=(slot.offset, COMMIT_SIZE))
    if problem is not None or not _take_last_commit(fd, result, slots):
        _take_what_is_left(fd, result)
    if result.snapshot is not None:
        _check_end(fd, result, result.snapshot.commit)
        if not any(finding.severity == LOST for finding in result.findings):
            _take_counts(fd, result, result.snapshot)
        if not is_set:
            _check_chunks(fd, result, result.snapshot, progress)
    return result


def _check_not_foreign(fd: int, path: Path, slots: tuple[Slot, ...], result: Examination) -> None:
    if all(slot.commit is None for slot in slots) and not known_commits(fd, result.size):
        load_snapshot(fd, path, may_be_composite=result.is_set)  # raises, in words that say what the file looks like


def _take_last_commit(fd: int, result: Examination, slots: tuple[Slot, ...]) -> bool:
    """Take the commit that a reader would take, if all of its footer can be read."""
    try:
        snapshot = load_snapshot(fd, result.path, may_be_composite=result.is_set)
        result.levels = load_levels(fd, result.path, snapshot.footer)
    except XdfFormatError as error:
        _take_what_is_left(fd, result)
        if result.is_sound:  # whatever it is that the reader does not like
            result.add(DAMAGED, "footer", bare(error, result.path))
        return True
    result.snapshot, result.blocks = snapshot, tuple(range(snapshot.footer.n_blocks))
    if all(slot.commit is None and not slot.damaged for slot in slots):
        result.add(NOTE, "slot", "both commit slots are empty: the file was written as a stream")
    return True


def _take_what_is_left(fd: int, result: Examination) -> None:
    """Take what the best readable commit tells, completed from others."""
    found, unreadable = salvage(fd, known_commits(fd, result.size), is_set=result.is_set)
    chosen = 0 if found is None else found.snapshot.commit.sequence
    for commit, reason in unreadable:
        instead = f". Commit {chosen} can" if chosen else ""
        severity = LOST if commit.sequence > chosen else DAMAGED
        result.add(severity, "commit", f"commit {commit.sequence} cannot be read: {reason}{instead}")
    if found is None:
        result.add(LOST, "commit", "no commit of the file can be read, so nothing tells what its bytes mean")
        return
    result.snapshot, result.blocks = found.snapshot, found.blocks
    result.levels, result.n_lost_levels = found.levels, found.n_lost_levels
    for page, reason in found.damaged_pages:
        part = "index" if page.kind == PageKind.INDEX else "levels"
        result.add(DAMAGED, part, f"a page cannot be read: {reason}", at=(page.offset, page.length))
    for told in found.from_others:
        result.add(NOTE, "commit", f"other commits than {chosen} tell {told}")
    for first, count in found.lost_blocks:
        which = f"blocks {first} to {first + count - 1} lie" if count > 1 else f"block {first} lies"
        result.add(LOST, "index", f"nothing tells where {which}")
    if found.n_lost_levels:
        result.add(LOST, "levels", f"the texts of {found.n_lost_levels:,} factor levels")


def _take_counts(fd: int, result: Examination, snapshot: Snapshot) -> None:
    """Read how many rows have each level. Where something was lost nobody relies on that: repair counts anew."""
    assert result.levels is not None
    try:
        result.counts = load_counts(fd, result.path, snapshot, numbers_of_levels(result.levels))
    except XdfFormatError as error:
        result.add(DAMAGED, "counts", str(error).removeprefix(f"{result.path}: "))


def _check_end(fd: int, result: Examination, commit: Commit) -> None:
    place = commit.file_length - COMMIT_SIZE
    if read_exactly(fd, place, COMMIT_SIZE) != pack_commit(commit):
        message = "the copy of the commit record that closes the file is damaged"
        result.add(DAMAGED, "closing copy", message, at=(place, COMMIT_SIZE))
    if result.size > commit.file_length and not any(finding.part == "commit" for finding in result.findings):
        behind = result.size - commit.file_length
        message = f"{behind:,} bytes behind the last commit, of a writer that is still busy or was interrupted"
        result.add(NOTE, "tail", message, at=(commit.file_length, behind))


def open_examined(fd: int, result: Examination) -> XdfFile:
    """A reader of what is left. It has its own file descriptor.

    Raises
    ------
    XdfFormatError
        The footer matches its checksum and contradicts itself all the same.
    """
    assert result.snapshot is not None
    assert result.levels is not None
    levels = split_levels(result.levels)
    for number, one in enumerate(result.snapshot.footer.fields) if result.n_lost_levels else ():
        if one.is_factor:
            # Codes of levels whose texts were lost are good codes.
            known = levels.get(number, pa.nulls(0, pa.string()))
            levels[number] = pa.concat_arrays([known, pa.nulls(result.n_lost_levels, pa.string())])
    file = XdfFile(result.path, os.dup(fd), result.snapshot)
    file.use_levels(levels)
    if not result.n_lost_levels:
        _ = file.schema
    return file


def _check_chunks(fd: int, result: Examination, snapshot: Snapshot, progress: Progress | None) -> None:
    try:
        file = open_examined(fd, result)
    except XdfFormatError as error:
        result.snapshot = None
        result.add(DAMAGED, "footer", bare(error, result.path))
        result.add(LOST, "commit", "the footer contradicts itself, so nothing tells what its bytes mean")
        return
    total = int(snapshot.index.cells["length"].sum())
    with file:
        for block in range(snapshot.footer.n_blocks):
            for number, field in enumerate(snapshot.footer.fields):
                _check_chunk(file, result, (block, number), field.name)
                if progress is not None:
                    progress(result.bytes_checked, total)


def _check_chunk(file: XdfFile, result: Examination, cell: Cell, name: str) -> None:
    assert result.snapshot is not None
    block, number = cell
    index = result.snapshot.index
    entry = index.entry(block, number)
    result.n_checked += 1
    result.bytes_checked += entry.length
    part = "chunk"
    try:
        column = file.read_block(block, [name])[name]
        if column.levels is not None and len(column.values):
            highest = max(int(column.values.max()), result.highest_codes.get(number, -1))
            result.highest_codes[number] = highest
        message = _difference(index.block_statistics(block, number), statistics_of(column))
        if message is None:
            _check_counts(result, cell, name, column)
            return
        part = "statistics"
        result.misjudged.add(cell)
    except XdfError as error:
        message = _reason(error)
        result.unreadable.add(cell)
    result.findings.append(Finding(DAMAGED, part, message, result.blocks[block], name, entry.offset, entry.length))


def _check_counts(result: Examination, cell: Cell, name: str, column: Column) -> None:
    """What the footer says of the levels of a sound chunk."""
    stated = None if result.counts is None else result.counts.of_chunk(*cell)
    if stated is None:
        return
    found = count_codes(codes_of(column))
    if not (np.array_equal(stated.codes, found.codes) and np.array_equal(stated.counts, found.counts)):
        message = "its bytes are sound, but levels occur in another number of rows than the footer says"
        result.findings.append(Finding(DAMAGED, "counts", message, result.blocks[cell[0]], name))


def statistics_of(column: Column) -> ColumnStatistics:
    """What the index should say about a column that was read."""
    if column.other is not None:
        n_missing = column.other.null_count
        return stats.counts_only(len(column.other) - n_missing, n_missing)
    valid = valid_rows(column)
    if column.levels is not None:
        n_valid = int(np.count_nonzero(codes_of(column) >= 0))
        return stats.counts_only(n_valid, len(column.values) - n_valid)
    values = column.values if valid is None else column.values[valid]
    return stats.of_values(values, column.base, len(column.values) - len(values))


def _difference(stated: ColumnStatistics, found: ColumnStatistics) -> str | None:
    """In words, the first statistic that is not that of the data; None where all are."""
    scale = max(abs(found.minimum), abs(found.maximum)) if found.n_valid else 0.0
    near = _MEAN_TOLERANCE * scale
    tolerances = {
        "n_valid": 0.0,
        "n_missing": 0.0,
        "minimum": 0.0,
        "maximum": 0.0,
        "mean": near,
        "centered_squares": _SQUARES_TOLERANCE * abs(found.centered_squares) + found.n_valid * near * near,
    }
    for name, tolerance in tolerances.items():
        left, right = getattr(stated, name), getattr(found, name)
        if left == right or (math.isnan(left) and math.isnan(right)) or abs(left - right) <= tolerance:
            continue
        # Of columns with infinities, what became of them on the way depends on the order of the sums.
        if tolerance == 0.0 or (math.isfinite(left) and math.isfinite(found.maximum - found.minimum)):
            return f"its bytes are sound, but {name} is {right!r} and the index says {left!r}"
    return None


def bare(error: XdfError, path: Path) -> str:
    """A message without where, which the finding says, and what to do, which is being done."""
    return str(error).removeprefix(f"{path}: ").removesuffix(SEE_REPAIR)


def _reason(error: XdfError) -> str:
    """The last part of a message that says where; here the finding says so."""
    message = str(error)
    kind = "checksum" if isinstance(error, XdfChecksumError) else "content"
    _, _, reason = message.removesuffix(SEE_REPAIR).partition(" is damaged: ")
    return reason or f"its {kind} cannot be read: {message}"
