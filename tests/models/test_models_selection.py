"""Selection of terms: against a naive search, on the rows it should use, with the messages it should give."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_flights import made_flights
from scipy import stats
from tolerances import AGAINST_FRACTIONS

import rxcore
from rxcore import RxStepControl, rx_lin_mod, rx_predict
from rxcore.analyses import precision
from rxcore.errors import ArgumentNameError, DesignError, OptionError
from rxcore.options import options
from rxcore.runner import Runner

NAMES = list("abcdef")


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


def made(seed: int, n: int = 120) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(rng.normal(size=(n, len(NAMES))), columns=NAMES)
    frame["b"] += 0.8 * frame["a"]
    frame["y"] = 2.0 + 0.25 * frame["a"] - 0.2 * frame["c"] + 0.15 * frame["d"] + rng.normal(size=n)
    return frame


def residual(frame: pd.DataFrame, names: set[str]) -> float:
    columns = np.column_stack([np.ones(len(frame)), *(frame[name] for name in sorted(names))])
    left = frame["y"] - columns @ np.linalg.lstsq(columns, frame["y"])[0]
    return float(left @ left)


def naive_by_significance(frame: pd.DataFrame, names: set[str], enter: float, stay: float) -> list[str]:
    """The textbook's stepwise regression: drop the least significant, else add the most significant."""
    n, path = len(frame), []

    def p_value(small: set[str], large: set[str]) -> float:
        rest, df = residual(frame, large), n - 1 - len(large)
        return float(stats.f.sf((residual(frame, small) - rest) / (rest / df), 1, df))

    while True:
        inside = {name: p_value(names - {name}, names) for name in names}
        outside = {name: p_value(names, names | {name}) for name in set(NAMES) - names}
        worst = max(inside, key=inside.__getitem__, default=None)
        best = min(outside, key=outside.__getitem__, default=None)
        if worst is not None and inside[worst] > stay:
            names, step = names - {worst}, f"- {worst}"
        elif best is not None and outside[best] <= enter:
            names, step = names | {best}, f"+ {best}"
        else:
            return path
        path.append(step)


@pytest.mark.parametrize("seed", range(6))
def test_significance_levels_choose_as_the_textbook_does(seed: int) -> None:
    frame = made(seed)
    control = RxStepControl("stepwise", "~ a + b + c + d + e + f", step_criterion="SigLevel")
    model = rx_lin_mod("y ~ b + e", frame, variable_selection=control)
    wanted = naive_by_significance(frame, {"b", "e"}, 0.15, 0.15)
    assert model.anova["Step"].tolist() == ["", *wanted]
    tighter = RxStepControl("backward", step_criterion="SigLevel", min_sig_level_to_drop=0.01)
    model = rx_lin_mod("y ~ a + b + c + d + e + f", frame, variable_selection=tighter)
    assert model.anova["Step"].tolist() == ["", *naive_by_significance(frame, set(NAMES), 0.0, 0.01)]


def test_the_model_found_is_that_of_its_formula_on_the_rows_complete_in_scope() -> None:
    frame = made(0)
    frame.loc[::7, "e"] = np.nan
    frame["g"] = pd.Categorical(np.where(frame["f"] > 0, "up", "down"))
    frame["w"] = np.arange(len(frame)) % 4
    control = RxStepControl(scope="~ a + g + c + d + e")
    got = rx_lin_mod("y ~ e", frame, fweights="w", variable_selection=control, cov_coef=True)
    wanted = rx_lin_mod(got.formula, frame.dropna(), fweights="w", cov_coef=True)
    assert "e" not in got.formula.split("~")[1]
    assert (got.n_valid, got.n_missing) == (wanted.n_valid, 18)
    for name in ("coefficients", "std_errors", "cov_coef", "r_squared", "f_value", "condition_number"):
        np.testing.assert_allclose(getattr(got, name), getattr(wanted, name), rtol=AGAINST_FRACTIONS, err_msg=name)
    # What left the model is not asked for when it predicts.
    new = frame[["a", "c", "d", "g"]].head(3)
    np.testing.assert_allclose(rx_predict(got, new), rx_predict(wanted, new), rtol=AGAINST_FRACTIONS)


def test_one_pass_over_everything_in_scope(monkeypatch: pytest.MonkeyPatch) -> None:
    passes = []
    run = Runner.run

    def counted(self: Runner, *arguments: Any) -> Any:
        passes.append(arguments)
        return run(self, *arguments)

    monkeypatch.setattr(Runner, "run", counted)
    # Small data are summed once more, in double-double; others only where digits are in doubt.
    monkeypatch.setattr(precision, "FEW_PRODUCTS", 0)
    rx_lin_mod("y ~ 1", made(1), variable_selection=RxStepControl(scope="~ (a + b + c + d + e + f)^2"))
    assert len(passes) == 1


def test_coefficients_of_every_step() -> None:
    frame = made(2)
    frame["g"] = pd.Categorical(np.where(frame["f"] > 0, "up", "down"))
    control = RxStepControl(scope="~ a + c + d + g", keep_step_coefs=True)
    model = rx_lin_mod("y ~ g", frame, variable_selection=control)
    kept, terms = model.step_coefs, ["g"]
    assert list(kept.index) == ["(Intercept)", "a", "c", "d", "g=down", "g=up"]
    for number, step in enumerate(model.anova["Step"]):
        if step:
            terms = [*terms, step[2:]] if step[0] == "+" else [term for term in terms if term != step[2:]]
        wanted = rx_lin_mod(f"y ~ {' + '.join(terms) or '1'}", frame).coefficients
        there = kept[str(number)].loc[list(wanted.index)]
        np.testing.assert_allclose(there, wanted, rtol=AGAINST_FRACTIONS)
        assert (kept[str(number)].drop(wanted.index) == 0.0).all()


def test_collinear_terms_and_terms_of_no_degree_of_freedom() -> None:
    frame = made(3)
    frame["twice"] = 2.0 * frame["a"]
    control = RxStepControl(scope="~ a + twice + c")
    model = rx_lin_mod("y ~ a + twice", frame, variable_selection=control)
    # The last of the terms that explain nothing of their own leaves first, and costs nothing.
    assert model.anova["Step"].tolist()[1] == "- twice"
    assert model.anova["Df"].tolist()[1] == 0
    assert model.anova["AIC"].tolist()[1] == pytest.approx(model.anova["AIC"].tolist()[0], rel=AGAINST_FRACTIONS)


def test_a_model_without_intercept_and_a_dot_in_scope() -> None:
    frame = made(4)
    model = rx_lin_mod("y ~ a - 1", frame, variable_selection={"scope": "~ . + c", "method": "forward"})
    assert model.formula in ("y ~ a - 1", "y ~ a + c - 1")
    assert "(Intercept)" not in model.coefficient_names
    empty = rx_lin_mod("y ~ e", frame, variable_selection=RxStepControl("backward", step_criterion="SigLevel"))
    assert (empty.formula, empty.coefficient_names) == ("y ~ 1", ("(Intercept)",))


def test_weighted_responses_count_their_weights() -> None:
    frame = made(5)
    frame["n"] = 1 + np.arange(len(frame)) % 3
    control = RxStepControl(scope="~ a + b + c + d + e + f")
    counted = rx_lin_mod("y ~ 1", frame, fweights="n", variable_selection=control)
    repeated = rx_lin_mod("y ~ 1", frame.loc[frame.index.repeat(frame["n"])], variable_selection=control)
    assert counted.formula == repeated.formula
    np.testing.assert_allclose(counted.anova["AIC"], repeated.anova["AIC"], rtol=AGAINST_FRACTIONS)


def test_the_path_prints_and_takes_other_forms() -> None:
    model = rx_lin_mod("y ~ e", made(0), variable_selection=RxStepControl(scope="~ a + c + d + e", test="F"))
    lines = str(model.steps).split("\n")
    assert lines[:7] == [
        "Stepwise Model Path", "Analysis of Deviance Table", "", "Initial Model:", "y ~ e", "", "Final Model:",
    ]  # fmt: skip
    assert lines[7] == model.formula == model.steps.final
    assert "Resid. Dev" in lines[9]
    assert "Pr(>F)" in lines[9]
    assert model["anova"].equals(model.steps.to_frame())
    assert (model["formulaBase"], model["stepCoefs"]) == ("y ~ e", None)
    assert model.steps.trace().startswith("Start:  AIC=")
    assert "<none>" in model.steps.trace()
    assert json.loads(json.dumps(model.to_dict()))["steps"]["initial"] == "y ~ e"
    assert "<table" in model.steps._repr_html_()
    assert rx_lin_mod("y ~ e", made(0)).anova is None


def test_verbose_prints_the_search(capsys: pytest.CaptureFixture[str]) -> None:
    rx_lin_mod("y ~ e", made(0), variable_selection=RxStepControl(scope="~ a + e"), verbose=1)
    assert capsys.readouterr().out.startswith("Start:  AIC=")


def test_the_path_has_the_same_bits_on_any_number_of_threads() -> None:
    table = made_flights(4_000)
    control = RxStepControl(scope="~ carrier*hour + distance + day")
    found = []
    for cores in (1, 3):
        with options(numCoresToUse=cores, rowsPerBlock=500):
            model = rx_lin_mod("delay ~ hour", table, variable_selection=control)
        found.append((model.anova["AIC"].to_numpy().tobytes(), np.asarray(model.coefficients).tobytes()))
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda d: rx_lin_mod("y ~ a + b", d, variable_selection=RxStepControl(scope="~ a")), DesignError,
         "formula has 'b', which the upper model in scope lacks"),
        (lambda d: rx_lin_mod("y ~ a", d, variable_selection=RxStepControl(scope={"lower": "~ b"})), DesignError,
         "the lower model in scope has 'b', which the formula, where the search starts lacks"),
        (lambda d: rx_lin_mod("y ~ a", d, variable_selection=RxStepControl(scope="~ a + bb")), KeyError,
         "rx_lin_mod: column 'bb' is not in frame. Closest: 'b'"),
        (lambda d: rx_lin_mod("y ~ a", d, variable_selection="both"), OptionError, "is a str; allowed are an RxStep"),
        (lambda d: rx_lin_mod("y ~ a", d, cube=True, variable_selection=RxStepControl()), OptionError,
         "variable_selection and cube=True exclude each other"),
        (lambda d: rx_lin_mod("cbind(y, a) ~ b", d, variable_selection=RxStepControl()), DesignError,
         "has 2 responses; one is allowed here"),
        (lambda d: rx_lin_mod("y ~ a + I(y + 1)", d, variable_selection=RxStepControl()), DesignError,
         "fits the data without error"),
        (lambda d: RxStepControl(method="both"), OptionError, "method is 'both'; allowed are 'stepwise', 'forward'"),
        (lambda d: RxStepControl(scope=["~ a"]), OptionError, "scope is"),
        (lambda d: RxStepControl(scope={"lower": 3}), OptionError, "scope 'lower' is 3; write a formula"),
        (lambda d: RxStepControl(scope={"top": "~ a"}), OptionError, "scope is"),
        (lambda d: RxStepControl(max_steps=-1), OptionError, "max_steps is -1; it must be a whole number"),
        (lambda d: RxStepControl(max_sig_level_to_add=2), OptionError, "a significance level lies between 0 and 1"),
        (lambda d: RxStepControl(k=float("nan")), OptionError, "k is nan; it must be a number"),
        (lambda d: RxStepControl(test="t"), OptionError, "test is 't'; allowed are 'F', 'Chisq'"),
        (lambda d: RxStepControl(step_criterion="BIC"), OptionError, "step_criterion is 'BIC'; allowed are 'AIC'"),
        (lambda d: RxStepControl(keep_step_coefs=None), OptionError, "keep_step_coefs is None"),
        (lambda d: RxStepControl(keepStepCoef=True), ArgumentNameError, "Closest: 'keepStepCoefs'"),
    ],
)  # fmt: skip
def test_wrong_arguments(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(made(0, 30))


def test_spellings_and_defaults() -> None:
    assert RxStepControl().method == "backward"
    assert RxStepControl(scope="~ a").method == "stepwise"
    assert RxStepControl(scope="~ a", stepCriterion="siglevel", keepStepCoefs=True).step_criterion == "SigLevel"
    forward, backward = RxStepControl("forward"), RxStepControl("backward")
    assert (forward.max_sig_level_to_add, backward.min_sig_level_to_drop) == (0.5, 0.1)
    assert RxStepControl("stepwise").max_sig_level_to_add == 0.15
    assert rxcore.RxStepControl(test="chisq").test == "Chisq"
