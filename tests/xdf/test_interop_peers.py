# ruff: noqa: F841 - DuckDB finds local variables by their names.
"""Through pandas, polars and DuckDB and back: what survives, and exactly what does not."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from container_cases import TYPES, array_of, mixed_batch, write_file

import xdf

duckdb = pytest.importorskip("duckdb")
pl = pytest.importorskip("polars")

LEVELS = ("low", "hïgh", "unused")
LABELLED = xdf.Schema(
    (
        xdf.Field("age", pa.int64(), description="Years", low=0.0, value_codes=(99.0,), value_labels=("unknown",)),
        xdf.factor_field("size", LEVELS, ordered=True, description="How large"),
        xdf.factor_field("kind", ["z", "a", "unused"], value_codes=("z",), value_labels=("zebra",)),
    )
)


@pytest.fixture
def labelled(tmp_path: Path) -> Iterator[xdf.XdfFile]:
    with xdf.create(tmp_path / "labelled.xdf", LABELLED) as writer:
        for _ in range(2):
            writer.write(
                pa.record_batch({"age": [31, None, 99], "size": ["hïgh", None, "low"], "kind": ["a", "z", None]})
            )
    with xdf.open(tmp_path / "labelled.xdf") as file:
        yield file


@pytest.fixture
def connection() -> Iterator[Any]:
    with duckdb.connect() as made:
        yield made


def one_column(tmp_path: Path, name: str) -> xdf.XdfFile:
    batch = pa.record_batch({"v": array_of(name)})
    return xdf.open(write_file(tmp_path / "a.xdf", batch, batch))


def back(data: Any, tmp_path: Path) -> pa.ChunkedArray:
    xdf.write(data, tmp_path / "back.xdf")
    with xdf.open(tmp_path / "back.xdf") as file:
        return file.to_arrow()["v"]


def texts(values: pa.ChunkedArray) -> list[str]:
    """Comparable whatever the unit or zone; -0.0 is not 0.0, NaN is not null."""
    return [value.astimezone(dt.UTC).isoformat() if _has_zone(value) else str(value) for value in values.to_pylist()]


def _has_zone(value: object) -> bool:
    return isinstance(value, dt.datetime) and value.tzinfo is not None


# --- pandas ---------------------------------------------------------------------------------------------------------

# What a column is after file -> frame -> file, where it is not what it was.
AFTER_PANDAS = {
    "string": pa.large_string(),
    "date32": pa.timestamp("ms"),
    "time32[s]": pa.time64("us"),
    "time32[ms]": pa.time64("us"),
    "time64[ns]": pa.time64("us"),
    "decimal128": pa.decimal128(29, 9),
    "decimal128, tens": pa.decimal128(3, 0),
}


@pytest.mark.parametrize("name", TYPES)
def test_pandas_and_back(tmp_path: Path, name: str) -> None:
    with one_column(tmp_path, name) as file:
        frame = file.to_pandas()
        before = file.to_arrow()["v"]
        kind = file.schema.field("v").type
    after = back(frame, tmp_path)
    assert after.type == AFTER_PANDAS.get(name, kind)
    if name == "date32":
        assert [value and value.date() for value in after.to_pylist()] == before.to_pylist()
    elif name == "decimal128, tens":
        assert after.to_pylist() == before.to_pylist()
    else:
        # pandas has one missing float: NaN comes back as null.
        assert texts(after) == [text.replace("nan", "None") for text in texts(before)]


def test_types_of_a_frame(tmp_path: Path) -> None:
    file = xdf.open(write_file(tmp_path / "a.xdf", mixed_batch(100)))
    with file:
        frame = file.to_pandas()
        assert file.to_pandas(["year", "text"]).columns.tolist() == ["year", "text"]
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    kinds.pop("text")
    assert kinds == {
        "small": "int64",
        "year": "Int64",
        "whole": "float64",
        "single": "float64",
        "noise": "float64",
        "flag": "boolean",
        "weather": "category",
        "when": "datetime64[us]",
    }
    assert frame.index.equals(pd.RangeIndex(100))


def test_integers_with_missing_rows_stay_exact_in_pandas(tmp_path: Path) -> None:
    xdf.write(pa.table({"v": pa.array([2**53 + 1, None])}), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        assert file.to_pandas()["v"].iloc[0] == 2**53 + 1


def test_pandas_keeps_levels_order_and_labels(labelled: xdf.XdfFile, tmp_path: Path) -> None:
    frame = labelled.to_pandas()
    assert frame["size"].cat.categories.tolist() == list(LEVELS)
    assert frame["size"].cat.ordered
    assert not frame["kind"].cat.ordered
    assert frame["size"].max() == "hïgh"
    assert frame.attrs == {
        "xdf": {
            "age": {"description": "Years", "low": 0.0, "value_labels": [[99.0, "unknown"]]},
            "size": {"description": "How large"},
            "kind": {"value_labels": [["z", "zebra"]]},
        }
    }
    xdf.write(frame[frame["age"] > 30], tmp_path / "some.xdf")
    with xdf.open(tmp_path / "some.xdf") as file:
        assert file.explicit_fields() == LABELLED.fields
        assert file.n_rows == 4


def test_attributes_of_another_kind(tmp_path: Path) -> None:
    frame = pd.DataFrame({"v": [1]})
    for ignored in (None, 5, {"v": 5}, {"w": {"description": "gone"}}):
        frame.attrs["xdf"] = ignored
        xdf.write(frame, tmp_path / "a.xdf", overwrite=True)
    for wrong in ({"low": "abc"}, {"value_labels": 5}, {"value_labels": [[1]]}):
        frame.attrs["xdf"] = {"v": wrong}
        with pytest.raises(xdf.XdfSchemaError, match="column 'v': its labels cannot be read"):
            xdf.write(frame, tmp_path / "b.xdf")


def test_the_index_of_a_frame(tmp_path: Path) -> None:
    frame = pd.DataFrame({"v": [1, 2, 3]})
    xdf.write(frame[frame["v"] != 2], tmp_path / "a.xdf")
    xdf.write(frame.set_index(pd.Index(["a", "b", "c"], name="key")), tmp_path / "b.xdf")
    with xdf.open(tmp_path / "a.xdf") as one, xdf.open(tmp_path / "b.xdf") as other:
        assert one.schema.names == ("v",)
        assert other.to_arrow().to_pydict() == {"v": [1, 2, 3], "key": ["a", "b", "c"]}


def test_an_empty_frame_has_types_and_levels(labelled: xdf.XdfFile) -> None:
    frame = labelled.scan(filter=("age", ">", 1000)).to_pandas()
    assert len(frame) == 0
    assert frame["size"].cat.categories.tolist() == list(LEVELS)
    assert str(frame["age"].dtype) == "int64"


# --- polars ---------------------------------------------------------------------------------------------------------

AFTER_POLARS = {
    "large_string": pa.string(),
    "timestamp[s]": pa.timestamp("ms"),
    "time32[s]": pa.time64("ns"),
    "time32[ms]": pa.time64("ns"),
    "time64[us]": pa.time64("ns"),
    "duration[s]": pa.duration("ms"),
}
NOT_IN_POLARS = {"timestamp[us, +05:30]", "decimal128, tens"}


@pytest.mark.parametrize("name", [name for name in TYPES if name not in NOT_IN_POLARS])
def test_polars_and_back(tmp_path: Path, name: str) -> None:
    with one_column(tmp_path, name) as file:
        frame = pl.DataFrame(file)
        before = file.to_arrow()["v"]
        kind = file.schema.field("v").type
    if name == "float16" and frame.schema["v"] != getattr(pl, "Float16", None):
        kind = pa.float32()  # older releases of polars widen it
    after = back(frame, tmp_path)
    assert after.type == AFTER_POLARS.get(name, kind)
    assert texts(after) == texts(before)


@pytest.mark.parametrize("name", sorted(NOT_IN_POLARS))
def test_what_polars_does_not_take(tmp_path: Path, name: str) -> None:
    """Zones that are an offset, and decimals that count tens: polars says so."""
    with one_column(tmp_path, name) as file, pytest.raises(Exception, match=r"(?i)time.?zone|scale"):
        pl.DataFrame(file)


def test_polars_reads_a_file_by_the_object(tmp_path: Path) -> None:
    batches = [mixed_batch(100, seed) for seed in range(3)]
    with xdf.open(write_file(tmp_path / "a.xdf", *batches)) as file:
        frame = pl.DataFrame(file)
        whole = pl.from_arrow(file.to_arrow())
        from_arrow = pl.from_arrow(file)
        lazy = pl.scan_pyarrow_dataset(file.dataset())
        some = lazy.filter(pl.col("small") > 50).select("noise").collect()
    assert isinstance(whole, pl.DataFrame)
    assert frame.equals(whole)
    # polars 1 makes a frame of an Arrow stream here, polars 2 a series of structs.
    if isinstance(from_arrow, pl.Series):
        assert int(importlib.metadata.version("polars").split(".")[0]) >= 2
        from_arrow = from_arrow.struct.unnest()
    assert from_arrow.equals(frame)
    assert some.equals(frame.filter(pl.col("small") > 50).select("noise"))


def test_factors_in_polars(labelled: xdf.XdfFile, tmp_path: Path) -> None:
    """Rows keep their levels; the list of levels with its order stays behind, and so do labels.

    What brings the order along is an Enum of the file's levels.
    """
    frame = pl.DataFrame(labelled)
    assert frame.schema["size"] == pl.Categorical
    assert frame["size"].to_list() == ["hïgh", None, "low"] * 2
    levels = labelled.schema.field("size").levels
    ordered = frame.with_columns(pl.col("size").cast(pl.Enum(levels)))
    assert ordered["size"].max() == "hïgh"
    xdf.write(ordered, tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        assert file.schema.field("size").levels == LEVELS
        assert file.schema.field("size").ordered
        assert set(file.schema.field("kind").levels or ()) >= {"a", "z"}
        assert not file.schema.field("kind").ordered
        assert file.schema.field("age").description == ""
        assert file.to_arrow()["kind"].to_pylist() == ["a", "z", None] * 2


def test_polars_types_without_a_place_are_refused(tmp_path: Path) -> None:
    with pytest.raises(xdf.XdfSchemaError, match=r"column 'v' has type .*list"):
        xdf.write(pl.DataFrame({"v": [[1, 2]]}), tmp_path / "a.xdf")
    with pytest.raises(TypeError, match=r"xdf\.write: got LazyFrame; collect it first|is not a table"):
        xdf.write(pl.DataFrame({"v": [1]}).lazy(), tmp_path / "a.xdf")
    with pytest.raises(TypeError, match="is not a table"):
        xdf.write(pl.Series("v", [1]), tmp_path / "a.xdf")


def test_missing_columns_of_polars(tmp_path: Path) -> None:
    xdf.write(pl.DataFrame({"v": [None, None]}), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        assert file.schema.field("v").type == pa.float64()
        assert file.statistics("v").n_missing == 2


# --- DuckDB ---------------------------------------------------------------------------------------------------------

AFTER_DUCKDB = {
    "large_string": pa.string(),
    "time32[s]": pa.time64("us"),
    "time32[ms]": pa.time64("us"),
    "factor": pa.string(),
}
NOT_IN_DUCKDB = {"float16", "decimal128, tens"}
# They come out of DuckDB as intervals, which count months, days and nanoseconds apart.
NOT_FROM_DUCKDB = {"duration[s]", "duration[ns]"}


@pytest.mark.parametrize("name", [name for name in TYPES if name not in NOT_IN_DUCKDB | NOT_FROM_DUCKDB])
def test_duckdb_and_back(tmp_path: Path, connection: Any, name: str) -> None:
    with one_column(tmp_path, name) as file:
        after = back(connection.sql("select * from file"), tmp_path)
        before = file.to_arrow()["v"]
        kind = file.schema.field("v").type
    if pa.types.is_timestamp(kind) and kind.tz is not None:
        assert pa.types.is_timestamp(after.type)
        assert after.type.unit == "us"
        assert after.type.tz is not None  # that of the connection
    else:
        assert after.type == AFTER_DUCKDB.get(name, kind)
    assert texts(after) == texts(before)


@pytest.mark.parametrize("name", sorted(NOT_IN_DUCKDB))
def test_what_duckdb_does_not_take(tmp_path: Path, connection: Any, name: str) -> None:
    with one_column(tmp_path, name) as file, pytest.raises(duckdb.Error):
        connection.sql("select * from file").fetchall()
    assert file.n_rows == 8


@pytest.mark.parametrize("name", sorted(NOT_FROM_DUCKDB))
def test_durations_are_intervals_in_duckdb(tmp_path: Path, connection: Any, name: str) -> None:
    with one_column(tmp_path, name) as file:
        relation = connection.sql("select * from file")
        assert relation.fetchall()[0] == (dt.timedelta(days=-9),)
        with pytest.raises(xdf.XdfSchemaError, match=r"column 'v' has type month_day_nano_interval, which \.xdf"):
            xdf.write(connection.sql("select * from file"), tmp_path / "b.xdf")


def test_duckdb_queries_files_by_name(tmp_path: Path, connection: Any) -> None:
    batches = [mixed_batch(1000, seed) for seed in range(4)]
    with xdf.open(write_file(tmp_path / "a.xdf", *batches)) as people:
        everything = people.to_arrow()
        query = "select weather, count(*), sum(small) from {} where small > 60 group by weather order by weather"
        expected = connection.sql(query.format("everything")).fetchall()
        assert connection.sql(query.format("people")).fetchall() == expected
        reader = people.to_reader(["weather", "small"], ("small", ">", 60))
        assert connection.sql(query.format("reader")).fetchall() == expected
        dataset = people.dataset()
        assert connection.sql(query.format("dataset")).fetchall() == expected
        # Once more: a file can be queried any number of times.
        assert connection.sql("select count(*) from people p join people q on p.when = q.when").fetchall()[0][0] >= 3500
        scan = people.scan(["small"])
        assert connection.sql("select max(small) from scan").fetchall() == [(99,)]
        assert pl.DataFrame(scan)["small"].max() == 99


def test_duckdb_reads_only_what_a_query_needs(tmp_path: Path, connection: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a dataset: projection and filter arrive here, and blocks are skipped."""
    table = pa.table({f"c{number}": np.arange(1000) for number in range(20)})
    xdf.write(table, tmp_path / "wide.xdf", rows_per_block=100)
    with xdf.open(tmp_path / "wide.xdf") as file:
        read: list[tuple[int, tuple[str, ...]]] = []
        original = xdf.XdfFile.read_block_arrow

        def noting(self: xdf.XdfFile, number: int, columns: Any = None) -> pa.RecordBatch:
            read.append((number, tuple(self.schema.names if columns is None else columns)))
            return original(self, number, columns)

        monkeypatch.setattr(xdf.XdfFile, "read_block_arrow", noting)
        wide = file.dataset()
        answer = connection.sql("select sum(c3) from wide where c7 >= 930").fetchall()
        assert answer == [(sum(range(930, 1000)),)]
        assert {number for number, _ in read} == {9}
        assert {name for _, names in read for name in names} == {"c3", "c7"}


def test_levels_in_duckdb(labelled: xdf.XdfFile, tmp_path: Path, connection: Any) -> None:
    """Factors are texts to DuckDB; an ENUM made of the levels comes back as a factor with them, in order."""
    assert connection.sql("select size from labelled").types == ["VARCHAR"]
    names = ", ".join(f"'{level}'" for level in LEVELS)
    connection.sql(f"create type size as enum ({names})")
    xdf.write(connection.sql("select size::size as size from labelled"), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        assert file.schema.field("size").levels == LEVELS
        assert file.to_arrow()["size"].to_pylist() == ["hïgh", None, "low"] * 2


def test_decimals_meet_everywhere(tmp_path: Path, connection: Any) -> None:
    xdf.write(pa.table({"v": pa.array([Decimal("1.25"), None], pa.decimal128(10, 2))}), tmp_path / "a.xdf")
    with xdf.open(tmp_path / "a.xdf") as file:
        assert connection.sql("select sum(v) from file").fetchall() == [(Decimal("1.25"),)]
        assert pl.DataFrame(file)["v"].to_list() == [Decimal("1.25"), None]
        assert file.to_pandas()["v"].iloc[0] == Decimal("1.25")
