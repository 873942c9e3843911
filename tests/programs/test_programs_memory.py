"""Memory is a promise that is measured: three times the rows, the same peak. `make memory` measures ten times."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("bench.data", reason="needs the repository: run from its root as `python -m pytest`")

import bench.data
import bench.memory

SIZES = (3_000_000, 9_000_000)


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(bench.data, "WORK", tmp_path)
    monkeypatch.setattr(bench.memory, "WORK", tmp_path)
    yield tmp_path
    for path in tmp_path.iterdir():
        path.unlink()  # half a gigabyte; pytest would keep three runs of it


@pytest.mark.slow
@pytest.mark.memory
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from the kernel's accounts")
@pytest.mark.usefixtures("work")
def test_peak_memory_of_every_step_does_not_grow_with_rows() -> None:
    bench.memory.peaks(bench.memory.SMALL)  # compiles what is not compiled yet
    few, many = (bench.memory.peaks(rows) for rows in SIZES)
    assert few.keys() == many.keys()
    grown = {step: (few[step], many[step]) for step in few if many[step] > few[step] * (1 + bench.memory.TOLERANCE)}
    assert not grown, f"MB at {SIZES[0]:,} and {SIZES[1]:,} rows: {grown}"
    large = {step: peak for step, peak in many.items() if peak > bench.memory.LIMIT_MB}
    assert not large, f"over {bench.memory.LIMIT_MB} MB: {large}"
