"""Going through a composite set: its metadata file, and every data file that it names."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from xdf.errors import XdfError, XdfFormatError
from xdf.examine import Examination, Progress, examine
from xdf.findings import DAMAGED, LOST, NOTE, Finding
from xdf.format import INDEX_SCHEMA
from xdf.level_counts import Codes, LevelCounts, numbers_of_levels
from xdf.set_format import DATA_SUFFIX, DataFile, load_files
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
        """Whether each file can be repaired where it lies."""
        parts_of_files = all(one.is_restorable for one in (self.metadata, *self.files))
        between = [one for one in self.findings if one.part in ("file", "index", "counts")]
        return parts_of_files and all(one.severity == NOTE for one in between)


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
    try:
        files, mappings = load_files(fd, metadata, about.snapshot, numbers_of_levels(about.levels))
    except XdfFormatError as error:
        message = str(error).removeprefix(f"{metadata}: ")
        result.findings.append(Finding(LOST, "file", message, file=metadata.name))
        return result
    first = 0
    for number, file in enumerate(files):
        codes = {field: found for (owner, field), found in mappings.items() if owner == number}
        _examine_data(result, file, data / file.name, first, codes, progress)
        first += file.n_blocks
    named = {file.name for file in files}
    for entry in sorted(data.iterdir()):
        if entry.name.endswith(DATA_SUFFIX) and entry.name not in named:
            message = "the set does not name this file: a writer is still busy, or was interrupted"
            result.findings.append(Finding(NOTE, "file", message, file=entry.name))
    return result


def _examine_data(
    result: SetExamination,
    file: DataFile,
    path: Path,
    first: int,
    codes: dict[int, Codes],
    progress: Progress | None,
) -> None:
    """One data file: by itself, and against what the set says about it."""
    blocks = f"blocks {first} to {first + file.n_blocks - 1}" if file.n_blocks > 1 else f"block {first}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        message = f"it cannot be opened ({error.strerror}), and with it {file.n_rows:,} rows in {blocks}"
        result.findings.append(Finding(LOST, "file", message, file=file.name))
        return
    try:
        found = examine(fd, path, progress)
    except XdfError as error:
        message = f"{str(error).removeprefix(f'{path}: ')}; with it {file.n_rows:,} rows in {blocks}"
        result.findings.append(Finding(LOST, "file", message, file=file.name))
        return
    finally:
        os.close(fd)
    result.files.append(found)
    for finding in found.findings:
        block = None if finding.block is None else finding.block + first
        result.findings.append(replace(finding, file=file.name, block=block))
    if found.snapshot is None:
        return
    commit = found.snapshot.commit
    if (commit.file_length, commit.footer_checksum) != (file.length, file.checksum):
        message = "it is not the file that the set was committed with: it was replaced, or changed by itself"
        result.findings.append(Finding(DAMAGED, "file", message, file=file.name))
        return
    assert result.metadata.snapshot is not None
    message = f"what the set says of {blocks} is not what its data file says"
    if not _same_index(result.metadata.snapshot, found.snapshot, first):
        result.findings.append(Finding(DAMAGED, "index", message, file=file.name))
    elif not _same_counts(result.metadata.counts, found.counts, first, file.n_blocks, codes):
        result.findings.append(Finding(DAMAGED, "counts", message, file=file.name))


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
