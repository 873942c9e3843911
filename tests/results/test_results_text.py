from __future__ import annotations

import json
import math
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rxcore.results import text

HERE = Path(__file__).parent
SCRIPT = HERE / "r" / "formatting.R"


@pytest.fixture(scope="module")
def printed_by_r() -> dict:
    return json.loads((HERE / "r" / "formatting.json").read_text())


def as_numbers(values: list[float | str]) -> list[float]:
    return [float(value) for value in values]


def test_format_numbers_prints_what_r_prints(printed_by_r):
    for case in printed_by_r["format"]:
        assert text.format_numbers(as_numbers(case["values"]), case["digits"]) == case["text"], case


def test_format_general_prints_what_formatC_prints(printed_by_r):
    case = printed_by_r["general"]
    assert [text.format_general(value) for value in case["values"]] == case["text"]


def test_format_p_values_prints_what_r_prints(printed_by_r):
    for case in printed_by_r["p_values"]:
        assert text.format_p_values(as_numbers(case["values"]), case["digits"]) == case["text"], case


def test_coefficient_tables_are_those_of_printCoefmat(printed_by_r):
    for case in printed_by_r["tables"]:
        estimates, errors = text.format_estimates(case["estimate"], case["error"])
        columns = [estimates, errors, text.format_statistics(case["t"]), text.format_p_values(case["p"])]
        headers = ["Estimate", "Std. Error", "t value", "Pr(>|t|)"]
        marks = [text.stars(p) for p in case["p"]]
        starred = any(p < 0.1 for p in case["p"])
        if starred:
            headers.append("")
            columns.append([mark.ljust(max(map(len, marks))) for mark in marks])
        lines = text.align_right([f"x{i + 1}" for i in range(len(marks))], headers, columns)
        if starred:
            lines += ["---", f"Signif. codes:  {text.STARS_LEGEND}"]
        # R marks with curly quotes where the terminal can show them; RevoScaleR's pages have straight ones.
        expected = [line.replace("\u2018", "'").replace("\u2019", "'") for line in case["lines"]]
        assert [line.rstrip() for line in lines] == [line.rstrip() for line in expected], case


@pytest.mark.against_r
def test_stored_r_output_is_what_r_prints_here(printed_by_r):
    program = shutil.which("Rscript")
    if program is None:
        pytest.skip("Rscript is not installed; the stored output of R is tested all the same")
    result = subprocess.run([program, "--vanilla", str(SCRIPT)], capture_output=True, text=True, check=True)
    fresh = json.loads(result.stdout)
    fresh["made_by"] = printed_by_r["made_by"]
    assert fresh == printed_by_r


def test_p_values_below_the_double_epsilon_are_floored_and_nan_stays():
    floored = text.floor_p_values([1e-300, 0.0, 0.5, math.nan])
    assert floored[:3] == [text.SMALLEST_P, text.SMALLEST_P, 0.5]
    assert math.isnan(floored[3])
    assert text.format_p_values(floored) == ["2.22e-16", "2.22e-16", "0.5", "NaN"]


def test_tiny_and_ordinary_p_values_have_digits_of_their_own():
    # Published: how-to-revoscaler-generalized-linear-model.md, quasi-Poisson table.
    cells = text.format_p_values([0.000102, text.SMALLEST_P, 0.105085, 0.355702])
    assert cells == ["0.000102", "2.22e-16", "0.105085", "0.355702"]


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (10.55952, "10.5595"),
        (1.0, "1"),
        (5980.2768123, "5980.277"),
        (442.01461, "442.0146"),
        (math.inf, "Inf"),
        (math.nan, "NaN"),
    ],
)
def test_condition_numbers_as_published(value, printed):
    assert text.format_condition(value) == printed


@pytest.mark.parametrize(
    ("value", "printed"), [(600000, "600000"), (0.5, "0.5"), (123456789012, "123456789012"), (-3.0, "-3")]
)
def test_counts_are_never_rounded_or_scientific(value, printed):
    assert text.format_count(value) == printed


@pytest.mark.parametrize(
    ("p_value", "mark"),
    [(0.0, "***"), (0.001, "***"), (0.0011, "**"), (0.01, "**"), (0.05, "*"), (0.1, "."), (0.11, ""), (math.nan, "")],
)
def test_stars_at_their_limits(p_value, mark):
    assert text.stars(p_value) == mark


def test_empty_columns_give_empty_tables():
    assert text.format_numbers([]) == []
    assert text.align_right([], ["y"], [[]]) == [" y"]
    assert text.align_left([], []) == [" "]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6), st.integers(1, 15))
def test_formatted_numbers_keep_their_significant_digits(values, digits):
    cells = text.format_numbers(values, digits)
    assert len({len(cell) for cell in cells}) == 1
    for value, cell in zip(values, cells, strict=True):
        # Half a unit of the last digit kept, and half an ulp for reading it back.
        assert abs(float(cell) - value) <= abs(value) * (0.5 * 10.0 ** (1 - digits) + 2e-16) or math.isinf(float(cell))


def test_as_plain_makes_what_json_takes():
    value = {
        "array": np.array([1.0, np.nan]),
        "scalar": np.int64(3),
        "frame": pd.DataFrame({"a": [1, 2], "level": pd.Categorical(["x", "y"])}),
        "tuple": (True, None, "s", math.inf),
        "other": complex(1, 2),
    }
    plain = text.as_plain(value)
    assert json.loads(json.dumps(plain)) == plain
    assert plain["array"] == [1.0, None]
    assert plain["frame"] == {"a": [1, 2], "level": ["x", "y"]}
    assert plain["tuple"] == [True, None, "s", None]
    assert plain["other"] == "(1+2j)"


def test_calls_are_broken_between_arguments():
    data = pd.DataFrame()
    assert text.format_call("rx_summary", {}) == "rx_summary()"
    assert text.format_call("rx_summary", {"formula": "~x", "data": data, "by_term": False}) == (
        "rx_summary(formula='~x', data=<DataFrame>, by_term=False)"
    )
    long = text.format_call(
        "rx_lin_mod",
        {
            "formula": "ArrDelay ~ DayOfWeek + CRSDepTime",
            "data": "AirlineDemoSmall.xdf",
            "transforms": {"a": "b + 1", "f": len},
            "summary_stats": ["Mean", "Sum"],
            "cube": True,
        },
    )
    assert long.split("\n") == [
        "rx_lin_mod(formula='ArrDelay ~ DayOfWeek + CRSDepTime',",
        "    data='AirlineDemoSmall.xdf',",
        "    transforms={'a': 'b + 1', 'f': <builtin_function_or_method>},",
        "    summary_stats=['Mean', 'Sum'], cube=True)",
    ]
    assert text.format_call("f", {"x": "a" * 100}) == f"f(x='{'a' * 100}')"
