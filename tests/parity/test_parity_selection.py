"""Selection of terms on the flights takes the steps of R's step(), which tests/parity/r/selection.R ran."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tolerances import AGAINST_R, SELECTION_AIC, TIGHT_COEFFICIENT_TOLERANCE

import rxcore

EVERYTHING = "~ day_of_week + carrier + distance + hour + air_time + origin"
CROSSED = "~ hour*origin + distance*origin + day_of_week"
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "both": ("arr_delay ~ distance", {"scope": EVERYTHING}, {}),
    "backward": ("arr_delay ~ day_of_week*origin + carrier + hour + distance + air_time", {}, {"every": 500}),
    "stepwise": ("arr_delay ~ 1", {"scope": EVERYTHING}, {"every": 100}),
    "forward": ("arr_delay ~ hour", {"method": "forward", "scope": {"lower": "~ hour", "upper": CROSSED}}, {}),
    "crossed": ("arr_delay ~ hour*origin + distance", {"scope": {"upper": CROSSED}}, {}),
    "bic": ("arr_delay ~ carrier", {"scope": {"lower": "~ 1", "upper": EVERYTHING}, "k": math.log(327346)}, {}),
    "weighted": ("arr_delay ~ hour", {"scope": EVERYTHING}, {"pweights": "distance"}),
    "scaled": ("arr_delay ~ hour + air_time", {"scope": EVERYTHING, "scale": 1700.0}, {}),
}


@pytest.fixture(scope="session")
def selection() -> dict[str, Any]:
    return json.loads((Path(__file__).parent / "r" / "selection.json").read_text())


def parts(term: str) -> frozenset[str]:
    return frozenset(term.split(":"))


def change(step: str) -> tuple[str, frozenset[str]]:
    return step[:1], parts(step[2:])


def assert_path(model: Any, stored: dict[str, Any]) -> None:
    anova = model.anova
    assert [change(step) for step in anova["Step"]] == [change(step) for step in stored["step"]]
    criterion = "Cp" if "Cp" in anova else "AIC"
    numbers = {"Df": "df", "Resid. Df": "resid_df", "Deviance": "deviance", "Resid. Dev": "resid_dev"}
    for ours, theirs in numbers.items():
        wanted = np.array([math.nan if value is None else value for value in stored[theirs]])
        np.testing.assert_allclose(anova[ours], wanted, rtol=AGAINST_R * 10, err_msg=ours)
    np.testing.assert_allclose(anova[criterion], stored["aic"], rtol=0, atol=SELECTION_AIC)
    right = model.formula.split("~")[1].replace(" ", "")
    assert {parts(term) for term in right.split("+") if term != "1"} == {parts(term) for term in stored["terms"]}
    assert model.rank == stored["rank"]


@pytest.mark.parametrize("ranked", [False, True])
def test_logistic_selection(ranked: bool, flights: pd.DataFrame, selection: dict[str, Any]) -> None:
    # Ranked by score and Wald statistics the same path is found here, from two passes a step.
    control = rxcore.RxStepControl(
        scope="~ distance + hour + origin + day_of_week", refit_each_step=False if ranked else None
    )
    model = rxcore.rx_logit(
        "late ~ distance", flights, variable_selection=control, coefficent_tolerance=TIGHT_COEFFICIENT_TOLERANCE,
        objective_function_tolerance=0.0, report_progress=0,
    )  # fmt: skip
    assert_path(model, selection["logistic"])


@pytest.mark.parametrize("name", CASES)
def test_linear_selection(name: str, flights: pd.DataFrame, selection: dict[str, Any]) -> None:
    formula, control, call = CASES[name]
    data = flights.iloc[:: call.get("every", 1)]
    model = rxcore.rx_lin_mod(
        formula,
        data,
        pweights=call.get("pweights"),
        variable_selection=rxcore.RxStepControl(**control),
        report_progress=0,
    )
    assert_path(model, selection[name])
