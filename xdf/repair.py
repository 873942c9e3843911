"""Making a damaged file readable again: in place where nothing is lost, else as a new file of what is sound."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa

from xdf.chunks import Chunk, codes_of, encode_column, encode_factor, kept_counts
from xdf.compact import aligned, checked_bytes, keep_permissions
from xdf.errors import XdfExistsError, XdfFormatError, XdfLockedError, XdfSchemaError, XdfWriteError
from xdf.examine import Examination, Progress, examine, open_examined
from xdf.findings import NOTE, Finding
from xdf.format import (
    BLANK_RECORD,
    COMMIT_SIZE,
    COMPOSITE,
    HEADER_SIZE,
    INDEX_SCHEMA,
    PREFIX_SIZE,
    SLOT_OFFSETS,
    pack_commit,
    pack_header,
)
from xdf.index import Flags
from xdf.journal import Journal, index_rows
from xdf.level_counts import Counted
from xdf.output import Output, create_output, lock_output
from xdf.reader import XdfFile, split_levels
from xdf.schema import Field
from xdf.set_format import METADATA_SUFFIX
from xdf.snapshot import Snapshot, load_snapshot, read_exactly, read_slots
from xdf.verify import VerifyReport, report_on
from xdf.views import array_of, numbers_of

Remedy = Literal["missing", "block", "column"]


@dataclass(frozen=True, slots=True)
class RepairReport:
    """What :func:`repair` did. Prints itself.

    Attributes
    ----------
    path : pathlib.Path
    output : pathlib.Path
        The readable file: ``path`` itself, or the new one.
    action : str
        ``none`` (it was sound), ``in place`` or ``new file``.
    before : VerifyReport
        What was wrong.
    left_out : tuple of Finding
        What is not in the readable file.
    n_rows, n_blocks : int
        Of the readable file.
    """

    path: Path
    output: Path
    action: str
    before: VerifyReport
    left_out: tuple[Finding, ...]
    n_rows: int
    n_blocks: int

    def __str__(self) -> str:
        size = f"{self.n_rows:,} rows in {self.n_blocks:,} blocks"
        if self.action == "none":
            return f"{self.path}: sound, nothing was changed; {size}"
        if self.action == "in place":
            done = f"{self.path}: repaired in place, nothing was lost; {size}"
        else:
            done = f"{self.output}: written with what is sound of {self.path}; {size}"
        lines = [done, *(f"  was {finding}" for finding in self.before.findings if finding.severity != NOTE)]
        return "\n".join([*lines, *(f"  left out: {finding.message}" for finding in self.left_out)])

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "path": str(self.path),
            "output": str(self.output),
            "action": self.action,
            "n_rows": self.n_rows,
            "n_blocks": self.n_blocks,
            "left_out": [finding.to_dict() for finding in self.left_out],
            "before": self.before.to_dict(),
        }


def repair(
    path: str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    damaged: Remedy = "missing",
    progress: Progress | None = None,
) -> RepairReport:
    """Make a damaged .xdf file readable again.

    The file is examined as :func:`verify` does. A sound file is left alone. Where only the header or the copy of the
    commit record at the end is damaged, they are written anew from what the other records say: nothing is lost, and no
    byte of a block, page or footer is touched. Otherwise the file stays as it is, and a new one is written with all
    that can be read: of the last commit, and, where pages of that one are damaged, with the help of older ones.
    Sound chunks are copied as they are stored.

    Of a composite set each file is repaired in place, where that is enough. Otherwise all of the set that can be read
    is written to one new file.

    Parameters
    ----------
    path : str or path-like
        A file, or the folder of a composite set, or its metadata file. Held against other writers meanwhile.
    output : str or path-like, optional
        The new file; written in any case when given. By default ``name.repaired.xdf`` beside the file or folder, where
        one is needed.
    damaged : {"missing", "block", "column"}, default "missing"
        What becomes of a damaged chunk, one column of one block: its rows are missing in that column, or the block
        is left out, or the column is. A block of which no chunk is sound is always left out.
    progress : callable, optional
        Called with bytes of chunks examined and in all.

    Returns
    -------
    RepairReport
        What was wrong and what was left out.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfFormatError
        It is foreign, or nothing of it can be read.
    XdfVersionError
        A newer release wrote it.
    XdfExistsError
        The new file is there already.
    XdfLockedError
        A writer holds the file; the message says who.
    XdfWriteError
        The system refused.

    Examples
    --------
    >>> import xdf
    >>> print(xdf.repair("sales.xdf"))  # doctest: +SKIP
    sales.repaired.xdf: written with what is sound of sales.xdf; 1,000,000 rows in 4 blocks
      was damaged: chunk (column 'price', block 2, bytes 9,104 to 130,442): the checksum does not match
      left out: the values of column 'price' in the 250,000 rows of block 2 are missing
    """
    file = Path(path)
    if damaged not in get_args(Remedy):
        allowed = ", ".join(repr(one) for one in get_args(Remedy))
        raise XdfSchemaError(f"xdf.repair: damaged must be one of {allowed}; got {damaged!r}")
    if file.is_dir() or file.suffix == METADATA_SUFFIX:
        from xdf.repair_set import repair_set

        return repair_set(file, None if output is None else Path(output), damaged, progress)
    held, refusal = hold(file)
    try:
        result = examine(held.fd, file, progress)
        before = report_on(result)
        if result.snapshot is None or (not result.blocks and any(one.part == "index" for one in result.findings)):
            raise XdfFormatError(f"{file}: nothing can be recovered. {first_reasons(result.findings)}")
        if output is None and result.is_restorable:
            if not result.is_sound:
                restore(held, result, refusal)
            action = "none" if result.is_sound else "in place"
            return RepairReport(file, file, action, before, (), before.n_rows, before.n_blocks)
        target = file.with_name(f"{file.stem}.repaired{file.suffix}") if output is None else Path(output)
        left_out, journal = _write_anew(held.fd, result, target, damaged)
        return RepairReport(file, target, "new file", before, left_out, journal.n_rows, journal.n_blocks)
    finally:
        held.release()


def hold(file: Path) -> tuple[Output, XdfWriteError | None]:
    """The file, locked; or only open, where it cannot be written to, and why: often it need not be."""
    try:
        return lock_output(file, "repair"), None
    except XdfLockedError:
        raise
    except XdfWriteError as error:
        if file.is_dir():
            raise
        return Output(os.open(file, os.O_RDONLY | os.O_CLOEXEC), file, file, None, overwrite=False), error


def first_reasons(findings: Sequence[Finding]) -> str:
    """Why nothing can be done, in short."""
    return "; ".join(str(finding) for finding in findings[:4])


def restore(output: Output, result: Examination, refusal: XdfWriteError | None = None) -> None:
    """Write header, slots and closing copy anew, where they are not as they should be.

    The good record first, and safe on the disk, before a damaged one is wiped: a crash in between leaves no less than
    there was.
    """
    if refusal is not None:
        raise XdfWriteError(f"{refusal}. To repair a copy, name an output elsewhere") from refusal
    assert result.snapshot is not None
    commit = result.snapshot.commit
    record = pack_commit(commit)
    slots = read_slots(output.fd)
    steps = [(commit.file_length - COMMIT_SIZE, record)]
    if any(slot.damaged for slot in slots):
        steps.append((SLOT_OFFSETS[commit.slot], record))
        other = slots[1 - commit.slot]
        if other.commit is None:
            steps.append((other.offset, BLANK_RECORD))
    steps.append((0, pack_header(COMPOSITE if result.is_set else 0)[:PREFIX_SIZE]))
    for offset, data in steps:
        if read_exactly(output.fd, offset, len(data)) != data:
            output.write_at(offset, data)
            output.sync()
    load_snapshot(output.fd, result.path, may_be_composite=result.is_set)


def _write_anew(source: int, result: Examination, target: Path, remedy: Remedy) -> tuple[tuple[Finding, ...], Journal]:
    assert result.snapshot is not None
    with open_examined(source, result) as file:
        plan = _Plan(result, result.snapshot, remedy)
        output = new_output(target)
        try:
            keep_permissions(source, output.fd)
            output.write_at(0, pack_header())
            journal = plan.copy(source, file, output)
            for number, levels in plan.levels():
                journal.add_levels(number, levels)
            journal.commit(output, plan.fields, result.snapshot.footer.compression_level)
            output.publish()
        except BaseException:
            output.discard()
            raise
    return tuple(plan.left_out), journal


def new_output(target: Path) -> Output:
    """The file for what is sound."""
    try:
        return create_output(target, overwrite=False)
    except XdfExistsError as error:
        raise XdfExistsError(
            f"{target}: the file is already there; remove it, or name another one for what is sound"
        ) from error
    except XdfWriteError as error:
        raise XdfWriteError(f"{error}. Name an output elsewhere for what is sound") from error


def kept(damage: Flags, remedy: Remedy, where: str) -> tuple[Flags, Flags, Flags]:
    """Which blocks and columns are kept where these chunks are damaged, and the damage itself."""
    spoilt = damage.any(axis=1) if remedy == "block" else damage.all(axis=1)
    keep_block: Flags = np.logical_not(spoilt)
    keep_column: Flags = np.ones(damage.shape[1], np.bool_)
    if remedy == "column":
        keep_column = np.logical_not(damage[keep_block].any(axis=0))
    if not keep_column.any():
        raise XdfFormatError(f"{where}: no column is sound in every block; leave out something else")
    return keep_block, keep_column, damage


def what_is_left_out(
    names: Sequence[str],
    rows: Sequence[int],
    numbers: Sequence[int],
    keep_block: Flags,
    keep_column: Flags,
    damage: Flags,
) -> list[Finding]:
    """In words; ``numbers`` are those of the blocks in the file as it was."""
    left_out: list[tuple[str, int | None, str | None]] = []
    for block in np.flatnonzero(~keep_block).tolist():
        left_out.append((f"the {rows[block]:,} rows of block {numbers[block]}", numbers[block], None))
    for column in np.flatnonzero(~keep_column).tolist():
        left_out.append((f"column {names[column]!r}", None, names[column]))
    for block, column in np.argwhere(damage & keep_block[:, None] & keep_column).tolist():
        number, name = numbers[block], names[column]
        message = f"the values of column {name!r} in the {rows[block]:,} rows of block {number} are missing"
        left_out.append((message, number, name))
    return [Finding("lost", "chunk", *one) for one in left_out]


class _Plan:
    """Which blocks and columns are kept, and what stands in for what is damaged."""

    def __init__(self, result: Examination, snapshot: Snapshot, remedy: Remedy) -> None:
        self._result = result
        self._snapshot = snapshot
        n_blocks, n_columns = snapshot.index.cells["offset"].shape
        damage = np.zeros((n_blocks, n_columns), np.bool_)
        for cell in result.unreadable:
            damage[cell] = True
        self.left_out = [finding for finding in result.findings if finding.severity == "lost"]
        keep_block, keep_column, damage = kept(damage, remedy, str(result.path))
        self._blocks: list[int] = np.flatnonzero(keep_block).tolist()
        self._columns: list[int] = np.flatnonzero(keep_column).tolist()
        self.fields = tuple(snapshot.footer.fields[column] for column in self._columns)
        names = [field.name for field in snapshot.footer.fields]
        rows = snapshot.index.rows_per_block.tolist()
        self.left_out += what_is_left_out(names, rows, result.blocks, keep_block, keep_column, damage)

    def copy(self, source: int, file: XdfFile, output: Output) -> Journal:
        """Write all chunks, and give the journal of the new file without its levels."""
        index = self._snapshot.index
        chosen = np.ix_(self._blocks, self._columns)
        cells = {name: index.cells[name][chosen] for name in INDEX_SCHEMA.names}
        counted: list[dict[int, Counted | None]] = [{} for _ in self._blocks]
        end = HEADER_SIZE
        for i, block in enumerate(self._blocks):
            for j, column in enumerate(self._columns):
                chunk = self._stand_in(file, block, column)
                if chunk is not None:
                    for name, values in index_rows([chunk], [0]).to_pydict().items():
                        cells[name][i, j] = values[0]
                end = aligned(end, cells["codec"][i, j])
                data = checked_bytes(source, index.entry(block, column)) if chunk is None else chunk.frame.data
                output.write_at(end, data)
                cells["offset"][i, j] = end
                end += len(data)
                if self.fields[j].is_factor:
                    counted[i][j] = _counted(file, block, self.fields[j].name) if chunk is None else chunk.level_counts
        table = pa.Table.from_arrays([array_of(cells[name].ravel()) for name in cells], schema=INDEX_SCHEMA)
        n_rows = int(index.rows_per_block[self._blocks].sum())
        journal = Journal.from_index(table, len(self._columns), n_rows, end)
        for i, found in enumerate(counted):
            journal.add_counts(i, {j: one for j, one in found.items() if one is not None})
        return journal

    def _stand_in(self, file: XdfFile, block: int, column: int) -> Chunk | None:
        """What is written in the place of a chunk that cannot be copied as it is."""
        field = self._snapshot.footer.fields[column]
        if (block, column) in self._result.unreadable:
            return _missing(field, int(self._snapshot.index.rows_per_block[block]), file.compression_level)
        return _again(file, block, field) if (block, column) in self._result.misjudged else None

    def levels(self) -> Iterator[tuple[int, list[str]]]:
        """Levels of each factor that is kept; those whose texts were lost get a text that says so."""
        assert self._result.levels is not None
        known = split_levels(self._result.levels)
        for place, (column, field) in enumerate(zip(self._columns, self.fields, strict=True)):
            if field.is_factor:
                texts = known[column].to_pylist() if column in known else []
                n_used = self._result.highest_codes.get(column, -1) + 1
                yield place, texts + [f"(level {code}, text lost)" for code in range(len(texts), n_used)]


def _missing(field: Field, n_rows: int, compression_level: int) -> Chunk:
    if field.is_factor:
        return encode_factor(np.full(n_rows, -1, np.int32), compression_level)
    return encode_column(pa.nulls(n_rows, field.type), compression_level)


def _counted(file: XdfFile, block: int, name: str) -> Counted | None:
    """The counts of a sound factor, anew: the pages that have them may be damaged."""
    return kept_counts(codes_of(file.read_block(block, [name])[name]))


def _again(file: XdfFile, block: int, field: Field) -> Chunk:
    """Encode a sound column anew, with statistics of its own."""
    array = file.read_block_arrow(block, [field.name]).column(0)
    if field.is_factor:
        return encode_factor(numbers_of(array.indices.fill_null(-1)), file.compression_level)
    return encode_column(array, file.compression_level)
