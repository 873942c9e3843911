"""Generalized linear models of every family and link equal R's, which tests/parity/r/glm.R computed on the flights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from glm_checks import TIGHT, assert_as_in_r
from glm_data import cells_of, january_of
from tolerances import AGAINST_R, DEFAULT_CONVERGENCE, DEFAULT_GLM_CONVERGENCE

import rxcore

STORED = json.loads((Path(__file__).parent / "r" / "glm.json").read_text())["models"]

LINE = "air_time ~ origin + hour + distance"
SHORT = "air_time ~ origin + hour"
LATE = "late ~ origin + hour"
SHARE = "share ~ origin + day_of_week"
COUNT = "n_late ~ origin + hour"

Model = tuple[str, str, dict[str, Any]]
MODELS: dict[str, Model] = {
    "cbind": ("cbind(n_late, n_early) ~ origin*hour + day_of_week", "binomial", {}),
    "gaussian-weighted": (LINE, "gaussian", {"pweights": "distance"}),
    "gaussian-offset": (SHORT + " + offset(distance / 8)", "gaussian", {}),
    "poisson-offset": ("n_late ~ origin + day_of_week + hour + offset(log(flights))", "poisson", {}),
    "poisson-offset-weighted": ("n_late ~ origin*hour + offset(log(flights))", "poisson", {"pweights": "hour"}),
    "poisson-no-intercept": ("n_late ~ origin + hour - 1 + offset(log(flights))", "poisson", {}),
    "poisson-frequency": (COUNT, "poisson", {"fweights": "hour"}),
    "theta-offset": ("n_late ~ origin + day_of_week", "negative.binomial", {"offset": "log(flights)"}),
    "Gamma-weighted": ("air_time ~ origin*hour + carrier", "Gamma(log)", {"pweights": "distance"}),
    "Tweedie-1.5-log": ("delay ~ origin + hour + carrier", "Tweedie(1.5, 0)", {}),
    "Tweedie-1.5": ("delay ~ origin + hour", "Tweedie(var.power=1.5)", {}),
    "Tweedie-1.2-weighted": ("delay ~ origin + hour", "rxTweedie(1.2, link.power=0)", {"pweights": "distance"}),
    "Tweedie-2.5-log": (LINE, "Tweedie(2.5, 0)", {}),
    "quasi-constant-log": (LINE, "quasi(link='log')", {}),
    "quasi-mu-identity": (LINE, "quasi(variance='mu')", {}),
    "quasi-mu-sqrt": (LINE, "quasi(sqrt, mu)", {}),
    "quasi-mu2-power": (LINE, "quasi(link=power(1/3), variance='mu^2')", {}),
    "quasi-mu3-inverse": (SHORT, "quasi(inverse, mu^3)", {}),
    "quasi-mu(1-mu)-probit": (SHARE, "quasi(probit, mu(1-mu))", {}),
}
for link in ("logit", "probit", "cloglog", "cauchit", "log", "identity"):
    MODELS[f"binomial-{link}"] = (LATE, f"binomial({link})", {})
    MODELS[f"shares-{link}"] = (SHARE, f"binomial({link})", {"pweights": "flights"})
    MODELS[f"quasibinomial-{link}"] = (SHARE, f"quasibinomial({link})", {"pweights": "flights"})
for link in ("identity", "log", "inverse"):
    MODELS[f"gaussian-{link}"] = (LINE, f"gaussian({link})", {})
    MODELS[f"Gamma-{link}"] = (SHORT if link == "inverse" else LINE, f"Gamma({link})", {})
for link in ("log", "identity", "sqrt"):
    MODELS[f"poisson-{link}"] = (COUNT, f"poisson({link})", {})
    MODELS[f"quasipoisson-{link}"] = (COUNT, f"quasipoisson({link})", {})
    MODELS[f"negative-{link}"] = (COUNT, f"negative.binomial(2, {link})", {})
    MODELS[f"theta-{link}"] = (COUNT, f"negative.binomial(link={link})", {})
for link in ("1/mu^2", "inverse", "log", "identity"):
    formula = SHORT if link in ("1/mu^2", "inverse") else LINE
    MODELS[f"inverse.gaussian-{link}"] = (formula, f"inverse.gaussian('{link}')", {})


@pytest.fixture(scope="session")
def tables(flights: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of several blocks, the last one short, so that merging takes part."""
    paths = {}
    for name, frame, rows in [("january", january_of(flights), 5_000), ("cells", cells_of(flights), 700)]:
        paths[name] = str(tmp_path_factory.mktemp("glm") / f"{name}.xdf")
        rxcore.rx_import(frame, output_file=paths[name], rows_per_read=rows, report_progress=0)
    return paths


def test_every_stored_model_is_compared() -> None:
    assert set(MODELS) == set(STORED)


@pytest.mark.parametrize("name", MODELS)
def test_model(tables: dict[str, str], name: str) -> None:
    formula, family, arguments = MODELS[name]
    response = formula.partition(" ~")[0]
    data = tables["january" if response in ("air_time", "delay", "late") else "cells"]
    assert_as_in_r(formula, data, family, STORED[name], **arguments)


@pytest.mark.parametrize("name", ["poisson-offset", "Gamma-log", "binomial-probit", "theta-log", "Tweedie-1.5-log"])
def test_default_tolerances(tables: dict[str, str], name: str) -> None:
    formula, family, arguments = MODELS[name]
    data = tables["january" if formula.startswith(("air_time", "delay", "late")) else "cells"]
    model = rxcore.rx_glm(formula, data, family=family, **arguments, report_progress=0)
    tight = rxcore.rx_glm(formula, data, family=family, **arguments, **TIGHT)
    assert np.nanmax(np.abs(model.coefficients - tight.coefficients) / tight.std_errors) <= DEFAULT_GLM_CONVERGENCE
    assert model.deviance == pytest.approx(tight.deviance, rel=DEFAULT_CONVERGENCE)


def test_logistic_models_with_an_offset(tables: dict[str, str]) -> None:
    formula = "late ~ origin + hour + offset(distance / 1000)"
    tight = {**TIGHT, "coefficent_tolerance": TIGHT["coefficient_tolerance"]}
    del tight["coefficient_tolerance"]
    model = rxcore.rx_logit(formula, tables["january"], **tight)
    same = rxcore.rx_glm(formula, tables["january"], family="binomial", **TIGHT)
    assert model.coefficients.to_numpy() == pytest.approx(same.coefficients.to_numpy(), rel=AGAINST_R, nan_ok=True)
    assert model.null_deviance == pytest.approx(same.null_deviance, rel=AGAINST_R)
    assert (model.df_null, model.df_residual) == (same.df_null, same.df_residual)


def test_linear_models_with_an_offset(tables: dict[str, str]) -> None:
    stored = STORED["gaussian-offset"]
    model = rxcore.rx_lin_mod("air_time ~ origin + hour + offset(distance / 8)", tables["january"], report_progress=0)
    kept = [value for value in stored["estimate"] if value is not None]
    assert model.coefficients[~model.aliased].to_numpy() == pytest.approx(kept, rel=AGAINST_R)
    assert model.residual_squares == pytest.approx(stored["deviance"], rel=AGAINST_R)
