"""Arrow's messages and streams, from bytes that nobody vouches for.

Arrow checks most of what a message says, but believes three things that bytes of a file must not be believed: the
length that a compressed body states for itself, which it allocates before it looks at the rest; a length of the
metadata after which numbers lie anywhere, where all who read them expect them aligned; and the byte order, which it
changes before anything has been checked. None of them occurs in this format (0.5).
"""

from __future__ import annotations

import struct

import pyarrow as pa

from xdf.errors import XdfFormatError

_ALIGNMENT = 8
# What can go wrong in Arrow, by what it raises.
REFUSALS = (pa.ArrowException, OSError, EOFError, ValueError, TypeError)
_SCHEMA, _BATCH = "schema", "record batch"
# Numbers of fields in the tables of Arrow's Message.fbs.
_HEADER_OF_MESSAGE, _COMPRESSION_OF_BATCH = 2, 3
_U16, _I32, _U32 = struct.Struct("<H"), struct.Struct("<i"), struct.Struct("<I")


def read_batch(content: pa.Buffer, schema: pa.Schema, *, full: bool) -> pa.RecordBatch:
    """The record batch in one message, its layout checked; its values too, where ``full``.

    Raises
    ------
    XdfFormatError
        The message is the bare reason.
    """
    content = _aligned(content)
    try:
        message = pa.ipc.read_message(content)
        _check_batch(message, content)
        batch = pa.ipc.read_record_batch(message, schema)
        batch.validate(full=full)
    except XdfFormatError:
        raise
    except REFUSALS as error:
        raise XdfFormatError(f"its Arrow message cannot be read: {error}") from error
    return batch


def read_table(content: pa.Buffer, expected: pa.Schema, nullable: frozenset[str]) -> pa.Table:
    """The table in a stream: the expected columns, of which only the nullable ones have nulls; each in one chunk.

    Other columns are not looked at.

    Raises
    ------
    XdfFormatError
        The message is the bare reason.
    """
    content = _aligned(content)
    try:
        positions = _check_stream(content, expected)
        options = pa.ipc.IpcReadOptions(ensure_native_endian=False, use_threads=False, included_fields=positions)
        with pa.ipc.open_stream(content, options=options) as stream:
            table = stream.read_all().select(expected.names)
        table.validate(full=True)
    except XdfFormatError:
        raise
    except REFUSALS as error:
        raise XdfFormatError(f"a table cannot be read: {error}") from error
    for name in table.column_names:
        if name not in nullable and table.column(name).null_count:
            raise XdfFormatError(f"column {name!r} of a table has nulls")
    # Pages of one kind are put together, whatever each of them says about nulls and its metadata. One chunk per column,
    # so that numpy can look at it in place.
    return pa.Table.from_arrays(table.columns, schema=expected).combine_chunks()


def _aligned(content: pa.Buffer) -> pa.Buffer:
    """The same bytes where numbers can lie; a copy only of what stands behind something of odd length."""
    return pa.py_buffer(content.to_pybytes()) if content.address % _ALIGNMENT else content


def _check_stream(content: pa.Buffer, expected: pa.Schema) -> list[int]:
    """Where the expected columns stand in a stream of a schema and record batches."""
    messages = pa.ipc.MessageReader.open_stream(content)
    positions: list[int] | None = None
    while True:
        try:
            message = messages.read_next_message()
        except StopIteration:
            break
        if positions is None and message.type == _SCHEMA:
            positions = _positions(pa.ipc.read_schema(message), expected)
        else:
            _check_batch(message, content)
    if positions is None:
        raise XdfFormatError("a table cannot be read: it has no schema")
    return positions


def _positions(found: pa.Schema, expected: pa.Schema) -> list[int]:
    positions = []
    for field in expected:
        position = found.get_field_index(field.name)
        if position < 0 or found.field(position).type != field.type:
            raise XdfFormatError(f"a table lacks column {field.name!r} of type {field.type}")
        positions.append(position)
    return positions


def _check_batch(message: pa.ipc.Message, content: pa.Buffer) -> None:
    """Refuse what the format does not have: other kinds of messages, compressed bodies, numbers out of line."""
    if message.type != _BATCH:
        raise XdfFormatError(f"a message of kind {message.type!r} stands where a record batch should")
    if _has_compressed_body(memoryview(message.metadata)):
        raise XdfFormatError("an Arrow message is compressed in itself")
    body = message.body
    if body is not None and body.size and (body.address - content.address) % _ALIGNMENT:
        raise XdfFormatError("the numbers of an Arrow message are not aligned")


def _has_compressed_body(metadata: memoryview) -> bool:
    """Whether the header of a record batch, which Arrow has verified, has a field for it; pyarrow does not say."""
    try:
        (message,) = _U32.unpack_from(metadata)
        header = _field(metadata, message, _HEADER_OF_MESSAGE)
        if header is None:
            raise XdfFormatError("an Arrow message has no header")
        batch = header + _U32.unpack_from(metadata, header)[0]
        return _field(metadata, batch, _COMPRESSION_OF_BATCH) is not None
    except struct.error as error:
        raise XdfFormatError("the header of an Arrow message points outside of it") from error


def _field(metadata: memoryview, table: int, number: int) -> int | None:
    """Where a field of a table in a flatbuffer lies; None where it has its default."""
    vtable = table - _I32.unpack_from(metadata, table)[0]
    if vtable < 0:
        raise XdfFormatError("the header of an Arrow message points outside of it")
    place = 4 + 2 * number
    if place >= _U16.unpack_from(metadata, vtable)[0]:
        return None
    (offset,) = _U16.unpack_from(metadata, vtable + place)
    return table + offset if offset else None
