"""rx_get_info, rx_get_var_info, rx_get_var_names, rx_read_xdf: what they find and how it prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from rxcore import (
    RxParquetData,
    RxTextData,
    RxXdfData,
    rx_get_info,
    rx_get_var_info,
    rx_get_var_names,
    rx_import,
    rx_read_xdf,
)
from rxcore.errors import ArgumentNameError, ColumnNotFoundError, DataWarning, OptionError, SourceError
from rxcore.options import options


@pytest.fixture(autouse=True)
def _silent() -> Iterator[None]:
    with options(reportProgress=0):
        yield


def table() -> pa.Table:
    return pa.table(
        {
            "row": pa.array([3, None, 1, 2, 5], pa.int32()),
            "big": [1, 2, 3, 4, 2**40],
            "cost": pa.array([0.5, None, 11.25, 7.0, float("nan")], pa.float32()),
            "kind": pa.array(["b", "a", "b", None, "c"]).dictionary_encode(),
            "note": ["x", "y", None, "z", "x"],
            "late": [True, False, None, True, True],
            "day": pa.array([1, 2, 3, None, 5], pa.date32()),
        }
    )


@pytest.fixture
def path(tmp_path: Path) -> str:
    info = {"cost": {"description": "Cost of the claim"}, "kind": {"description": "Kind"}}
    made = rx_import(table(), str(tmp_path / "a.xdf"), column_info=info, rows_per_read=2)
    assert isinstance(made, RxXdfData)
    return made.file


def test_info_of_a_file(path: str) -> None:
    info = rx_get_info(path, get_var_info=True, get_block_sizes=True, start_row=2, num_rows=2, verbose=1)
    assert str(info) == (
        f"File name:{path}\n"
        "Number of observations:5.0\n"
        "Number of variables:7.0\n"
        "Number of blocks:3.0\n"
        "Compression type:zstd\n"
        f"Size on disk:{Path(path).stat().st_size} bytes\n"
        "Rows per block:2 2 1\n"
        "Variable information: \n"
        "Var 1: row, Type: integer, Storage: int32, Low/High: (1.0000, 5.0000)\n"
        "Var 2: big, Type: integer, Storage: int64, Low/High: (1.0000, 1099511627776.0000)\n"
        "Var 3: cost, Cost of the claim\n\tType: numeric, Storage: float32, Low/High: (0.5000, 11.2500)\n"
        "Var 4: kind, Kind\n\t3 factor levels: ['b', 'a', 'c']\n"
        "Var 5: note, Type: character, Storage: string\n"
        "Var 6: late, Type: logical, Storage: uchar, Low/High: (0.0000, 1.0000)\n"
        "Var 7: day, Type: Date, Storage: date32[day], Low/High: (1.0000, 5.0000)\n"
        "Data (2 rows starting with row 2):\n"
        f"{info.data}"
    )
    assert repr(info) == str(info)
    assert info.data["kind"].tolist() == ["a", "b"]
    assert info.data.index.tolist() == [1, 2]


def test_fields_of_info(path: str) -> None:
    info = rx_get_info(path)
    assert list(info) == ["fileName", "class", "numRows", "numVars", "numBlocks"]
    assert (info["numRows"], info.num_rows, info["class"], info["numBlocks"]) == (5, 5, "RxXdfData", 3)
    assert info.to_dict() == {
        "fileName": path, "class": "RxXdfData", "numRows": 5, "numVars": 7, "numBlocks": 3,
    }  # fmt: skip
    assert "varInfo" in info
    assert info["varInfo"] is None
    with pytest.raises(KeyError, match=r"'numrows' is not part of the information"):
        info["numrows"]
    assert rx_get_info(path, get_var_info=True).to_frame()["name"].tolist() == table().column_names


def test_variable_information_can_be_changed(path: str) -> None:
    info = rx_get_var_info(path)
    assert info["row"] == {"varType": "integer", "storage": "int32", "low": 1.0, "high": 5.0}
    assert info["kind"] == {
        "description": "Kind", "varType": "factor", "storage": "uint32", "low": 1, "high": 3, "levels": ["b", "a", "c"],
    }  # fmt: skip
    info["kind"]["levels"] = ["B", "A", "C"]
    info["cost"]["low"] = 10
    assert "3 factor levels: ['B', 'A', 'C']" in str(info)
    assert "Low/High: (10.0000, 11.2500)" in repr(info)
    assert rx_get_var_info(path)["kind"]["levels"] == ["b", "a", "c"]
    assert info.to_dict()["cost"]["low"] == 10


def test_value_labels_can_be_left_out(path: str) -> None:
    info = rx_get_var_info(path, get_value_labels=False, vars_to_keep=["kind"])
    assert str(info) == "Var 1: kind, Kind\n\t3 factor levels"
    assert "levels" not in rx_get_info(path, get_var_info=True, get_value_labels=False).var_info["kind"]


def test_variables_are_chosen(path: str) -> None:
    assert list(rx_get_var_info(path, vars_to_drop=["row", "big"])) == ["cost", "kind", "note", "late", "day"]
    assert list(rx_get_info(path, get_var_info=True, vars_to_keep=["late"]).var_info) == ["late"]
    with pytest.raises(ColumnNotFoundError, match=r"rx_get_var_info: vars_to_keep: column 'lat' is not in a.xdf"):
        rx_get_var_info(path, vars_to_keep=["lat"])


def test_long_lists_are_cut(tmp_path: Path) -> None:
    rows = pa.table({"x": [f"level {number}" for number in range(60)]})
    made = rx_import(rows, str(tmp_path / "b.xdf"), strings_as_factors=True, rows_per_read=5)
    assert str(rx_get_var_info(made)).endswith(
        "60 factor levels: ['level 0', 'level 1', 'level 2', 'level 3', 'level 4', ..., "
        "'level 55', 'level 56', 'level 57', 'level 58', 'level 59']"
    )
    assert "Rows per block:5 5 5 5 5 5 5 5 5 5 ...\n" in f"{rx_get_info(made, get_block_sizes=True)}\n"


def test_info_of_frames() -> None:
    frame = pd.DataFrame({"a": [1, 4, 2], "f": pd.Categorical(["x", None, "x"], categories=["y", "x"], ordered=True)})
    info = rx_get_info(frame, get_var_info=True, get_block_sizes=True, num_rows=1)
    assert str(info) == (
        "Data frame:frame\nNumber of observations:3.0\nNumber of variables:2.0\nVariable information: \n"
        "Var 1: a, Type: integer, Storage: int64, Low/High: (1.0000, 4.0000)\n"
        "Var 2: f\n\t2 ordered factor levels: ['y', 'x']\n"
        f"Data (1 rows starting with row 1):\n{info.data}"
    )
    assert info["rowsPerBlock"] is None
    assert info["objName"] == "frame"
    assert str(rx_get_info(pa.table({"a": [1]}))) == "Data:table\nNumber of observations:1.0\nNumber of variables:1.0"


def test_info_of_text(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,day,x\n1,Tue,0.5\n3,Mon,NA\n2,Tue,0.25\n")
    data = RxTextData(str(path), strings_as_factors=True)
    assert str(rx_get_info(data, get_var_info=True)) == (
        f"File name:{path}\nData Source:Text\nNumber of variables:3.0\nVariable information: \n"
        "Var 1: a, Type: integer, Storage: int64\n"
        "Var 2: day, Type: factor, no factor levels available\n"
        "Var 3: x, Type: numeric, Storage: float64"
    )
    info = rx_get_info(data, get_var_info=True, compute_info=True)
    assert info.num_rows == 3
    assert str(info.var_info) == (
        "Var 1: a, Type: integer, Storage: int64, Low/High: (1.0000, 3.0000)\n"
        "Var 2: day\n\t2 factor levels: ['Tue', 'Mon']\n"
        "Var 3: x, Type: numeric, Storage: float64, Low/High: (0.2500, 0.5000)"
    )
    assert (info["length"], info["class"]) == (3, "RxTextData")
    assert rx_get_info(str(path)).num_rows is None


def test_info_of_parquet(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.parquet")
    pyarrow.parquet.write_table(table(), path, row_group_size=2)
    info = rx_get_info(RxParquetData(path), get_var_info=True)
    assert (info.num_rows, info.num_blocks, info.source_kind) == (5, 3, "Parquet")
    assert info.var_info["row"] == {"varType": "integer", "storage": "int32"}
    computed = rx_get_var_info(path, compute_info=True)
    assert computed["kind"]["levels"] == ["b", "a", "c"]
    assert (computed["cost"]["low"], computed["cost"]["high"]) == (0.5, 11.25)
    assert computed["late"]["high"] == 1


def test_several_sets_of_data(path: str) -> None:
    infos = rx_get_info([path, pd.DataFrame({"a": [1]})], get_var_info=True)
    assert list(infos) == ["1", "2"]
    assert infos["2"].num_rows == 1
    assert str(infos).startswith(f"1\nFile name:{path}")
    assert list(rx_get_var_info([path])["1"]) == table().column_names


def test_names(path: str) -> None:
    names = rx_get_var_names(path)
    assert names == table().column_names
    assert isinstance(names, list)
    assert str(names) == "row big cost kind note late day"


def test_wrong_arguments(path: str) -> None:
    with pytest.raises(OptionError, match=r"start_row counts from 1 and num_rows from 0; got start_row=0"):
        rx_get_info(path, start_row=0)
    with pytest.raises(TypeError, match=r"get_var_inf"):
        rx_get_info(path, get_var_inf=True)  # type: ignore[call-arg]
    with pytest.raises(SourceError, match=r"rx_get_info: data of type int cannot be read"):
        rx_get_info(3)


def test_read_xdf(path: str) -> None:
    frame = rx_read_xdf(path, vars_to_drop=["big", "day"], start_row=2, num_rows=3)
    assert frame.columns.tolist() == ["row", "cost", "kind", "note", "late"]
    assert frame.index.tolist() == [1, 2, 3]
    assert frame["kind"].tolist()[:2] == ["a", "b"]
    assert frame["row"].isna().tolist() == [True, False, False]
    assert rx_read_xdf(RxXdfData(path, vars_to_keep=["note"])).columns.tolist() == ["note"]
    assert rx_read_xdf(path, strings_as_factors=True)["note"].dtype == "category"
    assert rx_read_xdf(path, row_var_name="note", num_rows=2).index.tolist() == ["x", "y"]
    assert rx_read_xdf(path, start_row=5)["big"].tolist() == [2**40]
    assert len(rx_read_xdf(path, start_row=9)) == 0
    assert rx_read_xdf(path, num_rows=-1, vars_to_keep=["big"], return_data_frame=False) == {"big": [1, 2, 3, 4, 2**40]}
    assert len(rx_read_xdf(file=path, number_rows=2)) == 2
    with options(missingIntegers="sentinel"):
        assert rx_read_xdf(path)["row"].tolist() == [3, -2147483648, 1, 2, 5]


def test_read_xdf_says_what_is_wrong(path: str) -> None:
    with pytest.raises(ColumnNotFoundError, match=r"column 'kinds' is not in a.xdf. Closest: 'kind'"):
        rx_read_xdf(path, vars_to_keep=["kinds"])
    with pytest.raises(ColumnNotFoundError, match=r"column 'names' is not in a.xdf"):
        rx_read_xdf(path, row_var_name="names")
    with pytest.raises(OptionError, match=r"start_row counts from 1; got 0"):
        rx_read_xdf(path, start_row=0)
    with pytest.raises(OptionError, match=r"num_rows must be at least 0, or -1 for all; got -2"):
        rx_read_xdf(path, num_rows=-2)
    with pytest.raises(ArgumentNameError, match=r"there is no argument 'nrows'. Closest: 'num_rows'"):
        rx_read_xdf(path, nrows=2)
    with pytest.raises(OptionError, match=r"cpp_interp=.* is not available in this version"):
        rx_read_xdf(path, cpp_interp=["x"])
    with pytest.warns(DataWarning, match=r"rx_read_xdf: only the first 2 rows of 7 columns are returned"):
        assert len(rx_read_xdf(path, max_rows_by_columns=20)) == 2


def test_read_xdf_reports(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    rx_read_xdf(path, num_rows=3, report_progress=2)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "Rows Processed: 3"
    assert lines[1].startswith("Time to read data file: ")
    assert lines[2].startswith("Time to convert to data frame: ")
    rx_read_xdf(path, report_progress=1)
    assert capsys.readouterr().out == "Rows Processed: 5\n"


def made_text(folder: Path) -> Any:
    pyarrow.csv.write_csv(table().select(["row", "big", "note"]), folder / "rows.csv")
    return RxTextData(str(folder / "rows.csv"))


def test_head_and_tail(path: str, tmp_path: Path) -> None:
    for data in (RxXdfData(path, vars_to_keep=["row", "big", "note"]), made_text(tmp_path)):
        assert data.head(2)["big"].tolist() == [1, 2]
        assert data.head().shape == (5, 3)
        assert data.head(0).shape == (0, 3)
        assert data.tail(num_rows=3, report_progress=0)["big"].tolist() == [3, 4, 2**40]
        assert data.tail(2).index.tolist() == [3, 4]
        assert data.tail(99).index.tolist() == [0, 1, 2, 3, 4]
        assert (len(data), data.shape, data.columns) == (5, (5, 3), ["row", "big", "note"])
        with pytest.raises(OptionError, match=r"head: num_rows must be a whole number of at least 0; got -1"):
            data.head(-1)


def test_tail_spans_blocks(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,s\n" + "".join(f"{i},{'abc'[i % 3]}\n" for i in range(100)))
    data = RxTextData(str(path), rows_per_read=7, strings_as_factors=True)
    assert data.tail(16)["a"].tolist() == list(range(84, 100))
    assert data.tail(1)["s"].cat.categories.tolist() == ["a"]
    assert data.head(2)["s"].cat.categories.tolist() == ["a", "b"]
