"""What the metadata file of a composite set holds besides what every .xdf file does (section 7 of the format).

It is an .xdf file without blocks of its own: its index tells of the blocks in the data files, and two more kinds of
pages name these files and say which global level each of their factor codes stands for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from xdf.errors import XdfFormatError
from xdf.format import CODES_SCHEMA, FILES_SCHEMA, LONGEST_DATA_FILE, PageKind
from xdf.index import check_total
from xdf.journal import Journal
from xdf.level_counts import LevelCounts
from xdf.output import Output
from xdf.ranges import Handle
from xdf.snapshot import Snapshot, read_pages
from xdf.views import array_of, column_of

Codes = npt.NDArray[np.int32]
Mappings = dict[tuple[int, int], Codes]
"""By number of the data file and of the column: the global code of each code. Where there is none they are the same."""

DATA_FOLDER, METADATA_FOLDER = "data", "metadata"
DATA_SUFFIX, METADATA_SUFFIX = ".xdfd", ".xdfm"
_DATA_NAME = re.compile(r"[^/\\\0]+_[1-9][0-9]{0,17}\.xdfd")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A data file as a commit of the set names it.

    Attributes
    ----------
    name : str
    n_rows, n_blocks : int
    length : int
        Bytes of the file.
    checksum : int
        That of its footer.
    """

    name: str
    n_rows: int
    n_blocks: int
    length: int
    checksum: int


class SetJournal(Journal):
    """What a writer has added to a set since its last commit."""

    def __init__(self, n_columns: int) -> None:
        super().__init__(n_columns)
        self._files: list[DataFile] = []
        self._mappings: Mappings = {}

    @classmethod
    def continued(
        cls, snapshot: Snapshot, levels: pa.Table, counts: pa.Table, files: Sequence[DataFile], mappings: Mappings
    ) -> SetJournal:
        """Continue after a commit."""
        journal = cls.from_snapshot(snapshot, levels, counts)
        assert isinstance(journal, SetJournal)
        journal._files, journal._mappings = list(files), dict(mappings)
        return journal

    @property
    def files(self) -> list[DataFile]:
        """The data files so far; not to be changed."""
        return self._files

    def add_file(self, file: DataFile, index: pa.Table, counts: LevelCounts, mappings: dict[int, Codes]) -> None:
        """Take in a finished data file, the rows of its index, its counts of levels, and the global codes of those
        factors that need some.
        """
        number = len(self._files)
        self._files.append(file)
        self._index.append(index)
        self._counts.append(counts.renumbered(self.n_blocks, mappings))
        self._mappings |= {(number, field): codes for field, codes in mappings.items()}
        self.n_rows += file.n_rows
        self.n_blocks += file.n_blocks

    def _write_pages(self, output: Output) -> int:
        self.end = super()._write_pages(output)
        self.end = self._write_page(output, PageKind.FILES, _files_table(self._files), 1, self.end)
        return self._write_page(output, PageKind.CODES, _codes_table(self._mappings), 1, self.end)


def load_files(
    fd: Handle, path: Path | str, snapshot: Snapshot, n_levels: dict[int, int]
) -> tuple[tuple[DataFile, ...], Mappings]:
    """The data files of a set and the global codes of their factors, checked.

    Parameters
    ----------
    n_levels : dict
        Number of levels of each factor that has any, by its column.

    Raises
    ------
    XdfFormatError, XdfChecksumError
        Naming the path and what is wrong.
    """
    footer = snapshot.footer
    try:
        files = _unpack_files(read_pages(fd, footer, PageKind.FILES, FILES_SCHEMA))
        _check_files(files, snapshot)
        mappings = _unpack_codes(read_pages(fd, footer, PageKind.CODES, CODES_SCHEMA), len(files), n_levels)
    except XdfFormatError as error:
        raise type(error)(f"{path}: the list of data files is damaged: {error}") from error
    return files, mappings


def _files_table(files: Sequence[DataFile]) -> pa.Table:
    columns = [[getattr(file, field.name) for file in files] for field in FILES_SCHEMA]
    arrays = [pa.array(column, field.type) for column, field in zip(columns, FILES_SCHEMA, strict=True)]
    return pa.Table.from_arrays(arrays, schema=FILES_SCHEMA)


def _codes_table(mappings: Mappings) -> pa.Table:
    lengths = [len(codes) for codes in mappings.values()]
    files = np.repeat(np.array([file for file, _ in mappings], np.int32), lengths)
    fields = np.repeat(np.array([field for _, field in mappings], np.int32), lengths)
    codes = np.concatenate(list(mappings.values())) if mappings else np.empty(0, np.int32)
    return pa.Table.from_arrays([array_of(files), array_of(fields), array_of(codes)], schema=CODES_SCHEMA)


def _unpack_files(table: pa.Table) -> tuple[DataFile, ...]:
    files = tuple(DataFile(**row) for row in table.to_pylist())
    names = set()
    for file in files:
        # The name goes into a path: it must not lead out of the folder.
        if not is_data_name(file.name) or file.name in names:
            raise XdfFormatError(f"{file.name!r} is not the name of a data file, or stands twice")
        if min(file.n_rows, file.n_blocks) < 0 or not 0 < file.length < LONGEST_DATA_FILE:
            raise XdfFormatError(f"the counts of {file.name!r} are impossible")
        names.add(file.name)
    return files


def is_data_name(name: str) -> bool:
    """Whether a name is ``<something>_<number>.xdfd``."""
    return _DATA_NAME.fullmatch(name) is not None


def _check_files(files: Sequence[DataFile], snapshot: Snapshot) -> None:
    """The files must account for every block and row of the set."""
    if sum(file.n_blocks for file in files) != snapshot.footer.n_blocks:
        raise XdfFormatError(f"its files do not hold the {snapshot.footer.n_blocks:,} blocks of the set")
    first = 0
    for file in files:
        behind = first + file.n_blocks
        if int(snapshot.index.rows_per_block[first:behind].sum()) != file.n_rows:
            raise XdfFormatError(f"the blocks of {file.name!r} do not hold its {file.n_rows:,} rows")
        cells = snapshot.index.cells
        if behind > first and (cells["offset"][first:behind] > file.length - cells["length"][first:behind]).any():
            raise XdfFormatError(f"blocks lie outside of {file.name!r}")
        check_total(cells["length"][first:behind], file.length)
        first = behind


def _unpack_codes(table: pa.Table, n_files: int, n_levels: dict[int, int]) -> Mappings:
    files, fields, codes = (column_of(table, name) for name in CODES_SCHEMA.names)
    if not len(codes):
        return {}
    limits = np.zeros(max(n_levels, default=0) + 1, np.int64)
    for field, count in n_levels.items():
        limits[field] = count
    inside = (files >= 0) & (files < n_files) & (fields >= 0) & (fields < len(limits)) & (codes >= 0)
    if not inside.all() or not (codes < limits[fields]).all():
        raise XdfFormatError("a factor code belongs to no file, column or level")
    changes = np.flatnonzero((np.diff(files) != 0) | (np.diff(fields) != 0)) + 1
    starts = [0, *changes.tolist()]
    mappings: Mappings = {}
    for start, stop in zip(starts, [*starts[1:], len(codes)], strict=True):
        key = (int(files[start]), int(fields[start]))
        if key in mappings:
            raise XdfFormatError("the factor codes of a file stand in two places")
        mappings[key] = np.ascontiguousarray(codes[start:stop])
    return mappings
