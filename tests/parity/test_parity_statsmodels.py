"""Models of the flights equal statsmodels', fitted here and now."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tolerances import (
    AGAINST_R,
    SMALLEST_P,
    TIGHT_COEFFICIENT_TOLERANCE,
    coefficient_error,
    p_value_tolerance,
    statistic_error,
)

import rxcore

TERMS = "day_of_week + origin + distance + hour"


@pytest.fixture(scope="session")
def statsmodels() -> Any:
    # Importing it warns about its own dependencies, depending on their versions.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")


@pytest.fixture(scope="session")
def complete(flights: pd.DataFrame) -> pd.DataFrame:
    return flights.dropna(subset=["arr_delay"]).reset_index(drop=True)


@pytest.fixture(scope="session")
def matrix(complete: pd.DataFrame) -> np.ndarray:
    """Intercept, dummies of every level but the last, numbers: the columns that rxcore keeps, in its order."""
    columns = [np.ones(len(complete))]
    for name in ("day_of_week", "origin"):
        codes = complete[name].cat.codes.to_numpy()
        columns += [(codes == code).astype(float) for code in range(len(complete[name].cat.categories) - 1)]
    columns += [complete["distance"].to_numpy(float), complete["hour"].to_numpy(float)]
    return np.column_stack(columns)


def assert_same(model: Any, other: Any) -> None:
    kept = ~model.aliased
    assert kept.sum() == len(other.params)
    for value, wanted, error in zip(model.coefficients[kept], other.params, other.bse, strict=True):
        assert coefficient_error(value, wanted, error) <= AGAINST_R
    np.testing.assert_allclose(model.coef_std_error[kept], other.bse, rtol=AGAINST_R)
    for value, p_value, wanted, wanted_p in zip(
        model.coef_t_value[kept], model.coef_p_value[kept], other.tvalues, other.pvalues, strict=True
    ):
        assert statistic_error(value, wanted) <= AGAINST_R
        assert max(p_value, SMALLEST_P) == pytest.approx(max(wanted_p, SMALLEST_P), rel=p_value_tolerance(wanted))


@pytest.mark.parametrize("weights", [None, "distance"])
def test_linear_model(flights, complete, matrix, statsmodels, weights):
    response = complete["arr_delay"].to_numpy(float)
    weight = 1.0 if weights is None else complete[weights].to_numpy(float)
    other = statsmodels.WLS(response, matrix, weights=weight).fit(method="qr")
    model = rxcore.rx_lin_mod(f"arr_delay ~ {TERMS}", flights, pweights=weights, cov_coef=True, report_progress=0)
    assert_same(model, other)
    assert model.df_residual == other.df_resid
    for value, wanted in [
        (model.r_squared, other.rsquared),
        (model.adj_r_squared, other.rsquared_adj),
        (model.f_value, other.fvalue),
        (model.residual_squares, other.ssr),
        (model.y_var, other.centered_tss),
        (model.residual_variance, other.mse_resid),
    ]:
        assert value == pytest.approx(wanted, rel=AGAINST_R)
    deviations = np.outer(other.bse, other.bse)
    assert (np.abs(model.cov_coef - other.cov_params()) / deviations).max() <= AGAINST_R


def test_logistic_model(flights, complete, matrix, statsmodels):
    response = complete["late"].to_numpy(float)
    other = statsmodels.Logit(response, matrix).fit(method="newton", tol=1e-13, maxiter=50, disp=0)
    model = rxcore.rx_logit(
        f"late ~ {TERMS}",
        flights,
        coefficent_tolerance=TIGHT_COEFFICIENT_TOLERANCE,
        objective_function_tolerance=0.0,
        report_progress=0,
    )
    assert_same(model, other)
    assert model.deviance == pytest.approx(-2.0 * other.llf, rel=AGAINST_R)
    assert model.aic == pytest.approx(other.aic, rel=AGAINST_R)


def test_predictions(flights, complete, matrix, statsmodels):
    response = complete["arr_delay"].to_numpy(float)
    other = statsmodels.OLS(response, matrix).fit(method="qr").get_prediction(matrix[:50])
    model = rxcore.rx_lin_mod(f"arr_delay ~ {TERMS}", flights, cov_coef=True, report_progress=0)
    got = rxcore.rx_predict(
        model, complete.head(50), compute_standard_errors=True, interval="prediction", report_progress=0
    )
    expected = other.summary_frame(alpha=0.05)
    for column, wanted in [
        ("Pred", "mean"),
        ("StdErr", "mean_se"),
        ("Lower", "obs_ci_lower"),
        ("Upper", "obs_ci_upper"),
    ]:
        np.testing.assert_allclose(got[f"arr_delay_{column}"], expected[wanted], rtol=AGAINST_R)
