"""A reader made from docs/xdf-format.md alone: nothing of the library is used between the bytes and the values.

It is slow and checks little; what it shows is that the document says enough. Numbers in comments are its paragraphs.
"""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import zstandard

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
    items: dict[object, list[dict[str, object]]] = {1: [], 2: [], 3: []}
    for page in pages:
        where, size = int(str(page["offset"])), int(str(page["length"]))
        stored = frame(raw[where : where + size], int(str(page["decoded_length"])), int(str(page["checksum"])))
        items[page["kind"]] += stream(stored)
    assert about["n_columns"] == len(fields)
    assert len(items[1]) == int(str(about["n_blocks"])) * len(fields)
    levels: dict[object, list[object]] = {}
    for row in items[2]:
        levels.setdefault(row["field"], []).append(row["level"])
    counts: dict[tuple[object, object], dict[object, object]] = {}
    for item in items[3]:
        counts.setdefault((item["block"], item["field"]), {})[item["code"]] = item["count"]
    assert list(counts) == sorted(counts)  # type: ignore[type-var]
    columns: dict[str, list[list[object]]] = {str(field["name"]): [] for field in fields}
    for number, cell in enumerate(items[1]):
        position = number % len(fields)
        field = fields[position]
        values = chunk(raw, cell, str(field["type"]))
        if field["type"] == "factor":
            known = levels.get(position, [])
            check_counts(counts.get((number // len(fields), position)), values)
            values = [None if code is None else known[code] for code in values]  # type: ignore[call-overload]
        columns[str(field["name"])].append(values)
    return fields, columns


def check_counts(stated: dict[object, object] | None, codes: list[object]) -> None:
    """5.5."""
    if stated is not None:
        found = Counter(code for code in codes if code is not None)
        assert list(stated.items()) == sorted(found.items())  # type: ignore[type-var]


ARROW_OF_TEXTS = {20: pa.string(), 21: pa.large_string(), 22: pa.binary()}
WIDTHS = {1: 1, 2: 2, 3: 4, 4: 8, 5: 1, 6: 2, 7: 4, 8: 8, 9: 2, 10: 4, 11: 8, 20: 4, 21: 8, 22: 4, 23: 16}
FLOATS = {9: ("<H", "<e"), 10: ("<I", "<f"), 11: ("<Q", "<d")}


def chunk(raw: bytes, cell: dict[str, object], logical: str) -> list[object]:
    """3.2 to 3.10."""
    numbers = {name: int(str(cell[name])) for name in list(cell)[:10]}
    stored = raw[numbers["offset"] : numbers["offset"] + numbers["length"]]
    if numbers["codec"] == 0:
        assert zlib.crc32(stored) == numbers["checksum"]
        assert numbers["offset"] % 64 == 0
        content = stored
    else:
        assert numbers["codec"] == 1
        content = frame(stored, numbers["decoded_length"], numbers["checksum"])
    n_rows = numbers["n_valid"] + numbers["n_missing"]
    check_sizes(numbers, n_rows)
    if numbers["encoding"] == 0:
        values = direct(content, numbers["physical"], logical, n_rows)
    else:
        values = encoded(content, numbers, logical, n_rows)
    base = numbers["base"]
    return [value if value is None or not base else value + base for value in values]  # type: ignore[operator]


def check_sizes(numbers: dict[str, int], n_rows: int) -> None:
    """3.10."""
    size = n_rows * WIDTHS[numbers["physical"]]
    decoded = numbers["decoded_length"]
    assert numbers["length"] >= size / 32768
    assert decoded >= (size if numbers["encoding"] in (0, 2) else 16)
    if numbers["physical"] not in ARROW_OF_TEXTS:
        extra = 3 * n_rows if numbers["encoding"] == 1 else 0
        assert decoded <= size + n_rows / 8 + size / 32768 + 4096 + extra


def direct(content: bytes, physical: int, logical: str, n_rows: int) -> list[object]:
    """3.11."""
    kind = decimal_of(logical) if physical == 23 else ARROW_OF_TEXTS.get(physical) or PHYSICAL[physical]
    batch = pa.ipc.read_record_batch(pa.ipc.read_message(content), pa.schema([("", kind)]))
    assert batch.num_rows == n_rows
    values: list[object] = batch.column(0).to_pylist()
    return values


def encoded(content: bytes, numbers: dict[str, int], logical: str, n_rows: int) -> list[object]:
    """3.12 to 3.18."""
    flags, bits, length_bytes, zero, n_values, n_text_bytes = struct.unpack("<BBBBIQ", content[:16])
    assert flags in (0, 1)
    assert zero == 0
    if numbers["encoding"] == 1 and n_values == 0:
        return [None] * n_rows
    parts = Parts(content)
    bitmap = parts.take((n_rows + 7) // 8) if flags else None
    physical = numbers["physical"]
    if numbers["encoding"] == 1:
        if physical in ARROW_OF_TEXTS:
            dictionary = texts(parts, n_values, length_bytes, n_text_bytes, physical)
            assert len(set(dictionary)) == n_values
        else:
            width = WIDTHS[physical]
            data = parts.take(n_values * width)
            patterns = [int.from_bytes(data[at : at + width], "little") for at in range(0, len(data), width)]
            dictionary = [value_of(pattern, physical, logical) for pattern in patterns]
            check_order(dictionary, patterns, 8 * width, physical)
        codes = planes(parts, n_rows, bits)
        values = [dictionary[code] for code in codes]
    elif numbers["encoding"] == 2:
        values = [value_of(pattern, physical, logical) for pattern in planes(parts, n_rows, 8 * WIDTHS[physical])]
    else:
        assert numbers["encoding"] == 3
        values = texts(parts, n_rows, length_bytes, n_text_bytes, physical)
    if bitmap is None:
        return values
    return [value if bitmap[row // 8] >> row % 8 & 1 else None for row, value in enumerate(values)]


class Parts:
    """3.13."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.at = 16

    def take(self, size: int) -> bytes:
        self.at += -self.at % 8
        part = self.content[self.at : self.at + size]
        assert len(part) == size
        self.at += size
        return part


def planes(parts: Parts, count: int, bits: int) -> list[int]:
    """3.14."""
    whole, rest = divmod(bits, 8)
    numbers = [0] * count
    for place in range(whole):
        for number, byte in enumerate(parts.take(count)):
            numbers[number] |= byte << 8 * place
    if rest:
        packed = parts.take((count * rest + 7) // 8)
        for number in range(count):
            top = packed[number * rest // 8] >> number * rest % 8 & (1 << rest) - 1
            numbers[number] |= top << 8 * whole
    return numbers


def texts(parts: Parts, count: int, length_bytes: int, n_text_bytes: int, physical: int) -> list[object]:
    """3.16."""
    lengths = planes(parts, count, 8 * length_bytes)
    data = parts.take(n_text_bytes)
    assert sum(lengths) == n_text_bytes

    def split() -> Iterator[object]:
        at = 0
        for length in lengths:
            text = data[at : at + length]
            at += length
            yield text if physical == 22 else text.decode("utf-8")

    return list(split())


def value_of(pattern: int, physical: int, logical: str) -> object:
    """3.4, 3.15."""
    if physical in FLOATS:
        as_integer, as_float = FLOATS[physical]
        return struct.unpack(as_float, struct.pack(as_integer, pattern))[0]
    bits = 8 * WIDTHS[physical]
    if physical in (1, 2, 3, 4, 23) and pattern >> bits - 1:
        pattern -= 1 << bits
    if physical == 23:
        return Decimal(f"{pattern}E{-decimal_of(logical).scale}")
    return pattern


def check_order(values: list[object], patterns: list[int], bits: int, physical: int) -> None:
    """3.19."""
    if physical in FLOATS:
        sign = 1 << bits - 1
        keys: list[object] = [sign - 1 - pattern % sign if pattern >= sign else pattern + sign for pattern in patterns]
    else:
        keys = values
    assert all(left < right for left, right in pairwise(keys))  # type: ignore[operator]


def decimal_of(logical: str) -> pa.DataType:
    precision, scale = logical[11:-1].split(", ")
    return pa.decimal128(int(precision), int(scale))


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
