"""A commit slot of zeros beside a good one is damage. Found by fuzzing: a wiped sector hid the last commit."""

from __future__ import annotations

from pathlib import Path

import pytest
from container_cases import assert_same_table, mixed_batch, read_all, schema_of, write_file

import xdf
from xdf import format as layout

BATCHES = [mixed_batch(200, seed) for seed in range(4)]


def wipe(path: Path, *slots: int, sector: int = layout.COMMIT_SIZE) -> None:
    raw = bytearray(path.read_bytes())
    for slot in slots:
        offset = layout.SLOT_OFFSETS[slot]
        raw[offset : offset + sector] = bytes(sector)
    path.write_bytes(raw)


def slots_of(path: Path) -> list[bytes]:
    raw = path.read_bytes()
    return [raw[offset : offset + layout.COMMIT_SIZE] for offset in layout.SLOT_OFFSETS]


@pytest.fixture
def two(tmp_path: Path) -> Path:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    return path


@pytest.mark.parametrize("sector", [layout.COMMIT_SIZE, 512])
def test_a_wiped_slot_of_the_last_commit(two: Path, sector: int) -> None:
    wipe(two, 0, sector=sector)
    assert_same_table(read_all(two), *BATCHES[:2])
    assert [finding.part for finding in xdf.verify(two).findings] == ["slot"]


def test_a_wiped_slot_and_an_end_that_does_not_tell(two: Path) -> None:
    two.write_bytes(two.read_bytes() + b"what an interrupted append left")
    wipe(two, 0)
    with pytest.raises(xdf.XdfFormatError, match=r"a.xdf: a commit record in the header is damaged, and the end"):
        xdf.open(two)
    assert xdf.repair(two).action == "in place"
    assert_same_table(read_all(two), *BATCHES[:2])


def test_a_wiped_slot_of_the_older_commit_is_healed_by_the_next_writer(two: Path) -> None:
    wipe(two, 1)
    assert_same_table(read_all(two), *BATCHES[:2])
    with xdf.append(two) as writer:
        assert slots_of(two)[1] == layout.BLANK_RECORD
        assert xdf.verify(two).is_sound
        writer.write(BATCHES[2])
    assert_same_table(read_all(two), *BATCHES[:3])
    assert xdf.verify(two).findings == ()


def test_a_wiped_slot_of_the_only_commit(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    assert slots_of(path)[0] == layout.BLANK_RECORD
    wipe(path, 1)
    assert_same_table(read_all(path), BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    assert_same_table(read_all(path), *BATCHES[:2])
    assert xdf.verify(path).findings == ()


def test_both_slots_wiped_is_a_file_written_as_a_stream(two: Path) -> None:
    wipe(two, 0, 1)
    assert_same_table(read_all(two), *BATCHES[:2])
    with xdf.append(two) as writer:
        assert layout.unpack_commit(slots_of(two)[0]) is not None
        assert slots_of(two)[1] == layout.BLANK_RECORD
        writer.write(BATCHES[2])
    assert_same_table(read_all(two), *BATCHES[:3])
    assert xdf.verify(two).findings == ()


def test_repair_leaves_a_blank_record_in_the_place_of_the_older_commit(two: Path) -> None:
    wipe(two, 1)
    assert xdf.repair(two).action == "in place"
    assert slots_of(two)[1] == layout.BLANK_RECORD
    assert xdf.verify(two).findings == ()


def test_a_file_that_was_never_committed_says_so(tmp_path: Path) -> None:
    writer = xdf.create(tmp_path / "never.xdf", schema_of(BATCHES[0]))
    writer.write(BATCHES[0])
    (partial,) = tmp_path.iterdir()
    with pytest.raises(xdf.XdfFormatError, match="the file has no commit: it was cut short, or its writer never"):
        xdf.open(partial)
    writer.abort()
