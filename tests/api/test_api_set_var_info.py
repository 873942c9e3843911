from __future__ import annotations

import copy
import warnings
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

import xdf
from rxcore import RxXdfData, rx_get_var_info, rx_import, rx_set_var_info
from rxcore.errors import ColumnNotFoundError, DataWarning, OptionError, SourceError

SCHEMA = xdf.Schema(
    (
        xdf.Field("RowNum", pa.int32()),
        xdf.factor_field("age", ["17-20", "21-24", "25-29"]),
        xdf.factor_field("type", ["A", "B"]),
        xdf.Field("cost", pa.float32()),
        xdf.Field("note", pa.string()),
    )
)
ROWS = pa.record_batch(
    {
        "RowNum": pa.array([1, 2, 3, 4], pa.int32()),
        "age": ["21-24", "17-20", None, "25-29"],
        "type": ["B", "A", "B", "B"],
        "cost": pa.array([11.0, 850.0, None, 40.0], pa.float32()),
        "note": ["x", None, "y", "z"],
    }
)


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "claims.xdf"
    with xdf.create(path, SCHEMA) as writer:
        writer.write(ROWS)
    return path


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "cost": [11.0, 850.0, None],
            "type": pd.Categorical(["B", "A", "B"]),
            "n": [1, 2, 3],
        }
    )


def test_the_documented_example(claims: Path) -> None:
    info = rx_get_var_info(claims)
    info["type"]["levels"] = ["Type1", "Type2"]
    info["cost"]["low"] = 10
    info["cost"]["high"] = 1000
    result = rx_set_var_info(info, claims)
    assert isinstance(result, RxXdfData)
    lines = str(rx_get_var_info(claims)).splitlines()
    assert lines[0].startswith("Var 1: RowNum, Type: integer, Storage: ")
    assert lines[0].endswith("Low/High: (1.0000, 4.0000)")
    assert lines[3:5] == ["Var 3: type", "\t2 factor levels: ['Type1', 'Type2']"]
    assert lines[5] == "Var 4: cost, Type: numeric, Storage: float32, Low/High: (10.0000, 1000.0000)"
    with xdf.open(claims) as file:
        assert file.to_arrow()["type"].to_pylist() == ["Type2", "Type1", "Type2", "Type2"]
        # Ranges that were not changed stay those of the data.
        assert file.explicit_fields()[0].low is None


def test_information_that_was_not_changed_changes_nothing(claims: Path, frame: pd.DataFrame) -> None:
    before = claims.read_bytes()
    rx_set_var_info(rx_get_var_info(claims), claims)
    assert claims.read_bytes() == before
    result = rx_set_var_info(rx_get_var_info(frame), frame)
    assert isinstance(result, pd.DataFrame)
    pd.testing.assert_frame_equal(result, frame)
    assert result.attrs == {}


def test_everything_at_once(claims: Path) -> None:
    change = {
        "RowNum": {"newName": "row", "description": "number of the row", "low": 0},
        "cost": {"newName": "RowNum", "valueInfoCodes": [11, 850], "valueInfoLabels": ["least", "most"]},
    }
    rx_set_var_info(change, str(claims))
    found = rx_get_var_info(claims)
    assert list(found) == ["row", "age", "type", "RowNum", "note"]
    assert (found["row"]["description"], found["row"]["low"], found["row"]["high"]) == ("number of the row", 0.0, 4.0)
    assert (found["RowNum"]["valueInfoCodes"], found["RowNum"]["valueInfoLabels"]) == ([11.0, 850.0], ["least", "most"])
    assert xdf.verify(claims).is_sound


def test_a_list_with_positions_and_other_spellings(claims: Path) -> None:
    rx_set_var_info([{"position": 2, "new_name": "years"}, {"position": 4, "DESCRIPTION": "paid"}], claims)
    found = rx_get_var_info(claims)
    assert list(found)[1] == "years"
    assert found["cost"]["description"] == "paid"
    rx_set_var_info({"whatever": {"position": 4, "description": ""}}, claims)
    assert "description" not in rx_get_var_info(claims)["cost"]


def test_the_selection_of_a_data_source_follows_the_new_names(claims: Path) -> None:
    source = RxXdfData(claims, vars_to_keep=["cost", "age"])
    result = rx_set_var_info({"cost": {"newName": "price"}}, source)
    assert isinstance(result, RxXdfData)
    assert result.vars_to_keep == ["price", "age"]
    assert source.vars_to_keep == ["cost", "age"]
    assert set(rx_get_var_info(result)) == {"age", "price"}


def test_a_frame_gives_a_new_frame(frame: pd.DataFrame) -> None:
    info = rx_get_var_info(frame)
    info["type"]["levels"] = ["Type1", "Type2"]
    info["cost"].update(newName="price", description="paid", high=1000)
    before = copy.deepcopy(frame)
    result = rx_set_var_info(info, frame)
    pd.testing.assert_frame_equal(frame, before)
    assert isinstance(result, pd.DataFrame)
    assert list(result.columns) == ["price", "type", "n"]
    assert result["type"].tolist() == ["Type2", "Type1", "Type2"]
    assert result.attrs == {"xdf": {"price": {"description": "paid", "high": 1000.0}}}
    found = rx_get_var_info(result)
    assert (found["price"]["description"], found["price"]["low"], found["price"]["high"]) == ("paid", 11.0, 1000.0)


def test_labels_of_a_frame_reach_the_file(frame: pd.DataFrame, tmp_path: Path) -> None:
    changes = {"n": {"description": "how many", "valueInfoCodes": [1], "valueInfoLabels": ["one"]}}
    result = rx_set_var_info(changes, frame)
    rx_import(result, tmp_path / "n.xdf", report_progress=0)
    found = rx_get_var_info(tmp_path / "n.xdf")["n"]
    assert found["description"] == "how many"
    assert found["valueInfoLabels"] == ["one"]


def test_frames_with_names_that_are_not_texts() -> None:
    frame = pd.DataFrame({1: [1.5], "a": [2]})
    result = rx_set_var_info({"1": {"description": "first"}, "a": {"newName": "b"}}, frame)
    assert list(result.columns) == [1, "b"]  # type: ignore[union-attr]
    wide = pd.DataFrame({("a", "x"): [1], ("a", "y"): [2]})
    with pytest.raises(OptionError, match="several rows of column names"):
        rx_set_var_info([{"position": 1, "newName": "b"}], wide)


def test_levels_in_another_order_are_pointed_out(claims: Path, frame: pd.DataFrame) -> None:
    with pytest.warns(DataWarning, match="variable 'type': the same levels were given in another order"):
        rx_set_var_info({"type": {"levels": ["B", "A"]}}, claims)
    with xdf.open(claims) as file:
        assert file.to_arrow()["type"].to_pylist() == ["A", "B", "A", "A"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        result = rx_set_var_info({"type": {"levels": ["B", "A"]}}, frame)
    assert result["type"].tolist() == ["A", "B", "A"]  # type: ignore[index]


REFUSED: dict[str, tuple[Any, str]] = {
    "a type": (
        {"cost": {"varType": "integer"}},
        "variable 'cost': varType is 'numeric' and cannot be changed to 'inte",
    ),
    "a storage": ({"RowNum": {"storage": "int64"}}, "storage is .* and cannot be changed to 'int64' here"),
    "too few levels": ({"type": {"levels": ["A"]}}, "variable 'type': it has 2 levels and 1 were given"),
    "levels alike": ({"type": {"levels": ["A", "A"]}}, "variable 'type': 'A' stands twice in levels"),
    "levels of a number": ({"cost": {"levels": ["A"]}}, "variable 'cost': levels cannot be set: it is not a factor"),
    "one text": ({"type": {"levels": "AB"}}, "variable 'type': levels must be a list; got 'AB'"),
    "levels of numbers": ({"type": {"levels": [1, 2]}}, "variable 'type': levels must be text; got 1"),
    "low of a factor": ({"type": {"low": 7}}, "low and high cannot be set: it is a factor, whose range is that of its"),
    "high of a text": ({"note": {"high": 7}}, "low and high cannot be set: it is not a number"),
    "low no number": ({"cost": {"low": "least"}}, "variable 'cost': low must be a number; got 'least'"),
    "low nan": ({"cost": {"low": float("nan")}}, "variable 'cost': low must be a number; got nan"),
    "upside down": ({"cost": {"low": 9, "high": 1}}, "variable 'cost': low 9.0 lies above high 1.0"),
    "codes alone": ({"cost": {"valueInfoCodes": [1]}}, "variable 'cost': 1 valueInfoCodes but 0 valueInfoLabels"),
    "code of nothing": (
        {"cost": {"valueInfoCodes": [True], "valueInfoLabels": ["x"]}},
        "a value code is a number or a",
    ),
    "no name": ({"cost": {"newName": ""}}, "variable 'cost': newName must be text; got ''"),
    "a number as description": ({"cost": {"description": 5}}, "variable 'cost': description must be text; got 5"),
    "one name twice": ({"cost": {"newName": "age"}}, "two variables of claims.xdf would be called 'age'"),
    "twice described": ([{"position": 1}, {"position": 1}], "variable 'RowNum' is described twice"),
    "an unknown key": (
        {"cost": {"descripton": "x"}},
        "key 'descripton' is not known. Closest: 'description'. Allowed: n",
    ),
    "no dict": ({"cost": "x"}, "var_info of variable 'cost' must be a dict such as"),
    "a text": ("cost", "var_info must be a dict of variable name to dict, as rx_get_var_info gives it; got str"),
    "no position": ([{"description": "x"}], "an entry of var_info without a name needs 'position'"),
    "position 0": ([{"position": 0}], "position is a whole number from 1 to 5, the number of variables; got 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_changed(claims: Path, case: str) -> None:
    change, message = REFUSED[case]
    before = claims.read_bytes()
    with pytest.raises(OptionError, match=f"^rx_set_var_info: .*{message}"):
        rx_set_var_info(change, claims)
    assert claims.read_bytes() == before


def test_unknown_variables_and_data(claims: Path, tmp_path: Path, frame: pd.DataFrame) -> None:
    with pytest.raises(
        ColumnNotFoundError, match=r"rx_set_var_info: column 'cst' is not in claims.xdf. Closest: 'cost'"
    ):
        rx_set_var_info({"cst": {"description": "x"}}, claims)
    with pytest.raises(ColumnNotFoundError, match=r"column 'cst' is not in .* Closest: 'cost'"):
        rx_set_var_info({"cst": {"description": "x"}}, frame)
    with pytest.raises(
        SourceError, match=r"data must be an .xdf file \(path or RxXdfData\) or a pandas DataFrame.* got T"
    ):
        rx_set_var_info({}, pa.table({"x": [1]}))
    with pytest.raises(SourceError, match=r"missing\.xdf"):
        rx_set_var_info({}, tmp_path / "missing.xdf")
    (tmp_path / "t.xdf").write_text("a,b\n")
    with pytest.raises(SourceError, match=r"t\.xdf is not an .xdf file of this package: it looks like a text file"):
        rx_set_var_info({}, tmp_path / "t.xdf")
    with (
        xdf.append(claims),
        pytest.raises(SourceError, match=r"was not changed: .*another writer holds the file: proc"),
    ):
        rx_set_var_info({"cost": {"description": "x"}}, claims)


def test_labels_that_something_else_put_into_a_frame() -> None:
    frame = pd.DataFrame({"a": [1.5]})
    frame.attrs["xdf"] = "not ours"
    assert "description" not in rx_get_var_info(frame)["a"]
    frame.attrs["xdf"] = {"a": {"low": "least"}}
    with pytest.raises(SourceError, match=r"labels cannot be read: .* Correct or remove frame.attrs\['xdf'\]"):
        rx_get_var_info(frame)
