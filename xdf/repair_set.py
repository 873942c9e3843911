"""Making a damaged composite set readable again: in place where nothing is lost, else as one file of what is sound."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pyarrow as pa

from xdf.compact import keep_permissions
from xdf.composite import XdfSet, find_metadata
from xdf.creation import begin
from xdf.errors import XdfError, XdfFormatError, XdfWriteError
from xdf.examine import Examination, Progress
from xdf.examine_set import SetExamination, examine_set
from xdf.findings import LOST, NOTE
from xdf.index import Flags
from xdf.output import Output, lock_output
from xdf.repair import Remedy, RepairReport, first_reasons, hold, kept, new_output, restore, what_is_left_out
from xdf.set_folder import lock_folder
from xdf.set_format import DATA_FOLDER
from xdf.verify import report_on_set


def repair_set(path: Path, output: Path | None, damaged: Remedy, progress: Progress | None) -> RepairReport:
    """What :func:`xdf.repair` does with a composite set: its folder, or its metadata file."""
    metadata = find_metadata(path) if path.is_dir() else path.absolute()
    assert isinstance(metadata, Path)
    folder = path if path.is_dir() else metadata.parent.parent
    lock = None if output is not None else lock_folder(folder)
    try:
        held, refusal = hold(metadata)
        try:
            examined = examine_set(held.fd, metadata, folder / DATA_FOLDER, progress)
            before = report_on_set(path, examined)
            if output is None and examined.is_restorable:
                for one in (examined.metadata, *examined.files):
                    _restore(one, held if one is examined.metadata else None, refusal)
                action = "none" if before.is_sound else "in place"
                return RepairReport(path, path, action, before, (), before.n_rows, before.n_blocks)
            target = folder.absolute().with_name(f"{folder.absolute().name}.repaired.xdf") if output is None else output
            with _open(folder, metadata, held, examined) as found:
                plan = _plan(found, damaged)
                n_rows, n_blocks = _write(found, plan, held, target)
        finally:
            held.release()
    finally:
        if lock is not None:
            os.close(lock)
    left_out = [one for one in examined.findings if one.severity == LOST and one.part != "file"]
    names, rows = found.schema.names, found.rows_per_block
    left_out += what_is_left_out(names, rows, range(len(rows)), *plan)
    return RepairReport(path, target, "new file", before, tuple(left_out), n_rows, n_blocks)


def _restore(found: Examination, held: Output | None, refusal: XdfWriteError | None) -> None:
    if all(finding.severity == NOTE for finding in found.findings):
        return
    output = lock_output(found.path, "repair") if held is None else held
    try:
        restore(output, found, refusal)
    finally:
        if held is None:
            output.release()


def _open(folder: Path, metadata: Path, held: Output, examined: SetExamination) -> XdfSet:
    """The set as far as its metadata file can be read."""
    about = examined.metadata
    problem = first_reasons(examined.findings)
    if about.snapshot is not None and not about.n_lost_levels:
        fd = os.dup(held.fd)
        try:
            found = XdfSet(folder, metadata, fd, about.snapshot)
        except XdfFormatError as error:
            os.close(fd)
            problem = str(error)
        else:
            try:
                _ = found.schema
                return found
            except XdfFormatError as error:
                found.close()
                problem = str(error)
    raise XdfFormatError(
        f"{folder}: nothing tells how the files of this set belong together. {problem}. Its data files are .xdf files "
        "of their own: xdf.open and xdf.repair read them one by one"
    )


def _plan(found: XdfSet, remedy: Remedy) -> tuple[Flags, Flags, Flags]:
    """Blocks and columns to keep, and what of them cannot be read."""
    names = found.schema.names
    damage: Flags = np.zeros((found.n_blocks, len(names)), np.bool_)
    for block in range(found.n_blocks):
        for column, name in enumerate(names):
            try:
                found.read_block_arrow(block, [name])
            except XdfError:
                damage[block, column] = True
    return kept(damage, remedy, str(found.path))


def _write(found: XdfSet, plan: tuple[Flags, Flags, Flags], held: Output, target: Path) -> tuple[int, int]:
    keep_block, keep_column, damage = plan
    columns = np.flatnonzero(keep_column).tolist()
    fields = [found.explicit_fields()[column] for column in columns]
    n_rows = n_blocks = 0
    output = new_output(target)
    try:
        keep_permissions(held.fd, output.fd)
        writer = begin(output, tuple(fields), found.compression_level)
    except BaseException:
        output.discard()
        raise
    with writer:
        for block in np.flatnonzero(keep_block).tolist():
            n_here = found.rows_per_block[block]
            arrays = [
                pa.nulls(n_here, field.type)
                if damage[block, column]
                else found.read_block_arrow(block, [field.name]).column(0)
                for column, field in zip(columns, fields, strict=True)
            ]
            writer.write(pa.RecordBatch.from_arrays(arrays, names=[field.name for field in fields]))
            n_rows, n_blocks = n_rows + n_here, n_blocks + 1
    return n_rows, n_blocks
