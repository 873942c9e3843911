"""Saying in words whether a file is sound, what is damaged, and what was lost."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xdf.compact import dead_bytes
from xdf.composite import find_metadata
from xdf.examine import Examination, Progress, examine
from xdf.examine_set import SetExamination, examine_set
from xdf.findings import NOTE, Finding
from xdf.set_format import DATA_FOLDER, METADATA_SUFFIX

_SHOWN = 50


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What :func:`verify` found. Prints itself.

    Attributes
    ----------
    path : pathlib.Path
    is_sound : bool
        Whether nothing is damaged or lost.
    is_restorable : bool
        Whether all damage is to bytes that follow from the rest of the file, so that :func:`repair` loses nothing and
        needs no second file. True for a sound file.
    findings : tuple of Finding
        Damage first, notes last; otherwise header, commits, footer, chunks.
    commit : int or None
        Sequence number of the commit that can be read.
    n_rows, n_blocks, n_columns : int
        What can be read, damaged chunks included.
    n_chunks, n_damaged_chunks : int
        Checked, and of these unreadable.
    size, dead_bytes : int
        Bytes of the file, and how many of them its last commit does not need.
    is_set : bool
        Whether it is a composite set; rows, chunks and bytes are then those of all its files.
    """

    path: Path
    is_sound: bool
    is_restorable: bool
    findings: tuple[Finding, ...]
    commit: int | None
    n_rows: int
    n_blocks: int
    n_columns: int
    n_chunks: int
    n_damaged_chunks: int
    size: int
    dead_bytes: int
    is_set: bool = False

    def __str__(self) -> str:
        return "\n".join([f"{self.path}: {self._verdict()}", *self._content(), *self._listed()])

    def _verdict(self) -> str:
        if self.is_sound:
            return "sound"
        if self.commit is None:
            return "damaged, nothing can be read"
        if self.is_restorable:
            return "damaged, and can be repaired without loss"
        return "damaged; repair writes a new file with what is sound"

    def _content(self) -> list[str]:
        if self.commit is None:
            return []
        n_good = self.n_chunks - self.n_damaged_chunks
        return [
            f"  commit {self.commit}: {self.n_rows:,} rows, {self.n_columns} columns, {self.n_blocks:,} blocks",
            f"  {n_good:,} of {self.n_chunks:,} chunks can be read and are what was written",
            f"  {self.size:,} bytes, {self.dead_bytes:,} of them dead",
        ]

    def _listed(self) -> list[str]:
        lines = [f"  {finding}" for finding in self.findings[:_SHOWN]]
        left = len(self.findings) - len(lines)
        return [*lines, f"  ... and {left:,} more"] if left else lines

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return {**plain, "path": str(self.path), "findings": [finding.to_dict() for finding in self.findings]}


def verify(path: str | os.PathLike[str], *, progress: Progress | None = None) -> VerifyReport:
    """Check every byte of an .xdf file, or of a composite set, that its last commit needs.

    Header and commit slots, footer and its pages, then each chunk: its checksum, its type and number of rows, codes
    against levels, and the statistics of the index against its data. Nothing is changed. The file may be appended to
    meanwhile: what is checked is the last commit at the beginning.

    Reads the file once, and a second time where commits have to be searched for. Memory: the largest chunk.

    Parameters
    ----------
    path : str or path-like
        A file, or the folder of a composite set, or its metadata file.
    progress : callable, optional
        Called with bytes of chunks done and in all; of a set, file by file.

    Returns
    -------
    VerifyReport

    Raises
    ------
    FileNotFoundError
        There is no such file.
    XdfFormatError
        It is foreign, or so damaged that not one commit record is left.
    XdfVersionError
        A newer release wrote it.

    Examples
    --------
    >>> import pyarrow as pa, tempfile, pathlib, xdf
    >>> path = pathlib.Path(tempfile.mkdtemp(), "small.xdf")
    >>> with xdf.create(path, xdf.Schema((xdf.Field("age", pa.int64()),))) as writer:
    ...     writer.write(pa.record_batch({"age": [31, None, 45]}))
    >>> xdf.verify(path).is_sound
    True
    """
    file = Path(path)
    if file.is_dir() or file.suffix == METADATA_SUFFIX:
        return _verify_set(file, progress)
    fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return report_on(examine(fd, file, progress))
    finally:
        os.close(fd)


def _verify_set(path: Path, progress: Progress | None) -> VerifyReport:
    found = find_metadata(path) if path.is_dir() else path.absolute()
    assert isinstance(found, Path)
    folder = path if path.is_dir() else found.parent.parent
    fd = os.open(found, os.O_RDONLY | os.O_CLOEXEC)
    try:
        examined = examine_set(fd, found, folder / DATA_FOLDER, progress)
    finally:
        os.close(fd)
    return report_on_set(path, examined)


def report_on_set(path: Path, examined: SetExamination) -> VerifyReport:
    """The report that says what was found in the files of a set."""
    reports = [report_on(one) for one in (examined.metadata, *examined.files)]
    about = reports[0]
    return replace(
        about,
        path=path,
        is_set=True,
        is_sound=all(finding.severity == NOTE for finding in examined.findings),
        is_restorable=examined.is_restorable,
        findings=_ordered(examined.findings),
        n_chunks=sum(report.n_chunks for report in reports),
        n_damaged_chunks=sum(report.n_damaged_chunks for report in reports),
        size=sum(report.size for report in reports),
        dead_bytes=sum(report.dead_bytes for report in reports),
    )


def _ordered(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Damage first, notes last."""
    return tuple(sorted(findings, key=lambda finding: finding.severity == NOTE))


def report_on(result: Examination) -> VerifyReport:
    """The report that says what an examination found."""
    snapshot = result.snapshot
    footer = None if snapshot is None else snapshot.footer
    return VerifyReport(
        path=result.path,
        is_sound=result.is_sound,
        is_restorable=result.is_restorable,
        findings=_ordered(result.findings),
        commit=None if snapshot is None else snapshot.commit.sequence,
        n_rows=0 if footer is None else footer.n_rows,
        n_blocks=0 if footer is None else footer.n_blocks,
        n_columns=0 if footer is None else len(footer.fields),
        n_chunks=result.n_checked,
        n_damaged_chunks=len(result.unreadable),
        size=result.size,
        dead_bytes=_dead_bytes(result),
    )


def _dead_bytes(result: Examination) -> int:
    # Blocks of a set lie in other files, so that the bytes of its metadata file do not add up.
    if result.snapshot is None or result.is_set:
        return 0
    return dead_bytes(result.snapshot) + max(result.size - result.snapshot.commit.file_length, 0)
