"""rxcore prints what others published of RevoScaleR's results for the flights of nycflights13."""

from __future__ import annotations

from typing import Any

import pandas as pd
import published_small
import pytest
from parity_table import Case
from published import split
from tolerances import printed

from rxcore import rx_lin_mod, rx_summary
from rxcore.errors import MissingExtraError
from rxcore.options import options

MRS = "akzaidi/MRS-for-trainers output/intro-to-mrs.html"
INTRO = "RevolutionAnalytics/dplyrXdf inst/doc/dplyrXdf_intro.html"
USER = "RevolutionAnalytics/dplyrXdf inst/doc/dplyrXdf_user.html"
STATISTICS = ["Mean", "StdDev", "Min", "Max", "ValidObs", "MissingObs"]


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


@pytest.fixture(scope="session")
def whole() -> pd.DataFrame:
    from rxcore.samples import read_flights

    try:
        frame = read_flights().to_pandas()
    except MissingExtraError as error:
        pytest.skip(str(error))
    for name in ("carrier", "origin"):
        frame[name] = pd.Categorical(frame[name], categories=frame[name].unique())
    return frame


def test_P1_summary_of_everything(whole):
    case = Case("P1", MRS, 'rx_summary("~.")')
    # Carriers and the like were text there, which ``.`` leaves out.
    texts = whole.assign(**{name: whole[name].astype("str") for name in ("carrier", "origin")})
    frame = rx_summary("~.", texts).summary_data_frame.set_index("Name")
    for name, texts in published_small.FLIGHTS_SUMMARY.items():
        values, digits = frame.loc[name, STATISTICS], split(texts)
        # All are whole numbers, so that a mean is known exactly: some prints have it wrong in the 14th digit.
        exact = whole[name].sum() / whole[name].count()
        if not printed(values.iloc[0], digits[0]):
            theirs = printed(exact, digits[0])
            why = "it is right; ours has an error of 1e-14" if theirs else "the mean of whole numbers is known exactly"
            case.as_r(f"{name}, mean", values[:1], digits[:1], [exact], why)
            values, digits = values[1:], digits[1:]
        case.numbers(name, values, digits)


def test_P2_summary_by_origin(whole):
    case = Case("P2", MRS, 'rx_summary("arr_delay ~ origin")')
    result = rx_summary("arr_delay ~ origin", whole)
    overall = result.summary_data_frame.iloc[0]
    case.equal("name", overall["Name"], "arr_delay:origin")
    case.numbers("overall", overall[STATISTICS], split("6.895377 44.63329 -86 1272 327346 9430"))
    cells = result.categorical[0].frame.set_index("origin")
    for name, texts in published_small.BY_ORIGIN.items():
        case.numbers(name, cells.loc[name, ["Means", "StdDev", "Min", "Max", "ValidObs"]], split(texts))


@pytest.fixture(scope="session")
def half_year(whole) -> pd.DataFrame:
    """Mean delay and distance of each carrier in the first half of the year, by rx_summary."""
    made = {"dist_km": "distance * 1.6093", "delay": "(arr_delay + dep_delay) / 2"}
    with options(reportProgress=0):
        result = rx_summary(
            "~delay:carrier + dist_km:carrier", whole, row_selection="month <= 6 & year == 2013", transforms=made,
            summary_stats=["Mean", "Sum"],
        )  # fmt: skip
    delay, distance = (table.frame.set_index("carrier") for table in result.categorical)
    return pd.DataFrame({"mean_delay": delay["Means"], "sum_dist": distance["Sum"]}).reset_index()


def test_P3_summary_by_carrier(half_year):
    case = Case("P3", INTRO, 'rx_summary("~delay:carrier + dist_km:carrier", summary_stats=["Mean", "Sum"])')
    rows = half_year.set_index("carrier")
    for name, texts in published_small.BY_CARRIER.items():
        case.numbers(name, rows.loc[name, ["mean_delay", "sum_dist"]], split(texts))


def test_P3b_a_singular_model(half_year):
    case = Case("P3b", INTRO, 'rx_lin_mod("mean_delay ~ sum_dist + carrier")')
    case.lines("printed", rx_lin_mod("mean_delay ~ sum_dist + carrier", half_year), published_small.CARRIER_LINES)


@pytest.mark.parametrize("carrier", ["9E", "UA"])
def test_P3c_a_model_of_one_carrier(carrier, whole):
    case = Case("P3c", USER, f'rx_lin_mod("arr_delay ~ dep_delay + hour", row_selection="carrier == \'{carrier}\'")')
    model = rx_lin_mod("arr_delay ~ dep_delay + hour", whole, row_selection=f"carrier == '{carrier}'")
    case.lines("printed", model, published_small.BY_CARRIER_MODELS[carrier])
