"""rxcore prints what RevoScaleR and revoscalepy printed, for the published examples whose data we have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import published
import pytest
from published import DAYS
from tolerances import printed

import rxcore

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "revo-sample"


def sample(name: str) -> Path:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the published data are not here: {name} is looked for in ../shared/data/revo-sample")
    return path


@pytest.fixture(scope="session")
def airline() -> pd.DataFrame:
    frame = pd.read_csv(sample("AirlineDemoSmall.reconstructed.csv.gz"), na_values=["M"])
    frame["DayOfWeek"] = pd.Categorical(frame["DayOfWeek"], categories=DAYS)
    return frame


@pytest.fixture(scope="session")
def mortgage() -> pd.DataFrame:
    return pd.concat(
        [pd.read_csv(sample(f"mortDefaultSmall{year}.csv")) for year in range(2000, 2010)], ignore_index=True
    )


def assert_printed(values: Any, texts: list[str], what: str) -> None:
    values = [float(value) for value in values]
    assert len(values) == len(texts), what
    for i, (value, text) in enumerate(zip(values, texts, strict=True)):
        assert printed(value, text), f"{what}[{i}]: {value!r} is not printed as {text}"


def assert_model(model: Any, expected: dict[str, Any]) -> None:
    kept = ~model.aliased
    assert_printed(model.coefficients[kept], expected["estimates"], "estimates")
    if "errors" in expected:
        assert_printed(model.coef_std_error[kept], expected["errors"], "standard errors")
        assert_printed(model.coef_t_value[kept], expected.get("t", expected.get("z", [])), "t or z values")
    for name, text in expected.get("p", {}).items():
        assert printed(model.coef_p_value[name], text), name
    for name in ("sigma", "r_squared", "adj_r_squared", "f_value", "condition_number", "deviance", "aic"):
        if name in expected:
            assert printed(getattr(model, name), expected[name]), f"{name} is {getattr(model, name)!r}"
    if "f" in expected:
        assert (model.df_model, model.df_residual) == expected["f"]
    assert (model.n_valid, model.n_missing) == expected["n"]


# -- AirlineDemoSmall --------------------------------------------------------------------------------------------------


def test_A12_summary(airline):
    result = rxcore.rx_summary("~ArrDelay + CRSDepTime + DayOfWeek", airline, report_progress=0)
    frame = result.summary_data_frame.set_index("Name")
    for name, texts in published.SUMMARY.items():
        assert_printed(frame.loc[name, ["Mean", "StdDev", "Min", "Max", "ValidObs", "MissingObs"]], texts, name)
    assert result.categorical[0]["Counts"].tolist() == published.DAY_COUNTS
    assert (result.nobs_valid, result.nobs_missing) == (600000, 0)
    assert " Monday    97975" in [line.rstrip() for line in str(result).split("\n")]


def test_A11_summary_by_day(airline):
    result = rxcore.rx_summary("~ArrDelay:DayOfWeek", airline, report_progress=0)
    for column, texts in published.BY_DAY.items():
        assert_printed(result.categorical[0][column], texts, column)
    overall = result.summary_data_frame.iloc[0]
    assert overall["Name"] == "ArrDelay:DayOfWeek"
    assert_printed(overall[["Mean", "StdDev"]], ["11.31794", "40.68854"], "overall")
    printed_rows = [line.rstrip() for line in str(result).split("\n")]
    assert " ArrDelay for DayOfWeek=Monday    Monday    12.025604 40.02463 -76 1017 95298" in printed_rows


def test_A1_A3_linear_model(airline):
    model = rxcore.rx_lin_mod("ArrDelay ~ DayOfWeek", airline, report_progress=0)
    assert_model(model, published.DAY_MODEL)
    assert "DayOfWeek=Sunday     Dropped    Dropped Dropped  Dropped" in str(model.summary())
    assert "DayOfWeek=Wednesday -0.1752668" in str(model)


def test_A3_from_the_text_file():
    days = {"DayOfWeek": {"type": "factor", "levels": list(DAYS)}}
    text = rxcore.RxTextData(
        str(sample("AirlineDemoSmall.reconstructed.csv.gz")), missing_value_string="M", column_info=days
    )
    assert_model(rxcore.rx_lin_mod("ArrDelay ~ DayOfWeek", text, report_progress=0), published.DAY_MODEL)


def test_A2_cube(airline):
    model = rxcore.rx_lin_mod("ArrDelay ~ DayOfWeek", airline, cube=True, report_progress=0)
    assert_model(model, published.CUBE_MODEL)
    assert_printed(model.counts, published.CUBE_MODEL["counts"], "counts")
    assert "DayOfWeek=Monday     12.0256     0.1317   91.32 2.22e-16 *** |  95298" in str(model.summary())


def test_A5_cube_of_day_and_hour(airline):
    model = rxcore.rx_lin_mod("ArrDelay ~ DayOfWeek:F(CRSDepTime)", airline, cube=True, report_progress=0)
    assert_printed(model.coefficients.iloc[:15], published.HOUR_CELLS["means"], "means")
    assert model.counts[:15].tolist() == published.HOUR_CELLS["counts"]
    assert len(model.counts) == 7 * 24
    assert model.coefficient_names[8] == "DayOfWeek=Tuesday, F_CRSDepTime=1"


def test_A15_linear_model_of_hour_and_day(airline):
    model = rxcore.rx_lin_mod("ArrDelay ~ CRSDepTime + DayOfWeek", airline, report_progress=0)
    assert_model(model, published.HOUR_MODEL)


def test_A14_frequency_weights_give_the_model_of_the_repeated_rows(airline):
    keys = ["DayOfWeek", "CRSDepTime", "ArrDelay"]
    counts = airline.groupby(keys, dropna=False, observed=True).size().rename("FreqWt").reset_index()
    assert len(counts) == published.DEDUPLICATED_ROWS
    model = rxcore.rx_lin_mod("ArrDelay ~ CRSDepTime + DayOfWeek", counts, fweights="FreqWt", report_progress=0)
    n_valid = published.DEDUPLICATED_ROWS - published.DEDUPLICATED_MISSING
    assert_model(model, {**published.HOUR_MODEL, "n": (n_valid, published.DEDUPLICATED_MISSING)})
    assert model.sum_of_weights == published.HOUR_MODEL["n"][0]
    assert "Sum of weights of valid observations: 582628" in str(model)


@pytest.fixture(scope="session")
def with_hours(airline):
    frame = airline.copy()
    frame["Late"] = (frame["ArrDelay"] > 15).astype("boolean").mask(frame["ArrDelay"].isna())
    frame["VeryLate"] = (frame["ArrDelay"] > 120) | frame["ArrDelay"].isna()
    frame["DepHour"] = np.floor(frame["CRSDepTime"]).astype("int64")
    frame["Night"] = (frame["DepHour"] >= 20) | (frame["DepHour"] <= 5)
    return frame


def test_A7_logistic_model(with_hours):
    model = rxcore.rx_logit("Late ~ DepHour + Night", with_hours, report_progress=0)
    assert_model(model, published.LATE_MODEL)


def test_A10_logistic_predictions(with_hours):
    model = rxcore.rx_logit("Late ~ DepHour + Night", with_hours, report_progress=0)
    got = rxcore.rx_predict(model, with_hours.head(5), report_progress=0)
    assert_printed(got["Late_Pred"], published.LATE_PREDICTIONS, "Late_Pred")


def test_A8_logistic_model_of_a_factor(with_hours):
    model = rxcore.rx_logit("VeryLate ~ DayOfWeek", with_hours, report_progress=0)
    assert_model(model, published.VERY_LATE_MODEL)


def test_A9_logistic_model_without_intercept(with_hours):
    model = rxcore.rx_logit("VeryLate ~ DayOfWeek - 1", with_hours, report_progress=0)
    assert model.coefficient_names == tuple(f"DayOfWeek={day}" for day in DAYS)
    assert_model(model, published.VERY_LATE_CELLS)


def test_A25_summary_of_predictions(airline):
    model = rxcore.rx_lin_mod("ArrDelay ~ DayOfWeek", airline, report_progress=0)
    got = rxcore.rx_predict(model, airline, report_progress=0)
    assert list(got.columns) == ["ArrDelay_Pred"]
    row = rxcore.rx_summary("ArrDelay_Pred", got, report_progress=0).summary_data_frame.iloc[0]
    columns = ["Mean", "StdDev", "Min", "Max", "ValidObs", "MissingObs"]
    assert_printed(row[columns], published.DAY_PREDICTIONS, "ArrDelay_Pred")


# -- mortDefaultSmall --------------------------------------------------------------------------------------------------


def test_M3_logistic_model(mortgage):
    chosen = mortgage[(mortgage["year"] == 2000) & (mortgage["creditScore"] < 850)].reset_index(drop=True)
    model = rxcore.rx_logit("default ~ ccDebt + yearsEmploy", chosen, report_progress=0)
    assert_model(model, published.DEFAULT_MODEL)


def test_M4_sensitivity_and_specificity_of_predictions(mortgage):
    model = rxcore.rx_logit("default ~ creditScore + yearsEmploy + ccDebt", mortgage, report_progress=0)
    chance = rxcore.rx_predict(model, mortgage, report_progress=0)["default_Pred"].to_numpy()
    event = mortgage["default"].to_numpy() == 1
    for threshold, sensitivity, specificity in published.DEFAULT_ROC:
        predicted = chance > float(threshold)
        assert printed(predicted[event].mean(), sensitivity), threshold
        assert printed((~predicted[~event]).mean(), specificity), threshold


def test_M5_predictions(mortgage):
    model = rxcore.rx_lin_mod("creditScore ~ yearsEmploy", mortgage, report_progress=0)
    got = rxcore.rx_predict(model, data=mortgage, report_progress=0)
    assert_printed(got["creditScore_Pred"].head(), published.CREDIT_PREDICTIONS, "creditScore_Pred")


# -- small data --------------------------------------------------------------------------------------------------------


def test_K1_kyphosis(tmp_path):
    frame = pd.read_csv(sample("kyphosis.from-rpart.csv"))
    frame["Kyphosis"] = pd.Categorical(frame["Kyphosis"], categories=["absent", "present"])
    model = rxcore.rx_logit("Kyphosis ~ Age + Start + Number", frame, report_progress=0)
    assert_model(model, published.KYPHOSIS_MODEL)
    assert "(Intercept) -2.03693354" in str(model)


def test_R6_frequency_weights():
    frame = pd.read_csv(sample("fourthgraders.from-doc.csv"))
    frame["eyecolor"] = pd.Categorical(frame["eyecolor"])
    model = rxcore.rx_lin_mod("height ~ eyecolor", frame, fweights="reps", report_progress=0)
    assert_printed(model.coefficients[~model.aliased], published.EYE_COLOUR_MODEL, "estimates")
    assert (model.n_valid, model.sum_of_weights) == (44, 100)


def test_R7_cars():
    model = rxcore.rx_lin_mod("dist ~ speed", pd.DataFrame(published.CARS), report_progress=0)
    assert_printed(model.coefficients, published.CARS_MODEL, "estimates")
    assert model.condition_number == 1.0


def test_R9_standard_errors_of_predictions():
    frame = pd.DataFrame(published.FAT_GAIN)
    model = rxcore.rx_lin_mod("fatGain ~ neaInc", frame, cov_coef=True, report_progress=0)
    got = rxcore.rx_predict(
        model, frame, compute_standard_errors=True, interval="confidence", write_model_vars=True, report_progress=0
    )
    assert_printed(got["fatGain_StdErr"], published.FAT_GAIN_ERRORS, "fatGain_StdErr")
    assert set(got.columns) >= {"fatGain", "neaInc", "fatGain_Pred", "fatGain_StdErr", "fatGain_Lower", "fatGain_Upper"}
