"""What users are told when a model cannot be fitted, and when it can but something is odd."""

from __future__ import annotations

import pickle
import re
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_flights import made_flights

from rxcore import RxOptions, rx_lin_mod, rx_logit, rx_predict, rx_summary
from rxcore.errors import (
    ArgumentNameError,
    ColumnNotFoundError,
    ConvergenceWarning,
    DataWarning,
    DesignError,
    FormulaError,
    MemoryBudgetError,
    OptionError,
    RxError,
)
from rxcore.options import options


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    return made_flights(2_000)


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda d: rx_summary("~ dely", d),
            "rx_summary: column 'dely' is not in table. Closest: 'delay'. 7 columns: delay,",
        ),
        (lambda d: rx_lin_mod("delay ~ Carier", d), "rx_lin_mod: column 'Carier' is not in table. Closest: 'carrier'"),
        (lambda d: rx_logit("late ~ hours", d), "rx_logit: column 'hours' is not in table. Closest: 'hour'"),
        (lambda d: rx_lin_mod("delay ~ hour", d, pweights="wait"), "column 'wait' is not in table. Closest: 'weight'"),
    ],
)
def test_a_missing_column_names_the_closest(call: Any, message: str, flights: pa.Table) -> None:
    with pytest.raises(ColumnNotFoundError, match=re.escape(message)) as caught:
        call(flights)
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, RxError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_text_where_a_number_is_needed(flights: pa.Table) -> None:
    with pytest.raises(DesignError, match="rx_lin_mod: column 'carrier' is text where a number is needed"):
        rx_lin_mod("carrier ~ hour", flights)
    with pytest.raises(RxError, match=r"text where a number is needed.*carrier"):
        rx_lin_mod("delay ~ log(carrier)", flights)


def test_weights_must_be_numbers_of_one_kind(flights: pa.Table) -> None:
    with pytest.raises(DesignError, match="weights column 'carrier' has type string; weights must be numbers"):
        rx_lin_mod("delay ~ hour", flights, pweights="carrier")
    with pytest.raises(OptionError, match="pweights='hour' and fweights='weight' exclude each other"):
        rx_lin_mod("delay ~ hour", flights, pweights="hour", fweights="weight")
    with pytest.raises(DesignError, match=r"weights column 'delay' is negative in [\d,]+ rows"):
        rx_lin_mod("hour ~ distance", flights, pweights="delay")
    with pytest.raises(DesignError, match=r"fweights column 'hour' is not a whole number in [\d,]+ rows; use pweights"):
        rx_lin_mod("delay ~ distance", flights, fweights="hour")
    with pytest.raises(DesignError, match=r"rx_summary: fweights column 'hour' is not a whole number"):
        rx_summary("~ delay", flights, fweights="hour")


def test_nothing_left_names_the_column_that_is_missing_most() -> None:
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0], "x": [np.nan, np.nan, np.nan], "z": [1.0, np.nan, 2.0]})
    with pytest.raises(DesignError, match=r"no row is left of 3 after leaving out rows .* 'x' alone is missing in 3"):
        rx_lin_mod("y ~ z + x", frame)
    with pytest.raises(DesignError, match="the data have no rows"):
        rx_lin_mod("y ~ z", frame[:0])
    with pytest.raises(DesignError, match="no row is left of 3"):
        rx_logit("y ~ x", frame)


def test_a_factor_that_is_missing_everywhere() -> None:
    frame = pd.DataFrame({"y": [1.0, 2.0], "g": pd.array([None, None], dtype="string")})
    with pytest.raises(DesignError, match="factor 'g' has no levels: every value is missing"):
        rx_lin_mod("y ~ g", frame)


def test_a_response_with_one_value() -> None:
    frame = pd.DataFrame({"y": [1.0, 1.0, 1.0, 1.0], "x": [1.0, 2.0, 3.0, 5.0], "g": list("aabb")})
    with pytest.raises(
        DesignError, match=r"response 'y' has one value only \(1\) in 4 rows; a logistic model needs both"
    ):
        rx_logit("y ~ x", frame)
    with pytest.warns(DataWarning, match="response 'y' has one value only; nothing is left to explain"):
        model = rx_lin_mod("y ~ x", frame)
    assert model.coefficients["(Intercept)"] == pytest.approx(1.0)


def test_a_logistic_response_has_two_levels(flights: pa.Table) -> None:
    with pytest.raises(DesignError, match=r"response 'carrier' has 5 levels \(.*\); a logistic response has exactly 2"):
        rx_logit("carrier ~ hour", flights)
    with pytest.warns(
        DataWarning, match=r"response 'weight' is neither 0 nor 1 in [\d,]+ rows; every value but 0 counts"
    ):
        rx_logit("weight ~ distance", flights)


def test_perfect_separation_warns_and_names_the_coefficients() -> None:
    x = np.linspace(-1.0, 1.0, 200)
    frame = pd.DataFrame({"y": (x > 0.1).astype(float), "x": x})
    with pytest.warns(
        ConvergenceWarning, match=r"the predictors separate the response: .* Without a finite maximum: .*'x'"
    ):
        model = rx_logit("y ~ x", frame)
    assert not model.converged
    assert np.isfinite(model.coefficients).all()


def test_a_level_with_one_outcome_is_named() -> None:
    rng = np.random.default_rng(5)
    group = np.repeat(["always", "b", "c"], [40, 500, 460])
    late = np.where(group == "always", 1.0, rng.integers(0, 2, 1000))
    with pytest.warns(ConvergenceWarning, match=r"in 40 rows\. Without a finite maximum: 'g=always';"):
        model = rx_logit("y ~ g", pd.DataFrame({"y": late, "g": group}))
    others = rx_logit("y ~ g", pd.DataFrame({"y": late[40:], "g": group[40:]}))
    assert model.coefficients["g=b"] == pytest.approx(others.coefficients["g=b"], rel=1e-6)


def test_a_level_with_one_outcome_costs_no_more_passes_than_the_others() -> None:
    rng = np.random.default_rng(6)
    group = np.repeat(["never", "b", "c"], [30, 5_000, 5_000])
    x = rng.normal(size=len(group))
    late = np.where(group == "never", 0.0, (rng.random(len(group)) < 1.0 / (1.0 + np.exp(1.0 - x))).astype(float))
    frame = pd.DataFrame({"y": late, "g": group, "x": x})
    with options(rowsPerBlock=3_000), pytest.warns(ConvergenceWarning, match="Without a finite maximum: 'g=never';"):
        model = rx_logit("y ~ g + x", frame)
    with options(rowsPerBlock=3_000):
        others = rx_logit("y ~ g + x", frame[30:])
    assert model.converged
    assert model.iterations <= others.iterations + 1
    assert model.coefficients["x"] == pytest.approx(others.coefficients["x"], rel=1e-6)


def test_too_few_iterations_warn(flights: pa.Table) -> None:
    with pytest.warns(ConvergenceWarning, match="no convergence after 1 iterations; raise max_iterations"):
        rx_logit("late ~ carrier + hour", flights, max_iterations=1, initial_values=np.nan)


def test_collinear_columns_are_dropped_and_reported(flights: pa.Table) -> None:
    table = flights.append_column("twice", pa.compute.multiply(flights["distance"], 2))
    with pytest.warns(DataWarning, match="rx_lin_mod: dropped 'twice': constant, or explained by the terms before"):
        model = rx_lin_mod("delay ~ distance + twice", table)
    assert model.aliased.tolist() == [False, False, True]
    assert np.isnan(model.coefficients["twice"])
    assert "(1 not defined because of singularities)" in str(model.summary())
    with pytest.warns(DataWarning, match="rx_logit: dropped 'twice'"):
        rx_logit("late ~ distance + twice", table)


def test_factors_drop_their_reference_without_a_word(flights: pa.Table) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = rx_lin_mod("delay ~ carrier", flights)
    assert int(model.aliased.sum()) == 1


def test_infinite_values_are_refused() -> None:
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0, 5.0], "x": [1.0, np.inf, 2.0, 3.0]})
    with pytest.raises(DesignError, match="the data hold infinite values"):
        rx_lin_mod("y ~ x", frame)


def test_a_budget_too_small_is_refused_before_reading(flights: pa.Table) -> None:
    with (
        options(memoryBudget=10_000),
        pytest.raises(MemoryBudgetError, match=r"rx_lin_mod: .* needs .* the memory budget is 10.0 KB") as caught,
    ):
        rx_lin_mod("delay ~ distance + hour", flights)
    assert isinstance(caught.value, MemoryError)
    assert "rows_per_read" in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda d: rx_lin_mod("delay ~ hour", d, fweight="x"),
            ArgumentNameError,
            "no argument 'fweight'. Closest: 'fweights'",
        ),
        (lambda d: rx_lin_mod("delay ~ hour", d, cube=True), DesignError, "cube=True needs a factor .* got 'hour'"),
        (lambda d: rx_logit("late ~ hour", d, cube=True), DesignError, "cube=True needs a factor or an interaction"),
        (lambda d: rx_lin_mod("delay ~ carrier", d, cube_predictions=True), OptionError, "pass cube=True too"),
        (
            lambda d: rx_lin_mod("delay ~ hour", d, report_progress=9),
            OptionError,
            "report_progress is 9; allowed are 0, 1",
        ),
        (lambda d: rx_lin_mod("delay ~ 0", d), FormulaError, "neither a term nor the intercept"),
        (lambda d: rx_logit("cbind(late, hour) ~ distance", d), DesignError, "has 2 responses; one is allowed here"),
        (lambda d: rx_lin_mod("cbind(delay, delay) ~ hour", d), DesignError, "response 'delay' stands twice"),
        (
            lambda d: rx_lin_mod("delay ~ F(distance, 10, 5)", d),
            FormulaError,
            "low of F\\(\\) must not be above high; got 10 and 5",
        ),
        (lambda d: rx_lin_mod("delay ~ F(distance, 0, 1000000)", d), DesignError, r"would have 1,000,001 levels"),
        (lambda d: rx_lin_mod("delay ~ hour", d, coef_label_style="S"), OptionError, "allowed are 'Revo' and 'R'"),
        (
            lambda d: rx_logit("late ~ hour", d, initial_values=[1.0]),
            OptionError,
            "has 1 values; the model has 2 coefficients",
        ),
        (
            lambda d: rx_logit("late ~ hour", d, max_iterations=0),
            OptionError,
            "max_iterations is 0; it must be 1 or more",
        ),
        (
            lambda d: rx_logit("late ~ hour", d, variable_selection=1),
            OptionError,
            "variable_selection is a int; allowed are an RxStepControl",
        ),
        (lambda d: rx_summary("~ delay", d, summary_stats=["Median"]), OptionError, "has 'Median'; allowed are Mean,"),
        (
            lambda d: rx_summary("~ delay", d, by_group_out_file="x"),
            OptionError,
            "by_group_out_file='x' is not available",
        ),
        (lambda d: rx_lin_mod("delay ~ hour", d, compute_context="moon"), OptionError, "got 'moon'; allowed are"),
        (
            lambda d: rx_predict(3, d),
            OptionError,
            "model_object is int; it must be what rx_lin_mod, rx_logit or another",
        ),
    ],
)
def test_wrong_arguments(call: Any, error: type[Exception], message: str, flights: pa.Table) -> None:
    with pytest.raises(error, match=message):
        call(flights)


def test_unknown_cores_option(flights: pa.Table) -> None:
    with options(numCoresToUse=0), pytest.raises(OptionError, match=r"numCoresToUse: got 0; allowed are -1"):
        rx_lin_mod("delay ~ hour", flights)
    with pytest.raises(OptionError, match=r"option 'numCors' does not exist\. Closest: 'numCoresToUse'"):
        RxOptions.get_option("numCors")
    with pytest.raises(OptionError, match="reportProgress must be int"):
        RxOptions.set_option("reportProgress", "loud")
