"""Composite sets of RevoScaleR: a folder of data files (.xdfd) under a metadata file (.xdfm).

No genuine set was ever seen. What is read is a set whose data files can each be read as a file by itself; its metadata
file is recognised by its first bytes and not used. Another kind is refused, in words that ask for a sample.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from xdf.columns import Column
from xdf.errors import XdfError, XdfFormatError
from xdf.legacy.layout import Layout, is_legacy, load_layout
from xdf.legacy.reader import LegacyFile, LegacyTable, Reading, read_chunk
from xdf.legacy.variables import Variable
from xdf.set_format import DATA_FOLDER, DATA_SUFFIX
from xdf.snapshot import read_exactly

_NUMBER = re.compile(r"([0-9]+)")


@dataclass(frozen=True, slots=True)
class _Part:
    """A data file: where it is, what it holds, and which block of the set its first one is."""

    path: Path
    layout: Layout
    first_block: int


def is_legacy_metadata(path: Path) -> bool:
    """Whether this is a metadata file of RevoScaleR."""
    with path.open("rb") as stream:
        return is_legacy(stream.read(4))


def open_legacy_set(folder: Path, metadata: Path, reading: Reading) -> LegacySet:
    """Open a set: the descriptions of all its data files are read, and no data.

    Raises
    ------
    XdfFormatError
        A data file cannot be read by itself, or they do not fit each other.
    """
    inside = folder / DATA_FOLDER
    names = sorted((path.name for path in inside.glob(f"*{DATA_SUFFIX}")), key=_in_order) if inside.is_dir() else []
    if not names:
        raise XdfFormatError(
            f"{folder}: this composite set of RevoScaleR has no data file ({DATA_FOLDER}/*{DATA_SUFFIX})"
        )
    parts, first = [], 0
    for name in names:
        layout = _layout_of(inside / name)
        parts.append(_Part(inside / name, layout, first))
        first += len(layout.rows_per_block)
    return LegacySet(folder, metadata, parts, reading)


class LegacySet(LegacyTable):
    """A composite set of RevoScaleR, read like a file; read only. Made by :func:`xdf.open`.

    Levels of factors are those of all data files, in the order in which they are met.

    Attributes
    ----------
    metadata_path : pathlib.Path
    n_files : int
    """

    def __init__(self, folder: Path, metadata: Path, parts: Sequence[_Part], reading: Reading) -> None:
        self._parts = tuple(parts)
        variables = [_joined(number, folder, self._parts) for number in range(len(parts[0].layout.variables))]
        rows = tuple(n_rows for part in parts for n_rows in part.layout.rows_per_block)
        super().__init__(folder, variables, rows, reading)
        self.metadata_path = metadata
        self.n_files = len(parts)
        first = parts[0].layout
        self.version, self.row_names, self.notes = first.version, first.row_names, first.notes
        self.size_on_disk = sum(part.layout.file_size for part in parts)
        self._starts = np.array([part.first_block for part in parts])
        self._maps = {
            (number, position): _code_map(part.layout.variables[position].levels, variable.levels)
            for number, part in enumerate(parts)
            for position, variable in enumerate(variables)
            if variable.is_factor
        }
        if reading.salvage:
            self._salvage()
        else:
            self._refuse_unknown()

    def close(self) -> None:
        """Nothing: data files are open only while they are read."""

    def block_nbytes(self, columns: Sequence[str] | None = None) -> int:
        """The most bytes of memory that :meth:`read_block` of these columns takes."""
        names = [name for name, _ in self._select(columns)]
        most = 0
        for part in self._parts:
            with self._opened(part) as file:
                most = max(most, file.block_nbytes(names))
        # Codes of a factor are translated.
        n_factors = sum(self._variables[position].is_factor for _, position in self._select(columns))
        return most + n_factors * 16 * max(self.rows_per_block, default=0)

    def check(self, position: int) -> str | None:
        """What is wrong with a variable, if something is. Reads all of it."""
        for part in self._parts:
            with self._opened(part) as file:
                problem = file.check(position)
            if problem is not None:
                return f"{part.path.name}: {problem}"
        return self._variables[position].problem

    def _at_hand(self, block: int, selected: Iterable[tuple[str, int]]) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def _read_column(self, block: int, position: int) -> Column:
        number = int(np.searchsorted(self._starts, block, side="right")) - 1
        part = self._parts[number]
        try:
            fd = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError as error:
            raise XdfError(f"{self.path}: data file {part.path.name!r} is gone since the set was opened") from error
        try:
            levels = self._levels.get(position)
            column = read_chunk(fd, part.path, part.layout, block - part.first_block, position, levels, self.reading)
        finally:
            os.close(fd)
        mapping = self._maps.get((number, position))
        return column if mapping is None else _translated(column, mapping)

    def _opened(self, part: _Part) -> LegacyFile:
        """A data file by itself; what it holds of unknown variables is said by the set."""
        fd = os.open(part.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return LegacyFile(part.path, fd, part.layout, replace(self.reading, salvage=False), is_part=True)
        except BaseException:
            os.close(fd)
            raise

    def _refuse_unknown(self) -> None:
        for variable in self._variables:
            if variable.problem is not None:
                raise XdfFormatError(
                    f"{self.path}: variable {variable.name!r} cannot be read: {variable.problem}. The other variables "
                    "can: xdf.open(path, salvage=True), or python -m xdf convert --salvage"
                )


def _layout_of(path: Path) -> Layout:
    with path.open("rb") as stream:
        if not is_legacy(read_exactly(stream.fileno(), 0, 4)):
            raise XdfFormatError(
                f"{path}: this data file of a composite set does not begin like a file of RevoScaleR. No such set was "
                "seen when this reader was written; docs/legacy-xdf.md says how to send one"
            )
        return load_layout(stream.fileno(), path)


def _in_order(name: str) -> list[tuple[int, str]]:
    """Names with numbers in them by those numbers: part 2 before part 10."""
    return [(int(piece), "") if piece.isdigit() else (-1, piece) for piece in _NUMBER.split(name)]


def _joined(position: int, folder: Path, parts: Sequence[_Part]) -> Variable:
    """One variable of the set, from those of its data files."""
    first = parts[0].layout.variables[position]
    n_variables = len(parts[0].layout.variables)
    levels = dict.fromkeys(first.levels)
    low, high, problem = first.low, first.high, first.problem
    for part in parts[1:]:
        others = part.layout.variables
        if len(others) != n_variables or (others[position].name, others[position].storage) != (
            first.name,
            first.storage,
        ):
            raise XdfFormatError(
                f"{folder}: the data files of this set differ: variable {position + 1} of {part.path.name!r} is not "
                f"{first.name!r} as in {parts[0].path.name!r}, or of another type"
            )
        other = others[position]
        levels.update(dict.fromkeys(other.levels))
        problem = problem or other.problem
        low = low if other.low is None else other.low if low is None else min(low, other.low)
        high = high if other.high is None else other.high if high is None else max(high, other.high)
    return replace(first, levels=tuple(levels), low=low, high=high, problem=problem)


def _code_map(own: Sequence[str], joined: Sequence[str]) -> npt.NDArray[np.int32] | None:
    """What the codes of a data file are in the set; None where they are the same."""
    if tuple(own) == tuple(joined[: len(own)]) and len(own) == len(joined):
        return None
    places = {level: code for code, level in enumerate(joined)}
    return np.array([places[level] for level in own], np.int32)


def _translated(column: Column, mapping: npt.NDArray[np.int32]) -> Column:
    codes = column.values
    inside = (codes >= 0) & (codes < len(mapping))  # type: ignore[operator]
    found = np.append(mapping, np.int32(-1))[np.where(inside, codes, len(mapping)).astype(np.int64)]
    found.flags.writeable = False
    return Column(found, levels=column.levels)
