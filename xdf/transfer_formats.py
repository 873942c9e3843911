"""Other formats as streams of record batches, and the other way round; pyarrow does the work."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from xdf.errors import XdfError, XdfFormatError, XdfSchemaError
from xdf.logical import parse_type
from xdf.schema import FACTOR_TYPE, missing_column_message

# Types of text are guessed from so many bytes, and as many are read at a time.
_TEXT_BLOCK = 16 << 20
_COLUMN_ERROR = re.compile(r"In CSV column #(\d+): (.*)", re.DOTALL)
# ORC has no unsigned integers and no half floats: the next type that holds all of the values.
_FOR_ORC = {pa.uint8(): pa.int16(), pa.uint16(): pa.int32(), pa.uint32(): pa.int64(), pa.float16(): pa.float32()}
_UNKNOWN_TO_ORC = "uint64, times of day and durations"

Opened = tuple[pa.RecordBatchReader, int | None]


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read text, and how many rows to ask for at a time."""

    delimiter: str
    types: Mapping[str, str]
    strings_as_factors: bool
    missing: tuple[str, ...]
    rows_at_once: int


@contextmanager
def open_reader(source: str | BinaryIO, kind: str, reading: Reading) -> Iterator[Opened]:
    """The rows of a file, and their number where the file tells.

    Raises
    ------
    XdfFormatError
        It is not of that format.
    XdfSchemaError
        A column cannot be read as asked for, or not as its first rows look like.
    """
    name = source if isinstance(source, str) else "standard input"
    try:
        with _OPENERS[kind](source, reading) as (reader, n_rows):
            yield (_with_factors(reader) if reading.strings_as_factors else reader), n_rows
    except (pa.ArrowException, EOFError, OSError) as error:
        # Arrow says with an OSError without a number that it cannot make sense of bytes.
        if isinstance(error, XdfError) or getattr(error, "errno", None) is not None:
            raise
        raise XdfFormatError(f"{name}: this cannot be read as {kind}: {error}") from error


@contextmanager
def _open_text(source: str | BinaryIO, reading: Reading) -> Iterator[Opened]:
    from pyarrow import csv

    name = source if isinstance(source, str) else "standard input"
    with pa.input_stream(source, compression="detect" if isinstance(source, str) else None) as stream:
        try:
            reader = csv.open_csv(
                stream,
                csv.ReadOptions(block_size=_TEXT_BLOCK),
                csv.ParseOptions(delimiter=reading.delimiter, newlines_in_values=True),
                csv.ConvertOptions(
                    column_types={column: _type_of(text, column) for column, text in reading.types.items()},
                    null_values=list(reading.missing),
                    strings_can_be_null=True,
                    quoted_strings_can_be_null=False,
                ),
            )
        except pa.ArrowInvalid as error:
            raise _text_error(name, error, []) from error
        names = reader.schema.names
        unknown = [column for column in reading.types if column not in names]
        if unknown:
            raise XdfSchemaError(f"{name}: {missing_column_message(unknown[0], names)}")
        yield pa.RecordBatchReader.from_batches(reader.schema, _text_batches(reader, name)), None


def _text_batches(reader: Any, name: str) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = reader.read_next_batch()
        except StopIteration:
            return
        except pa.ArrowInvalid as error:
            raise _text_error(name, error, reader.schema.names) from error
        yield batch


def _text_error(name: str, error: pa.ArrowInvalid, columns: list[str]) -> XdfSchemaError:
    match = _COLUMN_ERROR.match(str(error))
    if match is None or int(match[1]) >= len(columns):
        return XdfSchemaError(f"{name}: {error}")
    column = columns[int(match[1])]
    return XdfSchemaError(
        f"{name}: column {column!r}: {match[2]}. Types are guessed from the first {_TEXT_BLOCK >> 20} MB; say what it "
        f"is: --type {column}=float64, or --type {column}=string"
    )


def _type_of(text: str, column: str) -> pa.DataType:
    try:
        return parse_type(text)
    except XdfFormatError as error:
        raise XdfSchemaError(
            f"column {column!r}: {error}; it is spelled as in the format, for example int64, float64, string, factor, "
            "date32 or timestamp[s]"
        ) from error


@contextmanager
def _open_parquet(source: str | BinaryIO, reading: Reading) -> Iterator[Opened]:
    from pyarrow import parquet

    with parquet.ParquetFile(source) as file:
        batches = file.iter_batches(batch_size=reading.rows_at_once)
        yield pa.RecordBatchReader.from_batches(file.schema_arrow, batches), file.metadata.num_rows


@contextmanager
def _open_orc(source: str | BinaryIO, _: Reading) -> Iterator[Opened]:
    from pyarrow import orc

    file = orc.ORCFile(source)
    stripes = (file.read_stripe(number) for number in range(file.nstripes))
    yield pa.RecordBatchReader.from_batches(file.schema, stripes), file.nrows


@contextmanager
def _open_feather(source: str | BinaryIO, _: Reading) -> Iterator[Opened]:
    with pa.memory_map(source) as mapped, pa.ipc.open_file(mapped) as file:
        batches = (file.get_batch(number) for number in range(file.num_record_batches))
        yield pa.RecordBatchReader.from_batches(file.schema, batches), None


@contextmanager
def _open_stream(source: str | BinaryIO, _: Reading) -> Iterator[Opened]:
    compression = "detect" if isinstance(source, str) else None
    with pa.input_stream(source, compression=compression) as stream, pa.ipc.open_stream(stream) as reader:
        yield reader, None


_OPENERS: dict[str, Callable[[Any, Reading], Any]] = {
    "csv": _open_text,
    "parquet": _open_parquet,
    "orc": _open_orc,
    "feather": _open_feather,
    "arrow": _open_stream,
}


def _with_factors(reader: pa.RecordBatchReader) -> pa.RecordBatchReader:
    """The same with every column of strings dictionary-encoded."""
    kinds = [
        FACTOR_TYPE if pa.types.is_string(field.type) or pa.types.is_large_string(field.type) else field.type
        for field in reader.schema
    ]
    schema = pa.schema([field.with_type(kind) for field, kind in zip(reader.schema, kinds, strict=True)])

    def encoded() -> Iterator[pa.RecordBatch]:
        for batch in reader:
            arrays = [
                pc.dictionary_encode(array.cast(pa.string())) if kind == FACTOR_TYPE != array.type else array
                for array, kind in zip(batch.columns, kinds, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(arrays, schema=schema)

    return pa.RecordBatchReader.from_batches(schema, encoded())


def write_batches(batches: pa.RecordBatchReader, sink: Any, kind: str, delimiter: str) -> None:
    """Write all batches to an open stream.

    Raises
    ------
    XdfSchemaError
        The format does not hold a type; the message names the column.
    """
    try:
        _WRITERS[kind](batches, sink, delimiter)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise XdfSchemaError(f"these columns cannot be written as {kind}: {error}") from error


def _write_text(batches: pa.RecordBatchReader, sink: Any, delimiter: str) -> None:
    from pyarrow import csv

    plain = _as(batches, "csv", lambda kind: pa.string() if pa.types.is_dictionary(kind) else kind)
    with csv.CSVWriter(sink, plain.schema, write_options=csv.WriteOptions(delimiter=delimiter)) as writer:
        for batch in plain:
            writer.write_batch(batch)


def _write_parquet(batches: pa.RecordBatchReader, sink: Any, _: str) -> None:
    from pyarrow import parquet

    with parquet.ParquetWriter(sink, batches.schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_orc(batches: pa.RecordBatchReader, sink: Any, _: str) -> None:
    from pyarrow import orc

    plain = _as(batches, "orc", _orc_type)
    with orc.ORCWriter(sink, compression="zstd") as writer:
        writer.write(plain.schema.empty_table())
        for batch in plain:
            writer.write(pa.Table.from_batches([batch]))


def _write_feather(batches: pa.RecordBatchReader, sink: Any, _: str) -> None:
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_file(sink, batches.schema, options=options) as writer:
        for batch in batches:
            writer.write_batch(batch)


def _write_stream(batches: pa.RecordBatchReader, sink: Any, _: str) -> None:
    with pa.ipc.new_stream(sink, batches.schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


_WRITERS: dict[str, Callable[[pa.RecordBatchReader, Any, str], None]] = {
    "csv": _write_text,
    "parquet": _write_parquet,
    "orc": _write_orc,
    "feather": _write_feather,
    "arrow": _write_stream,
}


def _orc_type(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_dictionary(kind):
        return pa.string()
    if kind == pa.uint64() or pa.types.is_time(kind) or pa.types.is_duration(kind):
        raise XdfSchemaError(f"ORC has no {_UNKNOWN_TO_ORC}")
    return _FOR_ORC.get(kind, kind)


def _as(
    batches: pa.RecordBatchReader, what: str, type_for: Callable[[pa.DataType], pa.DataType]
) -> pa.RecordBatchReader:
    """The same rows in types that another format has."""
    fields = []
    for field in batches.schema:
        try:
            fields.append(field.with_type(type_for(field.type)))
        except XdfSchemaError as error:
            raise XdfSchemaError(f"column {field.name!r} is {field.type}: {error}. Leave it out of {what}") from error
    schema = pa.schema(fields)
    return pa.RecordBatchReader.from_batches(schema, (batch.cast(schema) for batch in batches))
