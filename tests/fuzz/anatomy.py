"""Taking files apart and putting them together again with right checksums.

Random changes to a file hardly ever get past its checksums. So parts are changed behind them: a number of the index, a
byte of a table or of a chunk, a length, a type. What comes out is a file as nobody would write it, but an attacker.
"""

from __future__ import annotations

import random
import struct
import zlib
from dataclasses import dataclass, replace

import pyarrow as pa
import zstandard

from xdf.format import (
    COMMIT_SIZE,
    FOOTER_LENGTHS,
    HEADER_SIZE,
    INDEX_SCHEMA,
    SLOT_OFFSETS,
    Commit,
    PageKind,
    pack_header,
)

INTERESTING = (0, 1, -1, 2, 3, 7, 8, 63, 64, 127, 128, 255, 256, 4095, 4096, 2**15, 2**16, 2**31 - 1, 2**31, 2**32,
               2**33, 2**62, 2**63 - 1, -(2**31), -(2**63), -8)  # fmt: skip
TEXTS = (
    "", "factor", "int8", "float64", "string", "decimal128(38, 9)", "decimal128(99, 9)", "time64[ns]", "bool", "binary",
    "timestamp[ns, Mars]", "timestamp[s]", "large_string", "nonsense", "float16", "uint64", "x",
)  # fmt: skip
_COMMIT = struct.Struct("<8sQQQQQI")


@dataclass(frozen=True)
class Stored:
    """Bytes behind a checksum, and what is said about them."""

    content: bytes
    codec: int
    decoded_length: int


@dataclass(frozen=True)
class Anatomy:
    """A file of one commit: chunks in the order of the index, the index, other pages, and the tables of the footer."""

    chunks: tuple[Stored, ...]
    index: tuple[dict[str, object], ...]
    pages: tuple[tuple[dict[str, object], bytes], ...]
    tables: tuple[bytes, ...]
    commit: dict[str, int]
    n_columns: int
    features: int = 0


def frame(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1, write_checksum=True, write_content_size=True).compress(content)


def unframe(raw: bytes) -> bytes:
    return zstandard.ZstdDecompressor().decompress(raw)


def rows_of(content: bytes) -> list[dict[str, object]]:
    table = pa.ipc.open_stream(content).read_all()
    table.validate(full=True)  # as any reader of bytes it does not trust
    rows: list[dict[str, object]] = table.to_pylist()
    return rows


def stream_of(rows: list[dict[str, object]], schema: pa.Schema) -> bytes:
    rows = [{field.name: _fitting(row[field.name], field.type) for field in schema} for row in rows]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as stream:
        stream.write_table(pa.Table.from_pylist(rows, schema=schema))
    return bytes(sink.getvalue())


def _fitting(value: object, kind: pa.DataType) -> object:
    """An integer brought into the range of its column by dropping bits."""
    if not pa.types.is_integer(kind) or not isinstance(value, int):
        return value
    value &= 2**kind.bit_width - 1
    return value - 2**kind.bit_width if pa.types.is_signed_integer(kind) and value >> (kind.bit_width - 1) else value


def take_apart(raw: bytes) -> tuple[bytes, ...]:
    """The tables in the footer of the last commit of a sound file."""
    records = [_COMMIT.unpack_from(raw, offset) for offset in SLOT_OFFSETS]
    _, _, offset, length, _, _, _ = max(records, key=lambda record: record[1])
    content = unframe(raw[offset : offset + length])
    lengths, start, tables = FOOTER_LENGTHS.unpack_from(content), FOOTER_LENGTHS.size, []
    for size in lengths:
        tables.append(content[start : start + size])
        start += size
    return tuple(tables)


def dissect(raw: bytes) -> Anatomy:
    """The parts of a sound file."""
    tables = take_apart(raw)
    index: list[dict[str, object]] = []
    pages = []
    for page in rows_of(tables[3]):
        where = int(str(page["offset"]))
        stored = unframe(raw[where : where + int(str(page["length"]))])
        if page["kind"] == PageKind.INDEX:
            index += rows_of(stored)
        else:
            pages.append((page, stored))
    chunks = []
    for cell in index:
        where = int(str(cell["offset"]))
        stored = raw[where : where + int(str(cell["length"]))]
        codec = int(str(cell["codec"]))
        content = unframe(stored) if codec else stored
        chunks.append(Stored(content, codec, len(content)))
    return Anatomy(tuple(chunks), tuple(index), tuple(pages), tables, {}, len(rows_of(tables[1])))


def assemble(anatomy: Anatomy) -> bytes:
    """A file of these parts, every checksum right; numbers that were changed on purpose stay as they are."""
    raw = bytearray(pack_header(anatomy.features))
    index = []
    for chunk, cell in zip(anatomy.chunks, anatomy.index, strict=False):
        stored = frame(chunk.content) if chunk.codec else chunk.content
        raw += bytes(-len(raw) % 64)
        checksum = int.from_bytes(stored[-4:], "little") if chunk.codec else zlib.crc32(stored)
        forced = cell.get("forced", {})
        true = {"offset": len(raw), "length": len(stored), "decoded_length": len(chunk.content), "checksum": checksum}
        index.append({**{name: cell[name] for name in INDEX_SCHEMA.names}, **true, **forced})  # type: ignore[dict-item]
        raw += stored
    pages = [page for page in rows_of(anatomy.tables[3]) if page["kind"] == PageKind.INDEX][:1]
    listed = []
    try:
        content = stream_of(index, INDEX_SCHEMA)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        content = b""
    first_page: dict[str, object] = {**(pages[0] if pages else {}), "kind": 1, "first": 0}
    first_page["count"] = len(index) // anatomy.n_columns
    for page, stored_content in [(first_page, content), *anatomy.pages]:
        stored = frame(stored_content)
        true = {
            "offset": len(raw), "length": len(stored), "decoded_length": len(stored_content),
            "checksum": int.from_bytes(stored[-4:], "little"),
        }  # fmt: skip
        listed.append({**page, **true, **page.get("forced", {})})  # type: ignore[dict-item]
        raw += stored
    schema = pa.ipc.open_stream(anatomy.tables[3]).schema
    keep = [{name: page[name] for name in schema.names} for page in listed if page["count"] or "forced" in page]
    tables = (*anatomy.tables[:3], stream_of(keep, schema))
    footer = FOOTER_LENGTHS.pack(*(len(table) for table in tables)) + b"".join(tables)
    stored = frame(footer)
    numbers = {
        "sequence": 1, "offset": len(raw), "length": len(stored), "decoded": len(footer),
        "file": len(raw) + len(stored) + COMMIT_SIZE, "checksum": int.from_bytes(stored[-4:], "little"),
    }  # fmt: skip
    numbers.update(anatomy.commit)
    values = [value & (2**64 - 1) for value in numbers.values()]
    body = _COMMIT.pack(b"rxdcmit\x00", *values[:5], values[5] & (2**32 - 1))
    record = body + struct.pack("<I", zlib.crc32(body))
    raw += stored + record
    slot = SLOT_OFFSETS[Commit(values[0], 0, 0, 0, 0, 0).slot]
    raw[slot : slot + COMMIT_SIZE] = record
    assert len(raw) >= HEADER_SIZE
    return bytes(raw)


def mutate(anatomy: Anatomy, chance: random.Random) -> Anatomy:
    """The same with one part changed."""
    kind = chance.choice(["cell", "cell", "cell", "forced", "chunk", "chunk", "table", "row", "page", "commit", "drop"])
    if kind in ("cell", "forced") and anatomy.index:
        return _mutate_cell(anatomy, chance, kind)
    if kind == "chunk" and anatomy.chunks:
        place = chance.randrange(len(anatomy.chunks))
        chunk = anatomy.chunks[place]
        content = noisy(chunk.content, chance)
        codec = chance.choice([chunk.codec, chunk.codec, 1 - chunk.codec])
        return replace(anatomy, chunks=_with(anatomy.chunks, place, Stored(content, codec, len(content))))
    if kind == "table":
        place = chance.randrange(len(anatomy.tables))
        table = noisy(anatomy.tables[place], chance)
        return replace(anatomy, tables=_with(anatomy.tables, place, table)) if place < 3 else anatomy
    if kind == "row":
        return _mutate_row(anatomy, chance)
    if kind == "page" and anatomy.pages:
        place = chance.randrange(len(anatomy.pages))
        page, content = anatomy.pages[place]
        if chance.random() < 0.5:
            return replace(anatomy, pages=_with(anatomy.pages, place, (page, noisy(content, chance))))
        name = chance.choice(["kind", "first", "count", "offset", "length", "decoded_length", "checksum"])
        forced = {**page.get("forced", {}), name: _number(chance, 8 if name == "kind" else 64)}  # type: ignore[dict-item]
        return replace(anatomy, pages=_with(anatomy.pages, place, ({**page, "forced": forced}, content)))
    if kind == "commit":
        name = chance.choice(["sequence", "offset", "length", "decoded", "file", "checksum"])
        return replace(anatomy, commit={**anatomy.commit, name: chance.choice(INTERESTING)})
    if kind == "drop" and anatomy.index:
        keep = chance.randrange(len(anatomy.index))
        return replace(anatomy, index=anatomy.index[:keep], chunks=anatomy.chunks[:keep])
    return anatomy


def _mutate_cell(anatomy: Anatomy, chance: random.Random, kind: str) -> Anatomy:
    place = chance.randrange(len(anatomy.index))
    cell = anatomy.index[place]
    if kind == "forced":
        name = chance.choice(["offset", "length", "decoded_length", "checksum"])
    else:
        names = [one for one in INDEX_SCHEMA.names if one not in ("offset", "length", "decoded_length", "checksum")]
        name = chance.choice(names)
    field = INDEX_SCHEMA.field(name)
    if pa.types.is_floating(field.type):
        value: object = chance.choice([0.0, -1.0, float("nan"), float("inf"), float("-inf"), 1e308, 5e-324])
    elif pa.types.is_integer(field.type):
        value = _number(chance, field.type.bit_width, signed=pa.types.is_signed_integer(field.type))
    else:
        return anatomy
    if kind == "forced":
        forced = {**cell.get("forced", {}), name: value}  # type: ignore[dict-item]
        return replace(anatomy, index=_with(anatomy.index, place, {**cell, "forced": forced}))
    index = _with(anatomy.index, place, {**cell, name: value})
    if name in ("n_valid", "n_missing") and chance.random() < 0.7:
        # The same number of rows in all columns, or the first check would catch it.
        n_columns = anatomy.n_columns
        block = place // n_columns
        index = tuple({**row, name: value} if number // n_columns == block else row for number, row in enumerate(index))
    return replace(anatomy, index=index)


def _mutate_row(anatomy: Anatomy, chance: random.Random) -> Anatomy:
    """Change a value in a table of the footer and write the table anew."""
    place = chance.randrange(3)
    table = changed_row(anatomy.tables[place], chance)
    return anatomy if table is None else replace(anatomy, tables=_with(anatomy.tables, place, table))


def changed_row(content: bytes, chance: random.Random) -> bytes | None:
    """A table with another value in one place; None where there is none, or the table was spoilt before."""
    try:
        schema = pa.ipc.open_stream(content).schema
        rows = rows_of(content)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return None
    if not rows:
        return None
    row, name = chance.randrange(len(rows)), chance.choice(schema.names)
    kind = schema.field(name).type
    if pa.types.is_string(kind):
        value: object = chance.choice([*TEXTS, chance.choice(rows)[name]])
    elif pa.types.is_boolean(kind):
        value = chance.random() < 0.5
    elif pa.types.is_floating(kind):
        value = chance.choice([None, 0.0, float("nan"), float("inf")])
    else:
        value = chance.choice([_number(chance, kind.bit_width), chance.choice(rows)[name]])
    rows[row] = {**rows[row], name: value}
    try:
        return stream_of(rows, schema)
    except (pa.ArrowException, OverflowError, ValueError):
        return None


def noisy(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, taken out or put in; lengths and offsets look like small numbers, so these are preferred."""
    raw = bytearray(content)
    for _ in range(chance.choice([1, 1, 1, 2, 4])):
        if not raw:
            return bytes(raw)
        place = chance.randrange(len(raw))
        action = chance.random()
        if action < 0.4:
            raw[place] ^= 1 << chance.randrange(8)
        elif action < 0.6:
            raw[place] = chance.choice([0, 1, 255, 127, 128])
        elif action < 0.8:
            size = chance.choice([4, 8])
            number = chance.choice(INTERESTING) & (2 ** (8 * size) - 1)
            raw[place : place + size] = number.to_bytes(size, "little")[: len(raw) - place]
        elif action < 0.9:
            del raw[place : place + chance.randrange(1, 16)]
        else:
            raw[place:place] = chance.randbytes(chance.randrange(1, 16))
    return bytes(raw)


def _number(chance: random.Random, bits: int, signed: bool = True) -> int:
    value = chance.choice(INTERESTING) if chance.random() < 0.7 else chance.randrange(-10, 40)
    value &= 2**bits - 1
    return value - 2**bits if signed and value >= 2 ** (bits - 1) and bits > 8 else value


def _with(items: tuple, place: int, item: object) -> tuple:  # type: ignore[type-arg]
    return (*items[:place], item, *items[place + 1 :])
