"""What users of rx_glm are told, and what holds without any reference: weights, offsets, starts, printing."""

from __future__ import annotations

import json
import pickle
import re
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_flights import made_flights
from test_models_same_bits import ROWS_PER_BLOCK, SOURCES, fingerprint
from tolerances import AGAINST_R, DEFAULT_GLM_CONVERGENCE, GLM_AGAINST_R, SAME_FIT

import rxcore
from rxcore import families, rx_glm, rx_lin_mod, rx_logit, rx_summary
from rxcore.errors import (
    ColumnNotFoundError,
    ConvergenceWarning,
    DesignError,
    FormulaError,
    OptionError,
)
from rxcore.family_text import as_family
from rxcore.options import options

TIGHT = {"coefficient_tolerance": 1e-12, "objective_function_tolerance": 0.0}


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    n = 600
    x, g = rng.normal(size=n), rng.choice(list("abc"), n)
    made = pd.DataFrame({"x": x, "g": g, "e": rng.uniform(0.2, 2.0, n), "f": rng.integers(0, 4, n)})
    made["y"] = rng.poisson(made["e"] * np.exp(0.4 * x + 0.3 * (g == "b")))
    made["z"] = rng.gamma(2.0, np.exp(0.3 * x))
    made["t"] = rng.integers(0, 2, n)
    return made


# -- families as text --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("poisson", families.poisson()),
        (families.poisson, families.poisson()),
        (" Gamma( log ) ", families.Gamma("log")),
        ("binomial(link='probit')", families.binomial("probit")),
        ('inverse.gaussian("1/mu^2")', families.inverse_gaussian()),
        ("Tweedie(var.power=1.5, link.power=0)", families.tweedie(1.5, 0.0)),
        ("rxTweedie(1.5)", families.tweedie(1.5, -0.5)),
        ("quasi(link = power(1/3), variance = 'mu^2')", families.quasi("power(1/3)", "mu^2")),
        ("quasi(log, mu(1-mu))", families.quasi("log", "mu(1-mu)")),
        ("negative.binomial(theta=2, link=sqrt)", families.negative_binomial(2.0, "sqrt")),
        ("negative.binomial", families.negative_binomial()),
    ],
)
def test_families_in_words(text: Any, family: families.Family) -> None:
    found = as_family(text, "rx_glm")
    assert found == family
    assert pickle.loads(pickle.dumps(found)) == family


@pytest.mark.parametrize(
    ("family", "message"),
    [
        ("poison", "rx_glm: family 'poison' is unknown. Closest: 'poisson'. Families: binomial, gaussian,"),
        ("Gamma(probit)", "family Gamma: link 'probit' is not possible; allowed are inverse, log, identity"),
        ("poisson(log, log)", "family poisson has too many arguments; it takes link"),
        ("poisson(lnk=log)", "family poisson has the argument 'lnk'; it takes link"),
        ("Gamma(", "family 'Gamma(' cannot be read"),
        ("__import__('os').system('x')", "family '__import__' is unknown"),
        ("Tweedie(0.5)", "var_power is 0.5; it must be 0, or 1 and more"),
        ("Tweedie(1.5, x)", "family Tweedie: link_power must be a number; got 'x'"),
        ("negative.binomial(0)", "theta is 0.0; it must be a number above 0"),
        ("quasi(log, mu^4)", "variance 'mu^4' is not possible; allowed are constant, mu, mu^2, mu^3, mu(1-mu)"),
        ("quasi(power(x))", "link 'power(x)' needs a number"),
        (3, "family must be a family or its name; got int"),
    ],
)
def test_wrong_families_are_refused_by_name(family: Any, message: str, frame: pd.DataFrame) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        rx_glm("y ~ x", frame, family=family)


# -- what the data must be ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "family", "message"),
    [
        ("x ~ g", "poisson", r"response 'x' is not possible for family poisson in \d+ rows; it must be 0 or more"),
        ("y ~ x", "Gamma", r"for family Gamma in \d+ rows; it must be above 0; rows of exactly 0 fit a Tweedie family"),
        ("z ~ x", "binomial", r"response 'z' is not possible for family binomial in \d+ rows; it must be from 0 to 1"),
        ("I(0*y) ~ x", "poisson", r"has one value only \(0\) in 600 rows; family poisson has no finite estimate"),
        ("I(0*y + 1) ~ x", "binomial(probit)", r"has one value only \(1\) in 600 rows"),
        ("g ~ x", "binomial", r"response 'g' has 3 levels .*; a logistic response has exactly 2"),
        ("g ~ x", "poisson", "column 'g' is text where a number is needed"),
        ("y ~ x + offset(log(t))", "poisson", r"offset 'log\(t\)' holds infinite values, such as the logarithm of 0"),
        ("y ~ x + offset(g)", "poisson", "column 'g' is text where a number is needed"),
        ("cbind(y, t) ~ x", "poisson", "has 2 responses; one is allowed"),
        ("z ~ x - 1", "Gamma", "family Gamma-inverse: no coefficients were found for which every fitted value"),
        ("exp(1000 * abs(x)) ~ g", "Gamma(log)", "holds infinite values"),
    ],
)
def test_data_that_cannot_be(formula: str, family: str, message: str, frame: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match=f"rx_glm: .*{message}|{message}"):
        rx_glm(formula, frame, family=family)


def test_wrong_arguments(frame: pd.DataFrame) -> None:
    with pytest.raises(ColumnNotFoundError, match="column 'expo' is not in frame"):
        rx_glm("y ~ x", frame, family="poisson", offset="log(expo)")
    with pytest.raises(OptionError, match="initial_values has 1 values; the model has 2 coefficients"):
        rx_glm("y ~ x", frame, family="poisson", initial_values=[1.0])
    with pytest.raises(OptionError, match="dispersion is -1; it must be a number above 0"):
        rx_glm("y ~ x", frame, family="poisson", dispersion=-1)
    with pytest.raises(OptionError, match="max_iterations is 0; it must be 1 or more"):
        rx_glm("y ~ x", frame, family="poisson", max_iterations=0)
    with pytest.raises(DesignError, match="rx_glm: cube=True needs a factor or an interaction of factors"):
        rx_glm("y ~ x", frame, family="poisson", cube=True)
    with pytest.raises(FormulaError, match=r"offset\(e\) can only be added as a term of its own"):
        rx_glm("y ~ x*offset(e)", frame, family="poisson")
    with pytest.raises(FormulaError, match=r"rx_summary: offset\(\) belongs to models"):
        rx_summary("~ x + offset(e)", frame)
    with pytest.raises(DesignError, match=r"rx_logit: offset 'log\(t\)' holds infinite values"):
        rx_logit("t ~ x", frame, offset="log(t)")


# -- what is odd -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["poisson", "negative.binomial", "negative.binomial(2)", "quasipoisson"])
def test_a_level_without_events_is_named(frame: pd.DataFrame, family: str) -> None:
    data = frame.assign(y=frame["y"].where(frame["g"] != "b", 0))
    n_rows = int((data["g"] == "b").sum())
    with pytest.warns(ConvergenceWarning, match=rf"values are numerically 0 in {n_rows} rows.*maximum: 'g=b'"):
        model = rx_glm("y ~ g + x", data.sort_values("g", kind="stable"), family=family)
    kept = data[data["g"] != "b"]
    without = rx_glm("y ~ g + x", kept.sort_values("g", kind="stable"), family=family)
    assert model.coefficients["x"] == pytest.approx(without.coefficients["x"], rel=DEFAULT_GLM_CONVERGENCE)


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_separation_is_named(frame: pd.DataFrame, link: str) -> None:
    data = frame.assign(t=(frame["x"] > 0.1).astype(int))
    with pytest.warns(ConvergenceWarning, match="the predictors separate the response: .* 'x'; their estimates"):
        assert not rx_glm("t ~ x", data, family=f"binomial({link})").converged


def test_a_maximum_at_the_boundary_is_reported(frame: pd.DataFrame) -> None:
    data = frame.assign(t=(frame["x"] > 0.1).astype(int))
    with pytest.warns(ConvergenceWarning, match="where fitted values of family binomial-log become impossible"):
        assert not rx_glm("t ~ x", data, family="binomial(log)").converged
    empty = frame.assign(y=frame["y"].where(frame["g"] != "b", 0))
    with pytest.warns(ConvergenceWarning, match=r"at the edge of what the sqrt link allows in \d+ rows"):
        rx_glm("y ~ g", empty, family="poisson(sqrt)")


def test_underdispersed_counts_have_no_theta(frame: pd.DataFrame) -> None:
    data = frame.assign(y=np.random.default_rng(5).binomial(10, 0.3, len(frame)))
    with pytest.warns(ConvergenceWarning, match="not overdispersed: theta has no finite estimate; use family poisson"):
        assert not rx_glm("y ~ x", data, family="negative.binomial").converged


def test_too_few_iterations_warn(frame: pd.DataFrame) -> None:
    with pytest.warns(ConvergenceWarning, match="no convergence after 2 iterations; raise max_iterations"):
        rx_glm("z ~ x", frame, family="Gamma(log)", initial_values=np.nan, max_iterations=2)


# -- what must hold ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("formula", "family"),
    [("y ~ x + g", "poisson"), ("z ~ x + g", "Gamma(log)"), ("z ~ x", "gaussian"), ("t ~ x + g", "binomial(probit)"),
     ("y ~ x", "negative.binomial"), ("t ~ x", "binomial")],
)  # fmt: skip
def test_frequency_weights_are_repeated_rows(frame: pd.DataFrame, formula: str, family: str) -> None:
    frame = frame.assign(g=pd.Categorical(frame["g"]))
    weighted = rx_glm(formula, frame, family=family, fweights="f", **TIGHT)
    repeated = rx_glm(formula, frame.loc[frame.index.repeat(frame["f"])], family=family, **TIGHT)
    for name in ("deviance", "null_deviance", "aic", "dispersion", "df_residual", "df_null", "pearson_chi_squared"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=GLM_AGAINST_R), name
    assert weighted.coefficients.to_dict() == pytest.approx(
        repeated.coefficients.to_dict(), rel=GLM_AGAINST_R, abs=SAME_FIT, nan_ok=True
    )
    assert weighted.std_errors == pytest.approx(repeated.std_errors, rel=GLM_AGAINST_R, nan_ok=True)


def test_an_offset_is_the_same_anywhere(frame: pd.DataFrame) -> None:
    whole = rx_glm("y ~ x + offset(log(e))", frame, family="poisson", **TIGHT)
    apart = rx_glm("y ~ x + offset(log(e) / 2)", frame, family="poisson", offset="log(e) / 2", **TIGHT)
    column = rx_glm("y ~ x", frame.assign(log_e=np.log(frame["e"])), family="poisson", offset="log_e", **TIGHT)
    for model in (apart, column):
        assert model.coefficients.to_dict() == pytest.approx(whole.coefficients.to_dict(), rel=SAME_FIT)
        assert model.null_deviance == pytest.approx(whole.null_deviance, rel=SAME_FIT)
    rate = frame["y"].sum() / frame["e"].sum()
    null = families.poisson().unit_deviance(frame["y"], rate * frame["e"]).sum()
    assert whole.null_deviance == pytest.approx(null, rel=SAME_FIT)


def test_a_linear_offset_is_taken_from_the_response(frame: pd.DataFrame) -> None:
    model = rx_lin_mod("z ~ x + g + offset(3*e)", frame)
    same = rx_lin_mod("I(z - 3*e) ~ x + g", frame)
    np.testing.assert_array_equal(model.coefficients, same.coefficients)
    assert model.response == "z"
    predicted = rxcore.rx_predict(model, frame)["z_Pred"]
    expected = rxcore.rx_predict(same, frame).iloc[:, 0] + 3 * frame["e"]
    assert predicted.to_numpy() == pytest.approx(expected.to_numpy(), rel=SAME_FIT)


def test_rows_with_a_missing_offset_are_left_out(frame: pd.DataFrame) -> None:
    data = frame.assign(e=frame["e"].where(frame.index % 10 != 0))
    model = rx_glm("y ~ x + offset(log(e))", data, family="poisson")
    assert (model.n_valid, model.n_missing) == (540, 60)
    assert model.null_deviance == rx_glm("y ~ x + offset(log(e))", data.dropna(), family="poisson").null_deviance


def test_counts_of_successes_and_failures_are_weighted_shares(frame: pd.DataFrame) -> None:
    data = frame.assign(n=frame["y"] + frame["f"], share=frame["y"] / (frame["y"] + frame["f"]))
    pairs = rx_glm("cbind(y, f) ~ x", data, family="binomial", **TIGHT)
    shares = rx_glm("share ~ x", data, family="binomial", pweights="n", **TIGHT)
    assert pairs.coefficients.to_dict() == pytest.approx(shares.coefficients.to_dict(), rel=SAME_FIT)
    assert pairs.aic == pytest.approx(shares.aic, rel=SAME_FIT)
    assert pairs.response == "cbind(y, f)"


def test_logistic_models_are_the_binomial_case(frame: pd.DataFrame) -> None:
    events = rx_logit("t ~ x + g", frame, coefficient_tolerance=1e-12, objective_function_tolerance=0.0)
    shares = rx_glm("t ~ x + g", frame, family="binomial", **TIGHT)
    assert events.coefficients.to_dict() == pytest.approx(shares.coefficients.to_dict(), rel=AGAINST_R, nan_ok=True)
    for name in ("deviance", "null_deviance", "aic", "df_null", "df_residual"):
        assert getattr(events, name) == pytest.approx(getattr(shares, name), rel=SAME_FIT), name
    assert events.family == shares.family
    weighted = rx_logit("t ~ x", frame, pweights="e")
    assert weighted.null_deviance == pytest.approx(
        rx_glm("t ~ x", frame, family="binomial", pweights="e").null_deviance, rel=SAME_FIT
    )
    without = rx_logit("t ~ x - 1", frame)
    assert without.null_deviance == pytest.approx(
        rx_glm("t ~ x - 1", frame, family="binomial").null_deviance, rel=SAME_FIT
    )


def test_gaussian_models_are_linear_models(frame: pd.DataFrame) -> None:
    model, linear = rx_glm("z ~ x + g", frame), rx_lin_mod("z ~ x + g", frame)
    assert model.coefficients.to_dict() == pytest.approx(linear.coefficients.to_dict(), rel=SAME_FIT, nan_ok=True)
    assert model.std_errors == pytest.approx(linear.std_errors, rel=SAME_FIT, nan_ok=True)
    assert model.p_values == pytest.approx(linear.p_values, rel=SAME_FIT, nan_ok=True)
    assert model.dispersion == pytest.approx(linear.residual_variance, rel=SAME_FIT)


@pytest.mark.parametrize("start", [None, np.nan, 0.0, [0.3, 0.2]])
def test_every_start_leads_to_the_same_place(frame: pd.DataFrame, start: Any) -> None:
    model = rx_glm("z ~ x", frame, family="Gamma(log)", initial_values=start, **TIGHT)
    expected = rx_glm("z ~ x", frame, family="Gamma(log)", **TIGHT).coefficients
    assert model.coefficients.to_dict() == pytest.approx(expected.to_dict(), rel=SAME_FIT)


def test_an_impossible_start_is_replaced(frame: pd.DataFrame) -> None:
    model = rx_glm("z ~ g", frame, family="Gamma", initial_values=[-1.0, 0.0, 0.0, 0.0], **TIGHT)
    means = frame.groupby("g")["z"].mean()
    assert model.converged
    assert 1.0 / (model.coefficients["(Intercept)"] + model.coefficients["g=a"]) == pytest.approx(
        means["a"], rel=SAME_FIT
    )


def test_a_given_dispersion_scales_errors(frame: pd.DataFrame) -> None:
    one = rx_glm("y ~ x", frame, family="poisson", cov_coef=True)
    four = rx_glm("y ~ x", frame, family="poisson", dispersion=4.0, cov_coef=True)
    assert four.std_errors == pytest.approx(2.0 * one.std_errors, rel=SAME_FIT)
    np.testing.assert_allclose(four.cov_coef, 4.0 * one.cov_coef, rtol=SAME_FIT)
    assert np.sqrt(np.diag(one.cov_coef)) == pytest.approx(one.std_errors, rel=SAME_FIT)
    assert not four.dispersion_estimated


# -- printing ----------------------------------------------------------------------------------------------------------


def test_what_a_result_prints_and_gives(frame: pd.DataFrame) -> None:
    model = rx_glm("y ~ x", frame, family="negative.binomial", compute_aic=True)
    text = str(model.summary())
    assert re.search(r"\nNull deviance: \d+\.\d{4} \(on 599 degrees of freedom\)\nResidual deviance: ", text)
    assert re.search(r"\nTheta: [\d.]+, Std. Error: [\d.]+\nAIC: [\d.]+\n", text)
    assert model["theta"] == model.theta == model.family.theta
    assert model["twologlik"] == pytest.approx(-(model.aic - 2 * (model.rank + 1)), rel=SAME_FIT)
    plain = json.loads(json.dumps(model.to_dict()))
    assert (plain["family"], plain["link"], plain["iterations"]) == ("negative.binomial", "log", model.iterations)
    assert list(model.to_frame().columns) == ["estimate", "std_error", "t_value", "p_value", "dropped"]
    assert "AIC" not in str(rx_glm("y ~ x", frame, family="poisson").summary())
    assert "<table" in model._repr_html_()
    assert (model.normal_p_values < model.coef_p_value).all()
    assert np.isnan(rx_glm("z ~ x", frame, family="Tweedie(1.5, 0)").aic)


def test_the_same_bits_from_every_source_on_any_threads(tmp_path: Any) -> None:
    table = made_flights(4_200)
    table = table.append_column("k", pa.compute.cast(table["late"], pa.int64()))
    seen = set()
    for name in ("table", "xdf", "reader"):
        for cores in (1, 3):
            with options(numCoresToUse=cores, rowsPerBlock=ROWS_PER_BLOCK):
                folder = tmp_path / str(cores)
                folder.mkdir(exist_ok=True)
                data = SOURCES[name](table, folder)
                model = rx_glm("k ~ day + hour + offset(log(distance))", data, family="negative.binomial(2)")
                seen.add(fingerprint(model.coefficients, model.std_errors, [model.null_deviance, model.aic]))
    assert len(seen) == 1
