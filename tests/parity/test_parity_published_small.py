"""rxcore prints what RevoScaleR printed for small data: those of R, of its samples, and out of its random numbers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import published
import published_small
import pytest
from parity_table import Case
from published import split
from scipy import special

from rxcore import RxStepControl, rx_cor, rx_cov, rx_cov_cor, rx_glm, rx_lin_mod, rx_logit, rx_predict, rx_summary
from rxcore.options import options

STORED = Path(__file__).parent / "r"
FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "revo-sample"

LINEAR = "how-to-revoscaler-linear-model.md"
LOGISTIC = "how-to-revoscaler-logistic-regression.md"
COVARIANCE = "how-to-revoscaler-covcor.md"
GENERAL = "how-to-revoscaler-generalized-linear-model.md"


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


@pytest.fixture(scope="session")
def stored() -> dict[str, Any]:
    """Data sets of R, and what its random numbers gave; see r/published_data.R."""
    return json.loads((STORED / "published_data.json").read_text())


@pytest.fixture(scope="session")
def converged() -> dict[str, Any]:
    """R's converged values; see r/published_glm.R."""
    return json.loads((STORED / "published_glm.json").read_text())


def frame_of(stored: dict[str, Any], name: str, **levels: list[str] | None) -> pd.DataFrame:
    frame = pd.DataFrame(stored[name])
    for column, wanted in levels.items():
        frame[column] = pd.Categorical(frame[column], categories=wanted or sorted(frame[column].unique()))
    return frame


def sample(name: str) -> pd.DataFrame:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the published data are not here: {name} is looked for in ../shared/data/revo-sample")
    return pd.read_csv(path)


@pytest.fixture
def kyphosis() -> pd.DataFrame:
    frame = sample("kyphosis.from-rpart.csv")
    frame["Kyphosis"] = pd.Categorical(frame["Kyphosis"], categories=["absent", "present"])
    return frame


@pytest.fixture
def claims() -> pd.DataFrame:
    frame = sample("claims.reconstructed.csv")
    frame["age"] = pd.Categorical(frame["age"])
    frame["type"] = pd.Categorical(frame["type"])
    frame["car.age"] = pd.Categorical(frame["car.age"], categories=["0-3", "4-7", "8-9", "10+"])
    return frame


# -- sample data -------------------------------------------------------------------------------------------------------


def test_C4_logarithm_of_the_cost(claims):
    case = Case("C4", "how-to-revoscaler-data-import.md 286-308", 'rx_summary("~logcost", {"logcost": "log(cost)"})')
    row = rx_summary("~logcost", claims, transforms={"logcost": "log(cost)"}).summary_data_frame.iloc[0]
    case.numbers("Low/High", row[["Min", "Max"]], ["2.3979", "6.7452"])


def test_C6_linear_model(claims):
    case = Case("C6", "how-to-revoscaler-data-source.md 215-257", 'rx_lin_mod("cost ~ age + car_age")')
    model = rx_lin_mod("cost ~ age + car_age", claims.rename(columns={"car.age": "car_age"}))
    case.lines("printed", model, published_small.CLAIMS_LINES)


def test_K1_logistic_model(kyphosis):
    case = Case("K1", f"{LOGISTIC} 37-74", 'rx_logit("Kyphosis ~ Age + Start + Number")')
    model = rx_logit("Kyphosis ~ Age + Start + Number", kyphosis)
    case.lines("printed", model, published_small.KYPHOSIS_LINES)
    case.number("residual deviance", model.deviance, published.KYPHOSIS_MODEL["deviance"])
    case.number("AIC", model.aic, published.KYPHOSIS_MODEL["aic"])
    case.equal("degrees of freedom", model.df_residual, 77)


def test_K2_first_model(kyphosis, converged):
    case = Case("K2", f"{LOGISTIC} 84-99", 'rx_logit("Kyphosis ~ Age", coefficent_tolerance=1e-10)')
    model = rx_logit("Kyphosis ~ Age", kyphosis, coefficent_tolerance=1e-10, objective_function_tolerance=0.0)
    texts, r_values = ["-1.809351230", "0.005441758"], converged["K2"]["estimates"]
    why = "the third iterate was printed, 5e-8 short of the maximum"
    case.as_r("(Intercept)", model.coefficients[:1], texts[:1], r_values[:1], why)
    case.numbers("Age", model.coefficients[1:], texts[1:])


def test_K2_stepwise_model(kyphosis):
    call = 'rx_logit("Kyphosis ~ Age", variable_selection=RxStepControl(scope="~ Age + Start + Number"))'
    case = Case("K2", f"{LOGISTIC} 104-123", call)
    control = RxStepControl("stepwise", "~ Age + Start + Number")
    model = rx_logit("Kyphosis ~ Age", kyphosis, variable_selection=control)
    case.equal("formula", model.formula, "Kyphosis ~ Age + Start + Number")
    case.lines("printed", model, published_small.KYPHOSIS_LINES)


@pytest.mark.parametrize("name", ["C7", "C8"])
def test_C7_C8_gamma_model_of_the_claims(name, claims, converged):
    settings = {"family": "Gamma", "drop_first": True, "coefficient_tolerance": 1e-12}
    settings["objective_function_tolerance"] = 0.0
    if name == "C7":
        case = Case("C7", f"{GENERAL} 206-253", 'rx_glm("cost ~ age + car.age + type", "Gamma", drop_first=True)')
        model = rx_glm("cost ~ age + car.age + type", claims, **settings)
    else:
        call = 'rx_glm("cost ~ age", "Gamma", variable_selection=RxStepControl(scope="~ age + car.age + type"))'
        case = Case("C8", f"{GENERAL} 524-563", call)
        control = RxStepControl(scope="~ age + car.age + type")
        model = rx_glm("cost ~ age", claims, variable_selection=control, **settings)
        case.equal("formula", model.formula, "cost ~ car.age + type")
    table, r_values = published_small.CLAIMS_MODELS[name], converged[name]
    case.lines("heading", model.summary(), table["heading"])
    kept = ~model.aliased
    why = "errors and dispersion stand one iterate before the coefficients"
    pairs = (
        ("estimates", model.coefficients), ("errors", model.coef_std_error), ("statistics", model.coef_t_value),
        ("p", model.coef_p_value),
    )  # fmt: skip
    for what, values in pairs:
        case.as_printed_or_r(what, values[kept], split(table[what]), r_values[what], why)
    case.as_printed_or_r("deviance", [model.deviance], [table["deviance"]], r_values["deviance"], why)
    case.as_printed_or_r("dispersion", [model.dispersion], [table["dispersion"]], r_values["dispersion"], why)
    condition = [model.condition_number]
    case.as_printed_or_r("condition number", condition, [table["condition"]], r_values["condition"], why)


def test_R6_frequency_weights():
    case = Case("R6", f"{LINEAR} 277-308", 'rx_lin_mod("height ~ eyecolor", fweights="reps")')
    frame = sample("fourthgraders.from-doc.csv")
    frame["eyecolor"] = pd.Categorical(frame["eyecolor"])
    model = rx_lin_mod("height ~ eyecolor", frame, fweights="reps")
    case.lines("printed", model, published_small.EYE_COLOUR_LINES)
    case.equal("valid observations", model.n_valid, 44)
    assert model.sum_of_weights == 100


# -- data sets of R ----------------------------------------------------------------------------------------------------


def test_R7_cars():
    case = Case("R7", f"{LINEAR} 315-337", 'rx_lin_mod("dist ~ speed")')
    model = rx_lin_mod("dist ~ speed", pd.DataFrame(published.CARS))
    case.lines("printed", model, published_small.CARS_LINES)
    assert model.condition_number == 1.0


def test_R8_cube_and_predictions_for_its_cells(stored):
    frame = frame_of(stored, "cube", xfac1=["One1", "Two1", "Three1"], xfac2=["One2", "Two2", "Three2"])
    case = Case("R8", f"{LINEAR} 345-385", 'rx_lin_mod("y ~ xfac1", cube=True)')
    model = rx_lin_mod("y ~ xfac1", frame, cube=True)
    case.lines("printed", model, published_small.CELLS_LINES)
    case.numbers("count_df y", model.count_df["y"], split("3.109302 5.142086 8.250260"))
    case.numbers("count_df Counts", model.count_df["Counts"], split("4 4 4"))
    case = Case("R8", f"{LINEAR} 385-441", 'rx_lin_mod("y ~ xfac1 + xfac2", cube=True, cube_predictions=True)')
    model = rx_lin_mod("y ~ xfac1 + xfac2", frame, cube=True, cube_predictions=True)
    case.lines("printed", model, published_small.CELLS_AND_FACTOR_LINES)
    case.numbers("count_df y", model.count_df["y"], split("4.725427 5.833926 5.942295"))
    case.numbers("count_df Counts", model.count_df["Counts"], split("4 4 4"))


def test_R9_standard_errors_of_predictions():
    call = 'rx_predict(rx_lin_mod("fatGain ~ neaInc", cov_coef=True), compute_standard_errors=True)'
    case = Case("R9", f"{LINEAR} 502-532", call)
    frame = pd.DataFrame(published.FAT_GAIN)
    model = rx_lin_mod("fatGain ~ neaInc", frame, cov_coef=True)
    got = rx_predict(model, frame, compute_standard_errors=True, interval="confidence", write_model_vars=True)
    case.numbers("fatGain_StdErr", got["fatGain_StdErr"], published.FAT_GAIN_ERRORS)
    names = {"fatGain", "neaInc", "fatGain_Pred", "fatGain_StdErr", "fatGain_Lower", "fatGain_Upper"}
    assert set(got.columns) >= names


def test_R10_coefficients_of_every_step(stored):
    frame = frame_of(stored, "iris", Species=None)
    scope = {"lower": "~ Sepal.Width", "upper": "~ Sepal.Width + Petal.Length + Petal.Width*Species"}
    control = RxStepControl("stepwise", scope, keep_step_coefs=True)
    call = 'rx_lin_mod("Sepal.Length ~ Sepal.Width + Petal.Length", variable_selection=...).step_coefs'
    case = Case("R10", f"{LINEAR} 823-850", call)
    model = rx_lin_mod(
        "Sepal.Length ~ Sepal.Width + Petal.Length", frame, variable_selection=control, drop_main=False,
        coef_label_style="R",
    )  # fmt: skip
    kept = model.step_coefs
    case.equal("steps", list(kept.columns), ["0", "1", "2", "3"])
    # The print numbers the levels (Species1); rxcore names them.
    for (label, values), (name, texts) in zip(kept.iterrows(), published_small.STEP_COEFFICIENTS, strict=True):
        known = [text for text in texts if text != "NA"]
        case.numbers(f"{name}, here {label}", values.dropna(), known)
        assert [np.isnan(value) for value in values] == [text == "NA" for text in texts]


def test_R11_fixed_effects(stored):
    case = Case("R11", f"{LINEAR} 881-912", 'rx_lin_mod("Y ~ No + EP", cube=True)')
    model = rx_lin_mod("Y ~ No + EP", frame_of(stored, "petrol", No=None), cube=True)
    case.lines("printed", model, published_small.PETROL_LINES)


def test_R12_interactions_of_factors(stored):
    frame = frame_of(stored, "incomes", region=None, sex=None)
    case = Case("R12", f"{LINEAR} 940-955", 'rx_summary("income ~ region:sex")')
    cells = rx_summary("income ~ region:sex", frame).categorical[-1].frame
    case.numbers("Means", cells["Means"], split("970.7522 2501.8303 1480.4378 3944.5127"))
    case.numbers("StdDev", cells["StdDev"], split("98.01983 47.10861 92.29320 40.82421"))
    case.numbers("Min", cells["Min"], split("827.2396 2450.1364 1355.4250 3883.3983"))
    case = Case("R12", f"{LINEAR} 973-989", 'rx_lin_mod("income ~ region:sex", cube=True).summary()')
    model = rx_lin_mod("income ~ region:sex", frame, cube=True)
    case.lines("summary", model.summary(), published_small.REGION_LINES)
    label = "region=Rural, sex=Female"
    case.numbers(label, model.to_frame().loc[label, ["estimate", "std_error", "t_value"]], split("970.75 33.18 29.26"))
    wanted = 2.0 * float(special.stdtr(16, -model.coef_t_value[label]))
    case.as_r(f"p of {label}", [model.coef_p_value[label]], ["2.66e-15"], [wanted], "p below 1e-13")
    case = Case("R12", f"{LINEAR} 1066-1092", 'rx_lin_mod("income ~ region*sex", cube=True)')
    case.lines("printed", rx_lin_mod("income ~ region*sex", frame, cube=True), published_small.CROSSED_LINES)
    call = 'rx_lin_mod("income ~ region*sex", drop_first=True, drop_main=False)'
    case = Case("R12", f"{LINEAR} 1006-1026", call)
    model = rx_lin_mod("income ~ region*sex", frame, drop_first=True, drop_main=False)
    case.numbers("estimates", model.coefficients[~model.aliased], split("970.8 1531.1 509.7 933.0"))
    swapped = frame.assign(sex=frame["sex"].cat.rename_categories({"Female": "Woman", "Male": "Man"}))
    swapped["sex"] = swapped["sex"].cat.reorder_categories(["Man", "Woman"])
    model = rx_lin_mod("income ~ region*sex", swapped, drop_first=True, drop_main=False)
    case.numbers("estimates, other names", model.coefficients[~model.aliased], split("1480.4 2464.1 -509.7 -933.0"))
    case = Case("R12", f"{LINEAR} 991-1003", 'rx_lin_mod("income ~ region:sex")')
    model = rx_lin_mod("income ~ region:sex", frame)
    case.numbers("estimates", model.coefficients[~model.aliased], split("3945 -2974 -1443 -2464"))


def test_R13_R14_counts(stored):
    frame = frame_of(stored, "breslow", Trt=["placebo", "progabide"])
    for name, page, family, lines in (
        ("R13", f"{GENERAL} 67-154", "poisson", published_small.POISSON_LINES),
        ("R14", f"{GENERAL} 160-195", "quasipoisson", published_small.QUASIPOISSON_LINES),
    ):
        case = Case(name, page, f'rx_glm("sumY ~ Base + Age + Trt", "{family}", drop_first=True).summary()')
        model = rx_glm("sumY ~ Base + Age + Trt", frame, family, drop_first=True)
        case.lines("summary", model.summary(), lines)
        if name == "R13":
            case.number("deviance over its degrees of freedom", model.deviance / model.df[1], "10.1717")
            exponents = np.exp(model.coefficients[~model.aliased])
            case.numbers("exp of the estimates", exponents, split("7.0204403 1.0229102 1.0230007 0.8583864"))


def test_R15_principal_components(stored):
    frame = np.log(frame_of(stored, "iris").iloc[:, :4])
    formula = "~ Sepal.Length + Sepal.Width + Petal.Length + Petal.Width"
    covariance = rx_cov(formula, frame)
    size = np.sqrt(np.diag(covariance))
    for call, matrix in (
        (f'rx_cov("{formula}"), as princomp(cor=TRUE) uses it', covariance / np.outer(size, size)),
        (f'rx_cor("{formula}")', rx_cor(formula, frame)),
    ):
        case = Case("R15", f"{COVARIANCE} 329-376", call)
        values, vectors = np.linalg.eigh(matrix)
        values, vectors = values[::-1], vectors[:, ::-1]
        case.numbers("standard deviations", np.sqrt(values), split("1.7124583 0.9523797 0.36470294 0.1656840"))
        shares = values / values.sum()
        case.numbers("proportions of variance", shares, split("0.7331284 0.2267568 0.03325206 0.0068628"))
        case.numbers("cumulative", np.cumsum(shares), split("0.7331284 0.9598851 0.99313720 1.0000000"))
        for place, texts in enumerate(published_small.LOADINGS):
            column = vectors[:, place] * np.sign(vectors[0, place]) * np.sign(float(texts[0]))
            shown = [(value, text) for value, text in zip(column, texts, strict=True) if text]
            case.numbers(f"loadings {place + 1}", [value for value, _ in shown], [text for _, text in shown])
            assert all(abs(value) < 0.1 for value, text in zip(column, texts, strict=True) if not text)


def test_R16_ridge_regression(stored):
    case = Case("R16", f"{COVARIANCE} 480-530", 'rx_cov_cor("~ z + x + y", type="Cor")')
    found = rx_cov_cor("~ z + x + y", frame_of(stored, "ridge"), type="Cor")
    matrix, deviations, means = found.matrix, found.deviations, found.averages
    for penalty, texts in published_small.RIDGE:
        scaled = np.linalg.solve(matrix[1:, 1:] + penalty * np.eye(2), matrix[1:, 0])
        slopes = deviations[0] * scaled / deviations[1:]
        case.numbers(f"lambda {penalty}", [means[0] - means[1:] @ slopes, *slopes], split(texts))


def test_R20_attitude(stored):
    case = Case("R20", "tutorial-r-to-revoscaler.md 404-433", 'rx_lin_mod("rating ~ complaints").summary()')
    model = rx_lin_mod("rating ~ complaints", frame_of(stored, "attitude"))
    case.lines("summary", model.summary(), published_small.ATTITUDE_LINES)
    case.number("p of F", model.f_pvalue, "1.988e-08")


def test_R24_summary_of_missing_values(stored):
    case = Case("R24", "how-to-revoscaler-data-transform.md 634-703", 'rx_summary("~.")')
    frame = rx_summary("~.", frame_of(stored, "missing")).summary_data_frame.set_index("Name")
    for name, texts in published_small.MISSING_SUMMARY.items():
        case.numbers(name, frame.loc[name], split(texts))
