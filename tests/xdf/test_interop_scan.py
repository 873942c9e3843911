"""Scans: the same rows as pyarrow's own filter, and never a block too few or, where statistics can tell, too many."""

from __future__ import annotations

import datetime as dt
import functools
import math
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from container_cases import assert_same_table, mixed_batch, write_file
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import acero

import xdf
import xdf.expressions
from xdf.expressions import understood
from xdf.pruning import FALSE, NULL, TRUE, Facts, outcomes

BIG = 2**53
NAN = float("nan")
F = pc.field


def table_of(tmp_path: Path, rows_per_block: int = 4, **columns: Any) -> xdf.XdfFile:
    path = tmp_path / "scan.xdf"
    xdf.write(pa.table(columns), path, rows_per_block=rows_per_block, overwrite=True)
    return xdf.open(path)


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all reads from files while the test runs."""
    import os

    lengths: list[int] = []
    original = os.pread

    def counting(fd: int, length: int, offset: int) -> bytes:
        data = original(fd, length, offset)
        lengths.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    return lengths


# --- Against pyarrow ------------------------------------------------------------------------------------------------

INTEGERS = [-(2**63), -BIG - 1, -BIG, -3, 0, 1, 2, 7, BIG - 1, BIG, BIG + 1, BIG + 2, 2**63 - 1]
SMALL = [-3, -1, 0, 1, 2, 7, 100]
FLOATS = [-math.inf, -2.5, -0.0, 0.0, 0.1, 1.0, 2.5, 2.0**53, 2.0**53 + 2, math.inf, NAN]
SINGLES = [-2.5, -0.0, 0.0, float(np.float32(0.1)), 1.0, 16777216.0, NAN]
TEXTS = ["", "a", "b", "Zoë", "zz"]
DAYS = [dt.date(1, 1, 1), dt.date(1969, 12, 31), dt.date(2020, 2, 29), dt.date(2020, 3, 1)]
MOMENTS = [dt.datetime(1969, 12, 31, 23, 59, 59, 999_999), dt.datetime(2020, 2, 29), dt.datetime(2020, 3, 1, 1)]  # noqa: DTZ001
DECIMALS = [Decimal("-1.25"), Decimal("0.00"), Decimal("0.10"), Decimal("99999999999999.99")]
COLUMNS: dict[str, tuple[pa.DataType, list[Any]]] = {
    "i": (pa.int64(), INTEGERS),
    "u": (pa.uint64(), [0, 1, BIG, BIG + 1, 2**63 - 1]),
    "h": (pa.int16(), SMALL),
    "x": (pa.float64(), FLOATS),
    "y": (pa.float32(), SINGLES),
    "b": (pa.bool_(), [True, False]),
    "s": (pa.string(), TEXTS),
    "k": (xdf.FACTOR_TYPE, TEXTS),
    "d": (pa.date32(), DAYS),
    "t": (pa.timestamp("us"), MOMENTS),
    "n": (pa.decimal128(18, 2), DECIMALS),
}


def column_arrays() -> st.SearchStrategy[dict[str, list[Any]]]:
    """Rows that lie near each other in a block, so that there is something to skip."""

    def values(kind: list[Any]) -> st.SearchStrategy[list[Any]]:
        few = st.lists(st.sampled_from(kind), min_size=1, max_size=2)
        block = few.flatmap(
            lambda chosen: st.lists(st.one_of(st.sampled_from(chosen), st.none()), min_size=3, max_size=3)
        )
        return st.lists(block, min_size=4, max_size=4).map(
            lambda blocks: [value for block in blocks for value in block]
        )

    return st.fixed_dictionaries({name: values(kind) for name, (_, kind) in COLUMNS.items()})


def expressions() -> st.SearchStrategy[pc.Expression]:
    compare = [
        lambda one, other: one == other,
        lambda one, other: one != other,
        lambda one, other: one < other,
        lambda one, other: one <= other,
        lambda one, other: one > other,
        lambda one, other: one >= other,
    ]

    def literal(name: str) -> st.SearchStrategy[pc.Expression]:
        kind, values = COLUMNS[name]
        plain = pa.string() if kind == xdf.FACTOR_TYPE else kind
        others = [*values, None]
        return st.sampled_from(others).map(lambda value: pc.scalar(pa.scalar(value, plain)))

    @st.composite
    def leaf(draw: st.DrawFn) -> pc.Expression:
        name = draw(st.sampled_from(sorted(COLUMNS)))
        what = draw(st.sampled_from(["compare", "compare", "compare", "in", "null", "nan", "truth", "columns"]))
        if what == "in":
            kind, values = COLUMNS[name]
            plain = pa.string() if kind == xdf.FACTOR_TYPE else kind
            chosen = draw(st.lists(st.sampled_from([*values, None]), max_size=3))
            return F(name).isin(pa.array(chosen, plain))
        if what == "null":
            return draw(st.sampled_from([F(name).is_null(), F(name).is_valid(), F(name).is_null(nan_is_null=True)]))
        if what == "nan":
            return F(draw(st.sampled_from(["x", "y", "h"]))).is_nan()
        if what == "truth":
            return draw(st.sampled_from([F("b"), ~F("b"), pc.scalar(True), pc.scalar(pa.scalar(None, pa.bool_()))]))
        if what == "columns":
            one, other = draw(st.sampled_from([("x", "y"), ("h", "i"), ("y", "x"), ("x", "x"), ("t", "d")]))
            return draw(st.sampled_from(compare))(F(one), F(other))
        sides = [F(name), draw(literal(name))]
        if draw(st.booleans()):
            sides.reverse()
        return draw(st.sampled_from(compare))(*sides)

    return st.recursive(
        leaf(),
        lambda inner: st.one_of(
            st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
            st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
            inner.map(lambda one: ~one),
            st.tuples(inner, inner, inner).map(lambda three: pc.if_else(*three)),
        ),
        max_leaves=4,
    )


def evaluated(table: pa.Table, expression: pc.Expression) -> pa.ChunkedArray:
    plan = [
        acero.Declaration("table_source", acero.TableSourceNodeOptions(table)),
        acero.Declaration("project", acero.ProjectNodeOptions([expression], ["passes"])),
    ]
    return acero.Declaration.from_sequence(plan).to_table(use_threads=False).column(0)


def arrow_table(data: dict[str, list[Any]]) -> pa.Table:
    columns = {}
    for name, values in data.items():
        kind = COLUMNS[name][0]
        if kind == xdf.FACTOR_TYPE:
            columns[name] = pa.array(values, pa.string()).dictionary_encode()
        else:
            columns[name] = pa.array(values, kind)
    return pa.table(columns)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(data=column_arrays(), filters=st.lists(expressions(), min_size=4, max_size=4))
def test_the_same_rows_as_pyarrow(tmp_path: Path, data: dict[str, list[Any]], filters: list[pc.Expression]) -> None:
    table = arrow_table(data)
    with table_of(tmp_path, 3, **dict(zip(table.column_names, table.columns, strict=True))) as file:
        whole = file.to_arrow()
        for expression in filters:
            try:
                mask = evaluated(whole, expression)
            except pa.ArrowException:  # Arrow refuses to convert a number; the scan may too, where it reads the block
                continue
            expected = whole.filter(mask)
            scan = file.scan(filter=expression)
            assert scan.count_rows() == expected.num_rows
            found = scan.to_table()
            assert found.num_rows == expected.num_rows
            if expected.num_rows:
                assert_same_table(found, *expected.to_batches())
            check_outcomes(file, expression, mask)


def check_outcomes(file: xdf.XdfFile, expression: pc.Expression, mask: pa.ChunkedArray) -> None:
    """Whatever a row of a block comes to is among the outcomes predicted for the block."""
    node = understood(expression)
    assert node is not None
    start = 0
    for block, n_rows in enumerate(file.rows_per_block):
        predicted = outcomes(node, functools.partial(facts, file, block))
        for value in mask.slice(start, n_rows).to_pylist():
            assert predicted & {True: TRUE, False: FALSE, None: NULL}[value], (expression, block, predicted)
        start += n_rows


def facts(file: xdf.XdfFile, block: int, name: str) -> Facts:
    field = file.schema.field(name)
    levels = None if field.levels is None else frozenset(field.levels)
    return Facts(field, file.block_statistics(block, name), levels)


# --- What is skipped ------------------------------------------------------------------------------------------------


def skipped(file: xdf.XdfFile, filter_: object) -> int:
    return file.scan(filter=filter_).n_blocks_skipped


def test_ranges_rule_blocks_out(tmp_path: Path) -> None:
    days = [dt.date(2020, 1, 1) + dt.timedelta(days=day) for day in range(40)]
    with table_of(
        tmp_path,
        i=pa.array(range(40)),
        x=pa.array([number / 10 for number in range(40)]),
        d=pa.array(days),
        t=pa.array([dt.datetime.combine(day, dt.time(12)) for day in days], pa.timestamp("ns")),
        b=pa.array([False] * 20 + [True] * 20),
        k=pa.array(["a", "b"] * 20).dictionary_encode(),
        n=pa.array([Decimal(number) / 4 for number in range(40)], pa.decimal128(10, 2)),
        e=pa.array([dt.timedelta(seconds=number) for number in range(40)], pa.duration("ms")),
        c=pa.array([dt.time(number // 60, number % 60) for number in range(40)], pa.time32("s")),
    ) as file:
        assert file.n_blocks == 10
        assert skipped(file, F("i") > 35) == 9
        assert skipped(file, ("i", "<", 8)) == 8
        assert skipped(file, F("i") == 17) == 9
        assert skipped(file, pc.scalar(17) == F("i")) == 9
        assert skipped(file, pc.scalar(3) > F("i")) == 9
        assert skipped(file, ~(F("i") <= 35)) == 9
        assert skipped(file, (F("i") > 35) | (F("i") < 4)) == 8
        assert skipped(file, (F("i") > 35) & (F("i") < 4)) == 10
        assert skipped(file, ("i", "in", [0, 39])) == 8
        assert skipped(file, ("i", "not in", [0])) == 0
        assert skipped(file, F("i") > 100) == 10
        assert skipped(file, F("x") >= 3.6) == 9
        assert skipped(file, F("x") > F("i")) == 9  # only 0 > 0.0 is not decided by the ranges
        assert skipped(file, F("d") > dt.date(2020, 2, 5)) == 9
        assert skipped(file, F("d") > dt.datetime(2020, 2, 5)) == 9  # noqa: DTZ001
        assert skipped(file, F("t") < dt.datetime(2020, 1, 2)) == 9  # noqa: DTZ001
        assert skipped(file, F("b")) == 5
        assert skipped(file, ~F("b")) == 5
        assert skipped(file, F("b") == True) == 5  # noqa: E712
        assert skipped(file, F("k") == "c") == 10
        assert skipped(file, F("k") == "a") == 0
        assert skipped(file, ("k", "in", ["c", "d"])) == 10
        assert skipped(file, F("n") > Decimal("9.1")) == 9
        assert skipped(file, F("e") > dt.timedelta(seconds=36)) == 9
        assert skipped(file, F("c") > dt.time(0, 36)) == 9
        assert skipped(file, F("i").is_null()) == 10
        assert skipped(file, F("i").is_valid()) == 0
        assert skipped(file, pc.if_else(F("i") < 4, F("x") > 5, F("x") > 3.5)) == 9
        assert file.scan(filter=F("k").is_null()).count_rows() == 0


def test_nan_passes_what_is_not_false(tmp_path: Path) -> None:
    with table_of(tmp_path, 2, x=pa.array([1.0, 2.0, 3.0, NAN, NAN, NAN, 1.0, None, None, None])) as file:
        counts = {
            "not above 5": (~(F("x") > 5), 7, 1),
            "not up to 5": (~(F("x") <= 5), 3, 2),
            "not 1": (F("x") != 1, 5, 1),
            "not 3": (F("x") != 3, 6, 1),
            "above 2": (F("x") > 2, 1, 4),
            "nan": (F("x").is_nan(), 3, 1),
            "null": (F("x").is_null(), 3, 1),
            "null or nan": (F("x").is_null(nan_is_null=True), 6, 1),
            "in nan": (F("x").isin([NAN]), 3, 1),
            "in null": (F("x").isin(pa.array([None], pa.float64())), 3, 1),
            "below nan": (F("x") < NAN, 0, 5),
            "not nan": (F("x") != NAN, 7, 1),
        }
        for name, (expression, n_rows, n_skipped) in counts.items():
            scan = file.scan(filter=expression)
            assert scan.count_rows() == n_rows == scan.to_table().num_rows, name
            assert scan.n_blocks_skipped <= n_skipped, name


def test_missing_rows_are_counted_by_the_footer(tmp_path: Path) -> None:
    with table_of(tmp_path, 2, i=pa.array([1, 2, 3, None, None, None]), s=pa.array(["a"] * 4 + [None] * 2)) as file:
        assert skipped(file, F("i").is_null()) == 1
        assert skipped(file, F("i").is_valid()) == 1
        assert skipped(file, ~F("i").is_null()) == 1
        assert skipped(file, F("i") > 0) == 1
        assert skipped(file, F("s") == "a") == 1
        assert skipped(file, F("s") != "a") == 1
        assert skipped(file, F("s").is_null()) == 2
        assert skipped(file, F("i") == pc.scalar(None)) == 3


def test_zeros_of_both_signs_are_equal(tmp_path: Path) -> None:
    with table_of(tmp_path, 2, x=pa.array([-0.0, -0.0, 0.0, 0.0, 5.0, 6.0])) as file:
        for zero in (0.0, -0.0):
            assert file.scan(filter=F("x") == zero).count_rows() == 4
            assert file.scan(filter=F("x") >= zero).count_rows() == 6
            assert file.scan(filter=F("x") < zero).count_rows() == 0
            assert file.scan(filter=F("x").isin([zero])).count_rows() == evaluated(
                file.to_arrow(), F("x").isin([zero])
            ).to_pylist().count(True)


@pytest.mark.parametrize("kind", [pa.int64(), pa.uint64(), pa.timestamp("ns"), pa.duration("ns")], ids=str)
def test_rounded_limits_never_hide_a_row(tmp_path: Path, kind: pa.DataType) -> None:
    """The footer's minimum and maximum are float64: 2**53 + 1 is stored as 2**53."""
    for value in (BIG + 1, BIG + 3, 2**60 + 1, 2**62 + 129, 2**63 - 1):
        column = pa.array([value, value], pa.int64() if not pa.types.is_integer(kind) else kind)
        column = column.view(kind) if pa.types.is_temporal(kind) else column
        with table_of(tmp_path, 2, i=column) as file:
            literal = pc.scalar(column[0])
            assert file.scan(filter=F("i") == literal).count_rows() == 2
            assert file.scan(filter=F("i") >= literal).count_rows() == 2
            assert file.scan(filter=F("i") <= literal).count_rows() == 2
            assert file.scan(filter=F("i") > literal).count_rows() == 0
            assert file.scan(filter=F("i").isin(column)).count_rows() == 2
            if pa.types.is_integer(kind):
                for near in (value - 2, value - 1):
                    other = pc.scalar(pa.scalar(near, kind))
                    assert file.scan(filter=F("i") > other).count_rows() == 2
                    assert file.scan(filter=F("i") == other).count_rows() == 0
                    assert file.scan(filter=~(F("i") <= other)).count_rows() == 2
            far = pa.scalar(2**40, pa.int64()).cast(kind)
            assert skipped(file, F("i") < pc.scalar(far)) == 1


def test_single_floats_meet_doubles(tmp_path: Path) -> None:
    """0.1 as a float32 lies above 0.1 as a float64; sets are cast to the type of the column, literals are not."""
    tenth = float(np.float32(0.1))
    with table_of(tmp_path, 2, y=pa.array([0.1, 0.1, 3.0, 4.0], pa.float32())) as file:
        assert file.scan(filter=F("y") > pc.scalar(pa.scalar(0.1, pa.float64()))).count_rows() == 4
        assert file.scan(filter=F("y") == tenth).count_rows() == 2
        assert file.scan(filter=F("y").isin([0.1])).count_rows() == 2
        assert file.scan(filter=("y", "==", tenth)).n_blocks_skipped == 1


def test_texts_are_never_ruled_out_by_ranges(tmp_path: Path) -> None:
    levels = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 2], pa.int32()), pa.array(["z", "a", "m", "unused"]))
    with table_of(tmp_path, 2, k=levels, s=pa.array(["z", "a", "m", "m"])) as file:
        for column in ("k", "s"):
            assert file.scan(filter=F(column) > "b").count_rows() == 3
            assert file.scan(filter=F(column) <= "a").count_rows() == 1
            assert file.scan(filter=F(column) != "unused").count_rows() == 4
            assert file.scan(filter=(column, "in", ["a", "unused"])).count_rows() == 1
            assert file.scan(filter=~F(column).isin(["a", None])).count_rows() == 3
        assert skipped(file, ~F("k").isin(["z", "a", "m", "unused"])) == 2


def test_large_sets_are_searched(tmp_path: Path) -> None:
    with table_of(tmp_path, 10, i=pa.array(range(1000)), x=pa.array(np.arange(1000) / 3)) as file:
        assert skipped(file, F("i").isin(list(range(2000, 50_000)))) == 100
        assert skipped(file, F("i").isin([*range(2000, 50_000), 555])) == 99
        assert file.scan(filter=F("i").isin([*range(2000, 50_000), 555])).to_table()["i"].to_pylist() == [555]
        assert file.scan(filter=F("x").isin([1.0, 7.0])).count_rows() == 2
        assert skipped(file, F("x").isin([1.0, 7.0])) == 98


# --- Bytes ----------------------------------------------------------------------------------------------------------


def test_skipped_blocks_and_other_columns_are_not_read(tmp_path: Path, bytes_read: list[int]) -> None:
    batches = [mixed_batch(5000, seed) for seed in range(8)]
    numbered = [batch.append_column("row", pa.array(np.arange(5000) + 5000 * n)) for n, batch in enumerate(batches)]
    path = write_file(tmp_path / "many.xdf", *numbered)
    with xdf.open(path) as file:
        cells = file._index.cells
        places = {name: position for position, name in enumerate(file.schema.names)}
        bytes_read.clear()
        scan = file.scan(["noise"], F("row") >= 35_500)
        assert (scan.n_blocks, scan.n_blocks_skipped) == (8, 7)
        assert sum(bytes_read) == 0
        assert scan.to_table().num_rows == 4500
        stored = sum(int(cells["length"][7, places[name]]) for name in ("noise", "row"))
        assert sum(bytes_read) == stored
        bytes_read.clear()
        # Every row of the last blocks passes, so the column of the filter is not needed.
        assert file.scan(["noise"], F("row") >= 30_000).to_table().num_rows == 10_000
        assert sum(bytes_read) == int(cells["length"][6:, places["noise"]].sum())
        bytes_read.clear()
        assert file.scan(filter=F("row") >= 30_000).count_rows() == 10_000
        assert file.scan().count_rows() == 40_000
        assert file.scan([]).to_table().num_rows == 40_000
        assert sum(bytes_read) == 0
        # No row passes, which the footer does not know: the other column is left alone.
        assert file.scan(["noise"], (F("text") == "no such text") & (F("row") < 100)).count_rows() == 0
        assert file.scan(["noise"], (F("text") == "no such text") & (F("row") < 100)).to_table().num_rows == 0
        assert sum(bytes_read) == 2 * sum(int(cells["length"][0, places[name]]) for name in ("text", "row"))
        bytes_read.clear()
        assert file.scan(["noise"]).head(10).num_rows == 10
        assert sum(bytes_read) == int(cells["length"][0, places["noise"]])


# --- Rows, columns, forms -------------------------------------------------------------------------------------------


@pytest.fixture
def numbers(tmp_path: Path) -> Iterator[xdf.XdfFile]:
    with table_of(tmp_path, 10, i=pa.array(range(95)), k=pa.array(["a"] * 95).dictionary_encode()) as file:
        yield file


@pytest.mark.parametrize("rows", [(25, 47), slice(25, 47), range(25, 47), slice(25, -48), slice(25, 47, 1)], ids=str)
def test_rows_by_number(numbers: xdf.XdfFile, rows: Any) -> None:
    scan = numbers.scan(["i"], rows=rows)
    assert scan.n_blocks == 3
    assert scan.to_table()["i"].to_pylist() == list(range(25, 47))
    assert [batch.num_rows for batch in scan.to_batches()] == [5, 10, 7]
    assert scan.count_rows() == 22
    both = numbers.scan(["i"], ("i", "in", [3, 30, 46, 47]), rows)
    assert both.to_table()["i"].to_pylist() == [30, 46]
    assert both.n_blocks_skipped == 1


def test_rows_beyond_the_end(numbers: xdf.XdfFile) -> None:
    assert numbers.scan(rows=slice(90, 1000)).count_rows() == 5
    assert numbers.scan(rows=slice(200, 300)).to_table().num_rows == 0
    assert numbers.scan(rows=slice(-3, None)).to_table()["i"].to_pylist() == [92, 93, 94]


@pytest.mark.parametrize("rows", [slice(0, 10, 2), range(10, 0, -1), [1, 2], "5", (1, 2, 3), (0.5, 2)], ids=str)
def test_rows_that_are_none(numbers: xdf.XdfFile, rows: Any) -> None:
    with pytest.raises(xdf.XdfError, match=r"scan\.xdf: scan: rows: got .*; allowed: a slice, a range or a pair"):
        numbers.scan(rows=rows)


def test_columns_come_in_the_order_asked_for(numbers: xdf.XdfFile) -> None:
    assert numbers.scan(["k", "i"], ("i", "<", 3)).to_table().column_names == ["k", "i"]
    assert numbers.scan(["k"], ("i", "<", 3)).to_table().column_names == ["k"]
    with pytest.raises(xdf.XdfColumnError, match=r"column 'j' is not there"):
        numbers.scan(["j"])
    with pytest.raises(xdf.XdfColumnError, match=r"column 'j' is not there"):
        numbers.scan(filter=F("j") > 1)
    with pytest.raises(xdf.XdfColumnError, match=r"column 'j' is not there"):
        numbers.scan(filter=("j", ">", 1))


def test_forms_of_filters(numbers: xdf.XdfFile) -> None:
    def found(filter_: object) -> list[int]:
        return numbers.scan(["i"], filter_).to_table()["i"].to_pylist()

    assert found(("i", ">", 92)) == [93, 94]
    assert found([("i", ">", 91), ("i", "!=", 93)]) == [92, 94]
    assert found([[("i", "<", 1)], [("i", ">", 92), ("i", "<=", 93)]]) == [0, 93]
    assert found(("i", "==", 5.0)) == [5]
    assert found(("i", "=", np.int32(5))) == [5]
    assert found(("i", "in", {5, 6})) == [5, 6]
    assert found([("k", "==", "a"), ("i", ">=", 94)]) == [94]
    assert found(pc.scalar(True))[-1] == 94
    assert found(pc.scalar(False)) == []


@pytest.mark.parametrize(
    ("filter_", "message"),
    [
        ("i > 3", "allowed: a pyarrow.compute.Expression, a comparison such as"),
        ([], "allowed: a pyarrow.compute.Expression"),
        (("i", "~", 3), "operator '~' is not known; allowed: == = != < <= > >= in not in"),
        (("i", "in", "abc"), "'in' needs a list of values for 'i'; got 'abc'"),
        (("i", "==", None), r"comparing 'i' with None is never true; use pyarrow.compute.field\('i'\).is_null\(\)"),
        (("i", ">", object()), "is no value to compare 'i'"),
        (F("i") + 1, "gives int64, not true or false"),
        (F("i") == "a", "cannot be evaluated"),
    ],
    ids=str,
)
def test_filters_that_are_none(numbers: xdf.XdfFile, filter_: Any, message: str) -> None:
    with pytest.raises(xdf.XdfSchemaError, match=message):
        numbers.scan(filter=filter_).to_table()


def test_an_expression_of_an_unknown_form_skips_nothing(numbers: xdf.XdfFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a later pyarrow pickled expressions in another way: slower, and right all the same."""
    monkeypatch.setattr(xdf.expressions, "_is_format_known", lambda: False)
    scan = numbers.scan(["i"], F("i") > 92)
    assert scan.n_blocks_skipped == 0
    assert scan.to_table()["i"].to_pylist() == [93, 94]


def test_this_pyarrow_pickles_expressions_as_expected() -> None:
    assert xdf.expressions._is_format_known()
    assert understood((F("a b") > 3) & F("c\n\x01'").isin(["x"])) is not None


def test_functions_that_are_not_known_read_everything(numbers: xdf.XdfFile) -> None:
    scan = numbers.scan(["i"], pc.greater(pc.abs(F("i") - 90), 88))
    assert scan.n_blocks_skipped == 0
    assert scan.to_table()["i"].to_pylist() == [0, 1]
    partly = numbers.scan(["i"], (pc.bit_wise_and(F("i"), 1) == 1) & (F("i") > 92))
    assert partly.n_blocks_skipped == 9
    assert partly.to_table()["i"].to_pylist() == [93]


def test_nothing_found_keeps_types_levels_and_labels(numbers: xdf.XdfFile) -> None:
    table = numbers.scan(filter=F("i") > 1000).to_table()
    assert table.num_rows == 0
    assert table.schema == numbers.to_arrow().schema
    assert table["k"].chunk(0).dictionary.to_pylist() == ["a"]
    assert numbers.scan(filter=F("i") > 1000).head(5).num_rows == 0
    assert numbers.scan(filter=F("i") > 1000).to_reader().read_all().num_rows == 0


def test_head_and_errors_of_head(numbers: xdf.XdfFile) -> None:
    assert numbers.scan(["i"], F("i") >= 8).head(4)["i"].to_pylist() == [8, 9, 10, 11]
    assert numbers.scan(["i"]).head().num_rows == 6
    assert numbers.scan(["i"]).head(0).num_rows == 0
    with pytest.raises(xdf.XdfError, match="head: n_rows must be a whole number of at least 0; got -1"):
        numbers.scan().head(-1)


def test_a_scan_runs_again_and_says_what_it_is(numbers: xdf.XdfFile) -> None:
    scan = numbers.scan(["i"], F("i") > 92)
    assert scan.to_table() == scan.to_table() == scan.to_reader().read_all()
    assert repr(scan).endswith("scan.xdf', 1 columns, 9 of 10 blocks skipped)")
    assert scan.to_pandas()["i"].tolist() == [93, 94]


def test_a_stream_that_nobody_finishes_lets_go(numbers: xdf.XdfFile) -> None:
    batches = numbers.scan().to_batches()
    assert next(batches).num_rows == 10
    del batches
    reader = numbers.to_reader()
    assert reader.read_next_batch().num_rows == 10
    reader.close()


def test_damage_in_a_block_that_is_skipped_is_not_met(tmp_path: Path) -> None:
    path = tmp_path / "damaged.xdf"
    xdf.write(pa.table({"i": range(100)}), path, rows_per_block=10, compression_level=0)
    with xdf.open(path) as file:
        place = int(file._index.cells["offset"][0, 0]) + int(file._index.cells["length"][0, 0]) - 8
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with xdf.open(path) as file:
        assert file.scan(filter=F("i") > 50).count_rows() == 49
        with pytest.raises(xdf.XdfChecksumError, match="block 0"):
            file.scan(filter=F("i") != 50).to_table()
