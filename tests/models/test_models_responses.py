"""Several responses at once, predictions for the cells of a cube, which columns are dropped, covariance of the data."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_flights import made_flights
from tolerances import AGAINST_FRACTIONS, AGAINST_R

from rxcore import (
    LinearResults,
    MultipleLinearResults,
    rx_cor_coef,
    rx_cor_data,
    rx_cov_coef,
    rx_cov_data,
    rx_lin_mod,
    rx_predict,
)
from rxcore.analyses import precision
from rxcore.errors import ColumnNotFoundError, DataWarning, OptionError
from rxcore.options import options
from rxcore.runner import Runner

FORMULA = "cbind(delay, log(distance), hour) ~ carrier + day"
ALIKE = ("coefficients", "std_errors", "t_values", "p_values", "cov_coef", "cov_data")
EQUAL = ("sigma", "r_squared", "adj_r_squared", "f_value", "residual_squares", "y_var", "condition_number", "rank")


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


@pytest.fixture(scope="module")
def flights() -> pd.DataFrame:
    frame = made_flights(3_000).to_pandas()
    for name in ("carrier", "day"):
        frame[name] = frame[name].astype("category")
    frame.loc[::9, "hour"] = np.nan
    frame.loc[::13, "delay"] = np.nan
    return frame


@pytest.mark.parametrize(
    "weights", [{}, {"pweights": "weight"}, {"pweights": "weight", "cov_data": True}, {"cube": True}]
)
def test_each_response_has_the_model_of_its_own_on_the_rows_complete_in_all(
    weights: dict[str, Any], flights: pd.DataFrame
) -> None:
    got = rx_lin_mod(FORMULA, flights, cov_coef=True, **weights)
    assert isinstance(got, MultipleLinearResults)
    assert got.y_names == ["delay", "log(distance)", "hour"]
    complete = flights.dropna(subset=["delay", "distance", "hour"])
    for name in got.y_names:
        wanted = rx_lin_mod(f"{name} ~ carrier + day", complete, cov_coef=True, **weights)
        ours = got[name]
        assert isinstance(ours, LinearResults)
        assert (ours.n_valid, got.n_valid, got.n_missing - wanted.n_missing) == (
            wanted.n_valid, wanted.n_valid, len(flights) - len(complete),
        )  # fmt: skip
        for attribute in (*ALIKE, *EQUAL):
            mine, theirs = getattr(ours, attribute), getattr(wanted, attribute)
            if mine is None:
                assert theirs is None
                continue
            np.testing.assert_allclose(mine, theirs, rtol=AGAINST_FRACTIONS, err_msg=f"{name}: {attribute}")
        assert ours.aliased.tolist() == wanted.aliased.tolist()


def test_one_pass_for_all_responses(flights: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    run = Runner.run

    def counted(self: Runner, *arguments: Any) -> Any:
        passes.append(arguments)
        return run(self, *arguments)

    monkeypatch.setattr(Runner, "run", counted)
    # Small data are summed once more, in double-double; others only where digits are in doubt.
    monkeypatch.setattr(precision, "FEW_PRODUCTS", 0)
    rx_lin_mod("cbind(delay, hour, weight) ~ distance", flights)
    assert len(passes) == 1


def test_tables_and_series_over_the_responses(flights: pd.DataFrame) -> None:
    model = rx_lin_mod(FORMULA, flights, cov_coef=True)
    assert model.coefficients.shape == (len(model.coefficient_names), 3)
    assert model.coefficients["hour"].equals(model["hour"].coefficients)
    assert model["coef.std.error"]["delay"].equals(model["delay"].coef_std_error)
    assert model.r_squared["hour"] == model["hour"].r_squared
    assert model["r.squared"].equals(model.r_squared)
    assert model["condition.number"] == model.condition_number
    assert model["y.names"] == model.y_names
    assert model["fstatistics"].loc["value", "delay"] == model["delay"].f_value
    assert list(model["covCoef"]) == model.y_names
    assert [one.response for one in model] == model.y_names
    assert len(model) == 3
    assert model.to_frame().loc[("hour", "day=Monday"), "estimate"] == model["hour"].coefficients["day=Monday"]
    assert set(json.loads(json.dumps(model.to_dict()))) == set(model.y_names)
    with pytest.raises(ColumnNotFoundError, match=r"no response or item 'hours'. Closest: 'hour'"):
        _ = model["hours"]


def test_several_responses_print(flights: pd.DataFrame) -> None:
    model = rx_lin_mod(FORMULA, flights)
    lines = str(model).split("\n")
    assert lines[0] == f"Linear Regression Results for: {FORMULA}"
    assert "Dependent variable(s): delay, log(distance), hour" in lines
    heads = lines.index("Coefficients:") + 1
    assert lines[heads].split() == ["delay", "log(distance)", "hour"]
    assert lines[-1].split()[-3:] == ["Dropped"] * 3
    shown = str(model.summary())
    assert [line for line in shown.split("\n") if line.startswith("Response ")] == [
        "Response delay:", "Response log(distance):", "Response hour:",
    ]  # fmt: skip
    assert shown.count("Residual standard error") == 3
    assert model._repr_html_().count("<table") == 3
    assert model.summary()["delay"] is model["delay"]


def test_predictions_for_the_cells_of_a_cube() -> None:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {"f": rng.choice(list("abc"), 200), "g": rng.choice(list("xy"), 200), "z": rng.normal(size=200)}
    )
    frame["y"] = rng.normal(size=200) + (frame["f"] == "a") + 2.0 * frame["z"]
    frame["w"] = rng.integers(1, 4, 200)
    model = rx_lin_mod("y ~ f + g + z", frame, cube=True, cube_predictions=True, fweights="w")
    weights = frame["w"] / frame["w"].sum()
    others = model.coefficients["z"] * (weights * frame["z"]).sum()
    others += model.coefficients["g=x"] * weights[frame["g"] == "x"].sum() if "g=x" in model.kept_names else 0.0
    others += model.coefficients["g=y"] * weights[frame["g"] == "y"].sum() if "g=y" in model.kept_names else 0.0
    cells = model.count_df
    assert list(cells.columns) == ["f", "y", "Counts"]
    wanted = [model.coefficients[f"f={level}"] + others for level in cells["f"]]
    np.testing.assert_allclose(cells["y"], wanted, rtol=AGAINST_FRACTIONS)
    # Beside other terms a coefficient is no prediction: without being asked there is none.
    assert list(rx_lin_mod("y ~ f + g", frame, cube=True).count_df.columns) == ["f", "Counts"]
    assert list(rx_lin_mod("y ~ f:g", frame, cube=True).count_df.columns) == ["f", "g", "y", "Counts"]


def test_drop_main_says_whether_an_interaction_typed_first_may_replace_a_main_effect() -> None:
    rng = np.random.default_rng(1)
    levels = pd.Categorical(rng.choice(list("ab"), 60))
    frame = pd.DataFrame({"f": levels, "x": rng.normal(size=60), "y": rng.normal(size=60)})
    with pytest.warns(DataWarning, match="dropped 'x'"):
        typed = rx_lin_mod("y ~ f:x + x", frame)
    as_lm = rx_lin_mod("y ~ f:x + x", frame, drop_main=False)
    assert typed.kept_names == ("(Intercept)", "x for f=a", "x for f=b")
    assert len(as_lm.kept_names) == 3
    assert "x" in as_lm.kept_names
    np.testing.assert_allclose(typed.sigma, as_lm.sigma, rtol=AGAINST_FRACTIONS)
    both = [rx_lin_mod("y ~ f*x", frame, drop_main=drop_main).kept_names for drop_main in (True, False)]
    assert both[0] == both[1]
    with options(dropMain=False):
        assert rx_lin_mod("y ~ f:x + x", frame).kept_names == as_lm.kept_names


def test_covariances_that_a_model_keeps() -> None:
    frame = made_flights(2_000).to_pandas()[["delay", "hour", "distance", "weight"]].dropna()
    model = rx_lin_mod("delay ~ hour + distance", frame, cov_coef=True, cov_data=True)
    wanted = frame[["hour", "distance"]].cov()
    np.testing.assert_allclose(rx_cov_data(model), wanted, rtol=AGAINST_FRACTIONS)
    assert list(rx_cov_data(model).columns) == ["hour", "distance"]
    np.testing.assert_allclose(rx_cor_data(model), frame[["hour", "distance"]].corr(), rtol=AGAINST_FRACTIONS)
    np.testing.assert_allclose(np.sqrt(np.diag(rx_cov_coef(model))), model.coef_std_error, rtol=AGAINST_FRACTIONS)
    assert list(rx_cor_coef(model).index) == list(model.kept_names)
    assert np.diag(rx_cor_coef(model)).tolist() == [1.0] * 3
    weighted = rx_lin_mod("delay ~ hour + distance", frame, pweights="weight", cov_data=True)
    used = frame[frame["weight"] > 0]
    wanted = np.cov(used[["hour", "distance"]].T, aweights=used["weight"])
    np.testing.assert_allclose(rx_cov_data(weighted), wanted, rtol=AGAINST_FRACTIONS)
    assert rx_lin_mod("delay ~ hour - 1", frame, cov_data=True).cov_data is None
    with pytest.raises(OptionError, match="does not keep its cov_data; fit it with cov_data=True and an intercept"):
        rx_cov_data(rx_lin_mod("delay ~ hour", frame))
    with pytest.raises(OptionError, match="got a MultipleLinearResults; it must be a model of one response"):
        rx_cov_coef(rx_lin_mod("cbind(delay, hour) ~ distance", frame))


def test_predictions_have_a_column_for_each_response(flights: pd.DataFrame) -> None:
    model = rx_lin_mod(FORMULA, flights, cov_coef=True)
    got = rx_predict(model, flights, compute_standard_errors=True, compute_residuals=True)
    kinds = ("Pred", "Resid", "StdErr")
    assert list(got.columns) == [f"{name}_{kind}" for kind in kinds for name in model.y_names]
    for name in model.y_names:
        alone = rx_predict(model[name], flights, compute_standard_errors=True, compute_residuals=True)
        pd.testing.assert_frame_equal(got[list(alone.columns)], alone, check_exact=True)


def test_offsets_and_robust_errors_of_each_response(flights: pd.DataFrame) -> None:
    model = rx_lin_mod("cbind(delay, hour) ~ day + offset(weight)", flights, vcov="HC1")
    complete = flights.dropna(subset=["delay", "hour"])
    for name in model.y_names:
        wanted = rx_lin_mod(f"{name} ~ day + offset(weight)", complete, vcov="HC1")
        np.testing.assert_allclose(model[name].coefficients, wanted.coefficients, rtol=AGAINST_FRACTIONS)
        np.testing.assert_allclose(model[name].std_errors, wanted.std_errors, rtol=AGAINST_FRACTIONS)
        np.testing.assert_allclose(
            rx_predict(model, complete)[f"{name}_Pred"], rx_predict(wanted, complete)[f"{name}_Pred"], rtol=AGAINST_R
        )
