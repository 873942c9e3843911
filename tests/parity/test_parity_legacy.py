"""Published results computed straight from the files that RevoScaleR wrote, and then from their copies."""

from __future__ import annotations

from pathlib import Path

import published
import pytest
from printed_checks import assert_model, assert_printed
from published import DAYS
from tolerances import printed

import rxcore

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data" / "legacy-xdf"
# One of the older version, which is taken to be the sample that was shipped, and one of the newer.
AIRLINE = ("soniaang-Microsoft-R-Server-Beginners-Tutorial-AirlineDemoSmall2.xdf", "whizzalan-MSSQL2016withR-ADS.xdf")
# The ten years twice over: proportions and predictions are those of the ten years.
MORTGAGES = "alathrop-intro_to_mrs-mortDefaultAll.xdf"
# The year 2000, and 2001 twice.
MORTGAGES_2000 = "alathrop-intro_to_mrs-mortDefault2000.xdf"
HOURS = {"DepHour": "floor(CRSDepTime)", "Night": "floor(CRSDepTime) >= 20 | floor(CRSDepTime) <= 5"}


def old(name: str) -> str:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"the old files are not here: {name} is looked for in ../shared/data/legacy-xdf")
    return str(path)


@pytest.fixture(scope="session", params=[*AIRLINE, "a copy"])
def airline(request, tmp_path_factory) -> str:
    if request.param != "a copy":
        return old(request.param)
    copy = tmp_path_factory.mktemp("copy") / "airline.xdf"
    rxcore.rx_import(old(AIRLINE[0]), str(copy), report_progress=0)
    return str(copy)


def test_A12_summary(airline):
    result = rxcore.rx_summary("~ArrDelay + CRSDepTime + DayOfWeek", airline, report_progress=0)
    frame = result.summary_data_frame.set_index("Name")
    for name, texts in published.SUMMARY.items():
        assert_printed(frame.loc[name, ["Mean", "StdDev", "Min", "Max", "ValidObs", "MissingObs"]], texts, name)
    assert result.categorical[0]["Counts"].tolist() == published.DAY_COUNTS


def test_A11_summary_by_day(airline):
    result = rxcore.rx_summary("~ArrDelay:DayOfWeek", airline, report_progress=0)
    for column, texts in published.BY_DAY.items():
        assert_printed(result.categorical[0][column], texts, column)


def test_A1_A3_linear_model(airline):
    assert_model(rxcore.rx_lin_mod("ArrDelay ~ DayOfWeek", airline, report_progress=0), published.DAY_MODEL)


def test_A5_cube_of_day_and_hour(airline):
    model = rxcore.rx_lin_mod("ArrDelay ~ DayOfWeek:F(CRSDepTime)", airline, cube=True, report_progress=0)
    assert_printed(model.coefficients.iloc[:15], published.HOUR_CELLS["means"], "means")
    assert model.counts[:15].tolist() == published.HOUR_CELLS["counts"]


def test_A7_and_A10_logistic_model_and_its_predictions(airline, tmp_path):
    transforms = {"Late": "ArrDelay > 15", **HOURS}
    model = rxcore.rx_logit("Late ~ DepHour + Night", airline, transforms=transforms, report_progress=0)
    assert_model(model, published.LATE_MODEL)
    first = rxcore.rx_import(
        rxcore.RxXdfData(airline), str(tmp_path / "first.xdf"), transforms=HOURS, number_rows=5, report_progress=0
    )
    got = rxcore.rx_predict(model, first, report_progress=0)
    assert_printed(got["Late_Pred"], published.LATE_PREDICTIONS, "Late_Pred")


def test_A8_logistic_model_of_a_factor(airline):
    late = {"VeryLate": "ArrDelay > 120 | is_na(ArrDelay)"}
    model = rxcore.rx_logit("VeryLate ~ DayOfWeek", airline, transforms=late, report_progress=0)
    assert_model(model, published.VERY_LATE_MODEL)


def test_A22_block_sizes_and_variables():
    info = rxcore.rx_get_info(old(AIRLINE[0]), get_var_info=True, get_block_sizes=True)
    assert info.rows_per_block == [200_000] * 3
    assert "Var 1: ArrDelay, Type: integer, Storage: int32, Low/High: (-86.0000, 1490.0000)" in str(info)
    assert f"7 factor levels: {list(DAYS)}" in str(info)


def test_M3_logistic_model():
    model = rxcore.rx_logit(
        "default ~ ccDebt + yearsEmploy",
        old(MORTGAGES_2000),
        row_selection="year == 2000 & creditScore < 850",
        report_progress=0,
    )
    assert_model(model, published.DEFAULT_MODEL)


def test_M4_sensitivity_and_specificity_of_predictions():
    data = rxcore.RxXdfData(old(MORTGAGES))
    model = rxcore.rx_logit("default ~ creditScore + yearsEmploy + ccDebt", data, report_progress=0)
    scored = rxcore.rx_predict(model, data, extra_vars_to_write=["default"], report_progress=0)
    event = scored["default"].to_numpy() == 1
    for threshold, sensitivity, specificity in published.DEFAULT_ROC:
        predicted = scored["default_Pred"].to_numpy() > float(threshold)
        assert printed(predicted[event].mean(), sensitivity), threshold
        assert printed((~predicted[~event]).mean(), specificity), threshold


def test_M5_predictions():
    model = rxcore.rx_lin_mod("creditScore ~ yearsEmploy", old(MORTGAGES), report_progress=0)
    got = rxcore.rx_predict(model, old(MORTGAGES), report_progress=0)
    assert_printed(got["creditScore_Pred"].head(), published.CREDIT_PREDICTIONS, "creditScore_Pred")
