from __future__ import annotations

import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import assert_same, assert_same_table, mixed_batch, schema_of, write_file

import xdf
from xdf import format as layout
from xdf.index import BlockIndex, check_index
from xdf.snapshot import load_snapshot

BATCHES = [mixed_batch(150, seed) for seed in range(3)]


@pytest.fixture(scope="module", params=[1, 0], ids=["compressed", "plain"])
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file of two commits, made once."""
    path = tmp_path_factory.mktemp("whole") / "w.xdf"
    write_file(path, *BATCHES[:2], compression_level=request.param)
    with xdf.append(path) as writer:
        writer.write(BATCHES[2])
        writer.set_field("small", description="labelled", value_codes=(1.0,), value_labels=("one",))
    return path.read_bytes()


def read_or_refuse(path: Path) -> bool:
    """Whether the file could be read, in which case it holds the right data."""
    problem = None
    try:
        with xdf.open(path) as file:
            table = file.to_arrow()
            schema = file.schema
            narrow = [file.read_block(number) for number in range(file.n_blocks)]
            statistics = file.statistics("noise")
    except xdf.XdfError as error:
        problem = str(error)
    if problem is not None:
        assert str(path) in problem
        return False
    assert_same_table(table, *BATCHES)
    assert schema.field("small").description == "labelled"
    assert len(narrow) == 3
    assert statistics.n_valid == 450
    return True


def test_every_truncation_is_noticed(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "cut.xdf"
    chance = random.Random(1)
    lengths = {0, 1, 7, 8, 23, 24, 4095, 4096, len(whole) - 1, len(whole) - layout.COMMIT_SIZE}
    lengths |= {chance.randrange(len(whole)) for _ in range(200)}
    for length in sorted(lengths):
        path.write_bytes(whole[:length])
        assert not read_or_refuse(path), length


def test_flipped_bits_give_right_data_or_an_error(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "flip.xdf"
    chance = random.Random(2)
    refused = 0
    for _ in range(400):
        raw = bytearray(whole)
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
        path.write_bytes(raw)
        refused += not read_or_refuse(path)
    assert refused > 100


def test_every_bit_of_the_header_that_is_in_use(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "flip.xdf"
    places = [*range(layout.PREFIX_SIZE)]
    for offset in layout.SLOT_OFFSETS:
        places += range(offset, offset + layout.COMMIT_SIZE)
    for place in places:
        raw = bytearray(whole)
        raw[place] ^= 1 << (place % 8)
        path.write_bytes(raw)
        # The copy at the end of the file stands in for a slot; nothing stands in for the prefix.
        assert read_or_refuse(path) == (place >= layout.PREFIX_SIZE)


def test_blocks_of_zeros_and_of_noise(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "hole.xdf"
    chance = random.Random(3)
    for number in range(60):
        raw = bytearray(whole)
        start = chance.randrange(layout.HEADER_SIZE, len(raw))
        length = min(chance.choice([16, 512, 4096]), len(raw) - start)
        raw[start : start + length] = bytes(length) if number % 2 else chance.randbytes(length)
        path.write_bytes(raw)
        read_or_refuse(path)


def test_a_damaged_chunk_is_named_and_the_others_stay_readable(tmp_path: Path) -> None:
    path = write_file(tmp_path / "d.xdf", *BATCHES)
    with xdf.open(path) as file:
        entry = file._index.entry(1, file.schema.names.index("noise"))
    raw = bytearray(path.read_bytes())
    raw[entry.offset + entry.length // 2] ^= 16
    path.write_bytes(raw)
    with xdf.open(path) as file:
        with pytest.raises(xdf.XdfChecksumError, match=r"d.xdf: column 'noise' of block 1 \(bytes [\d,]+ to [\d,]+\)"):
            file.read_block(1)
        assert_same(file.read_block_arrow(1, ["single"]).column("single"), BATCHES[1].column("single"))
        assert_same_table(pa.Table.from_batches([file.read_block_arrow(0)]), BATCHES[0])


def test_two_chunks_exchanged_are_noticed(tmp_path: Path) -> None:
    batch = pa.record_batch({"a": np.arange(100.0) + 0.1, "b": np.arange(100.0) + 0.7})
    path = write_file(tmp_path / "d.xdf", batch, compression_level=0)
    with xdf.open(path) as file:
        first, second = file._index.entry(0, 0), file._index.entry(0, 1)
    assert first.length == second.length
    raw = bytearray(path.read_bytes())
    content = bytes(raw)
    raw[first.offset : first.offset + first.length] = content[second.offset : second.offset + second.length]
    path.write_bytes(raw)
    with xdf.open(path) as file, pytest.raises(xdf.XdfChecksumError, match="column 'a' of block 0"):
        file.read_block(0)


def test_a_newer_version_is_refused_by_name(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "new.xdf"
    raw = bytearray(whole)
    struct.pack_into("<I", raw, 8, 7)
    path.write_bytes(raw)
    with pytest.raises(xdf.XdfVersionError, match=r"new.xdf: written in format version 7, .* up to 1; install a newer"):
        xdf.open(path)


def test_an_unknown_feature_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("xdf.creation.pack_header", lambda: layout.pack_header(features=4))
        path = write_file(tmp_path / "new.xdf", BATCHES[0])
    with pytest.raises(xdf.XdfVersionError, match="needs features 0x4 that this reader does not have"):
        xdf.open(path)


def test_a_file_that_was_never_committed(tmp_path: Path) -> None:
    writer = xdf.create(tmp_path / "never.xdf", schema_of(BATCHES[0]))
    writer.write(BATCHES[0])
    (partial,) = tmp_path.iterdir()
    with pytest.raises(xdf.XdfFormatError, match="the file has no commit: it was cut short, or its writer never"):
        xdf.open(partial)
    writer.abort()


def test_a_truncated_file_says_by_how_much(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "cut.xdf"
    path.write_bytes(whole[:6000])
    with pytest.raises(xdf.XdfFormatError, match=r"truncated: its last commit needs [\d,]+ bytes, 6,000 are there"):
        xdf.open(path)


LIES: dict[str, tuple[Callable[[dict[str, np.ndarray]], None], str]] = {
    "before the data": (lambda cells: cells["offset"].__setitem__((1, 2), 100), "bytes outside the file"),
    "behind the end": (lambda cells: cells["offset"].__setitem__((1, 2), 10**9), "bytes outside the file"),
    "too long": (lambda cells: cells["length"].__setitem__((1, 2), 2**62), "bytes outside the file"),
    "negative length": (lambda cells: cells["length"].__setitem__((1, 2), -(2**63)), "bytes outside the file"),
    "a bomb": (lambda cells: cells["decoded_length"].__setitem__((1, 2), 2**40), "a size that its rows do not"),
    "too little": (lambda cells: cells["decoded_length"].__setitem__((1, 2), 10), "a size that its rows do not"),
    "a string bomb": (lambda cells: cells["decoded_length"].__setitem__((1, 7), 2**50), "a size that its rows do not"),
    "other rows": (lambda cells: cells["n_valid"].__setitem__((1, 2), 3), "another number of rows"),
    "negative rows": (lambda cells: cells["n_missing"].__setitem__((1, 2), -3), "impossible counts"),
    "too many rows": (lambda cells: cells["n_valid"].__setitem__((1, 2), 2**40), "impossible counts"),
    "another type": (lambda cells: cells["physical"].__setitem__((1, 2), 20), "a stored type that does not fit"),
    "no type": (lambda cells: cells["physical"].__setitem__((1, 2), 200), "a stored type that does not fit"),
    "a new codec": (lambda cells: cells["codec"].__setitem__((1, 2), 9), "an encoding of a newer release"),
    "a new encoding": (lambda cells: cells["encoding"].__setitem__((1, 2), 9), "an encoding of a newer release"),
    "a base on text": (lambda cells: cells["base"].__setitem__((1, 7), 9), "a base it cannot have"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_index_that_lies_is_refused_before_anything_is_allocated(tmp_path: Path, lie: str) -> None:
    path = write_file(tmp_path / "i.xdf", *BATCHES)
    with path.open("rb") as stream:
        snapshot = load_snapshot(stream.fileno(), path)
    cells = {name: array.copy() for name, array in snapshot.index.cells.items()}
    change, message = LIES[lie]
    change(cells)
    index = BlockIndex(cells, cells["n_valid"][:, 0] + cells["n_missing"][:, 0])
    column = "text" if lie in ("a string bomb", "a base on text") else "whole"
    with pytest.raises(xdf.XdfFormatError, match=rf"column '{column}' of block 1 has {message}"):
        check_index(index, snapshot.footer.fields, snapshot.footer.n_rows, snapshot.commit.file_length)


def test_a_factor_code_outside_the_levels_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.xdf"
    with monkeypatch.context() as patch:
        patch.setattr("xdf.journal.Journal.add_levels", lambda self, field, levels: None)
        with xdf.create(path, xdf.Schema((xdf.factor_field("f", []),))) as writer:
            writer.write(pa.record_batch({"f": ["a", "b"]}))
    with xdf.open(path) as file, pytest.raises(xdf.XdfFormatError, match="a factor code lies outside the 0 levels"):
        file.read_block(0)
