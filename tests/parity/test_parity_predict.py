"""Predictions, their errors and limits, and residuals equal those of R, on flights and insurance policies.

R's values are made by tests/parity/r/predict.R, forty rows of each model.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import insurance
import numpy as np
import pandas as pd
import pytest
from tolerances import PREDICTIONS_AGAINST_R, TIGHT_COEFFICIENT_TOLERANCE

import rxcore

STORED: dict[str, Any] = json.loads((Path(__file__).parent / "r" / "predict.json").read_text())["models"]
TIGHT: dict[str, Any] = {
    "coefficent_tolerance": TIGHT_COEFFICIENT_TOLERANCE, "objective_function_tolerance": 0.0, "cov_coef": True,
}  # fmt: skip

LINEAR = {
    "flights_main": ("arr_delay ~ day_of_week + carrier + distance + hour", None),
    "flights_weighted": ("arr_delay ~ carrier + hour + origin:distance", "distance"),
    "flights_expressions": ("arr_delay ~ log(distance) + I(hour^2) + carrier * hour", None),
    "policies_value": ("Value ~ Gender + Category + Age + Density + Poldur", "Exppdays"),
}
LOGISTIC = {
    "flights_late": ("late ~ day_of_week + carrier + distance + hour", None),
    "flights_late_weighted": ("late ~ origin * hour", "hour"),
    "policies_claim": ("claim ~ Gender + Type + Age + Bonus + Density", None),
}


@pytest.fixture(scope="session")
def policies() -> pd.DataFrame:
    if not insurance.WHERE.exists():
        pytest.skip("the insurance policies are looked for in ../shared/data/insurance, and are not there")
    return insurance.read_policies()


def data_of(name: str, request: pytest.FixtureRequest) -> pd.DataFrame:
    frame: pd.DataFrame = request.getfixturevalue(name.split("_", maxsplit=1)[0])
    return frame


def assert_near(got: Any, stored: list[float], what: str) -> None:
    """Relative to the value, or to a typical one where it is smaller: a residual near zero is a difference."""
    expected = np.array(stored, np.float64)
    size = np.maximum(np.abs(expected), np.median(np.abs(expected)))
    error = np.abs(np.asarray(got, np.float64) - expected) / size
    assert error.max() <= PREDICTIONS_AGAINST_R, (
        f"{what}: relative error {error.max():.3g}, R has {expected[error.argmax()]}"
    )


def columns(model: Any, rows: pd.DataFrame, **settings: Any) -> dict[str, Any]:
    """The new columns by the end of their names."""
    frame = rxcore.rx_predict(model, rows, report_progress=0, **settings)
    return {str(name).rpartition("_")[2]: frame[name] for name in frame.columns}


def assert_residuals(model: Any, rows: pd.DataFrame, stored: dict[str, Any]) -> None:
    for kind in ("usual", "pearson", "deviance"):
        got = columns(model, rows, compute_residuals=True, residual_type=kind)
        assert_near(got["Resid"], stored[kind], f"{kind} residuals")


@pytest.mark.parametrize("name", LINEAR)
def test_linear(name: str, request: pytest.FixtureRequest) -> None:
    formula, weights = LINEAR[name]
    data, stored = data_of(name, request), STORED[name]
    model = rxcore.rx_lin_mod(formula, data, pweights=weights, cov_coef=True, report_progress=0)
    rows = data.iloc[stored["rows"]]
    for interval in ("confidence", "prediction"):
        got = columns(
            model, rows, compute_standard_errors=True, interval=interval, confidence_level=stored["level"]
        )  # fmt: skip
        assert_near(got["Pred"], stored["fit"], "predictions")
        assert_near(got["StdErr"], stored["error"], "standard errors")
        assert_near(got["Lower"], stored[f"{interval}_lower"], f"lower {interval} limits")
        assert_near(got["Upper"], stored[f"{interval}_upper"], f"upper {interval} limits")
    assert_residuals(model, rows, stored)


def assert_generalized(model: Any, rows: pd.DataFrame, stored: dict[str, Any]) -> None:
    settings = {"compute_standard_errors": True, "interval": "confidence", "confidence_level": stored["level"]}
    got = columns(model, rows, type="link", **settings)
    for column, kind in (("Pred", "link"), ("StdErr", "link_error"), ("Lower", "link_lower"), ("Upper", "link_upper")):
        assert_near(got[column], stored[kind], kind)
    got = columns(model, rows, **settings)
    assert_near(got["Pred"], stored["fit"], "predictions")
    assert_near(got["StdErr"], stored["error"], "standard errors")
    # A link that falls turns the limits round.
    limits = np.sort([stored["confidence_lower"], stored["confidence_upper"]], axis=0)
    assert_near(got["Lower"], limits[0], "lower limits")
    assert_near(got["Upper"], limits[1], "upper limits")
    assert_residuals(model, rows, stored)


@pytest.mark.parametrize("name", LOGISTIC)
def test_logistic(name: str, request: pytest.FixtureRequest) -> None:
    formula, weights = LOGISTIC[name]
    data, stored = data_of(name, request), STORED[name]
    model = rxcore.rx_logit(formula, data, pweights=weights, report_progress=0, **TIGHT)
    assert_generalized(model, data.iloc[stored["rows"]], stored)


@pytest.mark.parametrize(
    ("name", "formula", "family"),
    [
        ("policies_counts", "Numtppd ~ Gender + Category + Age + Density + offset(log(Exppdays))", "poisson"),
        ("policies_gamma", "Value ~ Gender + Category", "Gamma"),
    ],
)
def test_generalized(name: str, formula: str, family: str, request: pytest.FixtureRequest) -> None:
    data, stored = data_of(name, request), STORED[name]
    tight = {key.replace("coefficent", "coefficient"): value for key, value in TIGHT.items()}
    model = rxcore.rx_glm(formula, data, family=family, report_progress=0, **tight)
    assert_generalized(model, data.iloc[stored["rows"]], stored)
