"""What must be true of any bytes whatever: right data or an XdfError, in little time and memory."""

from __future__ import annotations

import faulthandler
import resource
from pathlib import Path

import pyarrow as pa
from fuzz.subjects import Subject

import xdf

SECONDS_PER_CASE = 30
# Nothing decodes to more than this times its length (0.6 of the format); and what the library needs for itself.
MOST_EXPANSION = 32_768
OWN_BYTES = 64 << 20

_system = pa.default_memory_pool()
# One for each case, because its peak cannot be reset. They are kept: buffers may outlive a case.
_pools: list[pa.MemoryPool] = []


class ViolationError(AssertionError):
    """Wrong data, a wrong kind of error, or too large an allocation."""


def limit_memory(extra: int = 3 << 30) -> None:
    """Make the system refuse more memory than this process has now and ``extra`` bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + extra
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def judge(path: Path, subject: Subject | None, *, repair: bool = False) -> str:
    """Read, verify and repair a file, and say what came of it: ``right``, ``refused`` or ``unknown``.

    Parameters
    ----------
    path : pathlib.Path
    subject : Subject or None
        What the file was before it was damaged; None where the damage was given right checksums, so that other data may
        come out.
    repair : bool
        Also repair it and look at the result.
    """
    faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True)
    pool = pa.proxy_memory_pool(_system)
    _pools.append(pool)
    pa.set_memory_pool(pool)
    try:
        found = _read(path, subject)
        _verify(path, found, subject)
        if repair:
            _repair(path, subject)
    finally:
        pa.set_memory_pool(_system)
        faulthandler.cancel_dump_traceback_later()
    most = (MOST_EXPANSION if subject is None else 64) * path.stat().st_size + OWN_BYTES
    if (peak := pool.max_memory() or 0) > most:
        raise ViolationError(f"{peak:,} bytes were allocated for a file of {path.stat().st_size:,}")
    return found


def _read(path: Path, subject: Subject | None) -> str:
    try:
        with xdf.open(path) as file:
            table = file.to_arrow()
            schema = file.schema
            for number in range(file.n_blocks):
                file.read_block(number)
                for name in schema.names:
                    file.block_statistics(number, name)
            for name in schema.names:
                file.statistics(name)
                file.level_counts(name)
    except xdf.XdfError as error:
        if not str(error):
            raise ViolationError("an error without a message") from error
        return "refused"
    if subject is None:
        _validate(table)
        return "unknown"
    _compare(table, subject)
    if schema != subject.schema:
        raise ViolationError(f"wrong schema: {schema}")
    return "right"


def _validate(table: pa.Table) -> None:
    """Raise where using the table could read memory that is not its own. Numbers may be any, times of day too."""
    table.validate()
    for column in table.columns:
        if pa.types.is_dictionary(column.type) or not pa.types.is_primitive(column.type):
            column.validate(full=True)


def _compare(table: pa.Table, subject: Subject) -> None:
    if table.schema.names != subject.table.schema.names:
        raise ViolationError(f"wrong columns: {table.schema.names}")
    for name in table.schema.names:
        left, right = table.column(name), subject.table.column(name)
        if left.type != right.type or not _same(left, right):
            raise ViolationError(f"wrong data in column {name!r}")


def _same(left: pa.ChunkedArray, right: pa.ChunkedArray) -> bool:
    if pa.types.is_floating(left.type):
        unsigned = {16: pa.uint16(), 32: pa.uint32(), 64: pa.uint64()}[left.type.bit_width]
        if not left.is_null().equals(right.is_null()):
            return False
        left, right = (
            left.drop_null().combine_chunks().view(unsigned),
            right.drop_null().combine_chunks().view(unsigned),
        )
    return bool(left.equals(right))


def _verify(path: Path, found: str, subject: Subject | None) -> None:
    try:
        report = xdf.verify(path)
    except xdf.XdfError:
        if found == "right":
            raise
        return
    str(report)
    report.to_dict()
    if found == "refused" and report.is_sound:
        raise ViolationError(f"refused by the reader, and sound to the verifier: {report}")
    if found == "right" and report.n_damaged_chunks:
        raise ViolationError(f"read without an error, and damaged to the verifier: {report}")
    if subject is not None and any(finding.part == "statistics" for finding in report.findings):
        raise ViolationError(f"statistics that differ: {report}")


def _repair(path: Path, subject: Subject | None) -> None:
    output = path.with_name("repaired.xdf")
    output.unlink(missing_ok=True)
    try:
        report = xdf.repair(path, output)
    except xdf.XdfError:
        return
    str(report)
    again = xdf.verify(output)
    if not again.is_sound:
        raise ViolationError(f"repaired, and damaged all the same: {again}\n{report}")
    if subject is None:
        return
    with xdf.open(output) as file:
        table = file.to_arrow()
    known = {name: set(_hashable(subject.table.column(name))) for name in subject.table.schema.names}
    lost_levels = any(finding.part == "levels" for finding in report.left_out)
    for name in table.schema.names:
        is_factor = pa.types.is_dictionary(table.schema.field(name).type)
        if not set(_hashable(table.column(name))) <= known[name] | {None} and not (is_factor and lost_levels):
            raise ViolationError(f"repairing brought values into column {name!r} that were never there")


def _hashable(column: pa.ChunkedArray) -> list[object]:
    """Values that compare by their bits, so that a NaN equals itself."""
    return [repr(value) if isinstance(value, float) else value for value in column.to_pylist()]
