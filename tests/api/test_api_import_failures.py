"""An import that fails, is killed or meets a full disk leaves nothing under the final name, or what was there."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rxcore import rx_import, rx_read_xdf
from rxcore.errors import SourceError
from rxcore.options import options
from rxcore.sources.read_ahead import read_ahead


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with options(reportProgress=0):
        yield


def failing_reader(good: int) -> pa.RecordBatchReader:
    schema = pa.schema([("x", pa.int64())])

    def batches() -> Iterator[pa.RecordBatch]:
        for _ in range(good):
            yield pa.record_batch({"x": np.arange(1000)})
        raise RuntimeError("the line went dead")

    return pa.RecordBatchReader.from_batches(schema, batches())


@pytest.mark.parametrize("append", ["none", "rows"])
def test_input_that_fails_half_way(append: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    with options(rowsPerBlock=1000), pytest.raises(RuntimeError, match=r"the line went dead"):
        rx_import(failing_reader(7), str(path), append=append)
    assert list(tmp_path.iterdir()) == []
    rx_import(pa.table({"x": [1, 2]}), str(path))
    with options(rowsPerBlock=1000), pytest.raises(RuntimeError, match=r"the line went dead"):
        rx_import(failing_reader(7), str(path), append=append, overwrite=True)
    assert rx_read_xdf(str(path))["x"].tolist() == [1, 2]
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.xdf"]


def test_text_that_fails_half_way(tmp_path: Path) -> None:
    text = tmp_path / "a.csv"
    text.write_text("n\n" + "1\n" * 400_000 + "one\n")
    with (
        options(rowsPerBlock=100_000),
        pytest.raises(SourceError, match=r"a.csv, line 400002, column 'n': 'one' is not"),
    ):
        rx_import(str(text), str(tmp_path / "a.xdf"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.csv"]


PROGRAM = """
import sys, time
import pyarrow as pa
import rxcore
rxcore.RxOptions.set_option("rowsPerBlock", 1000)
rxcore.RxOptions.set_option("reportProgress", 1)

def batches():
    for number in range(10_000):
        yield pa.record_batch({"x": list(range(1000))})
        time.sleep(0.01)

reader = pa.RecordBatchReader.from_batches(pa.schema([("x", pa.int64())]), batches())
rxcore.rx_import(reader, sys.argv[1], append=sys.argv[2], overwrite=True)
"""


@pytest.mark.parametrize(("append", "before"), [("none", False), ("none", True), ("rows", True)])
@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGINT])
def test_killed(append: str, before: bool, by: signal.Signals, tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    if before:
        rx_import(pa.table({"x": [1, 2, 3]}), str(path))
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, str(program), str(path), append],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as running:
        assert running.stdout is not None
        for _ in range(5):  # some blocks are written
            assert "Rows Read: 1000" in running.stdout.readline()
        running.send_signal(by)
        running.wait(timeout=60)
    assert running.returncode != 0
    if not before:
        assert not path.exists()
        return
    assert rx_read_xdf(str(path))["x"].tolist() == [1, 2, 3]
    rx_import(pa.table({"x": [4]}), str(path), append="rows")
    assert rx_read_xdf(str(path))["x"].tolist() == [1, 2, 3, 4]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits the size of files as Linux does")
@pytest.mark.parametrize("before", [False, True])
def test_full_disk(before: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    if before:
        rx_import(pa.table({"x": [1, 2, 3]}), str(path))
    rows = pa.table({"x": np.random.default_rng(1).integers(0, 2**60, 200_000)})
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(SourceError, match=r"rx_import: '.*a.xdf' could not be written, and no file was made"):
            rx_import(rows, str(path), overwrite=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert [entry.name for entry in tmp_path.iterdir()] == (["a.xdf"] if before else [])
    if before:
        assert rx_read_xdf(str(path))["x"].tolist() == [1, 2, 3]


def batches(n: int, made: list[int]) -> Iterator[pa.RecordBatch]:
    for number in range(n):
        made.append(number)
        yield pa.record_batch({"x": [number]})


@pytest.mark.parametrize("n_ahead", [1, 2])
def test_reading_ahead_is_bounded(n_ahead: int) -> None:
    made: list[int] = []
    reader = read_ahead(lambda: batches(20, made), n_ahead)
    for taken, (_, batch) in enumerate(reader):
        time.sleep(0.01)
        assert batch.column(0)[0].as_py() == taken
        assert len(made) <= taken + 1 + max(n_ahead, 2)
    assert len(made) == 20


def test_reading_ahead_stops_with_its_reader() -> None:
    before = threading.active_count()
    made: list[int] = []
    reader = read_ahead(lambda: batches(1000, made), 2)
    next(reader)
    reader.close()
    assert threading.active_count() == before
    assert len(made) < 10
