"""Robust and clustered covariances equal statsmodels', fitted here and now: a second opinion beside R's.

statsmodels has the same HC0 to HC3 for linear models, and the same clusters (its correction is that of Stata:
g / (g - 1) * (n - 1) / (n - k)). For generalized linear models it multiplies HC1 by nothing, and has no HC2.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_flights import made_flights
from tolerances import ROBUST_AGAINST_SANDWICH, TIGHT_COEFFICIENT_TOLERANCE

import rxcore

TERMS = "carrier + distance + hour"


@pytest.fixture(scope="module")
def statsmodels() -> Any:
    # Importing it warns about its own dependencies, depending on their versions.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("statsmodels.api", reason="statsmodels is not installed")


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    table = made_flights(3_000).to_pandas().dropna().reset_index(drop=True)
    rng = np.random.default_rng(5)
    return table.assign(plane=rng.integers(0, 200, len(table)), week=rng.integers(0, 50, len(table)))


@pytest.fixture(scope="module")
def matrix(frame: pd.DataFrame) -> Any:
    levels = list(frame["carrier"].unique())[:-1]
    dummies = [(frame["carrier"] == level).to_numpy(float) for level in levels]
    return np.column_stack([np.ones(len(frame)), *dummies, frame["distance"], frame["hour"]])


KINDS = {
    "HC0": {}, "HC1": {}, "HC2": {}, "HC3": {}, "plane": {"groups": ["plane"]}, "both": {"groups": ["plane", "week"]},
}  # fmt: skip


def settings(kind: str, frame: pd.DataFrame) -> tuple[Any, dict[str, Any]]:
    names = KINDS[kind].get("groups")
    if names is None:
        return kind, {"cov_type": kind}
    groups = frame[names].to_numpy()
    given = groups if len(names) == 2 else groups[:, 0]
    return {"cluster": names}, {"cov_type": "cluster", "cov_kwds": {"groups": given, "use_correction": True}}


@pytest.mark.parametrize("weights", [None, "distance"])
@pytest.mark.parametrize("kind", KINDS)
def test_linear_model(frame: Any, matrix: Any, statsmodels: Any, kind: str, weights: str | None) -> None:
    vcov, given = settings(kind, frame)
    weight = 1.0 if weights is None else frame[weights].to_numpy(float)
    other = statsmodels.WLS(frame["delay"].to_numpy(float), matrix, weights=weight).fit(method="qr", **given)
    model = rxcore.rx_lin_mod(f"delay ~ {TERMS}", frame, pweights=weights, vcov=vcov, cov_coef=True, report_progress=0)
    size = np.outer(other.bse, other.bse)
    assert (np.abs(model.cov_coef - other.cov_params()) / size).max() <= ROBUST_AGAINST_SANDWICH
    assert model.f_value == pytest.approx(np.squeeze(other.fvalue), rel=ROBUST_AGAINST_SANDWICH)


@pytest.mark.parametrize("kind", ["HC0", "plane", "both"])
def test_logistic_model(frame: Any, matrix: Any, statsmodels: Any, kind: str) -> None:
    vcov, given = settings(kind, frame)
    family = statsmodels.families.Binomial()
    other = statsmodels.GLM(frame["late"].to_numpy(float), matrix, family=family).fit(tol=1e-14, **given)
    model = rxcore.rx_logit(
        f"late ~ {TERMS}",
        frame,
        vcov=vcov,
        cov_coef=True,
        coefficent_tolerance=TIGHT_COEFFICIENT_TOLERANCE,
        objective_function_tolerance=0.0,
        report_progress=0,
    )
    size = np.outer(other.bse, other.bse)
    assert (np.abs(model.cov_coef - other.cov_params()) / size).max() <= ROBUST_AGAINST_SANDWICH
