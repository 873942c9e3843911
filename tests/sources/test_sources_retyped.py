"""Column types, names and labels asked for, on any source."""

from __future__ import annotations

import datetime
import decimal
import pickle
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from rxcore.errors import ColumnNotFoundError, OptionError, SourceError
from rxcore.metadata import ColumnRequests
from rxcore.sources.base import Source
from rxcore.sources.resolve import as_source
from rxcore.sources.retyped import retyped

NOON = datetime.datetime(2013, 1, 2, 12)  # noqa: DTZ001 - a clock without a zone


def asked(table: Any, info: Any = None, classes: Any = None, factors: bool | None = None, **choice: Any) -> Source:
    requests = ColumnRequests.parse(info, classes, factors, "test")
    return retyped(as_source(table, caller="test", rows_per_block=3), requests, caller="test", **choice)


def values(source: Source, name: str) -> list[Any]:
    """By batches and by blocks, which must agree."""
    field = source.schema.field(name)
    by_batch: list[Any] = []
    by_block: list[Any] = []
    for part in source.partitions([name]):
        for batch in part.batches():  # type: ignore[attr-defined]
            by_batch += batch.column(name).to_pylist()
        for block in part.blocks():
            by_block += block.columns[name].to_arrow(field).to_pylist()
    assert by_batch == by_block
    return by_batch


@pytest.mark.parametrize(
    ("given", "kind", "expected"),
    [
        (["1", " 2 ", "", None], "integer", [1, 2, None, None]),
        (["1.5", " ", None], "numeric", [1.5, None, None]),
        (["True", "F", "0", None], "logical", [True, False, False, None]),
        (["2013-01-02", None], "Date", [datetime.date(2013, 1, 2), None]),
        (["2013-01-02 12:00:00", None], "POSIXct", [NOON, None]),
        ([1, 2, None], "float32", [1.0, 2.0, None]),
        ([0, 5, None], "bool", [False, True, None]),
        ([1.0, None, 3.0], "int16", [1, None, 3]),
        ([0.1, None], "float32", [pytest.approx(0.10000000149011612, abs=0), None]),
        ([1, None], "character", ["1", None]),
        ([0.1, 100000.0, 1234567.5, None], "string", ["0.1", "100000", "1234567.5", None]),
        ([1234567.5, 1234567.6], "factor", ["1.23457e+06", "1.23457e+06"]),
        ([True, None], "character", ["True", None]),
        ([NOON, None], "Date", [datetime.date(2013, 1, 2), None]),
        ([10, 9, 10, None], "factor", ["10", "9", "10", None]),
        ([2.5, None, 2.5], "factor", ["2.5", None, "2.5"]),
        ([True, False], "ordered", ["True", "False"]),
    ],
)
def test_values_are_converted(given: list[Any], kind: str, expected: list[Any]) -> None:
    assert values(asked(pa.table({"x": given}), classes={"x": kind}), "x") == expected


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        (["1", "abc"], "integer", r"test: table, column 'x': 'abc' is not a whole number"),
        ([1, 40000], "int16", r"40000 does not fit int16 \(-32768 to 32767\)"),
        ([1.0, 2.5], "integer", r"2.5 is not a whole number"),
        (["yes"], "logical", r"'yes' is not true or false"),
        (["soon"], "Date", r"'soon' is not a date \(year-month-day\)"),
        (["01/02/2013"], "POSIXct", r"is not a date and time"),
        ([1.5], "Date", r"numeric values cannot be read as Date"),
        ([datetime.date(2013, 1, 1)], "logical", r"Date values cannot be read as logical"),
    ],
)
def test_values_that_do_not_fit(given: list[Any], kind: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        values(asked(pa.table({"x": given}), classes={"x": kind}), "x")


def test_the_misfit_named_is_the_first() -> None:
    with pytest.raises(SourceError, match=r"'bad 4' is not a number"):
        values(asked(pa.table({"x": ["1", "2", "3", "bad 4", "bad 5"]}), classes={"x": "numeric"}), "x")


def test_levels_pick_and_rename() -> None:
    table = pa.table({"x": ["a", "b", "c", None, "a"], "y": pa.array(["b", "c", "c", "c", "b"]).dictionary_encode()})
    info = {
        "x": {"type": "factor", "levels": ["c", "a"], "newLevels": ["C", "A"], "newName": "X"},
        "y": {"levels": ["c"]},
    }
    source = asked(table, info)
    assert source.schema.field("X").levels == ("C", "A")
    assert values(source, "X") == ["A", None, "C", None, "A"]
    assert values(source, "y") == [None, "c", "c", "c", None]
    first, second = (next(iter(part.blocks())).columns["X"].levels for part in source.partitions(["X"]))
    assert first is second


def test_levels_of_numbers_match_their_labels() -> None:
    source = asked(pa.table({"x": [3, 1, 2]}), {"x": {"type": "ordered", "levels": [1, 2]}})
    assert values(source, "x") == [None, "1", "2"]
    assert source.schema.field("x").ordered


def test_strings_become_open_factors() -> None:
    table = pa.table({"x": ["b", "a", "b", "c"], "n": [1, 2, 3, 4], "keep": ["u", "v", "w", "x"]})
    source = asked(table, classes={"keep": "character"}, factors=True)
    assert source.open_factors == {"x"}  # type: ignore[attr-defined]
    levels = [next(iter(part.blocks())).columns["x"].levels.to_pylist() for part in source.partitions(["x"])]
    assert levels == [["b", "a"], ["c"]]
    assert not source.schema.field("x").is_factor


def test_labels_and_choice() -> None:
    table = pa.table({"a": [1], "b": [2.5], "c": ["x"]})
    source = asked(table, {"b": {"description": "beta", "low": 0, "high": 9.5}}, drop=["a"])
    field = source.schema.field("b")
    assert (field.description, field.low, field.high) == ("beta", 0, 9.5)
    assert source.schema.names == ("b", "c")
    assert asked(table, keep=["c", "a"]).schema.names == ("a", "c")


def test_nothing_asked_is_nothing_done() -> None:
    plain = as_source(pa.table({"a": [1]}), caller="test")
    assert retyped(plain, ColumnRequests(), caller="test") is plain


def test_columns_that_are_not_changed_are_passed_on() -> None:
    table = pa.table({"a": [1, 2], "b": ["x", "y"]})
    inner = as_source(table, caller="test")
    source = retyped(inner, ColumnRequests.parse({"a": {"newName": "A"}}, None, True, "test"), caller="test")
    (part,) = source.partitions(["A"])
    (block,) = part.blocks()
    (raw,) = inner.partitions(["a"])[0].blocks()
    assert block.columns["A"].values.ctypes.data == raw.columns["a"].values.ctypes.data


def test_partitions_pickle() -> None:
    source = asked(pa.table({"x": ["a", "b", "c", "a"]}), {"x": {"levels": ["a", "b"]}})
    sent = pickle.loads(pickle.dumps(list(source.partitions(["x"]))))
    assert [next(part.batches()).column("x").to_pylist() for part in sent] == [["a", "b", None], ["a"]]


@pytest.mark.parametrize(
    ("info", "classes", "error", "message"),
    [
        ({"b": {"type": "integer"}}, None, ColumnNotFoundError, "test: column 'b' is not in table.*columns: a"),
        ({"a": {"type": "intger"}}, None, OptionError, r"type 'intger' is not known. Closest: 'integer'. Allowed: "),
        ({"a": {"typ": "integer"}}, None, OptionError, "key 'typ' is not known. Closest: 'type'"),
        ({"a": "integer"}, None, OptionError, r"column_info of column 'a' must be a dict such as \{'type': 'factor'\}"),
        ("a", None, OptionError, "column_info must be a dict of column name to dict, or a list of dicts"),
        ([{"type": "integer"}], None, OptionError, "entry without a name needs 'index', counted from 1; got None"),
        ({"a": {"type": "integer", "levels": ["1"]}}, None, OptionError, "levels go with type 'factor'; got .*integer"),
        ({"a": {"type": "factor", "newLevels": ["1"]}}, None, OptionError, "newLevels needs levels"),
        ({"a": {"levels": ["1", "2"], "newLevels": ["1"]}}, None, OptionError, "2 levels but 1 newLevels"),
        ({"a": {"levels": ["1", "1"]}}, None, OptionError, "'1' stands twice in levels"),
        ({"a": {"levels": "12"}}, None, OptionError, "levels must be a list of strings; got '12'"),
        ({"a": {"low": "x"}}, None, OptionError, "low must be a number; got 'x'"),
        ({"a": {"start": 1, "width": 2}}, None, OptionError, "'start' belongs to fixed-format text, which is"),
        ({"a": {"type": "factorIndex"}}, None, OptionError, "type 'factorIndex' is not available yet"),
        (None, ["integer"], OptionError, "column_classes must be a dict of column name to type; got list"),
        (None, {"a": 3}, OptionError, "type 3 is not known"),
    ],
)  # fmt: skip
def test_wrong_requests(info: Any, classes: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        asked(pa.table({"a": [1]}), info, classes)


def test_two_columns_cannot_get_one_name() -> None:
    with pytest.raises(OptionError, match=r"newName gives two columns the name 'a'"):
        asked(pa.table({"a": [1], "b": [2]}), {"b": {"newName": "a"}})
    with pytest.raises(OptionError, match=r"no column is left of table"):
        asked(pa.table({"a": [1]}), drop=["a"])


def test_info_wins_over_classes_and_classes_over_strings_as_factors() -> None:
    table = pa.table({"a": ["1"], "b": ["2"], "c": ["3"]})
    source = asked(
        table,
        {"a": {"type": "integer"}, "b": {"description": "beta"}},
        {"a": "numeric", "b": "numeric"},
        factors=True,
    )
    assert [str(source.schema.field(name).type) for name in "abc"] == ["int32", "double", "string"]
    assert source.schema.field("b").description == "beta"


def test_frames_of_every_kind_of_column() -> None:
    frame = pd.DataFrame(
        {
            "f": [1.5, None], "s": ["x", None], "o": pd.array(["x", None], dtype=object),
            "i": pd.array([1, None], dtype="Int8"), "b": pd.array([True, None], dtype="boolean"),
            "c": pd.Categorical([None, "b"], categories=["b", "a"], ordered=True), "n": pd.Categorical([2, 1]),
            "t": pd.to_datetime(["2013-01-01 01:00", None]), "z": pd.date_range("2013", periods=2, tz="Europe/Paris"),
            "d": pd.Series([datetime.date(2013, 1, 1), None], dtype=object),
            "e": pd.Series([None, None], dtype=object),
            "m": pd.Series([decimal.Decimal("1.5"), None], dtype=object),
            "w": pd.Series([1, 2.5], dtype=object), "td": pd.to_timedelta([1, None], unit="s"),
            3: [1, 2],
        }
    )  # fmt: skip
    source = as_source(frame, caller="test")
    assert {field.name: str(field.type) for field in source.schema if not field.is_factor} == {
        "f": "double", "s": "string", "o": "string", "i": "int8", "b": "bool", "t": "timestamp[us]",
        "z": "timestamp[us, tz=Europe/Paris]", "d": "date32[day]", "e": "double", "m": "double", "w": "double",
        "td": str(source.schema.field("td").type), "3": "int64",
    }  # fmt: skip
    assert source.schema.field("c").levels == ("b", "a")
    assert source.schema.field("c").ordered
    assert source.schema.field("n").levels == ("1", "2")
    (block,) = source.partitions(source.schema.names)[0].blocks()
    found = {field.name: block.columns[field.name].to_arrow(field).to_pylist() for field in source.schema}
    assert found["c"] == [None, "b"]
    assert found["i"] == [1, None]
    assert found["b"] == [True, None]
    assert found["m"] == [1.5, None]
    assert found["n"] == ["2", "1"]
    assert block.columns["3"].values.tolist() == [1, 2]


def test_frames_are_read_in_place() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
    parts = as_source(frame, caller="test", rows_per_block=2).partitions(["x"])
    start = frame["x"].to_numpy().ctypes.data
    assert [next(iter(part.blocks())).columns["x"].values.ctypes.data - start for part in parts] == [0, 16]


def test_frames_that_cannot_be_read() -> None:
    with pytest.raises(SourceError, match=r"Data: frame: two columns are called 'x'"):
        as_source(pd.DataFrame([[1, 2]], columns=["x", "x"]), caller="test")
    with pytest.raises(
        SourceError, match=r"column 'x' holds mixed.*convert it first, for example frame\['x'\].astype\(str\)"
    ):
        as_source(pd.DataFrame({"x": pd.Series([1, "a"], dtype=object)}), caller="test")
    with pytest.raises(SourceError, match=r"Data: table: two columns are called 'x'"):
        as_source(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["x", "x"]), caller="test")
    nested = as_source(pa.table({"x": [[1]], "y": [1]}), caller="test")
    assert len(nested.partitions(["y"])) == 1
    with pytest.raises(SourceError, match=r"column 'x' has type list<.*leave it out \(vars_to_drop=\['x'\]\)"):
        nested.partitions(["x"])
