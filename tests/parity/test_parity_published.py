"""rxcore prints what RevoScaleR and revoscalepy printed for AirlineDemoSmall and mortDefaultSmall."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import published
import pytest
from parity_table import Case
from published import DAYS
from scipy import special

import rxcore
from rxcore import rx_lin_mod, rx_logit, rx_predict, rx_read_xdf, rx_summary

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "revo-sample"
STATISTICS = ["Mean", "StdDev", "Min", "Max", "ValidObs", "MissingObs"]

LINEAR = "how-to-revoscaler-linear-model.md"
ANALYSIS = "tutorial-revoscaler-data-model-analysis.md (history)"
IMPORT = "tutorial-revoscaler-data-import-transform.md (history)"
SORT = "how-to-revoscaler-data-sort.md"


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


def same_model(case: Case, model: Any, expected: dict[str, Any]) -> None:
    kept = ~model.aliased
    case.numbers("estimates", model.coefficients[kept], expected["estimates"])
    if "errors" in expected:
        case.numbers("standard errors", model.coef_std_error[kept], expected["errors"])
        statistics = expected.get("t", expected.get("z", []))
        case.numbers("t or z values", model.coef_t_value[kept], statistics)
    for name, text in expected.get("p", {}).items():
        case.number(f"p of {name}", model.coef_p_value[name], text)
    for name in ("sigma", "r_squared", "adj_r_squared", "f_value", "condition_number", "deviance", "aic"):
        if name in expected:
            case.number(name, getattr(model, name), expected[name])
    if "f" in expected:
        case.equal("degrees of freedom of F", (model.df_model, model.df_residual), expected["f"])
    case.equal("valid and missing observations", (model.n_valid, model.n_missing), expected["n"])


# -- AirlineDemoSmall --------------------------------------------------------------------------------------------------


def test_A1_linear_model(airline):
    case = Case("A1", f"{LINEAR} 37-62", 'rx_lin_mod("ArrDelay ~ DayOfWeek")')
    case.lines("printed", rx_lin_mod("ArrDelay ~ DayOfWeek", airline, report_progress=0), published.DAY_LINES)


def test_A2_cube(airline):
    case = Case("A2", f"{LINEAR} 67-140", 'rx_lin_mod("ArrDelay ~ DayOfWeek", cube=True)')
    model = rx_lin_mod("ArrDelay ~ DayOfWeek", airline, cube=True, report_progress=0)
    same_model(case, model, published.CUBE_MODEL)
    case.numbers("counts", model.counts, published.CUBE_MODEL["counts"])
    case.lines("summary", model.summary(), published.CUBE_LINES)


@pytest.mark.parametrize(
    ("name", "page"), [("A3", f"{ANALYSIS} 96-131"), ("A13", "how-to-revoscaler-spark.md 251-286")]
)
def test_A3_A13_summary_of_the_linear_model(name, page, airline):
    model = rx_lin_mod("ArrDelay ~ DayOfWeek", airline, report_progress=0)
    case = Case(name, page, 'rx_lin_mod("ArrDelay ~ DayOfWeek").summary()')
    same_model(case, model, published.DAY_MODEL)
    case.lines("summary", model.summary(), published.DAY_SUMMARY_LINES)
    wanted = 2.0 * float(special.stdtr(model.df_residual, -model.coef_t_value["DayOfWeek=Saturday"]))
    p_value = model.coef_p_value["DayOfWeek=Saturday"]
    case.as_r("p of DayOfWeek=Saturday", [p_value], ["2.22e-16"], [wanted], "p below 1e-13")


def test_A3_from_the_text_file():
    days = {"DayOfWeek": {"type": "factor", "levels": list(DAYS)}}
    text = rxcore.RxTextData(
        str(sample("AirlineDemoSmall.reconstructed.csv.gz")), missing_value_string="M", column_info=days
    )
    case = Case("A3", f"{ANALYSIS} 96-131", 'rx_lin_mod("ArrDelay ~ DayOfWeek", RxTextData(...))')
    same_model(case, rx_lin_mod("ArrDelay ~ DayOfWeek", text, report_progress=0), published.DAY_MODEL)


def test_A4_counts_of_the_cube(airline):
    case = Case("A4", f"{ANALYSIS} 182-197", 'rx_lin_mod("ArrDelay ~ DayOfWeek", cube=True).count_df')
    cells = rx_lin_mod("ArrDelay ~ DayOfWeek", airline, cube=True, report_progress=0).count_df
    case.equal("columns", list(cells.columns), ["DayOfWeek", "ArrDelay", "Counts"])
    case.equal("DayOfWeek", cells["DayOfWeek"].tolist(), list(DAYS))
    case.numbers("ArrDelay", cells["ArrDelay"], published.BY_DAY["Means"])
    case.numbers("Counts", cells["Counts"], published.BY_DAY["ValidObs"])


def test_A5_cube_of_day_and_hour(airline):
    case = Case("A5", f"{ANALYSIS} 219-244", 'rx_lin_mod("ArrDelay ~ DayOfWeek:F(CRSDepTime)", cube=True)')
    model = rx_lin_mod("ArrDelay ~ DayOfWeek:F(CRSDepTime)", airline, cube=True, report_progress=0)
    case.numbers("first 15 means", model.count_df["ArrDelay"].iloc[:15], published.HOUR_CELLS["means"])
    case.equal("first 15 counts", model.counts[:15].astype(int).tolist(), published.HOUR_CELLS["counts"])
    assert len(model.counts) == 7 * 24
    assert model.coefficient_names[8] == "DayOfWeek=Tuesday, F_CRSDepTime=1"


@pytest.mark.parametrize(
    ("name", "page"), [("A12", "how-to-revoscaler-spark.md 180-212"), ("A22", f"{IMPORT} 264-301")]
)
def test_A12_A22_summary(name, page, airline):
    case = Case(name, page, 'rx_summary("~ArrDelay + CRSDepTime + DayOfWeek")')
    result = rx_summary("~ArrDelay + CRSDepTime + DayOfWeek", airline, report_progress=0)
    frame = result.summary_data_frame.set_index("Name")
    for name, texts in published.SUMMARY.items():
        case.numbers(name, frame.loc[name, STATISTICS], texts)
    case.equal("counts", [int(count) for count in result.categorical[0]["Counts"]], published.DAY_COUNTS)
    case.equal("valid observations", result.nobs_valid, 600000)
    case.lines("printed", result, "\n".join(f"{day} {n}" for day, n in zip(DAYS, published.DAY_COUNTS, strict=True)))


def test_A11_summary_by_day(airline):
    case = Case("A11", "how-to-revoscaler-data-summaries.md 224-254", 'rx_summary("~ArrDelay:DayOfWeek")')
    result = rx_summary("~ArrDelay:DayOfWeek", airline, report_progress=0)
    for column, texts in published.BY_DAY.items():
        case.numbers(column, result.categorical[0][column], texts)
    overall = result.summary_data_frame.iloc[0]
    case.equal("name", overall["Name"], "ArrDelay:DayOfWeek")
    case.numbers("overall", overall[["Mean", "StdDev"]], ["11.31794", "40.68854"])
    case.lines("printed", result, "ArrDelay for DayOfWeek=Monday Monday 12.025604 40.02463 -76 1017 95298")


@pytest.mark.parametrize(("name", "page"), [("A20", f"{LINEAR} 1313-1334"), ("A22", f"{IMPORT} 188-257")])
def test_A20_A22_one_variable(name, page, airline):
    case = Case(name, page, 'rx_summary("~ArrDelay")')
    row = rx_summary("~ArrDelay", airline, report_progress=0).summary_data_frame.iloc[0]
    case.numbers("ArrDelay", row[STATISTICS], published.split("11.31794 40.68854 -86 1490 582628 17372"))


def test_A20_intercept_alone(airline):
    case = Case("A20", f"{LINEAR} 1313-1334", 'rx_lin_mod("ArrDelay ~ 1")')
    model = rx_lin_mod("ArrDelay ~ 1", airline, report_progress=0)
    case.numbers("estimates", model.coefficients, ["11.32"])


def test_A18_chosen_rows(airline):
    chosen = "CRSDepTime >= 6 & CRSDepTime < 12 & !is.na(ArrDelay)"
    case = Case("A18", "how-to-developer-write-custom-analysis.md 80-127", f'rx_summary("~ArrDelay", "{chosen}")')
    result = rx_summary("~ArrDelay", airline, row_selection=chosen, report_progress=0)
    case.equal("valid observations", result.nobs_valid, 234403)
    texts = published.split("6.146039 35.4734 -85 1490 234403 0")
    case.numbers("ArrDelay", result.summary_data_frame.iloc[0][STATISTICS], texts)


def test_A15_linear_model_of_hour_and_day(airline):
    case = Case("A15", f"{SORT} 232-264", 'rx_lin_mod("ArrDelay ~ CRSDepTime + DayOfWeek")')
    model = rx_lin_mod("ArrDelay ~ CRSDepTime + DayOfWeek", airline, report_progress=0)
    same_model(case, model, published.HOUR_MODEL)
    case.lines("summary", model.summary(), published.HOUR_SUMMARY_LINES)


def test_A14_frequency_weights_give_the_model_of_the_repeated_rows(airline):
    keys = ["DayOfWeek", "CRSDepTime", "ArrDelay"]
    counts = airline.groupby(keys, dropna=False, observed=True).size().rename("FreqWt").reset_index()
    case = Case("A14", f"{SORT} 170-227", 'rx_lin_mod("ArrDelay ~ CRSDepTime + DayOfWeek", fweights="FreqWt")')
    case.equal("rows without repeats", len(counts), published.DEDUPLICATED_ROWS)
    model = rx_lin_mod("ArrDelay ~ CRSDepTime + DayOfWeek", counts, fweights="FreqWt", report_progress=0)
    n_valid = published.DEDUPLICATED_ROWS - published.DEDUPLICATED_MISSING
    same_model(case, model, {**published.HOUR_MODEL, "n": (n_valid, published.DEDUPLICATED_MISSING)})
    counted = "Sum of weights of valid observations: 582628\nNumber of missing observations: 3503"
    case.lines("summary", model.summary(), f"{counted}\n{published.HOUR_SUMMARY_LINES.strip()}")


@pytest.fixture(scope="session")
def with_hours(airline):
    frame = airline.copy()
    frame["Late"] = (frame["ArrDelay"] > 15).astype("boolean").mask(frame["ArrDelay"].isna())
    frame["VeryLate"] = (frame["ArrDelay"] > 120) | frame["ArrDelay"].isna()
    frame["DepHour"] = np.floor(frame["CRSDepTime"]).astype("int64")
    frame["Night"] = (frame["DepHour"] >= 20) | (frame["DepHour"] <= 5)
    return frame


def test_A7_logistic_model(with_hours):
    case = Case("A7", f"{ANALYSIS} 315-343", 'rx_logit("Late ~ DepHour + Night")')
    model = rx_logit("Late ~ DepHour + Night", with_hours, report_progress=0)
    same_model(case, model, published.LATE_MODEL)
    case.lines("summary", model.summary(), published.LATE_LINES)


def test_A10_logistic_predictions(with_hours):
    case = Case("A10", f"{ANALYSIS} 422-451", 'rx_predict(rx_logit("Late ~ DepHour + Night"))')
    model = rx_logit("Late ~ DepHour + Night", with_hours, report_progress=0)
    got = rx_predict(model, with_hours, report_progress=0)["Late_Pred"]
    case.numbers("Late_Pred, to 6 digits: two published runs differ in the 7th", got[:5], published.LATE_PREDICTIONS)
    case.numbers("Low/High", [got.min(), got.max()], ["0.0830", "0.3580"])


def test_A8_logistic_model_of_a_factor(with_hours):
    case = Case("A8", f"{ANALYSIS} 349-380", 'rx_logit("VeryLate ~ DayOfWeek")')
    model = rx_logit("VeryLate ~ DayOfWeek", with_hours, report_progress=0)
    same_model(case, model, published.VERY_LATE_MODEL)
    case.lines("summary", model.summary(), published.VERY_LATE_LINES)


def test_A9_logistic_model_without_intercept(with_hours):
    case = Case("A9", f"{ANALYSIS} 383-414", 'rx_logit("VeryLate ~ DayOfWeek - 1")')
    model = rx_logit("VeryLate ~ DayOfWeek - 1", with_hours, report_progress=0)
    same_model(case, model, published.VERY_LATE_CELLS)
    case.lines("summary", model.summary(), published.VERY_LATE_CELL_LINES)


def test_A25_summary_of_predictions(airline):
    page = "python/quickstart-revoscalepy-linear-regression-model.md (history) 61-114"
    case = Case("A25", page, 'rx_summary("ArrDelay_Pred", rx_predict(rx_lin_mod("ArrDelay ~ DayOfWeek")))')
    model = rx_lin_mod("ArrDelay ~ DayOfWeek", airline, report_progress=0)
    got = rx_predict(model, airline, report_progress=0)
    case.equal("columns", list(got.columns), ["ArrDelay_Pred"])
    row = rx_summary("ArrDelay_Pred", got, report_progress=0).summary_data_frame.iloc[0]
    case.numbers("ArrDelay_Pred", row[STATISTICS], published.DAY_PREDICTIONS)


# -- mortDefaultSmall --------------------------------------------------------------------------------------------------


def test_M3_logistic_model(mortgage):
    case = Case("M3", "tutorial-r-to-revoscaler.md 773-801", 'rx_logit("default ~ ccDebt + yearsEmploy")')
    chosen = mortgage[(mortgage["year"] == 2000) & (mortgage["creditScore"] < 850)].reset_index(drop=True)
    model = rx_logit("default ~ ccDebt + yearsEmploy", chosen, report_progress=0)
    same_model(case, model, published.DEFAULT_MODEL)
    case.lines("summary", model.summary(), published.DEFAULT_LINES)
    wanted = 2.0 * float(special.ndtr(model.coef_z_value["(Intercept)"]))
    case.as_r("p of (Intercept)", [model.coef_p_value["(Intercept)"]], ["2.22e-16"], [wanted], "p below 1e-13")


def test_M4_sensitivity_and_specificity_of_predictions(mortgage):
    call = 'rx_predict(rx_logit("default ~ creditScore + yearsEmploy + ccDebt"))'
    case = Case("M4", "how-to-revoscaler-logistic-regression.md 287-393", call)
    model = rx_logit("default ~ creditScore + yearsEmploy + ccDebt", mortgage, report_progress=0)
    small = rx_logit("default ~ creditScore + yearsEmploy", mortgage, report_progress=0)
    event = mortgage["default"].to_numpy() == 1
    for name, one, table in (("Model1", model, published.DEFAULT_ROC), ("Model2", small, published.SMALL_ROC)):
        chance = rx_predict(one, mortgage, report_progress=0)["default_Pred"].to_numpy()
        predicted = [chance > float(threshold) for threshold, _, _ in table]
        sensitivity, specificity = [texts[1] for texts in table], [texts[2] for texts in table]
        case.numbers(f"{name} sensitivity", [above[event].mean() for above in predicted], sensitivity)
        case.numbers(f"{name} specificity", [(~above[~event]).mean() for above in predicted], specificity)


def test_M5_predictions(mortgage):
    page = "python-reference/revoscalepy/rx-predict.md 95-124"
    case = Case("M5", page, 'rx_predict(rx_lin_mod("creditScore ~ yearsEmploy"))')
    model = rx_lin_mod("creditScore ~ yearsEmploy", mortgage, report_progress=0)
    got = rx_predict(model, data=mortgage, report_progress=0)
    case.numbers("creditScore_Pred", got["creditScore_Pred"].head(), published.CREDIT_PREDICTIONS)


def test_M6_first_rows(mortgage, tmp_path):
    case = Case("M6", "python-reference/revoscalepy/rx-read-xdf.md 153-183", "rx_read_xdf(file, num_rows=10)")
    path = str(tmp_path / "mortDefaultSmall.xdf")
    rxcore.rx_import(mortgage, path, report_progress=0)
    rows = rx_read_xdf(path, num_rows=10, report_progress=0)
    case.equal("columns", list(rows.columns), ["creditScore", "houseAge", "yearsEmploy", "ccDebt", "year", "default"])
    case.equal("creditScore", rows["creditScore"].tolist(), [691, 691, 743, 728, 745, 539, 724, 659, 621, 720])
    case.equal("ccDebt", rows["ccDebt"].tolist(), [6725, 5077, 3080, 4345, 2969, 4588, 4057, 6456, 1861, 4568])
