"""Summaries, models and predictions of the 336,776 flights equal R's, which tests/parity/r/flights.R computed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tolerances import (
    AGAINST_R,
    CONDITION_NUMBER,
    DEFAULT_CONVERGENCE,
    SMALLEST_P,
    SUMMARY_AGAINST_R,
    TIGHT_COEFFICIENT_TOLERANCE,
    coefficient_error,
    p_value_tolerance,
    statistic_error,
)

import rxcore

MAIN = "arr_delay ~ day_of_week + carrier + distance + hour"
LATE = "late ~ day_of_week + carrier + distance + hour"
# Blocks of the .xdf: seven, the last one short, so that merging and narrowing take part.
ROWS_PER_BLOCK = 50_000
TIGHT = {"coefficent_tolerance": TIGHT_COEFFICIENT_TOLERANCE, "objective_function_tolerance": 0.0}


@pytest.fixture(scope="session")
def flights_xdf(flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("parity") / "flights.xdf"
    rxcore.rx_import(flights, output_file=str(path), rows_per_read=ROWS_PER_BLOCK, report_progress=0)
    return path


@pytest.fixture(params=["frame", "xdf"])
def data(request: pytest.FixtureRequest) -> Any:
    if request.param == "frame":
        return request.getfixturevalue("flights")
    return str(request.getfixturevalue("flights_xdf"))


def floats(values: Any) -> np.ndarray:
    return np.array([math.nan if value is None else value for value in values], dtype=float)


def assert_close(got: Any, expected: Any, tolerance: float, what: str) -> None:
    got, expected = np.asarray(got, dtype=float), floats(np.atleast_1d(expected))
    got = np.atleast_1d(got)
    assert got.shape == expected.shape, what
    assert np.array_equal(np.isnan(got), np.isnan(expected)), what
    known = ~np.isnan(expected)
    error = np.abs(got - expected)[known] / np.maximum(np.abs(expected[known]), np.finfo(float).tiny)
    worst = int(np.argmax(error)) if error.size else 0
    assert not error.size or error[worst] <= tolerance, (
        f"{what}: relative error {error[worst]:.3g} at {worst}, {got[known][worst]!r}, R has {expected[known][worst]!r}"
    )


def assert_coefficients(model: Any, stored: dict[str, Any], statistic: str, drop: bool = True) -> None:
    """Estimates, standard errors, statistics and p values of the kept coefficients, which stand in R's order."""
    kept = np.array([value is not None for value in stored["estimate"]])
    names = [name for name, keep in zip(stored["names"], kept, strict=True) if keep]
    if drop:
        assert list(model.kept_names) == names
    assert model.rank == stored["rank"]
    got = model.coefficients.to_numpy()[~model.aliased]
    expected, errors = floats(stored["estimate"])[kept], floats(stored["error"])[kept]
    for name, value, wanted, error in zip(names, got, expected, errors, strict=True):
        assert coefficient_error(value, wanted, error) <= AGAINST_R, f"{name}: {value!r}, R has {wanted!r}"
    assert_close(model.coef_std_error.to_numpy()[~model.aliased], errors, AGAINST_R, "standard errors")
    statistics = floats(stored[statistic])[kept]
    for name, value, wanted in zip(names, model.coef_t_value.to_numpy()[~model.aliased], statistics, strict=True):
        assert statistic_error(value, wanted) <= AGAINST_R, f"{name}: t or z is {value!r}, R has {wanted!r}"
    p_values = np.maximum(model.coef_p_value.to_numpy()[~model.aliased], SMALLEST_P)
    for name, value, wanted, t in zip(names, p_values, floats(stored["p"])[kept], statistics, strict=True):
        assert value == pytest.approx(max(wanted, SMALLEST_P), rel=p_value_tolerance(t)), name


def assert_linear(model: Any, stored: dict[str, Any], drop: bool = True) -> None:
    assert_coefficients(model, stored, "t", drop)
    assert model.n_valid == stored["n"]
    assert model.n_missing == stored["missing"]
    for name in ("sum_of_weights", "df_residual", "residual_squares", "y_var", "total_squares", "sigma", "r_squared",
                 "adj_r_squared", "f_value", "df_model"):  # fmt: skip
        assert_close(getattr(model, name), stored[name], AGAINST_R, name)
    assert_close(model.residual_variance, stored["sigma"] ** 2, AGAINST_R, "residual_variance")
    assert max(model.f_pvalue, SMALLEST_P) == pytest.approx(max(stored["f_pvalue"], SMALLEST_P), rel=AGAINST_R)


# -- summaries ---------------------------------------------------------------------------------------------------------


def test_summary_of_numbers(data, r_values):
    stored = r_values["summary"]
    statistics = ["Mean", "StdDev", "Min", "Max", "ValidObs", "MissingObs", "Sum"]
    result = rxcore.rx_summary("~" + "+".join(stored["rows"]), data, summary_stats=statistics, report_progress=0)
    frame = result.summary_data_frame
    assert frame["Name"].tolist() == stored["rows"]
    for column, name in zip(statistics, ["mean", "sd", "min", "max", "valid", "missing", "sum"], strict=True):
        assert_close(frame[column], stored[name], SUMMARY_AGAINST_R, column)
    assert (result.nobs_valid, result.nobs_missing) == (r_values["rows"], 0)


def test_summary_within_categories(data, r_values):
    stored = r_values["by_carrier"]
    result = rxcore.rx_summary("~arr_delay:carrier", data, report_progress=0)
    table = result.categorical[0].frame
    assert table["carrier"].astype(str).tolist() == stored["rows"]
    assert table["Category"].tolist() == [f"arr_delay for carrier={level}" for level in stored["rows"]]
    for column, name in [("Means", "mean"), ("StdDev", "sd"), ("Min", "min"), ("Max", "max"), ("ValidObs", "valid")]:
        assert_close(table[column], stored[name], SUMMARY_AGAINST_R, column)


def test_summary_counts(data, r_values):
    result = rxcore.rx_summary("~carrier + origin:carrier", data, report_progress=0)
    one, two = (table.frame for table in result.categorical)
    assert one["Counts"].tolist() == r_values["carrier_counts"]
    # The first factor is the fastest.
    n = len(r_values["origins"])
    assert two["origin"].astype(str).tolist()[:n] == r_values["origins"]
    assert two["Counts"].tolist() == r_values["origin_by_carrier"]


@pytest.mark.parametrize(("weights", "spread"), [("fweights", "sd_frequency"), ("pweights", "sd_probability")])
def test_weighted_summary(data, r_values, weights, spread):
    stored = r_values["weighted"]
    frame = rxcore.rx_summary("~arr_delay", data, **{weights: "distance"}, report_progress=0).summary_data_frame
    assert_close(frame["Mean"], stored["mean"], SUMMARY_AGAINST_R, "Mean")
    assert_close(frame["StdDev"], stored[spread], SUMMARY_AGAINST_R, "StdDev")
    assert_close(frame["SumOfWeights"], stored["sum_of_weights"], 0.0, "SumOfWeights")
    assert_close(frame["MissingWeights"], stored["missing_weights"], 0.0, "MissingWeights")


# -- linear models -----------------------------------------------------------------------------------------------------


LINEAR: dict[str, tuple[str, dict[str, Any]]] = {
    "main": (MAIN, {}),
    "interaction": ("arr_delay ~ carrier*hour + dep_delay", {"drop_first": True}),
    "probability": (MAIN, {"pweights": "distance"}),
    "frequency": ("arr_delay ~ day_of_week + carrier + distance", {"fweights": "hour"}),
    "drop_first": (MAIN, {"drop_first": True}),
    "no_intercept": ("arr_delay ~ day_of_week + distance + hour - 1", {}),
    "cube": ("arr_delay ~ day_of_week + distance", {"cube": True}),
}


@pytest.mark.parametrize("name", LINEAR)
def test_linear_model(data, r_values, name):
    formula, arguments = LINEAR[name]
    model = rxcore.rx_lin_mod(formula, data, **arguments, report_progress=0)
    assert_linear(model, r_values["linear"][name])


def test_linear_model_of_expressions(data, r_values):
    model = rxcore.rx_lin_mod("arr_delay ~ log(distance) + I(air_time**2) + carrier", data, report_progress=0)
    assert_linear(model, r_values["linear"]["expressions"], drop=False)


def test_linear_model_of_integer_bins(data, r_values):
    model = rxcore.rx_lin_mod("arr_delay ~ F(hour, 5, 23) + distance", data, report_progress=0)
    assert_linear(model, r_values["linear"]["binned"], drop=False)


def test_collinear_columns_are_dropped_where_R_drops_them(data, r_values):
    stored = r_values["linear"]["collinear"]
    with pytest.warns(UserWarning, match="dropped"):
        model = rxcore.rx_lin_mod("arr_delay ~ distance + hour + I(2*distance)", data, report_progress=0)
    assert model.aliased.tolist() == [False, False, False, True]
    assert_linear(model, stored, drop=False)


@pytest.mark.parametrize("name", [name for name in LINEAR if name not in ("no_intercept", "cube")])
def test_condition_number_of_linear_models(flights, r_values, name):
    formula, arguments = LINEAR[name]
    model = rxcore.rx_lin_mod(formula, flights, **arguments, report_progress=0)
    assert_close(model.condition_number, r_values["linear"][name]["condition_number"], CONDITION_NUMBER, name)


def test_covariance_of_coefficients(data, r_values):
    model = rxcore.rx_lin_mod(MAIN, data, cov_coef=True, report_progress=0)
    size = model.rank
    stored = floats(r_values["covariance"]).reshape(size, size)
    deviations = np.sqrt(np.diag(stored))
    error = np.abs(model.cov_coef - stored) / np.outer(deviations, deviations)
    assert error.max() <= AGAINST_R


def test_cube_counts(data, r_values):
    model = rxcore.rx_lin_mod("arr_delay ~ day_of_week + distance", data, cube=True, report_progress=0)
    valid = rxcore.rx_summary("~arr_delay:day_of_week", data, report_progress=0).categorical[0].frame["ValidObs"]
    assert model.counts[:7].tolist() == valid.tolist()
    assert math.isnan(model.counts[7])
    assert sum(model.counts[:7]) == r_values["linear"]["cube"]["n"]


def test_dropped_levels_are_the_last(data):
    model = rxcore.rx_lin_mod(MAIN, data, report_progress=0)
    dropped = [name for name, gone in zip(model.coefficient_names, model.aliased, strict=True) if gone]
    assert dropped == ["day_of_week=Monday", "carrier=OO"]


# -- logistic models ---------------------------------------------------------------------------------------------------

LOGISTIC: dict[str, tuple[str, dict[str, Any]]] = {
    "main": (LATE, {}),
    "no_intercept": ("late ~ day_of_week + hour - 1", {}),
    "frequency": ("late ~ day_of_week + distance", {"fweights": "hour"}),
}


@pytest.mark.parametrize("name", LOGISTIC)
def test_logistic_model(data, r_values, name):
    formula, arguments = LOGISTIC[name]
    stored = r_values["logistic"][name]
    model = rxcore.rx_logit(formula, data, **arguments, **TIGHT, report_progress=0)
    assert model.converged
    assert_coefficients(model, stored, "z")
    assert model.n_valid == stored["n"]
    assert model.n_missing == stored["missing"]
    for attribute in ("sum_of_weights", "df_residual", "deviance", "aic"):
        assert_close(getattr(model, attribute), stored[attribute], AGAINST_R, attribute)


@pytest.mark.parametrize("name", LOGISTIC)
def test_logistic_model_with_the_default_tolerances(flights, r_values, name):
    formula, arguments = LOGISTIC[name]
    stored = r_values["logistic"][name]
    model = rxcore.rx_logit(formula, flights, **arguments, report_progress=0)
    expected = floats(stored["estimate"])
    error = np.abs(model.coefficients.to_numpy()[~model.aliased] - expected).max() / np.abs(expected).max()
    assert error <= DEFAULT_CONVERGENCE
    assert_close(model.deviance, stored["deviance"], AGAINST_R, "deviance")


@pytest.mark.parametrize("name", ["main", "frequency"])
def test_condition_number_of_logistic_models(flights, r_values, name):
    formula, arguments = LOGISTIC[name]
    model = rxcore.rx_logit(formula, flights, **arguments, **TIGHT, report_progress=0)
    assert_close(model.condition_number, r_values["logistic"][name]["condition_number"], CONDITION_NUMBER, name)


# -- predictions -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def linear_model(flights):
    return rxcore.rx_lin_mod(MAIN, flights, cov_coef=True, report_progress=0)


@pytest.fixture(scope="session")
def logistic_model(flights):
    return rxcore.rx_logit(LATE, flights, cov_coef=True, **TIGHT, report_progress=0)


def predict(model: Any, flights: pd.DataFrame, **arguments: Any) -> pd.DataFrame:
    return rxcore.rx_predict(
        model,
        flights.iloc[:20].reset_index(drop=True),
        compute_standard_errors=True,
        compute_residuals=True,
        report_progress=0,
        **arguments,
    )


@pytest.mark.parametrize("interval", ["confidence", "prediction"])
def test_linear_predictions(linear_model, flights, r_values, interval):
    stored = r_values["predictions"]["linear"]
    got = predict(linear_model, flights, interval=interval)
    assert_close(got["arr_delay_Pred"], stored["fit"], AGAINST_R, "fit")
    assert_close(got["arr_delay_StdErr"], stored["error"], AGAINST_R, "standard errors")
    assert_close(got["arr_delay_Lower"], stored[f"{interval}_lower"], AGAINST_R, "lower")
    assert_close(got["arr_delay_Upper"], stored[f"{interval}_upper"], AGAINST_R, "upper")
    assert_close(got["arr_delay_Resid"], stored["residual"], AGAINST_R, "residuals")


@pytest.mark.parametrize(("kind", "error"), [("link", "link_error"), ("response", "response_error")])
def test_logistic_predictions(logistic_model, flights, r_values, kind, error):
    stored = r_values["predictions"]["logistic"]
    got = predict(logistic_model, flights, type=kind, interval="confidence")
    assert_close(got["late_Pred"], stored[kind], AGAINST_R, "fit")
    assert_close(got["late_StdErr"], stored[error], AGAINST_R, "standard errors")
    assert_close(got["late_Lower"], stored[f"{kind}_lower"], AGAINST_R, "lower")
    assert_close(got["late_Upper"], stored[f"{kind}_upper"], AGAINST_R, "upper")
    # On the response scale for either type.
    assert_close(got["late_Resid"], stored["residual"], AGAINST_R, "residuals")


def test_predictions_of_a_file_are_those_of_the_frame(linear_model, flights, flights_xdf):
    from_frame = rxcore.rx_predict(linear_model, flights, report_progress=0)["arr_delay_Pred"]
    from_file = rxcore.rx_predict(linear_model, str(flights_xdf), report_progress=0)["arr_delay_Pred"]
    np.testing.assert_array_equal(from_file.to_numpy(), from_frame.to_numpy())
