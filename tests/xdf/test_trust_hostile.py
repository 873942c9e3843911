"""Bytes that nobody writes but an attacker: refused in words, before they cost memory or time beyond all reason."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import write_file
from fuzz.anatomy import Anatomy, Stored, assemble, dissect, rows_of, stream_of

import xdf
from xdf.contents import Head, Part, pack_content
from xdf.format import FIELDS_SCHEMA, FILE_SCHEMA, LEVELS_SCHEMA, Commit, Encoding, PageKind, pack_commit, pack_header
from xdf.planes import split_bytes

ROWS = 3000
NUMBERS = pa.array(np.random.default_rng(1).normal(size=ROWS))
WORDS = pa.array([f"row {number}" for number in range(ROWS)])
KINDS = {"numbers": NUMBERS, "texts": WORDS}


def anatomy_of(path: Path, array: pa.Array) -> Anatomy:
    """A file of one column and one block, stored as Arrow messages."""
    write_file(path, pa.record_batch({"x": array}), compression_level=0)
    return dissect(path.read_bytes())


def with_content(whole: Anatomy, content: bytes, **cell: object) -> Anatomy:
    index = ({**whole.index[0], **cell},)
    return replace(whole, chunks=(Stored(content, 1, len(content)),), index=({**index[0], "codec": 1},))


def refused(path: Path, whole: Anatomy, match: str) -> None:
    path.write_bytes(assemble(whole))
    with pytest.raises(xdf.XdfFormatError, match=match), xdf.open(path) as file:
        file.to_arrow()
    assert not xdf.verify(path).is_sound


def compressed_message(array: pa.Array, claims: int | None) -> bytes:
    """A message with a compressed body, whose first buffer claims to be of another length."""
    batch = pa.record_batch([array], names=["x"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_batch(batch)
    messages = pa.ipc.MessageReader.open_stream(sink.getvalue())
    messages.read_next_message()
    content = bytearray(messages.read_next_message().serialize().to_pybytes())
    if claims is not None:
        true = {pa.float64(): 8 * ROWS, pa.string(): 4 * (ROWS + 1)}[array.type]
        place = content.index(struct.pack("<q", true) + b"\x28\xb5\x2f\xfd")
        content[place : place + 8] = struct.pack("<q", claims)
    return bytes(content)


@pytest.mark.parametrize("claims", [None, 1 << 31, 1 << 40])
@pytest.mark.parametrize("kind", KINDS)
def test_a_compressed_body_is_not_unpacked(tmp_path: Path, kind: str, claims: int | None) -> None:
    """Arrow allocates what such a body says of itself: here a terabyte for some ten thousand bytes."""
    whole = anatomy_of(tmp_path / "whole.xdf", KINDS[kind])
    content = compressed_message(KINDS[kind], claims).ljust(8 * ROWS, b"\0")
    before = pa.default_memory_pool().max_memory()
    refused(tmp_path / "f.xdf", with_content(whole, content), "an Arrow message is compressed in itself")
    assert pa.default_memory_pool().max_memory() < before + (1 << 24)


def test_a_compressed_table_of_the_footer(tmp_path: Path) -> None:
    whole = anatomy_of(tmp_path / "whole.xdf", NUMBERS)
    table = pa.Table.from_pylist(rows_of(whole.tables[1]), schema=FIELDS_SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, FIELDS_SCHEMA, options=pa.ipc.IpcWriteOptions(compression="zstd")) as stream:
        stream.write_table(table)
    tables = (whole.tables[0], bytes(sink.getvalue()), *whole.tables[2:])
    refused(tmp_path / "f.xdf", replace(whole, tables=tables), "an Arrow message is compressed in itself")


@pytest.mark.parametrize("shift", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_numbers_that_lie_where_no_number_can(tmp_path: Path, kind: str, shift: int) -> None:
    """Compiled loops and Arrow's own expect aligned numbers."""
    whole = anatomy_of(tmp_path / "whole.xdf", KINDS[kind])
    content = whole.chunks[0].content
    (length,) = struct.unpack_from("<I", content, 4)
    longer = content[:4] + struct.pack("<I", length + shift) + content[8 : 8 + length] + bytes(shift)
    refused(tmp_path / "f.xdf", with_content(whole, longer + content[8 + length :]), "are not aligned")


def test_a_plain_chunk_that_begins_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "f.xdf"
    whole = anatomy_of(path, NUMBERS)
    content = whole.chunks[0].content
    path.unlink()
    # The chunk that the index points at lies inside another one, a few bytes off.
    inside = bytes(3) + content
    forced = {"offset": 4096 + 3, "length": len(content), "decoded_length": len(content)}
    cell = {**whole.index[0], "forced": {**forced, "checksum": whole.index[0]["checksum"]}}
    changed = replace(whole, chunks=(Stored(inside, 0, len(inside)),), index=(cell,))
    refused(path, changed, "column 'x' of block 0 has a plain chunk where none may begin")


@pytest.mark.parametrize("lengths", [[2**63, 2**63], [2**32 + 1, 2**64 - 2**32, 1, 1]])
def test_lengths_of_texts_that_go_round(tmp_path: Path, lengths: list[int]) -> None:
    """Their sum is right, modulo 2 ** 64."""
    whole = anatomy_of(tmp_path / "whole.xdf", WORDS)
    total = sum(lengths) % 2**64
    numbers = np.array(lengths + [0] * (ROWS - len(lengths)), np.uint64)
    planes = [Part(plane, 8) for plane in split_bytes(numbers)]
    head = Head(False, 0, 8, 0, total)
    content = pack_content(head, [*planes, Part(np.full(8, 97, np.uint8))])
    forged = with_content(whole, content, encoding=int(Encoding.TEXTS))
    refused(tmp_path / "f.xdf", forged, "the lengths of its texts do not add up")


def test_one_chunk_that_stands_for_many(tmp_path: Path) -> None:
    """Every block reads the same bytes, so that a small file would be as long to read as one of any size."""
    whole = anatomy_of(tmp_path / "whole.xdf", NUMBERS)
    n_blocks = 50
    (cell,) = whole.index
    size = len(whole.chunks[0].content)
    forced = {"offset": 4096, "length": size, "decoded_length": size, "checksum": cell["checksum"]}
    index = ({**cell}, *({**cell, "forced": forced} for _ in range(n_blocks - 1)))
    chunks = (whole.chunks[0], *(Stored(b"", 0, 0) for _ in range(n_blocks - 1)))
    about = [{**rows_of(whole.tables[0])[0], "n_rows": n_blocks * ROWS, "n_blocks": n_blocks}]
    tables = (stream_of(about, FILE_SCHEMA), *whole.tables[1:])
    forged = replace(whole, index=index, chunks=chunks, tables=tables)
    refused(tmp_path / "f.xdf", forged, "its chunks are longer together than the [0-9,]+ bytes of the file")


def test_one_page_that_stands_for_many(tmp_path: Path) -> None:
    path = tmp_path / "f.xdf"
    write_file(path, *(pa.record_batch({"x": NUMBERS}) for _ in range(20)))
    whole = dissect(path.read_bytes())
    # Of a kind that readers ignore, so that nothing but their lengths is wrong.
    size = path.stat().st_size
    other = {**rows_of(whole.tables[3])[0], "kind": 99, "offset": 4096, "length": size // 2, "decoded_length": 8}
    extra = tuple(({**other, "forced": other}, b"") for _ in range(3))
    refused(path, replace(whole, pages=extra), "its pages hold more than the bytes of the file can")


def test_a_million_columns_of_one_name(tmp_path: Path) -> None:
    whole = anatomy_of(tmp_path / "whole.xdf", NUMBERS)
    n_columns = 1_000_000
    about = [{**rows_of(whole.tables[0])[0], "n_columns": n_columns}]
    row = pa.Table.from_pylist(rows_of(whole.tables[1]), schema=FIELDS_SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, FIELDS_SCHEMA) as stream:
        stream.write_table(row.take(pa.array(np.zeros(n_columns, np.int32))))
    tables = (stream_of(about, FILE_SCHEMA), bytes(sink.getvalue()), *whole.tables[2:])
    began = time.perf_counter()
    refused(tmp_path / "f.xdf", replace(whole, tables=tables), "two columns have the same name")
    assert time.perf_counter() - began < 5


def test_a_level_that_stands_twice_behind_many(tmp_path: Path) -> None:
    """It was searched for in all levels, for each of them: hours for a million."""
    levels = [*map(str, range(300_000)), "299999"]
    began = time.perf_counter()
    with pytest.raises(xdf.XdfSchemaError, match="column 'f': factor level '299999' stands twice; levels must differ"):
        xdf.factor_field("f", levels)
    assert time.perf_counter() - began < 5


def test_commit_records_inside_of_footers(tmp_path: Path) -> None:
    """Each says that its footer is all that lies before it: they were read once for every record."""
    raw = bytearray(pack_header())
    for sequence in range(1, 100_001):
        end = len(raw) + 56
        raw += pack_commit(Commit(sequence, 4096, end - 56 - 4096, 100, end, 7))
    raw[1024] ^= 1
    path = tmp_path / "f.xdf"
    path.write_bytes(raw)
    began = time.perf_counter()
    assert xdf.verify(path).commit is None
    with pytest.raises(xdf.XdfFormatError, match="nothing can be recovered"):
        xdf.repair(path)
    assert time.perf_counter() - began < 10


def test_pages_that_differ_in_what_they_say_of_nulls(tmp_path: Path) -> None:
    """Found by fuzzing: an error of Arrow's own, and nothing is wrong with such a file."""
    path = tmp_path / "f.xdf"
    schema = xdf.Schema((xdf.factor_field("f", []),))
    with xdf.create(path, schema) as writer:
        writer.write(pa.record_batch({"f": ["a", "b", "c"]}))
    with xdf.append(path) as writer:
        writer.write(pa.record_batch({"f": ["d"]}))
    whole = dissect(path.read_bytes())
    strict = pa.schema([field.with_nullable(False) for field in LEVELS_SCHEMA], metadata={"by": "another program"})
    place = [page["kind"] for page, _ in whole.pages].index(PageKind.LEVELS)
    first, content = whole.pages[place]
    changed = (first, stream_of(rows_of(content), strict))
    path.write_bytes(assemble(replace(whole, pages=(*whole.pages[:place], changed, *whole.pages[place + 1 :]))))
    with xdf.open(path) as file:
        assert file.to_arrow()["f"].to_pylist() == ["a", "b", "c", "d"]
    assert xdf.verify(path).is_sound
    with xdf.append(path) as writer:
        writer.write(pa.record_batch({"f": ["e"]}))
    assert xdf.verify(path).is_sound
