"""docs/missing-and-degenerate.md, line by line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from tolerances import AGAINST_FRACTIONS, TIGHT_COEFFICIENT_TOLERANCE

from rxcore import rx_glm, rx_lin_mod, rx_logit, rx_predict, rx_summary
from rxcore.errors import ConvergenceWarning, DataWarning, DesignError
from rxcore.options import options

N = 60


def tight_logit(formula: str, data: Any, **settings: Any) -> Any:
    """rx_logit until nothing changes any more, so that equal models are equal."""
    tolerances = {"coefficent_tolerance": TIGHT_COEFFICIENT_TOLERANCE, "objective_function_tolerance": 0.0}
    return rx_logit(formula, data, **tolerances, **settings)


def tight_counts(formula: str, data: Any, **settings: Any) -> Any:
    """rx_glm of counts, likewise."""
    tolerances = {"coefficient_tolerance": TIGHT_COEFFICIENT_TOLERANCE, "objective_function_tolerance": 0.0}
    return rx_glm(formula, data, family="poisson", **tolerances, **settings)


FORMULA: dict[Any, str] = {rx_lin_mod: "y ~ x + g", tight_logit: "e ~ x + g", tight_counts: "c ~ x + g"}
FITS = pytest.mark.parametrize("fit", list(FORMULA), ids=lambda fit: str(fit.__name__))


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    made = pd.DataFrame({name: rng.normal(size=N).round(3) for name in ("x", "z")})
    made["y"] = (made["x"] + rng.normal(size=N)).round(3)
    made["e"] = (made["y"] + rng.normal(size=N) > 0).astype(float)
    made["c"] = rng.poisson(np.exp(made["x"] / 2.0)).astype(float)
    made["g"] = pd.Categorical(rng.choice(list("abc"), N), categories=list("abc"))
    made["w"] = rng.integers(1, 4, N).astype(float)
    return made


def close(one: Any, other: Any) -> None:
    np.testing.assert_allclose(one, other, rtol=AGAINST_FRACTIONS, atol=AGAINST_FRACTIONS)


def same_model(one: Any, other: Any) -> None:
    """Equal where both have a coefficient, dropped where the other has none."""
    shared = other.coefficients.index
    close(one.coefficients[shared], other.coefficients)
    close(one.coef_std_error[shared], other.coef_std_error)
    assert one.coefficients.drop(shared).isna().all()
    assert (one.rank, one.df_residual, one.n_valid) == (other.rank, other.df_residual, other.n_valid)


def overall(data: pd.DataFrame, formula: str, **settings: Any) -> tuple[pd.DataFrame, Any]:
    result = rx_summary(formula, data, **settings)
    return result.summary_data_frame.set_index("Name"), result


# -- missing -----------------------------------------------------------------------------------------------------------


@FITS
def test_rows_that_lack_something_are_left_out(fit: Any, frame: pd.DataFrame) -> None:
    holes = frame.copy()
    holes.loc[0, "x"] = np.nan
    holes.loc[1, "g"] = None
    holes.loc[2, ["y", "e", "c"]] = np.nan
    holes.loc[3, "w"] = np.nan
    got = fit(FORMULA[fit], holes, pweights="w")
    same_model(got, fit(FORMULA[fit], frame.iloc[4:], pweights="w"))
    assert got.n_missing == 4
    model = fit(FORMULA[fit], frame, cov_coef=True)
    scores = rx_predict(model, holes, compute_standard_errors=True, interval="confidence")
    assert np.flatnonzero(scores.isna().any(axis=1)).tolist() == [0, 1]
    assert scores[:2].isna().all(axis=None)
    scores = rx_predict(model, holes, compute_residuals=True, compute_standard_errors=True)
    assert np.flatnonzero(scores.isna().all(axis=1)).tolist() == [0, 1, 2]
    assert len(rx_predict(model, holes, compute_residuals=True, remove_missings=True)) == N - 3


def test_missing_values_in_summaries(frame: pd.DataFrame) -> None:
    holes = frame.copy()
    holes.loc[0, "x"] = np.nan
    holes.loc[[1, 2], "z"] = np.nan
    table, _ = overall(holes, "~ x + z")
    assert table["ValidObs"].tolist() == [N - 1, N - 2]
    assert table["MissingObs"].tolist() == [1, 2]
    table, result = overall(holes, "~ x + z", by_term=False)
    assert table["ValidObs"].tolist() == [N - 3, N - 3]
    assert (result.nobs_valid, result.nobs_missing) == (N - 3, 3)


@FITS
def test_no_value_or_no_row(fit: Any, frame: pd.DataFrame) -> None:
    empty = frame.assign(x=np.nan)
    with pytest.raises(DesignError, match=r"no row is left of 60 .* 'x' alone is missing in 60"):
        fit(FORMULA[fit], empty)
    with pytest.raises(DesignError, match="the data have no rows"):
        fit(FORMULA[fit], frame.iloc[:0])
    model = fit(FORMULA[fit], frame)
    assert rx_predict(model, empty).isna().all(axis=None)
    assert len(rx_predict(model, frame.iloc[:0])) == 0
    for data in (empty, frame.iloc[:0]):
        table, _ = overall(data, "~ x")
        assert table.loc["x", "ValidObs"] == 0
        assert np.isnan(table.loc["x", "Mean"])


def test_text_without_any_value(frame: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match="factor 'g' has no levels: every value is missing"):
        rx_lin_mod("y ~ g", frame.assign(g=pd.Series([None] * N, dtype="str")))


# -- weights -----------------------------------------------------------------------------------------------------------


@FITS
@pytest.mark.parametrize("kind", ["pweights", "fweights"])
def test_weights_of_zero_are_rows_that_are_not_there(kind: str, fit: Any, frame: pd.DataFrame) -> None:
    zeros = frame.copy()
    zeros.loc[:9, "w"] = 0.0
    # Where the weight is zero, nothing else matters.
    zeros.loc[3, "x"] = -99.0
    got = fit(FORMULA[fit], zeros, **{kind: "w"})
    same_model(got, fit(FORMULA[fit], frame.iloc[10:], **{kind: "w"}))
    assert got.n_missing == 0
    table, result = overall(zeros, "~ z", **{kind: "w"})
    expected, _ = overall(frame.iloc[10:], "~ z", **{kind: "w"})
    pd.testing.assert_frame_equal(table, expected, check_exact=False, rtol=AGAINST_FRACTIONS)
    assert (result.nobs_valid, result.nobs_missing) == (N - 10, 10)


@FITS
def test_weights_that_mean_nothing(fit: Any, frame: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match="no row is left of 60 after leaving out rows with missing values or zero"):
        fit(FORMULA[fit], frame.assign(w=0.0), pweights="w")
    with pytest.raises(DesignError, match="weights column 'w' is negative in 1 rows"):
        fit(FORMULA[fit], frame.assign(w=np.where(frame.index == 5, -1.0, 1.0)), pweights="w")
    with pytest.raises(DesignError, match=r"fweights column 'w' is not a whole number in 60 rows; use pweights"):
        fit(FORMULA[fit], frame.assign(w=0.5), fweights="w")
    with pytest.raises(DesignError, match="infinite"):
        fit(FORMULA[fit], frame.assign(w=np.where(frame.index == 5, np.inf, 1.0)), pweights="w")


def test_weights_that_mean_nothing_to_summaries(frame: pd.DataFrame) -> None:
    table, _ = overall(frame.assign(w=0.0), "~ x", pweights="w")
    assert table.loc["x", "SumOfWeights"] == 0
    assert np.isnan(table.loc["x", "Mean"])
    with pytest.raises(DesignError, match="weights column 'w' is negative in 60 rows"):
        overall(frame.assign(w=-1.0), "~ x", pweights="w")
    for formula in ("~ x", "~ g", "~ x:g"):
        with pytest.raises(DesignError, match="weights column 'w' holds infinite values"):
            overall(frame.assign(w=np.where(frame.index == 5, np.inf, 1.0)), formula, pweights="w")


# -- factors -----------------------------------------------------------------------------------------------------------


@FITS
def test_a_factor_of_one_level(fit: Any, frame: pd.DataFrame) -> None:
    single = frame.assign(g=pd.Categorical(["a"] * N))
    response = FORMULA[fit][0]
    model = fit(FORMULA[fit], single)
    assert list(model.coefficient_names) == ["(Intercept)", "x", "g=a"]
    same_model(model, fit(f"{response} ~ x", frame))
    close(rx_predict(model, single).iloc[:, 0], rx_predict(fit(f"{response} ~ x", frame), frame).iloc[:, 0])
    _, result = overall(single, "~ g")
    assert result.categorical[0].frame["Counts"].tolist() == [N]


@FITS
@pytest.mark.parametrize("levels", [list("abcde"), list("daebc")])
def test_levels_without_rows(levels: list[str], fit: Any, frame: pd.DataFrame) -> None:
    roomy = frame.assign(g=frame["g"].cat.set_categories(levels))
    model, expected = fit(FORMULA[fit], roomy), fit(FORMULA[fit], frame)
    same_model(model, expected)
    assert model.coefficients[["g=c", "g=d", "g=e"]].isna().all()
    close(rx_predict(model, roomy).iloc[:, 0], rx_predict(expected, frame).iloc[:, 0])
    new = pd.DataFrame({"x": [1.0] * 3, "g": pd.Categorical(["c", "d", "e"], categories=levels)})
    assert rx_predict(model, new).nunique().item() == 1, "a level without rows is predicted as the reference"
    _, result = overall(roomy, "~ g")
    assert sorted(result.categorical[0].frame["Counts"].tolist())[:2] == [0, 0]


# -- columns that say nothing of their own -----------------------------------------------------------------------------


@FITS
@pytest.mark.parametrize("column", ["aliased", "constant"])
def test_aliased_and_constant_columns(column: str, fit: Any, frame: pd.DataFrame) -> None:
    wide = frame.assign(v=frame["x"] * 3.0 + 0.1 if column == "aliased" else 7.0)
    response = FORMULA[fit][0]
    with pytest.warns(DataWarning, match="dropped 'v': constant, or explained by the terms before"):
        model = fit(f"{response} ~ x + v + g", wide)
    same_model(model, fit(FORMULA[fit], frame))
    wide.loc[3, "v"] = np.nan
    scores = rx_predict(model, wide).iloc[:, 0]
    assert np.flatnonzero(scores.isna()).tolist() == [3]
    close(scores.drop(3), rx_predict(fit(FORMULA[fit], frame), frame).iloc[:, 0].drop(3))


def test_a_constant_column_without_an_intercept_is_one(frame: pd.DataFrame) -> None:
    model = rx_lin_mod("y ~ k - 1", frame.assign(k=4.0))
    assert model.coefficients["k"] == pytest.approx(frame["y"].mean() / 4.0, rel=AGAINST_FRACTIONS)
    table, _ = overall(frame.assign(k=4.0), "~ k")
    assert table.loc["k", ["Mean", "StdDev", "Min", "Max"]].tolist() == [4.0, 0.0, 4.0, 4.0]


def test_a_constant_response(frame: pd.DataFrame) -> None:
    with pytest.warns(DataWarning, match="response 'y' has one value only; nothing is left to explain"):
        model = rx_lin_mod("y ~ x + g", frame.assign(y=3.0))
    close(rx_predict(model, frame)["y_Pred"], 3.0)
    for value in (0.0, 1.0):
        with pytest.raises(DesignError, match=rf"response 'e' has one value only \({value:g}\)"):
            rx_logit("e ~ x", frame.assign(e=value))


def test_as_many_coefficients_as_rows(frame: pd.DataFrame) -> None:
    model = rx_lin_mod("y ~ x", frame.iloc[:2], cov_coef=True)
    assert model.df_residual == 0
    assert model.coefficients.notna().all()
    for values in (model.std_errors, model.t_values, model.p_values, [model.sigma, model.f_value]):
        assert np.isnan(values).all()
    assert "Residual standard error" in str(model.summary())
    scores = rx_predict(model, frame, compute_standard_errors=True, interval="confidence")
    assert scores["y_Pred"].notna().all()
    assert scores[["y_StdErr", "y_Lower", "y_Upper"]].isna().all(axis=None)


def test_more_coefficients_than_rows(frame: pd.DataFrame) -> None:
    with pytest.warns(DataWarning, match="dropped 'x:z'"):
        model = rx_lin_mod("y ~ x + z + x:z", frame.iloc[:3])
    assert model.rank == 3
    close(rx_predict(model, frame.iloc[:3])["y_Pred"], frame["y"].iloc[:3])


def test_outcomes_that_a_predictor_separates(frame: pd.DataFrame) -> None:
    with pytest.warns(ConvergenceWarning, match="Without a finite maximum: .*'x'"):
        model = rx_logit("e ~ x", frame.assign(e=(frame["x"] > 0).astype(float)))
    scores = rx_predict(model, frame)["e_Pred"]
    assert ((scores < 1e-3) | (scores > 1 - 1e-3)).mean() > 0.9


# -- infinities --------------------------------------------------------------------------------------------------------


@FITS
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e200])
def test_infinite_predictors(value: float, fit: Any, frame: pd.DataFrame) -> None:
    wild = frame.copy()
    wild.loc[4, "x"] = value
    with pytest.raises(DesignError, match="the data hold infinite values, or values so large that their squares"):
        fit(FORMULA[fit], wild)
    model = fit(FORMULA[fit], frame, cov_coef=True)
    link = rx_predict(model, wild, type="link", compute_standard_errors=True)
    assert abs(link.iloc[4, 0]) >= 1e190
    assert (np.sign(link.iloc[4, 0]) > 0) == (np.sign(value * model.coefficients["x"]) > 0)
    if fit is tight_logit:
        assert rx_predict(model, wild)["e_Pred"].iloc[4] in (0.0, 1.0)
    if np.isinf(value):
        assert np.isnan(link.iloc[4, 1])
        assert len(rx_predict(model, wild, remove_missings=True)) == N, "infinite is not missing"
    assert link.drop(4).notna().all(axis=None)


def test_infinite_values_in_summaries(frame: pd.DataFrame) -> None:
    wild = frame.copy()
    wild.loc[4, "x"] = np.inf
    table, _ = overall(wild, "~ x")
    assert table.loc["x", "Mean"] == table.loc["x", "Max"] == np.inf
    assert np.isnan(table.loc["x", "StdDev"])
    assert table.loc["x", "Min"] == frame["x"].drop(4).min()


def test_infinite_responses(frame: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match="infinite"):
        tight_counts("c ~ x", frame.assign(c=np.where(frame.index == 4, np.inf, 1.0)))
    wild = frame.copy()
    wild.loc[4, ["y", "e"]] = -np.inf
    with pytest.raises(DesignError, match="the data hold infinite values"):
        rx_lin_mod("y ~ x", wild)
    with pytest.warns(DataWarning, match="response 'e' is neither 0 nor 1 in 1 rows; every value but 0 counts"):
        got = rx_logit("e ~ x", wild)
    same_model(got, rx_logit("e ~ x", frame.assign(e=np.where(frame.index == 4, 1.0, frame["e"]))))
    assert rx_predict(rx_lin_mod("y ~ x", frame), wild, compute_residuals=True)["y_Resid"].iloc[4] == -np.inf


def test_the_logarithm_of_zero(frame: pd.DataFrame) -> None:
    zero = frame.assign(p=np.where(frame.index == 4, 0.0, frame["x"].abs() + 1.0))
    with pytest.raises(DesignError, match="Find them with rx_summary and exclude them with row_selection"):
        rx_lin_mod("y ~ log(p)", zero)
    assert rx_lin_mod("y ~ log(p)", zero, row_selection="p > 0").n_valid == N - 1
    negative = frame.assign(p=np.where(frame.index == 4, -1.0, frame["x"].abs() + 1.0))
    assert rx_lin_mod("y ~ log(p)", negative).n_missing == 1, "a logarithm that there is not is missing"
