from __future__ import annotations

import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest
from container_cases import assert_same_table, mixed_batch, read_all, schema_of, write_file

import xdf
from xdf import format as layout

BATCHES = [mixed_batch(200, seed) for seed in range(6)]


def test_appending_adds_blocks_and_overwrites_nothing(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    for number in (1, 2, 3):
        before = path.read_bytes()
        with xdf.append(path) as writer:
            writer.write(BATCHES[number])
        after = path.read_bytes()
        assert after[layout.HEADER_SIZE : len(before)] == before[layout.HEADER_SIZE :]
        changed = {offset for offset in range(layout.HEADER_SIZE) if before[offset] != after[offset]}
        slot = layout.SLOT_OFFSETS[(number + 1) % 2]
        assert changed <= set(range(slot, slot + layout.COMMIT_SIZE))
        assert_same_table(read_all(path), *BATCHES[: number + 1])


def test_readers_keep_their_snapshot(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    readers = [xdf.open(path)]
    with xdf.append(path) as writer:
        for batch in BATCHES[1:4]:
            writer.write(batch)
            assert xdf.open(path).n_blocks == len(readers)
            writer.commit()
            readers.append(xdf.open(path))
    for number, reader in enumerate(readers, start=1):
        assert reader.n_blocks == number
        assert_same_table(reader.to_arrow(), *BATCHES[:number])
        reader.close()


def test_a_reader_survives_replacement_by_name(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.open(path) as reader:
        write_file(path, BATCHES[1], overwrite=True)
        assert_same_table(reader.to_arrow(), BATCHES[0])
    assert_same_table(read_all(path), BATCHES[1])


def test_closing_without_a_change_writes_nothing(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    before = path.read_bytes()
    with xdf.append(path) as writer:
        writer.commit()
    writer.close()
    assert path.read_bytes() == before


def test_an_exception_takes_back_what_was_not_committed(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    size = path.stat().st_size

    def fail() -> None:
        with xdf.append(path) as writer:
            writer.write(BATCHES[1])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert path.stat().st_size == size
    assert_same_table(read_all(path), BATCHES[0])


def test_commits_before_an_exception_stay(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])

    def fail() -> None:
        with xdf.append(path) as writer:
            writer.write(BATCHES[1])
            writer.commit()
            writer.write(BATCHES[2])
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert_same_table(read_all(path), *BATCHES[:2])
    with xdf.append(path) as writer:
        writer.write(BATCHES[3])
    assert_same_table(read_all(path), BATCHES[0], BATCHES[1], BATCHES[3])


def test_a_second_writer_is_refused_at_once(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        with pytest.raises(xdf.XdfLockedError, match=r"a.xdf: another writer holds the file: process"):
            xdf.append(path)
        assert_same_table(read_all(path), BATCHES[0])
        writer.write(BATCHES[1])
    with xdf.append(path) as writer:
        writer.write(BATCHES[2])
    assert_same_table(read_all(path), *BATCHES[:3])


def test_the_lock_is_one_that_other_programs_see(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    fd = os.open(path, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_EX)
    with pytest.raises(xdf.XdfLockedError):
        xdf.append(path)
    os.close(fd)
    xdf.append(path).close()


def test_a_forgotten_writer_lets_go(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    writer = xdf.append(path)
    writer.write(BATCHES[1])
    del writer
    with xdf.append(path) as again:
        again.write(BATCHES[2])
    assert_same_table(read_all(path), BATCHES[0], BATCHES[2])
    writer = xdf.create(tmp_path / "new.xdf", schema_of(BATCHES[0]))
    del writer
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.xdf"]


def test_labels_are_edited_without_rewriting(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    size = path.stat().st_size
    with xdf.append(path) as writer:
        writer.set_field("small", description="a small number", low=-5, high=500.0)
        writer.set_field("year", value_codes=[1999.0], value_labels=["the year of the eclipse"])
    with xdf.open(path) as file:
        small, year = file.schema.field("small"), file.schema.field("year")
        assert_same_table(file.to_arrow(), BATCHES[0])
    assert (small.description, small.low, small.high) == ("a small number", -5.0, 500.0)
    assert (year.value_codes, year.value_labels) == ((1999.0,), ("the year of the eclipse",))
    assert path.stat().st_size - size < 4000
    with xdf.append(path) as writer:
        assert writer.schema.field("small").description == "a small number"
        writer.set_field("small", low=None)
    with xdf.open(path) as file:
        assert file.schema.field("small").low == 0.0


def test_what_cannot_be_edited(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        with pytest.raises(xdf.XdfSchemaError, match=r"column 'small': type cannot be changed; allowed: description"):
            writer.set_field("small", type=pa.int8())
        with pytest.raises(xdf.XdfColumnError, match=r"column 'smal' is not there. Closest: 'small'"):
            writer.set_field("smal", description="")
        with pytest.raises(xdf.XdfSchemaError, match="1 value codes but 0 value labels"):
            writer.set_field("small", value_codes=(1.0,))
        with pytest.raises(xdf.XdfSchemaError, match="column 'small': low is a number or None; got 'least'"):
            writer.set_field("small", low="least")
        with pytest.raises(xdf.XdfSchemaError, match="column 'small': high is a number or None; got nan"):
            writer.set_field("small", high=float("nan"))
        with pytest.raises(xdf.XdfSchemaError, match="column 'small': a value code is a number or a string; got None"):
            writer.set_field("small", value_codes=(None,), value_labels=("none",))
        with pytest.raises(xdf.XdfSchemaError, match="column 'small': 5 is not valid Unicode text"):
            writer.set_field("small", description=5)


def test_the_compression_level_is_that_of_the_file_unless_given(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0], compression_level=0)
    with xdf.append(path) as writer:
        assert writer.compression_level == 0
        writer.write(BATCHES[1])
    with xdf.append(path, compression_level=7) as writer:
        writer.write(BATCHES[2])
    with xdf.open(path) as file:
        assert file.compression_level == 7
        assert [file._index.entry(block, 0).codec for block in range(3)] == [0, 0, 1]
        assert_same_table(file.to_arrow(), *BATCHES[:3])


def test_plain_chunks_are_aligned_so_that_they_can_be_mapped(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", *BATCHES[:2], compression_level=0)
    with xdf.open(path) as file:
        assert not (file._index.cells["offset"] % layout.PLAIN_ALIGNMENT).any()


def test_many_small_appends_keep_the_footer_short(tmp_path: Path) -> None:
    batch = pa.record_batch({"x": [1, 2], "f": ["a", "b"]})
    schema = xdf.Schema((xdf.Field("x", pa.int64()), xdf.factor_field("f", [])))
    path = tmp_path / "a.xdf"
    with xdf.create(path, schema) as writer:
        for _ in range(100):
            writer.write(batch)
            writer.commit()
    with xdf.open(path) as file:
        assert file.n_blocks == 100
        assert len(file._footer.pages) < 10
        assert file.to_arrow().to_pydict() == {"x": [1, 2] * 100, "f": ["a", "b"] * 100}


def test_readers_never_fail_while_a_writer_appends(tmp_path: Path) -> None:
    batch = BATCHES[0]
    path = write_file(tmp_path / "a.xdf", batch)
    stop = threading.Event()

    def read(_: int) -> int:
        n_opened, last = 0, 0
        while not stop.is_set():
            with xdf.open(path) as file:
                assert file.n_blocks >= last
                last = file.n_blocks
                assert file.n_rows == 200 * last
                assert_same_table(pa.Table.from_batches([file.read_block_arrow(last - 1)]), batch)
            n_opened += 1
        return n_opened

    with ThreadPoolExecutor(2) as pool:
        readers = pool.map(read, range(2))
        try:
            for _ in range(60):
                with xdf.append(path) as writer:
                    writer.write(batch)
        finally:
            stop.set()
        assert min(readers) > 0


def slots_of(path: Path) -> tuple[bytearray, list[layout.Commit | None]]:
    raw = bytearray(path.read_bytes())
    return raw, [layout.unpack_commit(raw[o : o + layout.COMMIT_SIZE]) for o in layout.SLOT_OFFSETS]


def test_a_torn_slot_is_read_from_the_end_of_the_file_and_healed(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    raw, slots = slots_of(path)
    last = max(number for number, slot in enumerate(slots) if slot is not None and slot.sequence == 2)
    offset = layout.SLOT_OFFSETS[last]
    raw[offset + 20 : offset + layout.COMMIT_SIZE] = bytes(layout.COMMIT_SIZE - 20)
    path.write_bytes(raw)
    assert_same_table(read_all(path), *BATCHES[:2])
    with xdf.append(path) as writer:
        assert all(slots_of(path)[1])
        writer.write(BATCHES[2])
    assert_same_table(read_all(path), *BATCHES[:3])


def test_damage_to_the_older_slot_is_harmless_while_the_end_tells(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    raw, slots = slots_of(path)
    older = next(number for number, slot in enumerate(slots) if slot is not None and slot.sequence == 1)
    raw[layout.SLOT_OFFSETS[older] + 30] ^= 1
    path.write_bytes(raw)
    assert_same_table(read_all(path), *BATCHES[:2])


def test_a_damaged_slot_is_no_reason_to_show_fewer_rows(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    raw, slots = slots_of(path)
    newer = next(number for number, slot in enumerate(slots) if slot is not None and slot.sequence == 2)
    raw[layout.SLOT_OFFSETS[newer] + 30] ^= 1
    path.write_bytes(raw + b"what an interrupted append left")
    with pytest.raises(xdf.XdfFormatError, match=r"a.xdf: a commit record in the header is damaged, and the end"):
        xdf.open(path)


def test_a_file_written_as_a_stream_is_found_by_its_end(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    raw = bytearray(path.read_bytes())
    for offset in layout.SLOT_OFFSETS:
        raw[offset : offset + layout.COMMIT_SIZE] = bytes(layout.COMMIT_SIZE)
    path.write_bytes(raw)
    assert_same_table(read_all(path), BATCHES[0])
    with xdf.append(path) as writer:
        writer.write(BATCHES[1])
    assert_same_table(read_all(path), *BATCHES[:2])


def test_what_an_interrupted_append_left_is_cut_off(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a.xdf", BATCHES[0])
    size = path.stat().st_size
    with path.open("ab") as stream:
        stream.write(b"half a block" * 1000)
    assert_same_table(read_all(path), BATCHES[0])
    xdf.append(path).close()
    assert path.stat().st_size == size
