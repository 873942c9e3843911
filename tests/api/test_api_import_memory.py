"""Peak memory of an import does not grow with the rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

PROGRAM = """
import json, sys
import rxcore
from rxcore.measure import peak_bytes
rxcore.RxOptions.set_option("reportProgress", 0)
data, rows = sys.argv[1], int(sys.argv[3])
rxcore.rx_import(data, sys.argv[2], strings_as_factors=True, number_rows=rows, overwrite=True)
print(json.dumps([len(rxcore.RxXdfData(sys.argv[2])), peak_bytes() / 1e6]))
"""


def write_text(path: Path, n_rows: int) -> None:
    rng = np.random.default_rng(0)
    days = np.array(["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"])
    writer = None
    for start in range(0, n_rows, 500_000):
        rows = min(500_000, n_rows - start)
        part = pa.table(
            {
                "delay": pa.array(rng.integers(-60, 900, rows), mask=rng.random(rows) < 0.03),
                "time": rng.random(rows).round(5),
                "day": days[rng.integers(0, 7, rows)],
                "origin": pa.array(rng.integers(100, 205, rows)).cast(pa.string()),
                "distance": rng.integers(50, 4000, rows),
                "year": np.full(rows, 2013),
            }
        )
        writer = pyarrow.csv.CSVWriter(path, part.schema) if writer is None else writer
        writer.write_table(part)
    assert writer is not None
    writer.close()


@pytest.mark.slow
@pytest.mark.memory
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="peaks are read from the kernel's accounts")
def test_peak_memory_is_flat_in_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    write_text(path, 3_000_000)
    peaks = {}
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    for rows in (1_500_000, 3_000_000):
        output = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(path), str(tmp_path / "a.xdf"), str(rows)],
            capture_output=True, text=True, check=True, env=environment,
        ).stdout  # fmt: skip
        found, peaks[rows] = json.loads(output)
        assert found == rows
    assert peaks[3_000_000] < 1.15 * peaks[1_500_000], peaks
    assert peaks[3_000_000] < 450, peaks
