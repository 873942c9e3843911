"""Bringing an old file over to .xdf, Parquet or text, and making sure that the copy holds what the original holds."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from xdf.creation import create
from xdf.errors import XdfError
from xdf.format import DEFAULT_LEVEL
from xdf.ingest import recut
from xdf.legacy.compare import Difference, compare_rows, compare_schemas
from xdf.legacy.reader import LegacyTable
from xdf.legacy.text import read_text
from xdf.logical import type_text
from xdf.opening import open as open_xdf
from xdf.output import Output, create_output, refusals
from xdf.reader import open_file
from xdf.schema import Field, Schema
from xdf.transfer_formats import write_batches

KINDS = ("xdf", "parquet", "csv")
_VARIABLES_SHOWN = 30
_DIFFERENCES_SHOWN = 5

Progress = Callable[[int, int | None], None]


@dataclass(frozen=True, slots=True)
class Migration:
    """How to bring files over.

    Attributes
    ----------
    kind : str
        ``xdf``, ``parquet`` or ``csv``.
    overwrite : bool
    rows_per_block : int or None
        Of an .xdf file; the blocks of the original by default.
    compression_level : int
        Of an .xdf file.
    salvage : bool
        Leave out variables that cannot be read.
    keep_missing_codes : bool
        Leave the integer that stands for a missing value as it is.
    delimiter : str
        Of text.
    """

    kind: str = "xdf"
    overwrite: bool = False
    rows_per_block: int | None = None
    compression_level: int = DEFAULT_LEVEL
    salvage: bool = False
    keep_missing_codes: bool = False
    delimiter: str = ","


@dataclass(frozen=True, slots=True)
class VariableReport:
    """What was brought over of one variable."""

    name: str
    type: str
    n_missing: int
    n_levels: int | None
    low: float | None
    high: float | None

    def __str__(self) -> str:
        parts = [self.type]
        if self.n_levels is not None:
            parts.append(f"{self.n_levels:,} levels")
        elif self.low is not None and self.high is not None:
            parts.append(f"{self.low:.7g} to {self.high:.7g}")
        if self.n_missing:
            parts.append(f"{self.n_missing:,} missing")
        return f"{self.name}: {', '.join(parts)}"


@dataclass(frozen=True, slots=True)
class MigrationReport:
    """What became of one file. Prints itself.

    Attributes
    ----------
    source, target : str
    version : float
        Of the format of the original.
    n_rows, n_blocks : int
    bytes_before, bytes_after : int
    seconds : float
        The comparison included.
    variables : tuple of VariableReport
    left_out : dict of str to str
        Variables that could not be read, and why.
    notes : tuple of str
        What no other file was seen to have.
    """

    source: str
    target: str
    version: float
    n_rows: int
    n_blocks: int
    bytes_before: int
    bytes_after: int
    seconds: float
    variables: tuple[VariableReport, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]

    @property
    def is_complete(self) -> bool:
        """Whether nothing had to be left out."""
        return not self.left_out

    def __str__(self) -> str:
        shown = [f"  {variable}" for variable in self.variables[:_VARIABLES_SHOWN]]
        if len(self.variables) > _VARIABLES_SHOWN:
            shown.append(f"  and {len(self.variables) - _VARIABLES_SHOWN:,} more variables")
        return "\n".join(
            [
                f"{self.source} (RevoScaleR, version {self.version:g}) -> {self.target}",
                f"  {self.n_rows:,} rows, {len(self.variables):,} variables, blocks: {self.n_blocks:,}",
                f"  {self.bytes_before:,} bytes, now {self.bytes_after:,}; {self.seconds:.2f} s",
                *shown,
                *(f"  left out: {name!r}: {reason}" for name, reason in self.left_out.items()),
                *(f"  note: {note}" for note in self.notes),
                "  compared with the original: every value is equal"
                + ("" if self.is_complete else ", of the variables that could be read"),
            ]
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def migrate_file(
    source: str | os.PathLike[str], target: str | os.PathLike[str], how: Migration, progress: Progress | None = None
) -> MigrationReport:
    """Copy an old file or set, read both again, and give the copy its name when they are equal.

    Types, levels and their order, descriptions, labels of values, and rows come over; so do low and high where they are
    not just the range of the data, which an .xdf file knows anyway. Text keeps values only.

    Parameters
    ----------
    source : str or path-like
        A file, the folder of a composite set, or its metadata file.
    target : str or path-like
    how : Migration
    progress : callable, optional
        Called with rows done, and rows in all.

    Raises
    ------
    XdfError
        The original cannot be read, the copy not written, or it is not equal. No output is left then.

    Notes
    -----
    Passes: three over the original, one over the copy. Memory: some blocks.
    """
    began = time.perf_counter()
    if how.kind not in KINDS:
        raise XdfError(f"{target}: a file of RevoScaleR is converted to {', '.join(KINDS)}; got {how.kind!r}")
    with open_xdf(source, salvage=how.salvage, keep_missing_codes=how.keep_missing_codes) as old:
        if not isinstance(old, LegacyTable):
            raise XdfError(f"{source}: this is not a file of RevoScaleR, but one of this package already")
        output = create_output(Path(target), how.overwrite)
        try:
            fields = _fields(old)
            _write(old, fields, output, how, progress)
            _check(_compare(old, output.temporary, how), old)
            bytes_after = output.temporary.stat().st_size
            output.publish()
        except BaseException:
            output.discard()
            raise
        return MigrationReport(
            str(source), str(target), old.version, old.n_rows, old.n_blocks, old.size_on_disk, bytes_after,
            time.perf_counter() - began, tuple(_report(old, field) for field in old.schema), old.left_out, old.notes,
        )  # fmt: skip


def _check(differences: list[Difference], old: LegacyTable) -> None:
    if differences:
        listed = "; ".join(map(str, differences[:_DIFFERENCES_SHOWN]))
        raise XdfError(f"{old.path}: the copy is not equal to the original, and was not kept: {listed}")


def _fields(old: LegacyTable) -> tuple[Field, ...]:
    """The columns with low and high where these are not simply the range of the data."""
    fields = []
    for field in old.schema:
        known = old.statistics(field.name)
        is_found = (field.low, field.high) == (known.minimum, known.maximum)
        fields.append(field.with_(low=None, high=None) if is_found else field)
    return tuple(fields)


def _report(old: LegacyTable, field: Field) -> VariableReport:
    n_levels = None if field.levels is None else len(field.levels)
    kind = type_text(field.type) or str(field.type)
    return VariableReport(field.name, kind, old.statistics(field.name).n_missing, n_levels, field.low, field.high)


def _write(
    old: LegacyTable, fields: tuple[Field, ...], output: Output, how: Migration, progress: Progress | None
) -> None:
    if how.kind != "xdf":
        batches = pa.RecordBatchReader.from_batches(old.arrow_schema, _counted(old, old.to_reader(), progress))
        with refusals(output.path), os.fdopen(os.dup(output.fd), "wb") as stream:
            write_batches(batches, stream, how.kind, how.delimiter)
        output.sync()
        return
    with create(output.temporary, Schema(fields), overwrite=True, compression_level=how.compression_level) as writer:
        blocks: Iterator[pa.RecordBatch] = _counted(old, old.scan().to_batches(), progress)
        for block in blocks if how.rows_per_block is None else recut(blocks, how.rows_per_block):
            writer.write(block)


def _counted(
    old: LegacyTable, batches: Iterable[pa.RecordBatch], progress: Progress | None
) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in batches:
        yield batch
        done += batch.num_rows
        if progress is not None:
            progress(done, old.n_rows)


def _compare(old: LegacyTable, copy: Path, how: Migration) -> list[Difference]:
    if how.kind == "xdf":
        with open_file(copy) as new:
            return compare_schemas(old, new) or compare_rows(old, new.to_reader())
    if how.kind == "parquet":
        from pyarrow import parquet

        with parquet.ParquetFile(copy) as file:
            return compare_rows(old, file.iter_batches())
    return compare_rows(old, read_text(copy, old.schema, how.delimiter), exact=False)
