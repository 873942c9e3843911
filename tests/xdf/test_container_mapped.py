"""Files of compression level 0: columns are views of the mapped file."""

from __future__ import annotations

import gc
import mmap
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import assert_same_table, mixed_batch, schema_of, write_file

import xdf
from xdf.codecs import decode_frame

pytestmark = pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not tell its maps")
BATCHES = [mixed_batch(3000, seed) for seed in range(3)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_file(tmp_path / "plain.xdf", *BATCHES, compression_level=0)


def is_mapped(address: int, path: Path) -> bool:
    """Whether the address lies in a map of that file, as the system tells."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        span, *_, name = line.split(maxsplit=5)
        first, last = (int(number, 16) for number in span.split("-"))
        if first <= address < last:
            return name == str(path)
    return False


def address_of(values: np.ndarray) -> int:
    return int(values.__array_interface__["data"][0])


def test_numbers_are_views_of_the_map(path: Path) -> None:
    with xdf.open(path) as file:
        for block in range(3):
            for name, column in file.read_block(block).items():
                again = file.read_block(block, [name])[name]
                if column.other is None:
                    assert is_mapped(address_of(column.values), path)
                    assert np.shares_memory(column.values, again.values)
                    assert address_of(column.values) % column.values.itemsize == 0
                    assert not column.values.flags.writeable
                    assert column.validity is None or is_mapped(address_of(column.validity), path)
                else:
                    assert is_mapped(column.other.buffers()[2].address, path)


def test_arrow_columns_of_the_logical_type_are_views_too(path: Path) -> None:
    with xdf.open(path) as file:
        batch = file.read_block_arrow(1)
    for name in ("noise", "text"):
        assert is_mapped(batch.column(name).buffers()[-1].address, path)
    assert_same_table(pa.Table.from_batches([batch]), BATCHES[1])


def test_columns_outlive_the_file(path: Path) -> None:
    with xdf.open(path) as file:
        column = file.read_block(2)["noise"]
    del file
    gc.collect()
    path.unlink()
    assert np.array_equal(column.values, BATCHES[2].column("noise").to_numpy())
    with pytest.raises(ValueError, match="read-only"):
        column.values[0] = 1.0


def test_a_file_that_is_replaced_keeps_what_was_opened(path: Path) -> None:
    with xdf.open(path) as file:
        early = file.read_block(0)["noise"]
        write_file(path, mixed_batch(10, 9), compression_level=0, overwrite=True)
        assert_same_table(file.to_arrow(), *BATCHES)
        assert np.array_equal(early.values, BATCHES[0].column("noise").to_numpy())
    with xdf.open(path) as file:
        assert file.n_rows == 10


def test_appending_leaves_the_snapshot_alone(path: Path) -> None:
    with xdf.open(path) as file:
        early = file.read_block(0)["noise"]
        with xdf.append(path) as writer:
            writer.write(BATCHES[0])
        assert_same_table(file.to_arrow(), *BATCHES)
        assert np.array_equal(early.values, BATCHES[0].column("noise").to_numpy())
    with xdf.open(path) as file:
        assert_same_table(file.to_arrow(), *BATCHES, BATCHES[0])


def test_the_checksum_is_computed_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []

    def crc32(data: pa.Buffer) -> int:
        computed.append(len(data))
        return zlib.crc32(data)

    monkeypatch.setattr("xdf.mapping.zlib", type("Counted", (), {"crc32": staticmethod(crc32)}))
    with xdf.open(path) as file:
        for _ in range(3):
            file.read_block(0, ["noise"])
        assert len(computed) == 1
        file.read_block(1, ["noise"])
        assert len(computed) == 2
    with xdf.open(path) as file:
        file.read_block(0, ["noise"])
    assert len(computed) == 3


def test_damage_is_noticed_each_time(path: Path) -> None:
    with xdf.open(path) as file:
        entry = file._index.entry(1, file.schema.names.index("noise"))
    raw = bytearray(path.read_bytes())
    raw[entry.offset + entry.length // 2] ^= 4
    path.write_bytes(raw)
    with xdf.open(path) as file:
        file.read_block(0)
        for _ in range(2):
            with pytest.raises(xdf.XdfChecksumError, match=r"plain.xdf: column 'noise' of block 1 \(bytes"):
                file.read_block(1)
        file.read_block(1, ["small"])


def test_a_file_that_is_cut_short_while_it_is_open(path: Path) -> None:
    for first_reads in (False, True):
        content = path.read_bytes()
        with xdf.open(path) as file:
            if first_reads:
                file.read_block(0)
            os.truncate(path, 5000)
            with pytest.raises(xdf.XdfFormatError, match=r"column .* the file was cut short while it was open"):
                file.read_block(2)
        path.write_bytes(content)


def test_a_file_system_that_cannot_map(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> mmap.mmap:
        raise OSError(19, "No such device")

    monkeypatch.setattr("xdf.mapping.mmap.mmap", refuse)
    with xdf.open(path) as file:
        assert_same_table(file.to_arrow(), *BATCHES)


def test_a_closed_file_is_not_read(path: Path) -> None:
    file = xdf.open(path)
    file.read_block(0)
    file.close()
    with pytest.raises(xdf.XdfError, match=r"plain.xdf: the file was closed; open it again"):
        file.read_block(0)


def test_many_threads_share_one_map(path: Path) -> None:
    with xdf.open(path) as file, ThreadPoolExecutor(8) as pool:
        columns = list(pool.map(lambda number: file.read_block(number % 3)["noise"].values, range(60)))
        for number, values in enumerate(columns):
            assert np.shares_memory(values, columns[number % 3])


def test_compressed_blocks_of_the_same_file(path: Path) -> None:
    with xdf.append(path, compression_level=1) as writer:
        writer.write(BATCHES[0])
    with xdf.open(path) as file:
        assert is_mapped(address_of(file.read_block(0)["noise"].values), path)
        assert not is_mapped(address_of(file.read_block(3)["noise"].values), path)
        assert_same_table(file.to_arrow(), *BATCHES, BATCHES[0])


def test_a_compressed_file_is_not_mapped(tmp_path: Path) -> None:
    path = write_file(tmp_path / "z.xdf", *BATCHES)
    with xdf.open(path) as file:
        file.to_arrow()
        assert str(path) not in Path("/proc/self/maps").read_text()


def test_plain_bytes_are_the_message_itself(path: Path) -> None:
    with xdf.open(path) as file:
        entry = file._index.entry(0, file.schema.names.index("noise"))
    raw = path.read_bytes()[entry.offset : entry.offset + entry.length]
    content = decode_frame(raw, entry.codec, entry.decoded_length, entry.checksum)
    batch = pa.ipc.read_record_batch(pa.ipc.read_message(content), pa.schema([("", pa.float64())]))
    assert batch.column(0).equals(BATCHES[0].column("noise"))
    assert entry.offset % 64 == 0


def test_nothing_is_mapped_for_a_file_without_rows(tmp_path: Path) -> None:
    batch = BATCHES[0].slice(0, 0)
    path = tmp_path / "empty.xdf"
    with xdf.create(path, schema_of(batch), compression_level=0) as writer:
        writer.write(batch)
    with xdf.open(path) as file:
        assert file.to_arrow().num_rows == 0
        assert len(file.read_block(0)["noise"].values) == 0
