"""Reads files by docs/xdf-format.md alone: nothing of the library is used between the bytes and the values."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
import zstandard
from container_cases import TYPES, array_of, assert_same, mixed_batch, schema_of

import xdf

PHYSICAL = {
    1: pa.int8(),
    2: pa.int16(),
    3: pa.int32(),
    4: pa.int64(),
    5: pa.uint8(),
    6: pa.uint16(),
    7: pa.uint32(),
    8: pa.uint64(),
    9: pa.float16(),
    10: pa.float32(),
    11: pa.float64(),
}


def frame(raw: bytes, decoded_length: int, checksum: int) -> bytes:
    """0.4."""
    parameters = zstandard.get_frame_parameters(raw)
    assert parameters.has_checksum
    assert parameters.content_size == decoded_length
    assert struct.unpack("<I", raw[-4:])[0] == checksum
    return zstandard.ZstdDecompressor().decompress(raw, allow_extra_data=False)


def stream(content: bytes) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = pa.ipc.open_stream(content).read_all().to_pylist()
    return rows


def commit(raw: bytes) -> tuple[int, ...] | None:
    """2.1, 2.2."""
    if not any(raw):
        return None
    mark, *numbers, crc = struct.unpack("<8sQQQQQII", raw)
    assert mark == b"rxdcmit\x00"
    assert crc == zlib.crc32(raw[:52])
    return tuple(numbers)


def read_by_specification(path: Path) -> tuple[list[dict[str, object]], dict[str, list[list[object]]]]:
    """Fields, and the values of every chunk: missing rows None, factors as strings."""
    raw = path.read_bytes()
    assert raw[:8] == bytes.fromhex("89525844" + "0d0a1a0a")
    version, header_size, features, crc = struct.unpack_from("<IIII", raw, 8)
    assert (version, header_size, features, crc) == (1, 4096, 0, zlib.crc32(raw[:20]))
    slots = [commit(raw[offset : offset + 56]) for offset in (1024, 2048)]
    last = max(slot for slot in slots if slot is not None)
    sequence, offset, length, decoded_length, file_length, checksum = last
    assert slots[sequence % 2] == last
    assert file_length == len(raw)
    assert commit(raw[-56:]) == last
    content = frame(raw[offset : offset + length], decoded_length, checksum)
    lengths, tables, start = struct.unpack_from("<4Q", content), [], 32
    for size in lengths:
        tables.append(stream(content[start : start + size]))
        start += size
    assert start == len(content)
    (about,), fields, _, pages = tables
    items: dict[object, list[dict[str, object]]] = {1: [], 2: []}
    for page in pages:
        where, size = int(str(page["offset"])), int(str(page["length"]))
        stored = frame(raw[where : where + size], int(str(page["decoded_length"])), int(str(page["checksum"])))
        items[page["kind"]] += stream(stored)
    assert about["n_columns"] == len(fields)
    assert len(items[1]) == int(str(about["n_blocks"])) * len(fields)
    levels: dict[object, list[object]] = {}
    for row in items[2]:
        levels.setdefault(row["field"], []).append(row["level"])
    columns: dict[str, list[list[object]]] = {str(field["name"]): [] for field in fields}
    for number, cell in enumerate(items[1]):
        position = number % len(fields)
        field = fields[position]
        values = chunk(raw, cell, str(field["type"]))
        if field["type"] == "factor":
            known = levels.get(position, [])
            values = [None if code is None else known[code] for code in values]  # type: ignore[call-overload]
        columns[str(field["name"])].append(values)
    return fields, columns


def chunk(raw: bytes, cell: dict[str, object], logical: str) -> list[object]:
    """3.2 to 3.6."""
    numbers = {name: int(str(cell[name])) for name in list(cell)[:10]}
    stored = raw[numbers["offset"] : numbers["offset"] + numbers["length"]]
    if numbers["codec"] == 0:
        assert zlib.crc32(stored) == numbers["checksum"]
        assert numbers["offset"] % 64 == 0
        content = stored
    else:
        assert numbers["codec"] == 1
        content = frame(stored, numbers["decoded_length"], numbers["checksum"])
    assert numbers["encoding"] == 0
    named = {"string": pa.string(), "large_string": pa.large_string(), "binary": pa.binary()}
    if logical.startswith("decimal128"):
        precision, scale = logical[11:-1].split(", ")
        named[logical] = pa.decimal128(int(precision), int(scale))
    kind = PHYSICAL.get(numbers["physical"]) or named[logical]
    batch = pa.ipc.read_record_batch(pa.ipc.read_message(content), pa.schema([("", kind)]))
    assert batch.num_rows == numbers["n_valid"] + numbers["n_missing"]
    base = numbers["base"]
    return [value if value is None or not base else value + base for value in batch.column(0).to_pylist()]


def to_array(values: list[object], kind: pa.DataType) -> pa.Array:
    """Stored numbers as the logical type says: integers of dates and times, 0 and 1 of booleans."""
    if pa.types.is_dictionary(kind):
        return pa.array(values, pa.string())
    if pa.types.is_temporal(kind):
        return pa.array(values, pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)
    if pa.types.is_boolean(kind):
        return pa.array([None if value is None else bool(value) for value in values])
    if pa.types.is_floating(kind):
        return pa.array([None if value is None else float(str(value)) for value in values], pa.float64()).cast(kind)
    return pa.array(values, kind)


@pytest.mark.parametrize("level", [0, 3])
def test_the_document_is_enough_to_read_every_type(tmp_path: Path, level: int) -> None:
    batch = pa.RecordBatch.from_arrays([array_of(name) for name in TYPES], names=list(TYPES))
    path = tmp_path / "spec.xdf"
    with xdf.create(path, schema_of(batch), compression_level=level) as writer:
        writer.write(batch)
        writer.commit()
        writer.write(batch.slice(1, 2))
    fields, columns = read_by_specification(path)
    assert [field["name"] for field in fields] == list(TYPES)
    for name in TYPES:
        for values, expected in zip(columns[name], (batch, batch.slice(1, 2)), strict=True):
            assert_same(to_array(values, TYPES[name][0]), expected.column(name))


def test_the_document_is_enough_to_read_an_appended_file(tmp_path: Path) -> None:
    batches = [mixed_batch(60, seed) for seed in range(5)]
    path = tmp_path / "spec.xdf"
    with xdf.create(path, schema_of(batches[0])) as writer:
        writer.write(batches[0])
    for batch in batches[1:]:
        with xdf.append(path) as writer:
            writer.write(batch)
    _, columns = read_by_specification(path)
    for name in batches[0].schema.names:
        for values, batch in zip(columns[name], batches, strict=True):
            assert_same(to_array(values, batch.schema.field(name).type), batch.column(name))


def test_the_numbers_of_the_document_are_those_of_the_code() -> None:
    text = (Path(__file__).parents[2] / "docs" / "xdf-format.md").read_text(encoding="utf-8")
    for physical in xdf.format.Physical:
        assert f"| {int(physical)} | {physical.name.lower()} " in text
    assert "`" + xdf.format.MAGIC.hex(" ") + "`" in text
    for offset in xdf.format.SLOT_OFFSETS:
        assert f"| {offset} | {xdf.format.COMMIT_SIZE} bytes | commit slot" in text
