"""Python functions on chunks: how they are called, what they see, and what may come back."""

from __future__ import annotations

import functools
import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from rxcore.errors import ColumnNotFoundError, DesignError, OptionError, SourceError
from rxcore.options import options
from rxcore.sources.base import Source
from rxcore.sources.transformed import wrap
from rxcore.sources.user_function import ChunkInfo, TransformContext, user_function
from rxcore.testing.examples import TableSource

LEVELS = ["c", "b", "a"]
TABLE = pa.table(
    {
        "x": [0.0, 1.0, 2.0, 3.0, None],
        "i": pa.array([1, None, 3, 4, 5], pa.int16()),
        "g": pa.DictionaryArray.from_arrays(pa.array([2, 1, None, 0, 2], pa.int32()), LEVELS),
        "s": ["u", None, "w", "u", "v"],
        "b": [True, None, False, True, True],
        "d": pa.array([0, 1, None, 3, 4], pa.date32()),
        "t": pa.array([0, 1, None, 3, 4], pa.timestamp("us")),
        "clock": pa.array([0, 1, None, 3, 4], pa.time64("us")),
        "whole": pa.array([1, 2, 3, 4, 5], pa.uint8()),
    }
)
LAYOUT = ((2, 2), (1,))


def wrapped(function: Any = None, source: Source | None = None, **arguments: Any) -> Source:
    inner = source or TableSource(TABLE, LAYOUT)
    return wrap(inner, transform_function=function, caller="rx_test", **arguments)


def values(source: Source, name: str) -> list[Any]:
    item = source.schema.field(name)
    found: list[Any] = []
    for partition in source.partitions([name]):
        for block in partition.blocks():
            found += block.columns[name].to_arrow(item).to_pylist()
    return found


def number(value: Any) -> Any:
    """NaN as None, which is how both are meant."""
    return None if value is None or value != value else value


# --- calling conventions -----------------------------------------------------------------------------------------


def test_a_function_of_the_data_alone() -> None:
    def add_late(data: pd.DataFrame) -> pd.DataFrame:
        data["late"] = data["x"] > 1
        return data

    source = wrapped(add_late)
    assert source.schema.names == (*TABLE.column_names, "late")
    assert values(source, "late") == [False, False, True, True, False]
    assert source.n_rows == 5
    assert source.n_blocks == 3


def test_a_function_with_a_context() -> None:
    seen: list[ChunkInfo] = []

    def scale(data: pd.DataFrame, context: Any) -> pd.DataFrame:
        seen.append(context.chunk)
        assert context["k"] == context.k == context.transform_objects["k"] == 10
        assert context.start_row == context.chunk.start_row
        data["z"] = data["x"] * context["k"]
        return data

    source = wrapped(scale, transform_objects={"k": 10}, is_prediction=True)
    assert [number(one) for one in values(source, "z")] == [0, 10, 20, 30, None]
    assert [one.is_trial for one in seen] == [True, False, False, False]
    assert [one.chunk_number for one in seen] == [0, 1, 2, 1]
    assert [one.start_row for one in seen] == [1, 1, 3, 1]
    assert [one.n_rows for one in seen] == [2, 2, 2, 1]
    assert [one.file for one in seen] == [0, 0, 0, 1]
    assert {one.label for one in seen} == {"Data: table"}
    assert all(one.is_prediction for one in seen)


def test_a_context_may_have_any_name() -> None:
    assert values(wrapped(lambda data, ctx: {"k": data["x"] * 0 + ctx["k"]}, transform_objects={"k": 7}), "k")[0] == 7


def test_parameters_named_after_the_objects() -> None:
    def scale(data: pd.DataFrame, k: int, other: str = "unused") -> pd.DataFrame:
        assert other == "unused"
        data["z"] = data["x"] * k
        return data

    source = wrapped(scale, transform_objects={"k": 10, "left": 1})
    assert [number(one) for one in values(source, "z")] == [0, 10, 20, 30, None]


def test_objects_and_context_together_and_keyword_only() -> None:
    def scale(data: pd.DataFrame, *, k: int, context: Any) -> pd.DataFrame:
        data["z"] = data["x"] * k + context["shift"]
        return data

    source = wrapped(scale, transform_objects={"k": 10, "shift": 1})
    assert [number(one) for one in values(source, "z")] == [1, 11, 21, 31, None]


def test_other_callables() -> None:
    def keywords(data: Any, **objects: Any) -> dict[str, Any]:
        return {"z": data["x"] * objects["k"]}

    class Callable:
        def __call__(self, data: Any, k: int) -> dict[str, Any]:
            return {"z": data["x"] * k}

    def two(data: Any, extra: int, k: int) -> dict[str, Any]:
        assert extra == 5
        return {"z": data["x"] * k}

    def nameless(data: Any, context: Any, /) -> dict[str, Any]:
        return {"z": data["x"] * context["k"]}

    for function in (keywords, Callable(), functools.partial(two, extra=5), nameless):
        assert [number(one) for one in values(wrapped(function, transform_objects={"k": 2}), "z")] == [0, 2, 4, 6, None]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: None, "rx_test: transform_function '<lambda>' must take the chunk as its first parameter"),
        (
            lambda data, a, b: data,
            "has parameters a, b; one may take the context, every other must be named after a key of transform_objects",
        ),
        ("f", "rx_test: transform_function must be a function; got str: 'f'"),
    ],
)
def test_functions_that_cannot_be_called(function: Any, message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        wrapped(function, transform_objects={"k": 1})


def test_a_function_without_a_signature_gets_the_data() -> None:
    assert user_function(dict, {}, "f").context_name is None


def test_the_context_says_what_it_has() -> None:
    context = TransformContext({"k": 1}, ChunkInfo(1, 1, 2, "Data: frame"))
    assert dict(context) == {"k": 1}
    assert len(context) == 1
    context["m"] = 2
    del context["k"]
    assert context.m == 2
    with pytest.raises(AttributeError, match="the transform context has no 'k'; it has: m, start_row, chunk_number"):
        _ = context.k
    assert pickle.loads(pickle.dumps(context)).m == 2


def test_objects_can_be_written_and_the_trial_leaves_no_trace() -> None:
    def count(data: pd.DataFrame, context: Any) -> pd.DataFrame:
        context["total"] += len(data)
        context["list"].append(len(data))
        return data

    objects = {"total": 0, "list": []}
    source = wrapped(count, transform_objects=objects)
    values(source, "x")
    assert source.objects["total"] == 5  # type: ignore[attr-defined]
    assert objects == {"total": 0, "list": [2, 2, 1]}


def test_an_error_of_the_function_says_which_chunk() -> None:
    def fails_later(data: pd.DataFrame) -> pd.DataFrame:
        if data["x"].isna().any():
            raise ZeroDivisionError("mine")
        return data

    source = wrapped(fails_later)
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        values(source, "x")
    assert caught.value.__notes__ == [
        "in rx_test: transform_function 'fails_later', chunk 1 (from row 1) of Data: table"
    ]
    with pytest.raises(KeyError) as caught_at_once:
        _ = wrapped(lambda data: data["nothing"]).schema
    assert "the trial chunk (from row 1) of Data: table" in caught_at_once.value.__notes__[0]


# --- what functions see ------------------------------------------------------------------------------------------


def look(**arguments: Any) -> dict[str, pd.Series]:
    seen: list[pd.DataFrame] = []

    def keep(data: pd.DataFrame) -> pd.DataFrame:
        seen.append(data.copy())
        data.iloc[0, 0] = -99.0  # chunks are writable
        return data

    source = wrapped(keep, TableSource(TABLE, ((5,),)), **arguments)
    values(source, "x")
    return {name: seen[-1][name] for name in seen[-1].columns}


def test_columns_look_as_pandas_has_them() -> None:
    seen = look()
    assert list(seen) == TABLE.column_names
    assert seen["x"].dtype == np.float64
    assert np.isnan(seen["x"].iloc[4])
    assert str(seen["i"].dtype) == "Int16"
    assert seen["i"].isna().tolist() == [False, True, False, False, False]
    assert list(seen["g"].cat.categories) == LEVELS
    assert seen["g"].tolist()[:2] == ["a", "b"]
    assert seen["g"].isna().tolist() == [False, False, True, False, False]
    assert seen["s"].isna().tolist() == [False, True, False, False, False]
    assert str(seen["b"].dtype) == "boolean"
    assert seen["d"].dtype.kind == seen["t"].dtype.kind == "M"
    assert seen["whole"].dtype == np.uint8


def test_missing_integers_as_the_option_says() -> None:
    with options(missingIntegers="sentinel"):
        seen = look()
    assert seen["i"].tolist() == [1, -2147483648, 3, 4, 5]


def test_only_the_variables_asked_for_are_handed_over_and_read() -> None:
    def function(data: pd.DataFrame) -> pd.DataFrame:
        assert list(data.columns) == ["x", "g"]
        data["z"] = data["x"] + 1
        return data

    source = wrapped(function, transform_variables=["x", "g"])
    assert source.schema.names == (*TABLE.column_names, "z")
    assert [number(one) for one in values(source, "z")] == [1, 2, 3, 4, None]
    assert values(source, "whole") == [1, 2, 3, 4, 5]
    with pytest.raises(ColumnNotFoundError, match=r"rx_test: transform_variables: column 'xx' is not in Data: table"):
        _ = wrapped(function, transform_variables=["xx"]).schema


def test_the_function_sees_transforms_and_its_columns_can_be_selected_by() -> None:
    source = wrapped(
        lambda data: data.assign(z=data["y"] * 2),
        transforms={"y": "x + 1"},
        row_selection="z > 4",
        transform_variables=["y"],
    )
    assert values(source, "x") == [2, 3]
    assert source.n_rows is None
    with pytest.raises(ColumnNotFoundError, match="rx_test: row_selection: column 'zz' is not in Data: table"):
        _ = wrapped(lambda data: data, row_selection="zz > 1").schema


# --- what may come back ------------------------------------------------------------------------------------------


def test_a_chunk_that_comes_back_as_it_went_keeps_its_types() -> None:
    source = wrapped(lambda data: data)
    before = TableSource(TABLE, LAYOUT).schema
    assert [(item.name, item.type, item.levels) for item in source.schema] == [
        (item.name, item.type, item.levels) for item in before
    ]
    for name in TABLE.column_names:
        assert [number(one) for one in values(source, name)] == TABLE.column(name).to_pylist()


def test_columns_not_returned_are_gone() -> None:
    source = wrapped(lambda data: data[["x"]], transform_variables=["x", "i"])
    assert "i" not in source.schema
    assert source.schema.names == tuple(name for name in TABLE.column_names if name != "i")
    assert wrapped(lambda data: data[["x"]]).schema.names == ("x",)


def test_the_index_of_the_answer_does_not_matter() -> None:
    source = wrapped(lambda data: data.set_index(data["x"] * 100))
    assert values(source, "whole") == [1, 2, 3, 4, 5]
    other = wrapped(lambda data: {"z": data["x"].iloc[::-1], "y": data["x"].to_numpy()})
    assert values(other, "z")[:2] == [1.0, 0.0]


def test_new_types() -> None:
    def function(data: pd.DataFrame) -> pd.DataFrame:
        data["text"] = ["t"] * len(data)
        data["kind"] = pd.Categorical(["p"] * len(data), categories=["q", "p"])
        data["g"] = data["g"].cat.rename_categories(str.upper)
        data["none"] = None
        return data

    source = wrapped(function)
    assert source.schema.field("text").type == pa.string()
    assert source.schema.field("kind").levels == ("q", "p")
    assert source.schema.field("g").levels == ("C", "B", "A")
    assert source.schema.field("none").type == pa.float64()
    assert values(source, "kind") == ["p"] * 5
    assert values(source, "g") == ["A", "B", None, "C", "A"]


def test_categories_may_come_in_another_order_by_chunk() -> None:
    def function(data: pd.DataFrame) -> dict[str, Any]:
        order = ["p", "q"] if data["whole"].iloc[0] == 1 else ["q", "p"]
        return {"kind": pd.Categorical(["p"] * len(data), categories=order)}

    source = wrapped(function)
    assert source.schema.field("kind").levels == ("p", "q")
    assert values(source, "kind") == ["p"] * 5


def test_a_level_that_the_trial_did_not_have_is_refused() -> None:
    def function(data: pd.DataFrame) -> dict[str, Any]:
        return {"kind": pd.Categorical([str(one) for one in data["whole"]])}

    source = wrapped(function)
    with pytest.raises(
        DesignError,
        match=re.escape(
            "rx_test: transform_function 'function': factor 'kind' has level '3' in chunk 2 of Data: table, "
            "which the trial chunk did not have. Give every chunk the same categories: "
            "pandas.Categorical(values, categories=[...])"
        ),
    ):
        values(source, "kind")


def test_a_type_that_changes_between_chunks() -> None:
    def fractions(data: pd.DataFrame) -> dict[str, Any]:
        first = data["whole"].iloc[0] == 1
        return {"n": [1, 2] if first else [0.5] * len(data)}

    with pytest.raises(SourceError, match=r"chunk 2 of Data: table, column 'n', typed by the trial chunk: 0.5 is not"):
        values(wrapped(fractions), "n")

    def missing(data: pd.DataFrame) -> dict[str, Any]:
        first = data["whole"].iloc[0] == 1
        return {"n": [1, 2] if first else [np.nan] * len(data)}

    assert values(wrapped(missing), "n") == [1, 2, None, None, None]


def test_columns_that_change_between_chunks() -> None:
    def function(data: pd.DataFrame) -> dict[str, Any]:
        return {"p": [1] * len(data)} if data["whole"].iloc[0] == 1 else {"q": [1] * len(data)}

    with pytest.raises(
        DesignError, match=r"must return the same columns for every chunk: chunk 2 .* has also q; not p; "
    ):
        values(wrapped(function), "p")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "must return a DataFrame or a dict of columns; got NoneType; did it forget to return the chunk?"),
        (3, "must return a DataFrame or a dict of columns; got int"),
        ({"p": [1], "q": [1, 2]}, "returned columns of different lengths: {'p': 1, 'q': 2}"),
    ],
)
def test_answers_that_are_no_chunk(answer: Any, message: str) -> None:
    source = wrapped(lambda data: answer)
    with pytest.raises(OptionError, match=re.escape(message)):
        _ = source.schema


def test_the_number_of_rows_may_change_only_where_allowed() -> None:
    def drop(data: pd.DataFrame) -> pd.DataFrame:
        return data[data["whole"] > 1]

    with pytest.raises(
        DesignError,
        match=r"'drop' returned 1 rows for 2 rows of the trial chunk of Data: table; only rx_data_step lets",
    ):
        _ = wrapped(drop).schema
    source = wrapped(drop, may_change_rows=True)
    assert values(source, "whole") == [2, 3, 4, 5]
    assert source.n_rows is None
    partly = wrapped(drop, may_change_rows=True, transform_variables=["whole"])
    assert values(partly, "whole") == [2, 3, 4, 5]
    with pytest.raises(DesignError, match="but did not see the columns x; name all columns that are needed"):
        values(partly, "x")


def test_rows_can_be_dropped_by_the_reserved_column() -> None:
    source = wrapped(lambda data: data.assign(**{".rxRowSelection": data["whole"] > 3}))
    assert source.schema.names == tuple(TABLE.column_names)
    assert values(source, "whole") == [4, 5]


def test_metadata_of_columns_that_went_through_a_function() -> None:
    from xdf.schema import Field, Schema

    class Labelled(TableSource):
        @property
        def schema(self) -> Schema:
            field = Field("x", pa.float64(), low=0.0, high=3.0, description="a number")
            return Schema(tuple(field if one.name == "x" else one for one in super().schema))

    labelled = Labelled(TABLE, LAYOUT)
    through = wrapped(lambda data: data, labelled).schema.field("x")
    assert (through.low, through.high, through.description) == (None, None, "a number")
    beside = wrapped(lambda data: data, labelled, transform_variables=["i"]).schema.field("x")
    assert (beside.low, beside.high) == (0.0, 3.0)


def test_sources_without_rows() -> None:
    source = wrapped(lambda data: data.assign(z=data["x"] + 1), TableSource(TABLE.slice(0, 0), ((), ())))
    assert source.schema.field("z").type == pa.float64()
    assert values(source, "z") == []


def test_a_stream_is_not_read_twice_for_the_trial() -> None:
    source = wrapped(lambda data: data.assign(z=data["x"] + 1), TableSource(TABLE, LAYOUT, stream=True, once=True))
    assert source.schema.names[-1] == "z"
    assert [number(one) for one in values(source, "z")] == [1, 2, 3, 4, None]
    with pytest.raises(SourceError, match="read already"):
        values(source, "z")


# --- callables among the transforms ------------------------------------------------------------------------------


def test_callables_get_a_dict_of_columns() -> None:
    def grade(columns: dict[str, pd.Series], limit: float) -> np.ndarray:
        assert isinstance(columns, dict)
        return np.where(columns["x"] > limit, "high", "low")

    source = wrapped(
        transforms={"grade": grade, "high": "grade == 'high'", "one": lambda columns: 1, "text": lambda columns: "t"},
        transform_objects={"limit": 1.5},
    )
    assert values(source, "high") == [False, False, True, True, False]
    assert values(source, "one") == [1] * 5
    assert values(source, "text") == ["t"] * 5
    arrow = wrapped(transforms={"a": lambda columns: pa.array(columns["whole"])})
    assert values(arrow, "a") == [1, 2, 3, 4, 5]


def test_callables_must_answer_for_every_row() -> None:
    with pytest.raises(
        OptionError, match=r"rx_test: transforms\['z'\] '<lambda>' returned 1 values for a chunk of 2 rows"
    ):
        _ = wrapped(transforms={"z": lambda columns: [1]}).schema


def _twice(data: pd.DataFrame, k: int) -> pd.DataFrame:
    data["z"] = data["x"] * k
    return data


def test_partitions_with_module_level_functions_are_picklable() -> None:
    source = wrapped(_twice, transform_objects={"k": 2}, transform_variables=["x"])
    item = source.schema.field("z")
    found = []
    for partition in source.partitions(["z"]):
        for block in pickle.loads(pickle.dumps(partition)).blocks():
            found += block.columns["z"].to_arrow(item).to_pylist()
    assert [number(one) for one in found] == [0, 2, 4, 6, None]
