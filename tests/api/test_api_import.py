"""rx_import: from anything, to .xdf and to a frame."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.orc
import pyarrow.parquet
import pytest

import xdf
from rxcore import RxParquetData, RxTextData, RxXdfData, rx_import, rx_read_xdf
from rxcore.errors import (
    ArgumentNameError,
    ColumnNotFoundError,
    DataWarning,
    MemoryBudgetError,
    OptionError,
    OutputExistsError,
    SourceError,
)
from rxcore.options import options

ROWS = 700


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with options(reportProgress=0, rowsPerBlock=300):
        yield


def table() -> pa.Table:
    rng = np.random.default_rng(3)
    lost = rng.random(ROWS) < 0.1
    return pa.table(
        {
            "delay": pa.array(rng.integers(-50, 500, ROWS), mask=lost),
            "hour": rng.integers(0, 24, ROWS) + 0.5,
            "day": pa.array(np.array(["Tue", "Mon", "Sun"])[rng.integers(0, 3, ROWS)], mask=rng.random(ROWS) < 0.05),
            "late": pa.array(rng.random(ROWS) < 0.5, mask=lost),
            "date": pa.array([datetime.date(2013, 1, 1 + i % 28) for i in range(ROWS)]),
        }
    )


def _written(write: Callable[[pa.Table, Path], Any], name: str) -> Callable[[Path], Any]:
    def make(folder: Path) -> Any:
        write(table(), folder / name)
        return str(folder / name)

    return make


INPUTS: dict[str, Callable[[Path], Any]] = {
    "csv": _written(pyarrow.csv.write_csv, "rows.csv"),
    "parquet": _written(lambda rows, path: pyarrow.parquet.write_table(rows, path, row_group_size=300), "rows.parquet"),
    "orc": _written(pyarrow.orc.write_table, "rows.orc"),
    "table": lambda folder: table(),
    "pandas": lambda folder: table().to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get, date_as_object=False),
    "polars": lambda folder: pl.from_arrow(table()),
    "reader": lambda folder: table().to_reader(111),
}


def logical(path: str) -> dict[str, list[Any]]:
    """What is in a file, whatever its types: dates as dates, factors as their levels."""
    with xdf.open(path) as file:
        rows = file.to_arrow()
    found = {}
    for name in rows.column_names:
        column = rows.column(name)
        found[name] = column.cast(pa.date32()).to_pylist() if name == "date" else column.to_pylist()
    return found


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_gives_the_same_file(name: str, tmp_path: Path) -> None:
    made = rx_import(INPUTS[name](tmp_path), str(tmp_path / "a.xdf"), strings_as_factors=True)
    assert isinstance(made, RxXdfData)
    with xdf.open(made.file) as file:
        assert file.rows_per_block == (300, 300, 100)
        first_seen = list(dict.fromkeys(value for value in table().column("day").to_pylist() if value is not None))
        assert list(file.schema.field("day").levels or ()) == first_seen
    assert logical(made.file) == table().to_pydict()


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_gives_the_same_frame(name: str, tmp_path: Path) -> None:
    frame = rx_import(INPUTS[name](tmp_path))
    assert isinstance(frame, pd.DataFrame)
    expected = table().to_pydict()
    for key in ("delay", "hour", "day", "late"):
        assert [
            None if value is None or value is pd.NA or value != value else value for value in frame[key]
        ] == expected[key]
    assert pd.to_datetime(frame["date"]).dt.date.tolist() == expected["date"]


def test_types_of_a_frame(tmp_path: Path) -> None:
    frame = rx_import(table(), column_info={"day": {"type": "factor", "levels": ["Mon", "Tue", "Wed"]}})
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        "delay": "Int64", "hour": "float64", "day": "category", "late": "boolean", "date": str(frame["date"].dtype),
    }  # fmt: skip
    assert frame["day"].cat.categories.tolist() == ["Mon", "Tue", "Wed"]
    assert frame["date"].dtype.kind == "M"
    assert str(rx_import(pa.table({"x": [1, 2]}))["x"].dtype) == "int64"
    with options(missingIntegers="sentinel"):
        sentinel = rx_import(table())["delay"]
    assert sentinel.dtype == np.int32
    assert (sentinel == -2147483648).sum() == table().column("delay").null_count


def test_levels_of_open_factors_in_a_frame() -> None:
    rows = pa.table({"x": ["b", None, "a", "b", "c", "a"]})
    with options(rowsPerBlock=2):
        found = rx_import(rows, strings_as_factors=True)["x"]
    assert found.cat.categories.tolist() == ["b", "a", "c"]
    assert [None if pd.isna(value) else value for value in found] == ["b", None, "a", "b", "c", "a"]


def test_columns_are_chosen(tmp_path: Path) -> None:
    path = str(tmp_path / "a.xdf")
    assert rx_import(table(), path, vars_to_keep=["late", "delay"]).columns == ["delay", "late"]
    assert rx_import(path, vars_to_drop=["late"]).columns.tolist() == ["delay"]
    with pytest.raises(OptionError, match=r"rx_import: vars_to_keep and vars_to_drop exclude each other"):
        rx_import(table(), vars_to_keep=["late"], vars_to_drop=["late"])
    with pytest.raises(
        ColumnNotFoundError, match=r"rx_import: vars_to_keep: column 'lates' is not in table. Closest: 'late'"
    ):
        rx_import(table(), vars_to_keep=["lates"])
    with pytest.raises(OptionError, match=r"vars_to_keep must be a list of column names; got 'late'"):
        rx_import(table(), vars_to_keep="late")


def test_columns_are_chosen_by_old_and_new_names(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pyarrow.csv.write_csv(table(), path)
    info = {"delay": {"newName": "arr_delay"}, "late": {"newName": "is_late"}}
    for data in (table(), str(path)):
        for more in ({}, {"transforms": {"twice": "hour * 2"}}):
            frame = rx_import(data, column_info=info, vars_to_keep=["delay", "is_late"], **more)
            assert frame.columns.tolist() == ["arr_delay", "is_late", *more.get("transforms", {})]


def test_rows_are_limited_and_recut(tmp_path: Path) -> None:
    path, other = str(tmp_path / "a.xdf"), str(tmp_path / "b.xdf")
    rx_import(table(), path, number_rows=650)
    rx_import(path, other, rows_per_read=200)
    with xdf.open(other) as file:
        assert file.rows_per_block == (200, 200, 200, 50)
    rx_import(table(), other, rows_per_read=500, overwrite=True, number_rows=-1)
    with xdf.open(other) as file:
        assert file.rows_per_block == (500, 200)
    assert len(rx_import(table(), number_rows=0)) == 0
    with pytest.raises(OptionError, match=r"number_rows must be a whole number, -1 for all; got -2"):
        rx_import(table(), number_rows=-2)
    with pytest.raises(OptionError, match=r"rows of a block must be a whole number of at least 1; got 0"):
        rx_import(table(), rows_per_read=0)


def test_rows_beyond_the_limit_bring_no_levels(tmp_path: Path) -> None:
    rows = pa.table({"x": ["b", "a", "z", "y"]})
    made = rx_import(rows, str(tmp_path / "a.xdf"), strings_as_factors=True, number_rows=2)
    with xdf.open(made.file) as file:
        assert file.schema.field("x").levels == ("b", "a")


def test_frames_are_kept_small(tmp_path: Path) -> None:
    with pytest.warns(DataWarning, match=r"rx_import: only the first 100 rows of 5 columns are returned"):
        assert len(rx_import(table(), max_rows_by_columns=500)) == 100
    with pytest.warns(DataWarning, match=r"only the first 100 rows"):
        assert len(rx_import(table().to_reader(), max_rows_by_cols=500)) == 100
    assert len(rx_import(table(), max_rows_by_columns=500, number_rows=100)) == 100
    assert len(rx_import(table(), max_rows_by_columns=-1)) == ROWS
    with pytest.raises(OptionError, match=r"max_rows_by_columns must be a whole number"):
        rx_import(table(), max_rows_by_columns=-5)


def test_column_info_reaches_the_file(tmp_path: Path) -> None:
    info = {
        "day": {"type": "factor", "levels": ["Mon", "Tue"], "newLevels": ["M", "T"], "description": "Day"},
        "delay": {"newName": "arr_delay", "low": -100, "high": 1000, "type": "integer"},
        "hour": {"description": "Hour of departure"},
    }
    made = rx_import(table(), str(tmp_path / "a.xdf"), column_info=info, column_classes={"hour": "float32"})
    with xdf.open(made.file) as file:
        fields = {field.name: field for field in file.schema}
    assert (fields["day"].levels, fields["day"].description) == (("M", "T"), "Day")
    assert (fields["arr_delay"].low, fields["arr_delay"].high, str(fields["arr_delay"].type)) == (-100, 1000, "int32")
    assert (str(fields["hour"].type), fields["hour"].description) == ("float", "Hour of departure")
    assert (fields["hour"].low, fields["hour"].high) == (0.5, 23.5)


def test_ranges_of_a_part_are_those_of_the_part(tmp_path: Path) -> None:
    whole, part = str(tmp_path / "whole.xdf"), str(tmp_path / "part.xdf")
    rx_import(pa.table({"x": [5, 1, 9], "y": [1, 2, 3]}), whole, column_info={"y": {"low": -10, "high": 10}})
    rx_import(whole, part, number_rows=2, column_info={"x": {"newName": "z"}})
    with xdf.open(part) as file:
        assert (file.schema.field("z").low, file.schema.field("z").high) == (1, 5)
        assert (file.schema.field("y").low, file.schema.field("y").high) == (-10, 10)


def test_arguments_win_over_the_data_source(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a;b;c\n1;x;M\n2;y;3\n")
    data = RxTextData(str(path), column_classes={"a": "numeric"}, strings_as_factors=True)
    frame = rx_import(data, column_classes={"a": "character"}, strings_as_factors=False, missing_value_string="M")
    assert [str(kind) for kind in frame.dtypes] == ["str" if pd.__version__ >= "3" else "object"] * 2 + ["Int64"]
    frame = rx_import(str(path), missing_value_string="M", delimiter=";", column_info={"b": {"type": "factor"}})
    assert frame["b"].dtype == "category"
    with pytest.raises(OptionError, match=r"rx_import: delimiter is for delimited text; the input is Table"):
        rx_import(table(), delimiter=";")


def test_files_of_any_suffix_are_text_when_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.data"
    path.write_text("a,b\n1,2\n")
    assert rx_import(str(path), type="text").shape == (1, 2)
    with pytest.raises(SourceError, match=r"the suffix does not say what the file is"):
        rx_import(str(path))
    with pytest.raises(OptionError, match=r"type='fixed' is not available in this version"):
        rx_import(str(path), type="fixed")
    with pytest.raises(OptionError, match=r"type is 'csv'; allowed: 'auto', 'textFast', 'text'"):
        rx_import(str(path), type="csv")


def test_transforms_and_selection(tmp_path: Path) -> None:
    made = rx_import(
        table(),
        str(tmp_path / "a.xdf"),
        vars_to_keep=["delay"],
        transforms={"very_late": "delay > 100"},
        row_selection="hour > 12",
        strings_as_factors=True,
    )
    assert made.columns == ["delay", "very_late"]
    rows = [row for row in table().to_pylist() if row["hour"] > 12]
    assert logical(made.file)["very_late"] == [None if row["delay"] is None else row["delay"] > 100 for row in rows]
    with xdf.open(made.file) as file:
        assert file.schema.field("delay").high == max(row["delay"] for row in rows if row["delay"] is not None)


def test_factors_survive_transforms(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    pyarrow.csv.write_csv(table(), path)
    made = rx_import(str(path), str(tmp_path / "a.xdf"), strings_as_factors=True, transforms={"double": "hour * 2"})
    with xdf.open(made.file) as file:
        assert file.schema.field("day").is_factor
        assert file.schema.names[-1] == "double"


def test_output_exists(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    rx_import(table(), str(path))
    before = path.read_bytes()
    with pytest.raises(OutputExistsError, match=r"a.xdf' exists; pass overwrite=True to replace it, or append='rows'"):
        rx_import(table(), str(path))
    assert path.read_bytes() == before
    rx_import(table(), RxXdfData(str(path)), overwrite=True, number_rows=3)
    assert len(RxXdfData(str(path))) == 3
    assert len(rx_import(str(path), str(path), overwrite=True)) == 3  # onto itself


def test_outputs_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"output_file must be an .xdf file"):
        rx_import(table(), str(tmp_path / "a.csv"))
    with pytest.raises(SourceError, match=r"nowhere/a.xdf' could not be written, and no file was made"):
        rx_import(table(), str(tmp_path / "nowhere" / "a.xdf"))
    with pytest.raises(OptionError, match=r"output_file must be an .xdf file"):
        rx_import(table(), str(tmp_path / "a"), create_composite_set=False)
    with pytest.raises(SourceError, match=r"column 'x' has type list<"):
        rx_import(pa.table({"x": [[1]]}), str(tmp_path / "a.xdf"))
    with pytest.raises(SourceError, match=r"compression_level must be a whole number from -1 to 9; got 12"):
        rx_import(table(), str(tmp_path / "a.xdf"), xdf_compression_level=12)
    with options(memoryBudget=1000), pytest.raises(MemoryBudgetError, match=r"give a smaller rows_per_read"):
        rx_import(table(), str(tmp_path / "a.xdf"))
    assert list(tmp_path.iterdir()) == []


def test_relative_outputs_go_to_the_option_s_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    with options(outDataPath=["nowhere", "out"]):
        made = rx_import(table(), "a.xdf")
    assert (tmp_path / "out" / "a.xdf").is_file()
    assert len(made) == ROWS


def test_compression_levels(tmp_path: Path) -> None:
    sizes = []
    for level in (0, 9):
        made = rx_import(table(), str(tmp_path / f"{level}.xdf"), xdf_compression_level=level)
        with xdf.open(made.file) as file:
            assert file.compression_level == level
            sizes.append(file.size_on_disk)
    assert sizes[0] > sizes[1]


def test_other_spellings_and_misspellings(tmp_path: Path) -> None:
    made = rx_import(in_data=table(), out_file=str(tmp_path / "a.xdf"), num_rows=5, col_classes={"hour": "float32"})
    assert len(made) == 5
    with pytest.raises(ArgumentNameError, match=r"rx_import: there is no argument 'overwrit'. Closest: 'overwrite'"):
        rx_import(table(), overwrit=True)
    with pytest.raises(OptionError, match=r"input_data is missing"):
        rx_import(output_file=str(tmp_path / "b.xdf"))
    with pytest.raises(OptionError, match=r"append is 'cols'; allowed are 'none' and 'rows'"):
        rx_import(table(), str(tmp_path / "b.xdf"), append="cols")
    with pytest.raises(OptionError, match=r"report_progress is 7; allowed are 0, 1, 2, 3"):
        rx_import(table(), report_progress=7)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_progress(level: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rx_import(table(), str(tmp_path / "a.xdf"), report_progress=level)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == (0, 3, 4, 4)[level]
    if level:
        assert lines[1].startswith("Rows Read: 300, Total Rows Processed: 600")
    if level >= 2:
        assert "Total Chunk Time: " in lines[1]
        assert lines[-1].startswith("Computation time: ")
    assert ("(read " in lines[0]) if level == 3 else True


def test_the_same_rows_of_row_groups_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pyarrow.parquet.write_table(table(), path, row_group_size=7)
    made = rx_import(RxParquetData(str(path)), str(tmp_path / "a.xdf"), rows_per_read=400)
    with xdf.open(made.file) as file:
        assert file.rows_per_block == (400, 300)
    pd.testing.assert_frame_equal(rx_read_xdf(made), rx_import(table()))


def test_frames_with_names_and_empty_ones(tmp_path: Path) -> None:
    empty = rx_import(table().slice(0, 0), str(tmp_path / "a.xdf"))
    assert empty.shape == (0, 5)
    assert rx_import(empty).shape == (0, 5)
    assert bool(empty)
