"""Going through a composite set: its metadata file, and every data file that it names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from xdf.errors import XdfError, XdfFormatError
from xdf.examine import Examination, Progress, bare, examine, is_harmless
from xdf.findings import DAMAGED, LOST, NOTE, Finding
from xdf.format import INDEX_SCHEMA
from xdf.level_counts import Codes, LevelCounts
from xdf.reader import split_levels
from xdf.schema import Schema
from xdf.set_format import DATA_SUFFIX, DataFile, Mappings, load_files
from xdf.snapshot import Snapshot


@dataclass(slots=True)
class SetExamination:
    """What was found in the files of a set.

    Attributes
    ----------
    metadata : Examination
    files : list of Examination
        Of the data files that could be opened.
    findings : list of Finding
        Of all files; blocks are numbered through the set.
    """

    metadata: Examination
    files: list[Examination] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_restorable(self) -> bool:
        """Whether each file can be repaired where it lies, and nothing else is wrong."""
        parts_of_files = all(one.is_restorable for one in (self.metadata, *self.files))
        return parts_of_files and all(is_harmless(one) for one in self.findings)


def examine_set(fd: int, metadata: Path, data: Path, progress: Progress | None) -> SetExamination:
    """Go through a set.

    Raises
    ------
    XdfFormatError, XdfVersionError
        The metadata file is foreign, or of a newer release.
    """
    about = examine(fd, metadata, is_set=True)
    result = SetExamination(about)
    result.findings.extend(replace(finding, file=metadata.name) for finding in about.findings)
    if about.snapshot is None or about.levels is None:
        return result
    levels = split_levels(about.levels)
    if not about.n_lost_levels and not _is_schema(result, about.snapshot, levels):
        return result
    n_levels = {number: len(texts) for number, texts in levels.items()}
    try:
        files, mappings = load_files(fd, metadata, about.snapshot, n_levels)
    except XdfFormatError as error:
        message = bare(error, metadata)
        result.findings.append(Finding(LOST, "file", message, file=metadata.name))
        return result
    first = 0
    for number, file in enumerate(files):
        codes = {field: found for (owner, field), found in mappings.items() if owner == number}
        data_file = _examine_data(result, about.snapshot, file, data / file.name, first, codes, progress)
        if data_file is not None and not about.n_lost_levels:
            _check_levels(result, data_file, file, number, n_levels, mappings)
        first += file.n_blocks
    named = {file.name for file in files}
    for entry in sorted(data.iterdir()):
        if entry.name.endswith(DATA_SUFFIX) and entry.name not in named:
            message = "the set does not name this file: a writer is still busy, or was interrupted"
            result.findings.append(Finding(NOTE, "file", message, file=entry.name))
    return result


def _is_schema(result: SetExamination, of_set: Snapshot, levels: dict[int, pa.StringArray]) -> bool:
    """Whether a reader can make columns of the footer and the levels."""
    try:
        for number, one in enumerate(of_set.footer.fields):
            if number in levels:
                one.with_(levels=tuple(levels[number].to_pylist()))
        Schema(of_set.footer.fields)
    except XdfError as error:
        name = result.metadata.path.name
        result.findings.append(Finding(DAMAGED, "footer", str(error), file=name))
        message = "the footer contradicts itself, so nothing tells what its bytes mean"
        result.findings.append(Finding(LOST, "commit", message, file=name))
        return False
    return True


def _check_levels(
    result: SetExamination,
    found: Examination,
    file: DataFile,
    number: int,
    n_levels: dict[int, int],
    mappings: Mappings,
) -> None:
    """Whether the set knows every level that a data file has."""
    assert found.levels is not None
    for column, texts in split_levels(found.levels).items():
        mapping = mappings.get((number, column))
        if len(texts) > (n_levels.get(column, 0) if mapping is None else len(mapping)):
            message = f"the set does not say which of its levels those of column {column} are"
            result.findings.append(Finding(DAMAGED, "levels", message, file=file.name))


def _examine_data(
    result: SetExamination,
    of_set: Snapshot,
    file: DataFile,
    path: Path,
    first: int,
    codes: dict[int, Codes],
    progress: Progress | None,
) -> Examination | None:
    """One data file: by itself, and against what the set says about it; gives what was found where that is readable."""
    blocks = f"blocks {first} to {first + file.n_blocks - 1}" if file.n_blocks > 1 else f"block {first}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        message = f"it cannot be opened ({error.strerror}), and with it {file.n_rows:,} rows in {blocks}"
        result.findings.append(Finding(LOST, "file", message, file=file.name))
        return None
    try:
        found = examine(fd, path, progress)
    except XdfError as error:
        message = f"{bare(error, path)}; with it {file.n_rows:,} rows in {blocks}"
        result.findings.append(Finding(LOST, "file", message, file=file.name))
        return None
    finally:
        os.close(fd)
    result.files.append(found)
    for finding in found.findings:
        block = None if finding.block is None else finding.block + first
        result.findings.append(replace(finding, file=file.name, block=block))
    if found.snapshot is None or found.levels is None:
        return None
    commit = found.snapshot.commit
    types = [[one.type for one in snapshot.footer.fields] for snapshot in (of_set, found.snapshot)]
    if (commit.file_length, commit.footer_checksum) != (file.length, file.checksum) or types[0] != types[1]:
        message = "it is not the file that the set was committed with: it was replaced, or changed by itself"
        result.findings.append(Finding(DAMAGED, "file", message, file=file.name))
        return None
    message = f"what the set says of {blocks} is not what its data file says"
    if not _same_index(of_set, found.snapshot, first):
        result.findings.append(Finding(DAMAGED, "index", message, file=file.name))
    elif not _same_counts(result.metadata.counts, found.counts, first, file.n_blocks, codes):
        result.findings.append(Finding(DAMAGED, "counts", message, file=file.name))
    return found


def _same_counts(
    of_set: LevelCounts | None, of_file: LevelCounts | None, first: int, n_blocks: int, codes: dict[int, Codes]
) -> bool:
    """Whether both tell the same of these blocks; where one cannot be read, that was said."""
    if of_set is None or of_file is None:
        return True
    start, stop = np.searchsorted(of_set.cells, np.array([first, first + n_blocks]) * of_set.n_columns).tolist()
    return bool(of_set.table.slice(start, stop - start).equals(of_file.renumbered(first, codes)))


def _same_index(of_set: Snapshot, of_file: Snapshot, first: int) -> bool:
    behind = first + of_file.footer.n_blocks
    for name in INDEX_SCHEMA.names:
        left, right = of_set.index.cells[name][first:behind], of_file.index.cells[name]
        if not np.array_equal(left, right, equal_nan=left.dtype.kind == "f"):
            return False
    return True
