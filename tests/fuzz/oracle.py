"""What must be true of any bytes whatever: right data or an XdfError, in little time and memory.

Also of what is done to them: a damaged file that is appended to, edited or compacted ends up with what it had and what
was added, or is refused and stays as it was.
"""

from __future__ import annotations

import faulthandler
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from fuzz.subjects import Subject, added, answers

import xdf

SECONDS_PER_CASE = 30
# Nothing decodes to more than this times its length (0.6 of the format); and what the library needs for itself.
MOST_EXPANSION = 32_768
OWN_BYTES = 64 << 20

_COMPARED = frozenset(one.id for one in (pa.int8(), pa.int16(), pa.int64(), pa.uint64(), pa.float32(), pa.float64()))

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
    """Read, verify, change and repair a file or set, and say what came of it: ``right``, ``refused`` or ``unknown``.

    Parameters
    ----------
    path : pathlib.Path
    subject : Subject or None
        What it was before it was damaged; None where the damage was given right checksums, so that other data may
        come out.
    repair : bool
        Also change it, repair it, and look at the results.
    """
    faulthandler.dump_traceback_later(SECONDS_PER_CASE, exit=True)
    pool = pa.proxy_memory_pool(_system)
    _pools.append(pool)
    pa.set_memory_pool(pool)
    # Arrow reads its messages with memory of the system's pool. Its peak cannot be reset, so only a new one is told.
    held, highest = _system.bytes_allocated(), _system.max_memory()
    try:
        found, table = _read(path, subject)
        _verify(path, found, subject)
        if repair:
            _change(path, subject, table)
            _repair(path, subject)
    finally:
        pa.set_memory_pool(_system)
        faulthandler.cancel_dump_traceback_later()
    size = size_of(path)
    most = (MOST_EXPANSION if subject is None else 64) * size + OWN_BYTES
    peak = max(pool.max_memory() or 0, _system.max_memory() - held if _system.max_memory() > highest else 0)
    if peak > most:
        raise ViolationError(f"{peak:,} bytes were allocated for {size:,} bytes on the disk")
    return found


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files of a set."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(one.stat().st_size for one in files if one.is_file())


def _read(path: Path, subject: Subject | None) -> tuple[str, pa.Table | None]:
    try:
        with xdf.open(path) as file:
            table = file.to_arrow()
            schema = file.schema
            said = answers(file)
            for number in range(file.n_blocks):
                file.read_block(number)
                for name in schema.names:
                    file.block_statistics(number, name)
            for name in schema.names:
                file.level_counts(name)
            scans = [] if subject is None else [file.scan(filter=one).to_table() for one, _ in subject.scans]
            if subject is None:
                _scan(file)
    except (xdf.XdfError, *_missing_files(path)) as error:
        if not str(error):
            raise ViolationError("an error without a message") from error
        return "refused", None
    if subject is None:
        _validate(table)
        return "unknown", table
    _compare(table, subject.table)
    if schema != subject.schema:
        raise ViolationError(f"wrong schema: {schema}")
    if said != subject.statistics:
        raise ViolationError(f"wrong statistics: {said}")
    for scan, (_, expected) in zip(scans, subject.scans, strict=True):
        _compare(scan, expected)
    return "right", table


def _missing_files(path: Path) -> tuple[type[Exception], ...]:
    """What may be raised besides: of a set whose folders are gone nothing but that can be said."""
    return () if path.is_file() else (FileNotFoundError,)


def _scan(file: xdf.XdfFile) -> None:
    """Filters on a file that lies about its ranges: any rows may come out."""
    for field in file.schema:
        # Arrow compares no half floats.
        if field.type.id in _COMPARED:
            filter_ = pc.field(field.name) > pa.scalar(1, field.type)
        elif field.is_factor or field.is_string:
            filter_ = pc.field(field.name) == "fog"
        else:
            filter_ = pc.field(field.name).is_null()
        scan = file.scan([field.name], filter=filter_)
        if scan.count_rows() != scan.to_table().num_rows:
            raise ViolationError(f"a scan counts other rows than it reads: {scan}")


def _validate(table: pa.Table) -> None:
    """Raise where using the table could read memory that is not its own. Numbers may be any, times of day too."""
    table.validate()
    for column in table.columns:
        if pa.types.is_dictionary(column.type) or not pa.types.is_primitive(column.type):
            column.validate(full=True)


def _compare(table: pa.Table, expected: pa.Table) -> None:
    if table.schema.names != expected.schema.names:
        raise ViolationError(f"wrong columns: {table.schema.names}")
    for name in table.schema.names:
        left, right = table.column(name), expected.column(name)
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
    except (xdf.XdfError, *_missing_files(path)):
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


def _change(path: Path, subject: Subject | None, table: pa.Table | None) -> None:
    other = path.with_name("changed.xdf")
    ways: list[Callable[[Path, pa.RecordBatch | None], None]] = [_append, _edit, _compact]
    for way in ways:
        shutil.rmtree(other, ignore_errors=True) if other.is_dir() else other.unlink(missing_ok=True)
        shutil.copytree(path, other) if path.is_dir() else shutil.copyfile(path, other)
        more = None if subject is None else added(subject)
        try:
            way(other, more)
            was_refused = False
        except (xdf.XdfError, *_missing_files(path)) as error:
            was_refused = True
            if table is not None and subject is not None:
                raise ViolationError(f"read without an error, and refused by {way.__name__}: {error}") from error
        try:
            with xdf.open(other) as file:
                found = file.to_arrow()
        except (xdf.XdfError, *_missing_files(path)) as error:
            if table is not None:
                raise ViolationError(f"read without an error, and spoilt by {way.__name__}") from error
            continue
        if subject is not None:
            rows = [subject.table.slice(0, 3)] if way is _append and not was_refused else []
            _compare(found, pa.concat_tables([subject.table, *rows]))


def _append(path: Path, more: pa.RecordBatch | None) -> None:
    with xdf.append(path) as writer:
        if more is not None:
            writer.write(more)


def _edit(path: Path, more: pa.RecordBatch | None) -> None:
    with xdf.edit(path) as editor:
        editor.set_field(editor.schema.names[-1], description="by the fuzzer")


def _compact(path: Path, more: pa.RecordBatch | None) -> None:
    xdf.compact(path)


def _repair(path: Path, subject: Subject | None) -> None:
    output = path.with_name("repaired.xdf")
    output.unlink(missing_ok=True)
    try:
        report = xdf.repair(path, output)
    except (xdf.XdfError, *_missing_files(path)):
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
