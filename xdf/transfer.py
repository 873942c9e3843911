"""Between .xdf and text, Parquet, ORC, Feather and Arrow streams, a block at a time: what `python -m xdf convert` does.

Outputs appear under their names when they are whole. Memory is some blocks, whatever the number of rows.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from xdf.errors import XdfError, XdfFormatError
from xdf.format import DEFAULT_LEVEL
from xdf.ingest import DEFAULT_ROWS_PER_BLOCK, write
from xdf.opened import OpenFile
from xdf.opening import open as open_xdf
from xdf.output import create_output, refusals
from xdf.transfer_formats import Reading, open_reader, write_batches

PIPE = "-"
XDF = "xdf"
TEXT, PARQUET, ORC, FEATHER, ARROW = "csv", "parquet", "orc", "feather", "arrow"
KINDS = (XDF, TEXT, PARQUET, ORC, FEATHER, ARROW)
_SUFFIXES = {
    XDF: (".xdf", ".xdfm", ".xdfd"),
    TEXT: (".csv", ".tsv", ".tab", ".txt", ".psv"),
    PARQUET: (".parquet", ".pq", ".parq"),
    ORC: (".orc",),
    FEATHER: (".feather", ".arrow", ".ipc"),
    ARROW: (".arrows",),
}
_COMPRESSIONS = (".gz", ".zst", ".bz2", ".lz4")
_DELIMITERS = {".tsv": "\t", ".tab": "\t", ".psv": "|"}
_STREAM_START = b"\xff\xff\xff\xff"

Progress = Callable[[int, int | None], None]
"""Called with rows done, and rows in all where that is known."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to convert.

    Attributes
    ----------
    rows_per_block : int or None
        Rows of each block of an .xdf file; by default 500,000, or those of the blocks of an .xdf file.
    compression_level : int
        Of an .xdf file: -1 .. 9.
    delimiter : str or None
        Of text; by default a comma, or what the suffix says.
    types : dict of str to str
        Of columns of text: a type of Arrow, or ``factor``. What is left out is guessed from the first 16 MB.
    strings_as_factors : bool
        Make every column of strings a factor.
    missing : tuple of str
        What stands for a missing value in text.
    overwrite : bool
    """

    rows_per_block: int | None = None
    compression_level: int = DEFAULT_LEVEL
    delimiter: str | None = None
    types: Mapping[str, str] = field(default_factory=dict)
    strings_as_factors: bool = False
    missing: tuple[str, ...] = ("", "NA")
    overwrite: bool = False


def kind_of(path: str, given: str | None = None) -> str | None:
    """The format of a file by its suffix, unless one is given; None where nothing tells."""
    if given is not None or path == PIPE:
        return given
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] in _COMPRESSIONS:
        suffixes.pop()
    last = suffixes[-1] if suffixes else ""
    found = next((kind for kind, known in _SUFFIXES.items() if last in known), None)
    return XDF if found is None and os.path.isdir(path) else found


def convert(
    source: str, target: str, *, source_kind: str | None = None, target_kind: str | None = None,
    options: Options | None = None, progress: Progress | None = None,
) -> int:  # fmt: skip
    """Convert a file, or a pipe, of which one side is .xdf; gives the number of rows.

    Parameters
    ----------
    source, target : str
        Paths, or ``-`` for standard input and output: Arrow streams and text of unknown length, and .xdf as output.
    source_kind, target_kind : str, optional
        ``xdf``, ``csv``, ``parquet``, ``orc``, ``feather`` or ``arrow``; by default what the suffix says, and for
        pipes ``arrow``, or ``csv`` where the input begins like text.
    options : Options, optional
    progress : callable, optional

    Raises
    ------
    XdfError, OSError
        Something cannot be read, written or converted; no output is left then.
    """
    options = options or Options()
    source_kind = kind_of(source, source_kind)
    target_kind = kind_of(target, target_kind) or (ARROW if target == PIPE else None)
    stdin = sys.stdin.buffer if source == PIPE else None
    if stdin is not None and source_kind is None:
        start = stdin.peek(len(_STREAM_START))[: len(_STREAM_START)]  # type: ignore[union-attr]
        source_kind = ARROW if start == _STREAM_START else TEXT
    _check_kinds(source, source_kind, target, target_kind)
    if stdin is None and not os.path.exists(source):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), source)
    assert source_kind is not None
    assert target_kind is not None
    if source_kind == XDF:
        with open_xdf(source) as file:
            return _from_xdf(file, target, target_kind, options, progress)
    reading = Reading(
        _delimiter(source, options), options.types, options.strings_as_factors, options.missing,
        options.rows_per_block or DEFAULT_ROWS_PER_BLOCK,
    )  # fmt: skip
    with open_reader(source if stdin is None else stdin, source_kind, reading) as (reader, n_rows):
        counted = _counted(reader, n_rows, progress)
        return _to_xdf(counted, target, options)


def _check_kinds(source: str, source_kind: str | None, target: str, target_kind: str | None) -> None:
    for path, kind, option in ((source, source_kind, "--from"), (target, target_kind, "--to")):
        if kind not in KINDS:
            raise XdfError(f"{path}: its suffix does not say what it is; give {option}, one of {', '.join(KINDS)}")
    if XDF not in (source_kind, target_kind):
        raise XdfError(f"{source} to {target}: one of the two must be .xdf; convert in two steps")
    if source == PIPE and source_kind not in (ARROW, TEXT):
        raise XdfError(f"{source_kind} cannot be read from a pipe, because its reader goes back and forth; use a file")
    if target == PIPE and target_kind not in (ARROW, TEXT, XDF):
        raise XdfError(f"{target_kind} cannot be written to a pipe; use a file, or --to arrow")
    if source != PIPE and target != PIPE and os.path.exists(target) and os.path.samefile(source, target):
        raise XdfError(f"{source}: input and output are the same file")


def _delimiter(path: str, options: Options) -> str:
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    known = next((_DELIMITERS[suffix] for suffix in reversed(suffixes) if suffix in _DELIMITERS), ",")
    return options.delimiter or known


def _counted(reader: pa.RecordBatchReader, n_rows: int | None, progress: Progress | None) -> pa.RecordBatchReader:
    if progress is None:
        return reader
    return pa.RecordBatchReader.from_batches(reader.schema, _counting(reader, n_rows, progress))


def _counting(reader: pa.RecordBatchReader, n_rows: int | None, progress: Progress) -> Iterator[pa.RecordBatch]:
    done = 0
    for batch in reader:
        yield batch
        done += batch.num_rows
        progress(done, n_rows)


def _to_xdf(data: pa.RecordBatchReader | OpenFile, target: str, options: Options) -> int:
    where: str | BinaryIO = sys.stdout.buffer if target == PIPE else target
    return write(
        data, where, rows_per_block=options.rows_per_block, overwrite=options.overwrite,
        compression_level=options.compression_level,
    )  # fmt: skip


def _from_xdf(file: OpenFile, target: str, kind: str, options: Options, progress: Progress | None) -> int:
    if kind == XDF:
        # As it is, the file keeps its blocks; as a stream it would be cut into blocks anew.
        data = file if options.rows_per_block is None else _counted(file.to_reader(), file.n_rows, progress)
        return _to_xdf(data, target, options)
    batches = _counted(file.to_reader(), file.n_rows, progress)
    if target == PIPE:
        write_batches(batches, sys.stdout.buffer, kind, _delimiter(target, options))
        sys.stdout.buffer.flush()
        return file.n_rows
    output = create_output(Path(target), options.overwrite)
    try:
        with refusals(Path(target)), os.fdopen(os.dup(output.fd), "wb") as stream:
            _write_compressed(batches, stream, target, kind, _delimiter(target, options))
        output.sync()
        output.publish()
    except BaseException:
        output.discard()
        raise
    return file.n_rows


def _write_compressed(batches: pa.RecordBatchReader, stream: BinaryIO, target: str, kind: str, delimiter: str) -> None:
    suffix = Path(target).suffix.lower()
    compression = {".gz": "gzip", ".zst": "zstd", ".bz2": "bz2", ".lz4": "lz4"}.get(suffix)
    if compression is None:
        write_batches(batches, stream, kind, delimiter)
        return
    if kind not in (TEXT, ARROW):
        raise XdfFormatError(f"{target}: {kind} compresses by itself; leave {suffix} out of the name")
    with pa.CompressedOutputStream(pa.PythonFile(stream, "wb"), compression) as compressed:
        write_batches(batches, compressed, kind, delimiter)
