"""Comparing a generalized linear model with the values that R stored."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from tolerances import GLM_AGAINST_R, TIGHT_COEFFICIENT_TOLERANCE, coefficient_error

import rxcore

TIGHT = {
    "coefficient_tolerance": TIGHT_COEFFICIENT_TOLERANCE,
    "objective_function_tolerance": 0.0,
    "max_iterations": 60,
    "report_progress": 0,
}


def floats(values: Any) -> np.ndarray:
    return np.array([math.nan if value is None else float(value) for value in values], dtype=float)


def errors_of(model: Any, stored: dict[str, Any]) -> dict[str, float]:
    """The largest relative difference from R of each kind of value; infinite where one is missing."""
    kept = np.array([value is not None for value in stored["estimate"]])
    expected, deviations = floats(stored["estimate"])[kept], floats(stored["error"])[kept]
    got, got_errors = model.coefficients.to_numpy()[~model.aliased], model.std_errors[~model.aliased]
    # R puts interactions after all main effects, rxcore leaves terms as typed.
    names = [parts_of(name) for name, keep in zip(stored["names"], kept, strict=True) if keep]
    own = [parts_of(name) for name in model.kept_names]
    places = [own.index(name) for name in names]
    assert sorted(places) == list(range(model.rank))
    got, got_errors = got[places], got_errors[places]
    found = {
        "coefficients": max(coefficient_error(*each) for each in zip(got, expected, deviations, strict=True)),
        "standard errors": float(np.max(np.abs(got_errors / deviations - 1.0))),
    }
    for attribute, key in [
        ("deviance", "deviance"), ("null_deviance", "null_deviance"), ("aic", "aic"), ("dispersion", "dispersion"),
        ("pearson_chi_squared", "pearson"), ("df_residual", "df_residual"), ("df_null", "df_null"), ("theta", "theta"),
        ("theta_std_error", "theta_error"), ("two_log_likelihood", "two_log_likelihood"),
    ]:  # fmt: skip
        if key in stored:
            found[attribute] = relative(getattr(model, attribute), stored[key])
    assert (model.n_valid, model.rank) == (stored["n"], stored["rank"])
    return found


def parts_of(name: str) -> frozenset[str]:
    """What a coefficient belongs to, in any order: ``x for a=b`` and ``a=b, c=d``."""
    return frozenset(name.replace(" for ", ", ").split(", "))


def relative(got: float | None, expected: Any) -> float:
    """Relative difference; 0 where both are missing."""
    wanted = math.nan if expected is None else float(expected)
    value = math.nan if got is None else got
    if math.isnan(wanted) or math.isinf(wanted):
        return 0.0 if value == wanted or (math.isnan(value) and math.isnan(wanted)) else math.inf
    return abs(value - wanted) / max(abs(wanted), np.finfo(float).tiny)


def assert_as_in_r(formula: str, data: Any, family: str, stored: dict[str, Any], **arguments: Any) -> None:
    """Fit to the last digit; no value may differ from R's by more than `GLM_AGAINST_R`."""
    model = rxcore.rx_glm(formula, data, family=family, **arguments, **TIGHT)
    assert model.converged
    wrong = {name: error for name, error in errors_of(model, stored).items() if not error <= GLM_AGAINST_R}
    assert not wrong, wrong
