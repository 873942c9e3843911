"""Printed results of rxGlm, digit for digit: whole tables as they stand in the documentation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import published_glm as published
import pytest
from tolerances import GLM_AGAINST_R, printed

import rxcore
from rxcore.errors import ConvergenceWarning

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "revo-sample"

# The original began at means taken from the response and printed what it had after four updates.
AS_PUBLISHED = {"initial_values": np.nan, "max_iterations": 5}

# R 4.2.2: glm(cost ~ age + car.age + type, Gamma), repeated from its own coefficients until nothing changes.
CONVERGED = {
    "dispersion": 0.17854619961904153,
    "deviance": 15.639650274909192,
    "error": 0.00051265579472699265,
    "aic": 1444.2308373546352,
}


def table_of(model: Any) -> str:
    """The summary from the family on, without the count of iterations and blanks at the ends of lines."""
    text = str(model.summary())
    lines = [line.rstrip() for line in text[text.index("Family-link:") :].splitlines()]
    return "\n".join(line for line in lines if not line.startswith("Number of iterations")) + "\n"


@pytest.fixture(scope="module")
def epilepsy() -> pd.DataFrame:
    numbers = {name: [int(value) for value in values] for name, values in published.EPILEPSY.items()}
    return pd.DataFrame({**numbers, "Trt": pd.Categorical(published.TREATMENTS)})


@pytest.fixture(scope="module")
def claims() -> pd.DataFrame:
    path = FOLDER / "claims.reconstructed.csv"
    if not path.exists():
        pytest.skip(f"the published data are not here: {path.name} is looked for in ../shared/data/revo-sample")
    frame = pd.read_csv(path)
    for name in ("age", "car.age", "type"):
        frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    return frame


@pytest.mark.parametrize(
    ("family", "table"), [("poisson", published.POISSON_TABLE), ("quasipoisson", published.QUASIPOISSON_TABLE)]
)
def test_R13_R14_seizures(epilepsy: pd.DataFrame, family: str, table: str) -> None:
    model = rxcore.rx_glm("sumY ~ Base + Age + Trt", epilepsy, family=family, drop_first=True, report_progress=0)
    assert table_of(model) == table
    assert (model.n_valid, model.n_missing) == (59, 0)
    assert str(model).startswith("Generalized Linear Model Results for: sumY ~ Base + Age + Trt\n")


def test_C7_claims(claims: pd.DataFrame) -> None:
    formula = "cost ~ age + car.age + type"
    with pytest.warns(ConvergenceWarning, match="no convergence after 5 iterations"):
        model = rxcore.rx_glm(formula, claims, family="Gamma", drop_first=True, report_progress=0, **AS_PUBLISHED)
    assert table_of(model) == published.GAMMA_TABLE
    assert (model.n_valid, model.n_missing) == (123, 5)


def test_C8_claims(claims: pd.DataFrame) -> None:
    formula, expected = "cost ~ car.age + type", published.STEPWISE
    with pytest.warns(ConvergenceWarning, match="no convergence after 5 iterations"):
        model = rxcore.rx_glm(formula, claims, family="Gamma", drop_first=True, report_progress=0, **AS_PUBLISHED)
    kept = ~model.aliased
    for name, values in [
        ("estimates", model.coefficients[kept]), ("errors", model.std_errors[kept]), ("t", model.t_values[kept])
    ]:  # fmt: skip
        assert all(printed(*each) for each in zip(values, expected[name], strict=True)), name
    assert all(printed(model.coef_p_value[name], text) for name, text in expected["p"].items())
    for name in ("deviance", "dispersion", "condition_number"):
        assert printed(getattr(model, name), expected[name]), name


def test_C7_converged_as_in_r(claims: pd.DataFrame) -> None:
    """Where the original stopped too early, ours goes on to what R 4.2.2 finds (glm, epsilon 1e-15)."""
    model = rxcore.rx_glm(
        "cost ~ age + car.age + type", claims, family=rxcore.families.Gamma, drop_first=True, report_progress=0,
        coefficient_tolerance=1e-12, objective_function_tolerance=0.0,
    )  # fmt: skip
    assert model.dispersion == pytest.approx(CONVERGED["dispersion"], rel=GLM_AGAINST_R)
    assert model.deviance == pytest.approx(CONVERGED["deviance"], rel=GLM_AGAINST_R)
    assert model.std_errors[0] == pytest.approx(CONVERGED["error"], rel=GLM_AGAINST_R)
    assert model.aic == pytest.approx(CONVERGED["aic"], rel=GLM_AGAINST_R)
