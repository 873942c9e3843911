from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from container_cases import assert_same_table, mixed_batch, write_file

import xdf


@contextmanager
def counted_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[int, int]]]:
    """Every (offset, bytes) that is read meanwhile."""
    reads: list[tuple[int, int]] = []
    real = os.pread

    def pread(fd: int, length: int, offset: int) -> bytes:
        data = real(fd, length, offset)
        reads.append((offset, len(data)))
        return data

    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", pread)
        yield reads


def test_only_the_chunks_asked_for_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [mixed_batch(5000, seed) for seed in range(4)]
    path = write_file(tmp_path / "p.xdf", *batches)
    with xdf.open(path) as file:
        everything = {}
        for name in file.schema.names:
            with counted_reads(monkeypatch) as reads:
                file.read_block(2, [name])
            assert len(reads) == 1
            everything[name] = reads[0]
        with counted_reads(monkeypatch) as reads:
            assert list(file.read_block(2, ["noise", "small"])) == ["noise", "small"]
        assert reads == [everything["noise"], everything["small"]]
        with counted_reads(monkeypatch) as reads:
            file.read_block(2)
        assert sum(length for _, length in reads) < path.stat().st_size / 3


def test_opening_and_the_footer_read_no_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batches = [mixed_batch(20_000, seed) for seed in range(3)]
    path = write_file(tmp_path / "p.xdf", *batches)
    with counted_reads(monkeypatch) as reads, xdf.open(path) as file:
        file.statistics("noise")
        file.block_statistics(1, "noise")
        assert file.schema.field("weather").levels is not None
        assert file.block_nbytes(["noise"]) > 20_000 * 8
    assert sum(length for _, length in reads) < 20_000
    last_chunk = max(offset + length for offset, length in _chunks(path))
    assert all(offset < 4096 or offset >= last_chunk for offset, _ in reads)


def _chunks(path: Path) -> list[tuple[int, int]]:
    with xdf.open(path) as file:
        cells = file._index.cells
        return list(zip(cells["offset"].ravel().tolist(), cells["length"].ravel().tolist(), strict=True))


def test_block_nbytes_covers_the_largest_block(tmp_path: Path) -> None:
    path = write_file(tmp_path / "p.xdf", mixed_batch(100), mixed_batch(9000), mixed_batch(50))
    with xdf.open(path) as file:
        for columns in (["noise"], ["text", "year"], None):
            held = max(sum(c.nbytes for c in file.read_block(n, columns).values()) for n in range(3))
            assert held <= file.block_nbytes(columns) < 3 * held + 20_000


def test_columns_come_in_the_order_asked_for(tmp_path: Path) -> None:
    path = write_file(tmp_path / "p.xdf", mixed_batch(20))
    with xdf.open(path) as file:
        assert file.read_block_arrow(0, ["when", "small"]).schema.names == ["when", "small"]
        assert file.to_arrow(["text"]).column_names == ["text"]
        assert file.read_block(0, []) == {}


def test_a_column_that_is_not_there(tmp_path: Path) -> None:
    path = write_file(tmp_path / "income.xdf", mixed_batch(5))
    with xdf.open(path) as file:
        with pytest.raises(xdf.XdfColumnError, match=r"income.xdf: column 'yaer' is not there. Closest: 'year'"):
            file.read_block(0, ["small", "yaer"])
        with pytest.raises(xdf.XdfColumnError, match="column 'x' is not there"):
            file.statistics("x")
        with pytest.raises(TypeError, match=r"write \['small'\]"):
            file.read_block(0, "small")


def test_a_block_that_is_not_there_and_a_closed_file(tmp_path: Path) -> None:
    path = write_file(tmp_path / "p.xdf", mixed_batch(5))
    file = xdf.open(path)
    for number in (-1, 1):
        with pytest.raises(xdf.XdfError, match=rf"block {number} is not there; the file has 1 blocks, counted from 0"):
            file.read_block(number)
    file.close()
    file.close()
    with pytest.raises(xdf.XdfError, match="the file was closed; open it again"):
        file.read_block(0)


def test_many_threads_read_one_file(tmp_path: Path) -> None:
    batches = [mixed_batch(3000, seed) for seed in range(8)]
    path = write_file(tmp_path / "p.xdf", *batches)
    barrier = threading.Barrier(4)
    with xdf.open(path) as file, ThreadPoolExecutor(4) as pool:

        def scan(_: int) -> tuple[float, int]:
            barrier.wait()
            columns = [file.read_block(number, ["noise", "weather"]) for number in range(8)]
            total = float(np.sum([column["noise"].values.sum() for column in columns]))
            return total, id(columns[0]["weather"].levels)

        assert len(set(pool.map(scan, range(4)))) == 1
        for number, batch in enumerate(pool.map(file.read_block_arrow, range(8))):
            assert_same_table(pa.Table.from_batches([batch]), batches[number])


def test_reads_that_return_less_than_asked_for_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = mixed_batch(2000)
    path = write_file(tmp_path / "p.xdf", batch)
    real = os.pread
    monkeypatch.setattr(os, "pread", lambda fd, length, offset: real(fd, min(length, 1000), offset))
    with xdf.open(path) as file:
        assert_same_table(file.to_arrow(), batch)


def test_wide_and_long_files_open_fast(tmp_path: Path) -> None:
    names = [f"column {number}" for number in range(2000)]
    batch = pa.RecordBatch.from_arrays([pa.array([number, None]) for number in range(2000)], names=names)
    path = write_file(tmp_path / "wide.xdf", batch)
    with xdf.open(path) as file:
        assert file.schema.names == tuple(names)
        assert file.read_block(0, names[-1:])["column 1999"].base == 1999
        assert file.schema.field("column 7").low == 7.0


def test_reading_for_kernels_imports_no_pandas(tmp_path: Path) -> None:
    path = write_file(tmp_path / "p.xdf", mixed_batch(100))
    program = (
        "import sys, xdf\n"
        "with xdf.open(sys.argv[1]) as file:\n"
        "    file.schema, file.read_block(0), file.statistics('noise'), file.block_nbytes()\n"
        "sys.exit(', '.join({'pandas', 'numba', 'rxcore'} & set(sys.modules)) or 0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(xdf.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", program, str(path)], check=True, env=environment, timeout=60)
