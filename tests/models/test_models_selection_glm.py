"""Selection of terms of generalized linear models, cubes of logistic ones, and the covariance of their data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_flights import made_flights
from tolerances import AGAINST_FRACTIONS, DEFAULT_CONVERGENCE

from rxcore import RxStepControl, rx_cov_data, rx_glm, rx_lin_mod, rx_logit, rx_predict
from rxcore.errors import DataWarning, DesignError
from rxcore.options import options

TIGHT: dict[str, Any] = {"coefficient_tolerance": 1e-12, "objective_function_tolerance": 0.0}


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


def made(seed: int = 0, n: int = 400) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, 4)), columns=list("abcd"))
    frame["g"] = pd.Categorical(rng.choice(list("uvw"), n))
    eta = -0.2 + 0.6 * frame["a"] - 0.5 * frame["c"] + 0.4 * (frame["g"] == "u")
    frame["y"] = rng.uniform(size=n) < 1.0 / (1.0 + np.exp(-eta))
    frame["n"] = rng.poisson(np.exp(0.3 * frame["b"] + 0.5))
    frame["amount"] = rng.gamma(2.0, np.exp(0.4 * frame["a"] + 1.0) / 2.0)
    return frame


FITS: dict[str, tuple[str, Any]] = {
    "logit": ("y", lambda formula, frame, **more: rx_logit(formula, frame, **TIGHT, **more)),
    "poisson": ("n", lambda formula, frame, **more: rx_glm(formula, frame, "poisson", **TIGHT, **more)),
    "gamma": ("amount", lambda formula, frame, **more: rx_glm(formula, frame, "Gamma(link=log)", **TIGHT, **more)),
}


@pytest.mark.parametrize("name", FITS)
def test_steps_are_those_of_fits_one_by_one(name: str) -> None:
    response, fit = FITS[name]
    frame = made()
    frame.loc[::9, "d"] = np.nan
    found = fit(f"{response} ~ d", frame, variable_selection=RxStepControl(scope="~ a + b + c + d + g"))
    complete, terms, dispersion = frame.dropna(), {"d"}, None
    for step in found.anova["Step"]:
        if step:
            terms = terms | {step[2:]} if step[0] == "+" else terms - {step[2:]}
        one = fit(f"{response} ~ {' + '.join(sorted(terms)) or '1'}", complete)
        row = found.anova[found.anova["Step"] == step].iloc[0]
        np.testing.assert_allclose(row[["Resid. Dev", "AIC"]].to_numpy(float), [one.deviance, one.aic], rtol=1e-9)
        assert row["Resid. Df"] == one.df_residual
        # No change in question is better than the one that was taken.
        dispersion = one.dispersion
        for other in {"a", "b", "c", "d", "g"} - terms:
            more = fit(f"{response} ~ {' + '.join(sorted(terms | {other}))}", complete)
            gain = (one.deviance - more.deviance) / dispersion - 2.0 * (more.rank - one.rank)
            position = list(found.anova["Step"]).index(step)
            listed = found.steps.candidates[position].set_index("Change")["AIC"]
            assert listed[f"+ {other}"] == pytest.approx(one.aic - gain, abs=1e-6)
    np.testing.assert_allclose(found.coefficients, fit(found.formula, complete).coefficients, rtol=1e-7, atol=1e-9)
    assert (found.n_valid, found.null_deviance) == (len(complete), pytest.approx(one.null_deviance))


@pytest.mark.parametrize("name", FITS)
def test_ranked_changes_lead_to_the_same_model(name: str) -> None:
    response, fit = FITS[name]
    frame = made(3)
    scope = "~ a + b + c + d + g"
    fitted = fit(f"{response} ~ d", frame, variable_selection=RxStepControl(scope=scope))
    control = RxStepControl(scope=scope, refit_each_step=False, keep_step_coefs=True)
    ranked = fit(f"{response} ~ d", frame, variable_selection=control)
    assert ranked.formula == fitted.formula
    np.testing.assert_allclose(ranked.anova["AIC"], fitted.anova["AIC"], rtol=1e-9)
    last = ranked.step_coefs.iloc[:, -1].loc[list(ranked.coefficients.index)]
    np.testing.assert_allclose(last, ranked.coefficients, rtol=DEFAULT_CONVERGENCE)
    # What a change is said to be worth is near what it is worth.
    for guessed, known in zip(ranked.steps.candidates, fitted.steps.candidates, strict=True):
        both = guessed.merge(known, on="Change").set_index("Change")
        change = np.abs(both["AIC_y"] - both.loc["<none>", "AIC_y"])
        assert (np.abs(both["AIC_x"] - both["AIC_y"]) < 0.1 * change + 1.0).all()


def test_significance_of_a_family_without_likelihood(capsys: pytest.CaptureFixture[str]) -> None:
    frame = made(1)
    control = RxStepControl(scope="~ a + b + c + d", step_criterion="SigLevel", max_sig_level_to_add=0.01)
    model = rx_glm("n ~ d", frame, "quasipoisson", variable_selection=control, verbose=1)
    assert model.formula in ("n ~ b", "n ~ b + d")
    assert list(model.anova.columns[-2:]) == ["F value", "Pr(>F)"]
    assert capsys.readouterr().out.startswith("Start:")
    with pytest.raises(DesignError, match="'n ~ d' has no AIC: this family has no likelihood"):
        rx_glm("n ~ d", frame, "quasipoisson", variable_selection=RxStepControl(scope="~ a + d"))


def test_a_search_keeps_offsets_and_says_what_is_odd_once() -> None:
    frame = made(2)
    frame["late"] = frame["y"] * 2
    with pytest.warns(DataWarning, match="is neither 0 nor 1") as caught:
        model = rx_logit("late ~ a + offset(b)", frame, variable_selection=RxStepControl(scope="~ a + c + d"))
    assert len([one for one in caught if issubclass(one.category, DataWarning)]) == 1
    assert model.formula.endswith("+ offset(b)")
    wanted = rx_logit(model.formula, frame.assign(late=frame["y"]))
    np.testing.assert_allclose(model.coefficients, wanted.coefficients, rtol=DEFAULT_CONVERGENCE)
    linear = rx_lin_mod("n ~ a + offset(b)", frame, variable_selection=RxStepControl(scope="~ a + c + d"))
    assert linear.formula.endswith("offset(b)")
    again = rx_lin_mod(linear.formula, frame)
    np.testing.assert_allclose(linear.coefficients, again.coefficients, rtol=AGAINST_FRACTIONS)
    np.testing.assert_allclose(rx_predict(linear, frame), rx_predict(again, frame), rtol=AGAINST_FRACTIONS)


def test_a_cube_of_a_logistic_model() -> None:
    frame = made(4)
    frame["w"] = 1 + np.arange(len(frame)) % 3
    model = rx_logit("y ~ g", frame, cube=True, fweights="w", **TIGHT)
    groups = frame.groupby("g", observed=True)
    counts = groups["w"].sum()
    chances = (frame["y"] * frame["w"]).groupby(frame["g"], observed=True).sum() / counts
    assert model.cube
    assert model.count_df["Counts"].tolist() == counts.tolist()
    np.testing.assert_allclose(model.count_df["y"], chances, rtol=1e-9)
    assert str(model).startswith("Cube Logistic Regression Results for: y ~ g")
    assert str(model.summary()).count("|") > 3
    more = rx_logit("y ~ g + a", frame, cube=True, cube_predictions=True, **TIGHT)
    level = more.coefficients["a"] * frame["a"].mean()
    wanted = 1.0 / (1.0 + np.exp(-(more.coefficients.iloc[:3] + level)))
    np.testing.assert_allclose(more.count_df["y"], wanted, rtol=1e-9)
    assert list(rx_logit("y ~ g + a", frame, cube=True).count_df.columns) == ["g", "Counts"]
    means = frame.groupby("g", observed=True)["n"].mean()
    np.testing.assert_allclose(rx_glm("n ~ g", frame, "poisson", cube=True, **TIGHT).count_df["n"], means, rtol=1e-9)


def test_the_covariance_of_the_data_of_a_logistic_model() -> None:
    frame = made_flights(1_500).to_pandas()[["late", "hour", "distance", "weight"]].dropna()
    model = rx_logit("late ~ hour + distance", frame, cov_data=True)
    np.testing.assert_allclose(rx_cov_data(model), frame[["hour", "distance"]].cov(), rtol=AGAINST_FRACTIONS)
    weighted = rx_logit("late ~ hour + distance", frame, pweights="weight", cov_data=True)
    used = frame[frame["weight"] > 0]
    wanted = np.cov(used[["hour", "distance"]].T, aweights=used["weight"])
    np.testing.assert_allclose(rx_cov_data(weighted), wanted, rtol=AGAINST_FRACTIONS)
    assert rx_logit("late ~ hour - 1", frame, cov_data=True).cov_data is None
