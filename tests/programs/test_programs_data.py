"""The benchmark's data: what is compared is only as good as the rows it is compared on."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest

pytest.importorskip("bench.data", reason="needs the repository: run from its root as `python -m pytest`")

import bench.data
import xdf
from rxcore.samples import WEEKDAYS


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench.data, "WORK", tmp_path)
    return tmp_path


def strings(table: pa.Table) -> pa.Table:
    columns = {name: table[name] for name in table.column_names}
    return pa.table({
        name: column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
        for name, column in columns.items()
    })  # fmt: skip


def test_the_forms_hold_the_same_rows(work: Path) -> None:
    parquet = strings(pyarrow.parquet.read_table(bench.data.bench_file(600_000, "parquet")))
    with xdf.open(bench.data.bench_file(600_000, "xdf")) as file:
        table = strings(file.to_arrow())
        assert file.rows_per_block == (500_000, 100_000)
        assert {name: len(file.schema.field(name).levels or ()) for name in bench.data.FACTORS} == bench.data.FACTORS
        assert file.schema.field("DayOfWeek").levels == WEEKDAYS
    options = pyarrow.csv.ConvertOptions(
        column_types=dict(zip(parquet.column_names, parquet.schema.types, strict=True))
    )
    text = pyarrow.csv.read_csv(bench.data.bench_file(600_000, "csv"), convert_options=options)
    assert parquet.num_rows == 600_000
    for name in parquet.column_names:
        assert table[name].equals(parquet[name]), name
        assert text[name].equals(parquet[name]), name
    assert sorted(path.suffix for path in work.iterdir()) == [".csv", ".parquet", ".xdf"]


@pytest.mark.usefixtures("work")
def test_a_longer_file_begins_with_a_shorter_one() -> None:
    short = pyarrow.parquet.read_table(bench.data.bench_file(1_000, "parquet"))
    long = pyarrow.parquet.read_table(bench.data.bench_file(3_000, "parquet"))
    assert strings(long.slice(0, 1_000)).equals(strings(short))


@pytest.mark.usefixtures("work")
def test_rows_are_spread_and_late_is_what_it_says() -> None:
    table = pyarrow.parquet.read_table(bench.data.bench_file(200_000, "parquet"))
    assert len(table["Dest"].unique()) > 95
    assert pc.count_distinct(table["ArrDelay"]).as_py() > 400
    late = pc.greater(table["ArrDelay"], 15)
    assert late.equals(table["Late"])
    assert 0.2 < pc.mean(late).as_py() < 0.3
    assert 0.02 < table["ArrDelay"].null_count / table.num_rows < 0.04
