"""Chunks whose bytes are whole and say what cannot be: always an XdfError, and never more memory than they justify."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import write_file
from encoding_cases import DICTIONARY, DIRECT, MADE, MOST, PLANES, TEXTS, Made, content_of, forge

import xdf
from xdf import format as layout
from xdf.contents import Head, Part, pack_content
from xdf.format import Encoding, Physical
from xdf.planes import CODE_BITS, code_type, plane_bits, split_codes

ROWS = 300
FLOATS = pa.array(np.zeros(ROWS))
WORDS = pa.array(["x"] * ROWS)


def coded(bits: int, codes: np.ndarray, values: np.ndarray, n_values: int | None = None) -> bytes:
    planes = zip(split_codes(codes.astype(code_type(bits)), bits), plane_bits(bits), strict=True)
    head = Head(False, bits, n_values=len(values) if n_values is None else n_values)
    return pack_content(head, [Part(values.view(np.uint8)), *(Part(plane, each) for plane, each in planes)])


def texts(lengths: list[int], data: bytes, bits: int = 0, codes: np.ndarray | None = None, **head: int) -> bytes:
    """A content of texts or, with bits, of a dictionary of texts."""
    said = Head(False, bits, 1, len(lengths) if bits else 0, len(data))._replace(**head)
    parts = [Part(np.array(lengths, np.uint8), 8), Part(np.frombuffer(data, np.uint8))]
    if codes is not None:
        parts += [Part(plane) for plane in split_codes(codes.astype(code_type(bits)), bits)]
    return pack_content(said, parts)


def outside(bits: int) -> bytes:
    codes = np.zeros(ROWS, int)
    codes[7] = (1 << bits) - 1
    return coded(bits, codes, np.arange(float(min(ROWS, (1 << bits) - 1))))


NONE = np.zeros(ROWS, int)
TWO = np.array([1.0, 2.0])
GOOD = coded(1, NONE, TWO)
IMPOSSIBLE = "its head is impossible"
SHORT = "it is shorter than its head says"
ADD_UP = "the lengths of its texts do not add up"
NUMBERS: dict[str, tuple[Encoding, bytes, str]] = {
    **{f"a code of {bits} bits": (DICTIONARY, outside(bits), "a code lies outside its dictionary of [0-9,]+ values")
       for bits in CODE_BITS[1:]},
    "not in order": (DICTIONARY, coded(1, NONE, TWO[::-1].copy()), "its dictionary is not in order"),
    "a value twice": (DICTIONARY, coded(1, NONE, np.array([1.0, 1.0])), "its dictionary is not in order"),
    "zeros in wrong order": (DICTIONARY, coded(1, NONE, np.array([0.0, -0.0])), "its dictionary is not in order"),
    "more values than codes": (DICTIONARY, coded(1, NONE, np.arange(3.0)), "codes of 1 bits do not reach 3 values"),
    "two values, no codes": (DICTIONARY, coded(0, NONE, TWO), "codes of 0 bits do not reach 2 values"),
    "more values than there": (DICTIONARY, coded(10, NONE, TWO, 900), SHORT),
    "too many values": (DICTIONARY, coded(20, NONE, TWO, MOST + 1), "its dictionary has 1,048,577 values, more than"),
    "most values": (DICTIONARY, coded(20, NONE, TWO, MOST), SHORT),
    "no codes": (DICTIONARY, coded(8, NONE[:9], TWO), SHORT),
    "bits that are none": (DICTIONARY, GOOD[:1] + b"\x03" + GOOD[2:], IMPOSSIBLE),
    "an unknown flag": (DICTIONARY, b"\x02" + GOOD[1:], IMPOSSIBLE),
    "something in the gap": (DICTIONARY, GOOD[:3] + b"\x01" + GOOD[4:], IMPOSSIBLE),
    "odd length bytes": (DICTIONARY, GOOD[:2] + b"\x03" + GOOD[3:], IMPOSSIBLE),
    "a bitmap cut off": (DICTIONARY, pack_content(Head(True, n_values=1), []), SHORT),
    "planes cut off": (PLANES, pack_content(Head(False), [Part(np.zeros(8 * ROWS - 1, np.uint8))]) + bytes(16),
                       SHORT),
    "no message": (DIRECT, bytes(8 * ROWS), "its Arrow message cannot be read"),
}  # fmt: skip
STRINGS: dict[str, tuple[Encoding, bytes, str]] = {
    "a sum too large": (TEXTS, texts([1] * ROWS, b"x" * (ROWS - 1)), ADD_UP),
    "a sum too small": (TEXTS, texts([1] * (ROWS - 1) + [0], b"x" * ROWS), ADD_UP),
    "not Unicode": (TEXTS, texts([1] * ROWS, b"x" * (ROWS - 1) + b"\xff"), "its texts cannot be read: .*UTF"),
    "a letter cut in two": (TEXTS, texts([1, 1] + [0] * (ROWS - 2), "ü".encode()), "its texts cannot be read: .*UTF"),
    "bytes that are not there": (TEXTS, texts([2] * ROWS, b"x" * ROWS, n_text_bytes=2 * ROWS), SHORT),
    "a great many bytes": (TEXTS, texts([1] * ROWS, b"", n_text_bytes=2**63), ADD_UP),
    "a text twice": (DICTIONARY, texts([1, 1], b"xx", 1, NONE), "its dictionary has a value twice"),
    "a code too large": (DICTIONARY, texts([1, 1, 1], b"xyz", 2, NONE + 3), "lies outside its dictionary of 3 values"),
    "a wide code too large": (DICTIONARY, texts([1, 1], b"xy", 12, NONE + 4095), "outside its dictionary of 2 values"),
    "too few bits": (DICTIONARY, texts([1, 1, 1], b"xyz", 1, NONE), "codes of 1 bits do not reach 3 values"),
    "codes cut off": (DICTIONARY, texts([1, 1], b"xy", 8, NONE[:5]), SHORT),
}  # fmt: skip


@pytest.mark.parametrize("lie", NUMBERS)
def test_numbers_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    encoding, content, message = NUMBERS[lie]
    refused(forge(tmp_path / "f.xdf", monkeypatch, FLOATS, encoding, Physical.FLOAT64, content), message)


@pytest.mark.parametrize("lie", STRINGS)
def test_texts_that_cannot_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    encoding, content, message = STRINGS[lie]
    refused(forge(tmp_path / "f.xdf", monkeypatch, WORDS, encoding, Physical.STRING, content), message)


def refused(path: Path, message: str) -> None:
    where = r"f.xdf: column 'x' of block 0 \(bytes .* is damaged: "
    with xdf.open(path) as file:
        for read in (file.read_block, file.read_block_arrow):
            with pytest.raises(xdf.XdfFormatError, match=f"{where}.*{message}"):
                read(0)


def test_texts_that_take_more_memory_than_their_chunk_may_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = Head(False, 1, 4, 2, 10**5)
    lengths = np.array([10**5, 0], np.uint32).view(np.uint8).reshape(2, 4).T
    parts = [Part(plane.copy()) for plane in lengths]
    content = pack_content(head, [*parts, Part(np.full(10**5, 97, np.uint8)), Part(np.zeros(2500, np.uint8), 1)])
    array = pa.array([""] * 20_000)
    path = forge(tmp_path / "f.xdf", monkeypatch, array, DICTIONARY, Physical.STRING, content)
    with xdf.open(path) as file:
        # As codes they take little, but whoever has the codes may ask for the texts.
        for read in (file.read_block, file.read_block_arrow):
            with pytest.raises(xdf.XdfFormatError, match="its texts take more memory than its length allows for"):
                read(0)
    assert not xdf.verify(path).is_sound


def test_rows_that_a_few_bytes_promise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pa.nulls(3_000_000, pa.float64())
    path = forge(tmp_path / "f.xdf", monkeypatch, rows, DICTIONARY, Physical.FLOAT64, pack_content(Head(False), []))
    with pytest.raises(xdf.XdfFormatError, match="column 'x' of block 0 has more rows than its bytes can hold"):
        xdf.open(path)


CONTRADICTIONS = {
    "numbers as texts": (FLOATS, TEXTS, Physical.FLOAT64, "an encoding that does not fit its stored type"),
    "texts in planes": (WORDS, PLANES, Physical.STRING, "an encoding that does not fit its stored type"),
    "much too long": (FLOATS, PLANES, Physical.INT8, "a size that its rows do not explain"),
    "integers too wide": (FLOATS, PLANES, Physical.INT64, "a stored type that does not fit its column"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_an_index_that_contradicts_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    array, encoding, physical, problem = CONTRADICTIONS[name]
    path = forge(tmp_path / "f.xdf", monkeypatch, array, encoding, physical, bytes(64 * ROWS))
    with pytest.raises(xdf.XdfFormatError, match=f"column 'x' of block 0 has {problem}"):
        xdf.open(path)


@pytest.mark.parametrize("size", [0, 1, 15])
@pytest.mark.parametrize("encoding", [DICTIONARY, PLANES, TEXTS])
def test_a_content_without_a_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: Encoding, size: int
) -> None:
    array, physical = (WORDS, Physical.STRING) if encoding is TEXTS else (FLOATS, Physical.FLOAT64)
    path = forge(tmp_path / "f.xdf", monkeypatch, array, encoding, physical, bytes(size))
    with pytest.raises(xdf.XdfFormatError, match="a size that its rows do not explain"):
        xdf.open(path)


def changed(content: bytes, way: int, chance: random.Random) -> bytes:
    """A byte, a byte of the head, a number of the head, or the length."""
    raw = bytearray(content)
    if way == 0:
        raw[chance.randrange(len(raw))] = chance.randrange(256)
    elif way == 1:
        raw[chance.randrange(16)] = chance.randrange(256)
    elif way == 2:
        struct.pack_into("<I", raw, chance.choice([4, 8, 12]), chance.getrandbits(32))
    else:
        del raw[chance.randrange(16, len(raw) + 1) :]
    return bytes(raw)


SMALL = {
    name: Made(made.array.slice(0, 400), made.encoding, made.physical, made.bits)
    for name, made in MADE.items()
    if made.encoding != DIRECT and name != "one long text but for one"
}


@pytest.mark.parametrize("name", SMALL)
def test_contents_changed_at_random(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With a checksum that is right all the same: either some column of the right length, or an XdfError."""
    array = SMALL[name].array
    path = write_file(tmp_path / "whole.xdf", pa.RecordBatch.from_arrays([array], names=["x"]))
    with xdf.open(path) as file:
        entry = file._index.entry(0, 0)
        if entry.encoding == DIRECT:
            return
        content = bytes(content_of(file)._content)
    chance = random.Random(name)
    for number in range(60):
        forged = tmp_path / f"{number}.xdf"
        raw = changed(content, number % 4, chance)
        forge(forged, monkeypatch, array, Encoding(entry.encoding), Physical(entry.physical), raw)
        problem = None
        try:
            with xdf.open(forged) as file:
                column = file.read_block(0)["x"]
                assert len(column) == len(array)
                assert column.nbytes <= layout.MAX_EXPANSION * forged.stat().st_size
                batch = file.read_block_arrow(0)
                batch.validate(full=True)
                assert batch.num_rows == len(array)
        except xdf.XdfError as error:
            problem = str(error)
        assert problem is None or "column 'x' of block 0" in problem
