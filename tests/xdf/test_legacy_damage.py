"""Old files that are damaged, cut short or made up: right data, or an error that says what is wrong where."""

from __future__ import annotations

import random
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from legacy_writer import KINDS, NO_INT, NO_LONG, Old, legacy_bytes

import xdf
from xdf.legacy import chunks
from xdf.legacy.reader import Reading

COLUMNS = [
    Old("number", "int32", [1, None, 3, -4, 77, 8], description="some"),
    Old("group", "factor", [0, 1, None, 2, 1, 0], levels=["a", "bb", "c"]),
    Old("long", "int64", [1, 2, 2**40, 3, -5, 6]),
    Old("size", "float64", [0.5, None, 3.0, -4.5, 1e9, 8.25]),
    Old("single", "float32", [0.5, None, 3.0, -4.5, 1.5, 8.25]),
    Old("name", "string", ["anna", None, "", "x", "bert", "carl"]),
    Old("day", "date", [1.0, None, 3.0, 4.0, 5.0, 6.0]),
]
BLOCKS = [2, 3, 1]


def raw_files() -> dict[str, bytes]:
    return {
        "4.2": legacy_bytes(COLUMNS, BLOCKS, stale=True),
        "3.1": legacy_bytes(COLUMNS, BLOCKS, version=3.1),
    }


def read(path: Path) -> tuple[pa.Table, list[xdf.Field]] | None:
    """Everything that can be read, or None where it is refused."""
    try:
        with xdf.open(path) as file:
            for name in file.schema.names:
                file.statistics(name)
            file.block_nbytes()
            return file.to_arrow(), list(file.schema)
    except xdf.XdfError:
        return None


def with_nan_as_text(table: pa.Table) -> str:
    return repr(table.to_pydict())


# -- round trips -------------------------------------------------------------------------------------------------------

VALUES = {
    "int32": st.integers(NO_INT + 1, 2**31 - 1),
    "int64": st.integers(NO_LONG + 1, 2**63 - 1),
    "float32": st.floats(width=32, allow_nan=False),
    "float64": st.floats(allow_nan=False),
    "string": st.text(st.characters(codec="utf-8"), max_size=8)
    | st.sampled_from(["\x01\0\0\0\0\0\0\0", "M", "é" * 40]),
    "factor": st.integers(-3, 5),
    "date": st.integers(-(10**6), 10**6).map(float),
    "date32": st.integers(-(10**6), 10**6),
}


@st.composite
def files(draw: st.DrawFn) -> tuple[list[Old], list[int], dict[str, object]]:
    blocks = draw(st.lists(st.integers(0, 12), max_size=4))
    variables = []
    for number in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(sorted(VALUES)))
        one = st.none() | VALUES[kind]
        values = draw(st.lists(one, min_size=sum(blocks), max_size=sum(blocks)))
        levels = [f"level {level}" for level in range(draw(st.integers(0, 4)))] if kind == "factor" else []
        variables.append(Old(f"v{number}", kind, values, levels=levels, description=draw(st.text(max_size=3))))
    options = {
        "version": draw(st.sampled_from([4.2, 3.1])),
        "level": draw(st.sampled_from([1, 6])),
        "stale": draw(st.booleans()),
    }
    return variables, blocks, options


def due(old: Old) -> list[object]:
    if old.kind == "factor":
        return [None if code is None or not 0 <= code < len(old.levels) else old.levels[code] for code in old.values]
    if old.kind in ("date", "date32"):
        return [None if day is None else int(day) for day in old.values]
    if old.kind.startswith("float"):
        return [float("nan") if value is None else value for value in old.values]
    return list(old.values)


@settings(max_examples=50, deadline=None)
@given(made=files())
def test_what_is_written_is_read(
    made: tuple[list[Old], list[int], dict[str, object]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    variables, blocks, options = made
    path = tmp_path_factory.mktemp("old") / "old.xdf"
    path.write_bytes(legacy_bytes(variables, blocks, **options))  # type: ignore[arg-type]
    with xdf.open(path) as file:
        table = file.to_arrow()
        assert list(file.rows_per_block) == blocks
        for old in variables:
            field, column = file.schema.field(old.name), table[old.name]
            if pa.types.is_date32(field.type):
                column = column.cast(pa.int32())
            assert repr(column.to_pylist()) == repr(due(old))
            assert field.description == old.description


# -- damage ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["4.2", "3.1"])
def test_every_truncation_is_refused(tmp_path: Path, which: str) -> None:
    raw = raw_files()[which]
    path = tmp_path / "old.xdf"
    path.write_bytes(raw)
    known = read(path)
    assert known is not None
    n_read = 0
    for length in range(len(raw)):
        path.write_bytes(raw[:length])
        found = read(path)
        assert found is None or with_nan_as_text(found[0]) == with_nan_as_text(known[0]), length
        n_read += found is not None
    # An earlier footer ends a whole file; the last eight bytes of the older version have no meaning that is known.
    assert n_read == (1 if which == "4.2" else 8)


@pytest.mark.parametrize("which", ["4.2", "3.1"])
def test_flipped_bits_in_chunks_are_found(tmp_path: Path, which: str) -> None:
    """Chunks are compressed, and so checked: what is read of them is right."""
    raw = raw_files()[which]
    path = tmp_path / "old.xdf"
    path.write_bytes(raw)
    known = read(path)
    assert known is not None
    with xdf.open(path) as file:
        assert isinstance(file, xdf.LegacyFile)
        spans = list(zip(file.layout.offsets.ravel().tolist(), file.layout.sizes.ravel().tolist(), strict=True))
    for offset, size in spans:
        for place in range(offset, offset + size):
            damaged = bytearray(raw)
            damaged[place] ^= 1 << place % 8
            path.write_bytes(damaged)
            found = read(path)
            assert found is None or with_nan_as_text(found[0]) == with_nan_as_text(known[0]), place


@pytest.mark.parametrize("which", ["4.2", "3.1"])
def test_flipped_bits_anywhere_break_nothing(tmp_path: Path, which: str) -> None:
    """The description has no checksum: names, labels, types and the order of things may change, and nothing breaks."""
    raw = raw_files()[which]
    path = tmp_path / "old.xdf"
    chance = random.Random(5)
    for _ in range(500):
        damaged = bytearray(raw)
        for _ in range(chance.choice([1, 1, 2, 8])):
            damaged[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        found = read(path)
        if found is not None:
            found[0].validate(full=True)


def patched(raw: bytes, changes: dict[int, bytes]) -> bytes:
    changed = bytearray(raw)
    for place, content in changes.items():
        changed[place : place + len(content)] = content
    return bytes(changed)


def long(value: int) -> bytes:
    return struct.pack("<q", value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({-60: struct.pack("<f", 0.0)}, "its version reads 0"),
        ({-60: struct.pack("<f", float("nan"))}, "its version reads nan"),
        ({-48: long(-1)}, "its description is said to be at byte -1"),
        ({-48: long(2**62)}, "its description is said to be at byte 4,611,686,018,427,387,904"),
        ({-48: long(100)}, "a description of version 0.0 is unknown"),
        ({-40: long(0)}, "it is said to have 0 variables"),
        ({-40: long(8)}, "lists 21 offsets|said to have 8 variables, and 7 are described"),
        ({-32: long(7)}, "its blocks have 6 rows together, and the file 7"),
        ({-32: long(-7)}, "it is said to have 7 variables and -7 rows"),
        ({-16: long(61)}, "its footer says that it has 61 bytes"),
        ({-8: b"none"}, "it is truncated, or its writer never finished"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, changes: dict[int, bytes], message: str) -> None:
    raw = raw_files()["4.2"]
    path = tmp_path / "old.xdf"
    path.write_bytes(patched(raw, {len(raw) + place: content for place, content in changes.items()}))
    with pytest.raises(xdf.XdfFormatError, match=message):
        xdf.open(path)


def test_chunks_outside_of_the_file(tmp_path: Path) -> None:
    raw = legacy_bytes(COLUMNS[:1], [6])
    path = tmp_path / "old.xdf"
    for wrong in (2**62, -(2**63), -1, len(raw)):
        path.write_bytes(raw.replace(long(260), long(wrong)))
        with pytest.raises(xdf.XdfFormatError, match="variable 1 of block 0: its chunk of"):
            xdf.open(path)


def test_made_up_sizes_cost_no_memory(tmp_path: Path) -> None:
    """A file that claims 2**40 rows, and a stream that would fill the machine."""
    bomb = zlib.compress(bytes(64 << 20), 9)
    many = [Old("x", "float64", [0.5] * 10)]
    raw = legacy_bytes(many, [10])
    path = tmp_path / "old.xdf"
    claimed = raw.replace(long(10), long(2**40))
    path.write_bytes(claimed)
    tracemalloc.start()
    try:
        with xdf.open(path) as file:
            assert file.n_rows == 2**40
            assert file.block_nbytes() < 1 << 20
            with pytest.raises(xdf.XdfFormatError, match="compressed bytes cannot hold 8,796,093,022,208"):
                file.to_arrow()
        with pytest.raises(xdf.XdfFormatError, match="it decompresses to more bytes; 80 are due"):
            chunks.inflate(bomb, 80)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


def test_a_bomb_of_texts(tmp_path: Path) -> None:
    path = tmp_path / "old.xdf"
    content = zlib.compress(bytes(1000)) + long(2**50)
    with pytest.raises(xdf.XdfFormatError, match="compressed bytes cannot hold"):
        chunks.decode_chunk(content, _variable(path), 3, None, may_be_plain=lambda: False, keep_codes=False)
    for n_rows, stored, message in (
        (3, zlib.compress(bytes(16)) + long(16), "3 texts cannot be in 16 bytes"),
        (1, zlib.compress(struct.pack("<ii", 2, 0)) + long(8), "text 1, at byte 0 .* has flag 2, length 0"),
        (1, zlib.compress(struct.pack("<ii", 1, 9)) + long(8), "has flag 1, length 9"),
        (1, zlib.compress(struct.pack("<ii", 1, -9)) + long(8), "has flag 1, length -9"),
        (1, zlib.compress(bytes(16)) + long(16), "behind its 1 texts are 8 more bytes"),
        (2, zlib.compress(struct.pack("<ii", 1, 8) + bytes(8)) + long(16), "its texts end after 1 of 2"),
    ):
        with pytest.raises(xdf.XdfFormatError, match=message):
            chunks.decode_chunk(stored, _variable(path), n_rows, None, may_be_plain=lambda: False, keep_codes=False)


def _variable(path: Path) -> Any:
    path.write_bytes(legacy_bytes([Old("t", "string", ["a"])], [1]))
    with xdf.open(path) as file:
        assert isinstance(file, xdf.LegacyFile)
        return file.layout.variables[0]


def test_objects_nested_without_end(tmp_path: Path) -> None:
    raw = legacy_bytes(COLUMNS[:1], [6])
    start = raw.rindex(b"\xf4\xf3\xf2\xf1")
    nested = raw[start : start + 49] + struct.pack("<i", 1)
    path = tmp_path / "old.xdf"
    path.write_bytes(raw[:start] + nested * 50 + raw[start:])
    with pytest.raises(xdf.XdfFormatError, match=r"objects are nested more than 6 deep|must"):
        xdf.open(path)


def test_two_variables_of_one_name_and_none(tmp_path: Path) -> None:
    path = tmp_path / "old.xdf"
    path.write_bytes(legacy_bytes([COLUMNS[0], COLUMNS[0]], [6]))
    with pytest.raises(xdf.XdfFormatError, match="two columns have the same name"):
        xdf.open(path)
    path.write_bytes(legacy_bytes([Old("", "int32", [1])], [1]))
    with pytest.raises(xdf.XdfFormatError, match="variable 1 has no name"):
        xdf.open(path)


def test_open_files_are_closed_when_opening_fails(tmp_path: Path) -> None:
    path = tmp_path / "old.xdf"
    path.write_bytes(legacy_bytes([Old("odd", "unknown", [3])], [1]))
    folder = Path("/proc/self/fd")
    before = len(list(folder.iterdir()))
    for reading in (Reading(), Reading(salvage=True)):
        for _ in range(20):
            with pytest.raises(xdf.XdfFormatError):
                xdf.open(path, salvage=reading.salvage)
    assert len(list(folder.iterdir())) == before


def test_the_guess_where_texts_begin_is_never_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    random_values = np.random.default_rng(1).choice(np.array(["", "M", "two", None, "é" * 9]), 400).tolist()
    path = tmp_path / "old.xdf"
    path.write_bytes(legacy_bytes([Old("t", "string", random_values)], [400]))
    for guess in (chunks._guessed_starts, lambda array, n_rows: None):
        monkeypatch.setattr(chunks, "_guessed_starts", guess)
        with xdf.open(path) as file:
            assert file.to_arrow()["t"].to_pylist() == random_values
    assert set(KINDS) >= set(VALUES)
