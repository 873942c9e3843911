from __future__ import annotations

import datetime as dt
import math
import re
from typing import Any

import pyarrow as pa
import pytest

from rxcore.errors import ColumnNotFoundError, FormulaError
from rxcore.expressions import parse_expression

NOON = dt.datetime(2013, 1, 5, 17, 30)  # noqa: DTZ001
COLUMNS: dict[str, pa.Array] = {
    "x": pa.array([1.0, -2.0, 0.0, None, math.nan]),
    "single": pa.array([0.5, 1.5, 2.5, None, 4.5], pa.float32()),
    "i": pa.array([1, 2, None, 4, 5], pa.int32()),
    "big": pa.array([2**53, 2**53 + 1, 3, None, 5]),
    "u": pa.array([2**63 + 1, 1, 2, None, 4], pa.uint64()),
    "b": pa.array([True, False, None, True, False]),
    "s": pa.array(["a", "b", None, "1.5", " 2e3 "]),
    "f": pa.array(["u", "v", None, "u", "w"]).dictionary_encode(),
    "d": pa.array([dt.date(2013, 1, 5), dt.date(2012, 12, 31), None, None, None]),
    "t": pa.array([NOON, NOON - dt.timedelta(days=1), None, None, None]),
    "z": pa.array([NOON, NOON - dt.timedelta(days=1), None, None, None], pa.timestamp("us", "America/New_York")),
    "clock": pa.array([dt.time(10, 30), dt.time(0, 0), None, None, None]),
    "wait": pa.array([dt.timedelta(minutes=2), dt.timedelta(0), None, None, None]),
    "money": pa.array([1, 2, 3, 4, 5], pa.decimal128(8, 2)),
    "null": pa.nulls(5),
    "dep delay": pa.array([1, 2, 3, 4, 5], pa.int8()),
    "list": pa.array([[1]] * 5),
}
N = None
INF = math.inf


def value(text: str) -> list[Any]:
    return parse_expression(text).evaluate(COLUMNS).to_pylist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # arithmetic on float64
        ("i + 1", [2.0, 3.0, N, 5.0, 6.0]),
        ("i * x", [1.0, -4.0, N, N, N]),
        ("b + 1", [2.0, 1.0, N, 2.0, 1.0]),
        ("money / 2", [0.5, 1.0, 1.5, 2.0, 2.5]),
        ("single * 2", [1.0, 3.0, 5.0, N, 9.0]),
        ("`dep delay` * 100 * 100", [10000.0, 20000.0, 30000.0, 40000.0, 50000.0]),
        ("null + 1", [N, N, N, N, N]),
        ("-i", [-1.0, -2.0, N, -4.0, -5.0]),
        ("+i - -1", [2.0, 3.0, N, 5.0, 6.0]),
        ("2 - 3 - 4 + i*0", [-5.0, -5.0, N, -5.0, -5.0]),
        ("-2^2 + i*0", [-4.0, -4.0, N, -4.0, -4.0]),
        ("2^3^2 + 0*i", [512.0, 512.0, N, 512.0, 512.0]),
        # division and its like: infinities stay, NaN is missing
        ("1 / x", [1.0, -0.5, INF, N, N]),
        ("0 / x", [0.0, -0.0, N, N, N]),
        ("x %% 3", [1.0, 1.0, 0.0, N, N]),
        ("x % -3", [-2.0, -2.0, -0.0, N, N]),
        ("x // 3", [0.0, -1.0, 0.0, N, N]),
        ("i %/% 2", [0.0, 1.0, N, 2.0, 2.0]),
        ("i %% 0", [N, N, N, N, N]),
        ("7 %% 4", [3.0] * 5),
        ("x^0", [1.0, 1.0, 1.0, N, N]),
        ("(-8)^(1/3)", [N] * 5),
        ("9**9**9", [INF] * 5),
        # functions
        ("log(x)", [0.0, N, -INF, N, N]),
        ("log(8, 2)", [3.0] * 5),
        ("log2(2^i)", [1.0, 2.0, N, 4.0, 5.0]),
        ("log10(10^i)", [1.0, 2.0, N, 4.0, 5.0]),
        ("round(log1p(i), 12)", [0.693147180560, 1.098612288668, N, 1.609437912434, 1.791759469228]),
        ("round(expm1(x), 12)", [1.718281828459, -0.864664716763, 0.0, N, N]),
        ("exp(1000*x)", [INF, 0.0, 1.0, N, N]),
        ("sqrt(x)", [1.0, N, 0.0, N, N]),
        ("abs(x)", [1.0, 2.0, 0.0, N, N]),
        ("floor(x / 2)", [0.0, -1.0, 0.0, N, N]),
        ("ceil(x / 4)", [1.0, -0.0, 0.0, N, N]),
        ("ceiling(x / 4)", [1.0, -0.0, 0.0, N, N]),
        ("trunc(x * 1.7)", [1.0, -3.0, 0.0, N, N]),
        ("sign(x)", [1.0, -1.0, 0.0, N, N]),
        ("round(single)", [0.0, 2.0, 2.0, N, 4.0]),
        ("round(x * 1.26, 1)", [1.3, -2.5, 0.0, N, N]),
        ("round(x + 1e300, 20)", [1e300, 1e300, 1e300, N, N]),
        ("round(1/x, 2)", [1.0, -0.5, INF, N, N]),
        ("round(i * 12, -1)", [10.0, 20.0, N, 50.0, 60.0]),
        ("sin(x)^2 + cos(x)^2 > 0.999999", [True, True, True, N, N]),
        ("pow(i, 2)", [1.0, 4.0, N, 16.0, 25.0]),
        ("min(x, i, 0)", [0.0, -2.0, N, N, N]),
        ("pmax(x, 1)", [1.0, 1.0, 1.0, N, N]),
        ("I(i)", [1.0, 2.0, N, 4.0, 5.0]),
        # comparisons
        ("x > 0", [True, False, False, N, N]),
        ("x != x", [False, False, False, N, N]),
        ("1 < i <= 4", [False, True, N, True, False]),
        ("i == TRUE", [True, False, N, False, False]),
        ("big == 9007199254740993", [False, True, False, N, False]),
        ("u == 9223372036854775809", [True, False, False, N, False]),
        ("u > big", [True, False, False, N, False]),
        ("x == NA", [N, N, N, N, N]),
        ("null == 1", [N, N, N, N, N]),
        ("s == 'a'", [True, False, N, False, False]),
        ("'a' < s", [False, True, N, False, False]),
        ("f == 'u'", [True, False, N, True, False]),
        ("f >= 'v'", [False, True, N, False, True]),
        ("s == f", [False, False, N, False, False]),
        ("d > '2013-01-01'", [True, False, N, N, N]),
        ("'2013-01-05' == d", [True, False, N, N, N]),
        ("t >= '2013-01-05 17:30'", [True, False, N, N, N]),
        ("d <= t", [True, True, N, N, N]),
        ("z > '2013-01-05 12:00'", [True, False, N, N, N]),
        ("clock > '09:00:00'", [True, False, N, N, N]),
        # lists
        ("i in (1, 4)", [True, False, N, True, False]),
        ("i in (1.0, 4.5)", [True, False, N, False, False]),
        ("big in (9007199254740993)", [False, True, False, N, False]),
        ("x in (0, 1)", [True, False, True, N, N]),
        ("-x in (0)", [False, False, True, N, N]),
        ("b in (TRUE)", [True, False, N, True, False]),
        ("s in ('a', '1.5')", [True, False, N, True, False]),
        ("f not in ('u', 'nobody')", [False, True, N, False, True]),
        ("d in ('2013-01-05')", [True, False, N, N, N]),
        ("null in (1)", [N, N, N, N, N]),
        # logic of three values
        ("b & NA", [N, False, N, N, False]),
        ("b | NA", [True, N, N, True, N]),
        ("!b", [False, True, N, False, True]),
        ("not b or x > 0", [True, True, N, N, True]),
        ("i & 1", [True, True, N, True, True]),
        ("x && TRUE", [True, True, False, N, N]),
        # missing values
        ("is_na(x)", [False, False, False, True, True]),
        ("is.na(s)", [False, False, True, False, False]),
        ("is_missing(log(x))", [False, True, False, True, True]),
        ("is_na(NA)", [True] * 5),
        ("ifelse(is_na(i), 0, i)", [1.0, 2.0, 0.0, 4.0, 5.0]),
        ("ifelse(x > 0, 'up', 'down')", ["up", "down", "down", N, N]),
        ("ifelse(x > 0, f, s)", ["u", "b", N, N, N]),
        ("where(b, TRUE, i > 1)", [True, True, N, True, True]),
        ("ifelse(b, NA, i)", [N, 2.0, N, N, 5.0]),
        ("ifelse(b, TRUE, 2)", [1.0, 2.0, N, 1.0, 2.0]),
        # dates and texts as numbers
        ("year(d)", [2013.0, 2012.0, N, N, N]),
        ("month(t)", [1.0, 1.0, N, N, N]),
        ("day(d)", [5.0, 31.0, N, N, N]),
        ("hour(t)", [17.0, 17.0, N, N, N]),
        ("hour(z)", [12.0, 12.0, N, N, N]),
        ("hour(clock)", [10.0, 0.0, N, N, N]),
        ("weekday(d)", [5.0, 0.0, N, N, N]),
        ("as_float(d)", [15710.0, 15705.0, N, N, N]),
        ("as.numeric(t)", [1357407000.0, 1357320600.0, N, N, N]),
        ("as_float(clock)", [37800.0, 0.0, N, N, N]),
        ("as_float(wait)", [120.0, 0.0, N, N, N]),
        ("as_float(s)", [N, N, N, 1.5, 2000.0]),
        ("as_float('3')", [3.0] * 5),
        ("as_float(i)", [1.0, 2.0, N, 4.0, 5.0]),
        ("N(f)", [0.0, 1.0, N, 0.0, 2.0]),
        # constants stand for every row
        ("3", [3.0] * 5),
        ("'a'", ["a"] * 5),
        ("TRUE", [True] * 5),
        ("NA", [N] * 5),
    ],
)
def test_value(text: str, expected: list[Any]) -> None:
    found = value(text)
    assert found == expected
    assert [math.copysign(1, one) for one in found if isinstance(one, float)] == [
        math.copysign(1, one) for one in expected if isinstance(one, float)
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("i", pa.int32()),
        ("f", pa.dictionary(pa.int32(), pa.string())),
        ("I(i)", pa.float64()),
        ("I(f)", pa.string()),
        ("i + 1", pa.float64()),
        ("single", pa.float32()),
        ("I(single)", pa.float64()),
        ("i > 1", pa.bool_()),
        ("N(f)", pa.float64()),
        ("ifelse(b, s, 'x')", pa.string()),
        ("ifelse(b, d, NA)", pa.date32()),
        ("NA", pa.float64()),
    ],
)
def test_type_is_known_without_data(text: str, kind: pa.DataType) -> None:
    expression = parse_expression(text)
    assert expression.evaluate(COLUMNS).type == kind
    assert expression.result_type({name: array.type for name, array in COLUMNS.items()}) == kind


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "s + 1",
            "column 's' is string in expression 's + 1'. Write as_float(s) to read numbers from text",
        ),
        ("log(s)", "text where a number is needed: column 's' is string in expression 'log(s)'"),
        ("s > 3", "text where a number is needed: column 's' is string in expression 's > 3'. Compare it with text"),
        ("i == '3'", 'text where a number is needed: the constant "3" is string in expression'),
        (
            "f * 2",
            "text where a number is needed: column 'f' is a factor in expression 'f * 2'. Write N(f) for the code",
        ),
        ("as_float(f)", "text where a number, date or plain text is needed: column 'f' is a factor"),
        ("as_float(f)", "Write N(f) for the code of a factor level"),
        ("d + 1", "a date or time where a number is needed: column 'd' is date32[day] in expression 'd + 1'"),
        ("d + 1", "Write as_float(d) for days or seconds since 1970, or year(d), hour(d)"),
        ("d > 3", "a number where a date or time is needed: the constant 3 is int64 in expression 'd > 3'"),
        ("d > 'foo'", "'foo' cannot be read as date32[day] in expression 'd > \"foo\"'; write '2013-01-31'"),
        ("d in ('foo')", "'foo' cannot be read as date32[day]"),
        ("clock > t", "time64[us] and timestamp[us] cannot be compared in expression 'clock > t'"),
        ("z > t", "timestamp[us, tz=America/New_York] and timestamp[us] cannot be compared"),
        ("!s", "text where a condition is needed: column 's' is string"),
        ("x & f", "text where a condition is needed: column 'f' is a factor"),
        ("ifelse(s, 1, 2)", "text where a condition is needed: column 's' is string"),
        ("ifelse(b, 1, s)", "both results of ifelse must be numbers, or both text: the constant 1 is int64"),
        ("year(s)", "text where a date with a year is needed: column 's' is string in expression 'year(s)'"),
        ("hour(d)", "a date or time where a date with an hour is needed: column 'd' is date32[day]"),
        ("year(clock)", "a date or time where a date with a year is needed: column 'clock' is time64[us]"),
        ("N(s)", "text where a factor is needed: column 's' is string in expression 'N(s)'"),
        ("i in ('a')", "a number where text is needed: column 'i' is int32"),
        ("s in (1)", "text where a number is needed: column 's' is string"),
        ("list + 1", "something else where a number is needed: column 'list' is list<"),
        ("list == 1", "something else where a number, text or date is needed: column 'list' is list<"),
        ("round(x, 1.5)", "round() takes a whole number of digits as its second argument; got '1.5' in expression"),
        ("round(x, i)", "round() takes a whole number of digits as its second argument; got 'i' in expression"),
    ],
)
def test_message(text: str, message: str) -> None:
    with pytest.raises(FormulaError, match=re.escape(message)):
        value(text)


def test_a_missing_column_is_named_with_the_closest() -> None:
    with pytest.raises(
        ColumnNotFoundError, match=r"expression 'log\(singel\)': column 'singel' is not there. Closest: 'single'"
    ):
        value("log(singel)")


def test_a_constant_needs_the_number_of_rows() -> None:
    assert parse_expression("1 + 2").evaluate({}, 2).to_pylist() == [3.0, 3.0]
    with pytest.raises(FormulaError, match=r"expression '1 \+ 2' reads no column; the number of rows must be given"):
        parse_expression("1 + 2").evaluate({})


def test_scalars_stand_for_every_row() -> None:
    columns = {"x": pa.array([1.0, 2.0]), "k": pa.scalar(10)}
    assert parse_expression("x * k").evaluate(columns).to_pylist() == [10.0, 20.0]


def test_chunked_columns_are_read() -> None:
    columns = {"x": pa.chunked_array([[1.0], [2.0, None]])}
    assert parse_expression("x + 1").evaluate(columns).to_pylist() == [2.0, 3.0, None]


def test_a_sliced_factor_is_read_by_value() -> None:
    factor = COLUMNS["f"].slice(3)
    assert parse_expression("f == 'w'").evaluate({"f": factor}).to_pylist() == [False, True]
    assert parse_expression("N(f)").evaluate({"f": factor}).to_pylist() == [0.0, 2.0]


def test_a_bare_column_keeps_its_type_and_loses_its_nan() -> None:
    found = parse_expression("x").evaluate(COLUMNS)
    assert found.type == pa.float64()
    assert found.null_count == 2
