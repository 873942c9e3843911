from __future__ import annotations

import json
import math
import pickle

import pandas as pd
import pytest

from rxcore.errors import ColumnNotFoundError
from rxcore.results.summary import CategoryTable, SummaryResults, category_labels

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
COUNTS = [97975, 77725, 78875, 81304, 82987, 86159, 94975]
NAN = math.nan


def day_counts() -> CategoryTable:
    frame = pd.DataFrame({"DayOfWeek": pd.Categorical(DAYS, categories=DAYS), "Counts": COUNTS})
    return CategoryTable("DayOfWeek", "counts", ("DayOfWeek",), frame, 600000, 0)


def day_statistics() -> CategoryTable:
    frame = pd.DataFrame(
        {
            "Category": category_labels("ArrDelay", ["DayOfWeek"], pd.DataFrame({"DayOfWeek": DAYS})),
            "DayOfWeek": DAYS,
            "Means": [12.0256038, 11.2938077, 10.1565389, 8.6580074, 14.8043348, 11.8753265, 10.3318058],
            "StdDev": [40.0246292, 43.6626906, 39.5880298, 36.7472409, 41.7925985, 45.2453988, 37.3334849],
            "Min": [-76.0, -70, -81, -58, -78, -73, -86],
            "Max": [1017.0, 1143, 1166, 1053, 1490, 1370, 1202],
            "ValidObs": [95298, 74011, 76786, 79145, 80142, 83851, 93395],
        }
    )
    return CategoryTable("ArrDelay:DayOfWeek", "statistics", ("DayOfWeek",), frame, 582628, 17372)


def airline() -> SummaryResults:
    frame = pd.DataFrame(
        {
            "Name": ["ArrDelay", "CRSDepTime", "DayOfWeek"],
            "Mean": [11.31794, 13.48227, NAN],
            "StdDev": [40.688536, 4.697566, NAN],
            "Min": [-86, 0.016667, NAN],
            "Max": [1490, 23.98333, NAN],
            "ValidObs": [582628, 600000, 600000],
            "MissingObs": [17372, 0, 0],
        }
    )
    return SummaryResults(
        call='rx_summary(formula="~ArrDelay + CRSDepTime + DayOfWeek", data="AirlineDemoSmall.xdf")',
        formula="~ArrDelay + CRSDepTime + DayOfWeek",
        source_label="File name: AirlineDemoSmall.xdf",
        n_valid=600000,
        n_missing=0,
        frame=frame,
        categorical=[day_counts()],
        params={"by_term": True},
    )


def trimmed(result: object) -> list[str]:
    return [line.rstrip() for line in str(result).split("\n")]


def test_frame_prints_as_published_A25():
    frame = pd.DataFrame(
        {
            "Name": ["ArrDelay_Pred"], "Mean": [11.3234073], "StdDev": [1.7600011], "Min": [8.6580074],
            "Max": [14.8043348], "ValidObs": [600000], "MissingObs": [0],
        }
    )  # fmt: skip
    result = SummaryResults(call="", formula="ArrDelay_Pred", source_label="", n_valid=600000, n_missing=0, frame=frame)
    assert trimmed(result) == [
        "Summary Statistics Results for: ArrDelay_Pred",
        "",
        "Number of valid observations: 600000.0",
        "Number of missing observations: 0.0",
        "",
        "            Name       Mean    StdDev       Min        Max  ValidObs  \\",
        "0  ArrDelay_Pred  11.323407  1.760001  8.658007  14.804335  600000.0",
        "",
        "   MissingObs",
        "0         0.0",
    ]


def test_summary_with_a_factor_prints_as_published_A12():
    assert trimmed(airline()) == [
        "Call:",
        'rx_summary(formula="~ArrDelay + CRSDepTime + DayOfWeek", data="AirlineDemoSmall.xdf")',
        "",
        "Summary Statistics Results for: ~ArrDelay + CRSDepTime + DayOfWeek",
        "File name: AirlineDemoSmall.xdf",
        "Number of valid observations: 600000.0",
        "Number of missing observations: 0.0",
        "",
        "         Name      Mean     StdDev        Min         Max  ValidObs  \\",
        "0    ArrDelay  11.31794  40.688536 -86.000000  1490.00000  582628.0",
        "1  CRSDepTime  13.48227   4.697566   0.016667    23.98333  600000.0",
        "",
        "   MissingObs",
        "0     17372.0",
        "1         0.0",
        "",
        "Category Counts for DayOfWeek",
        "Number of categories: 7",
        "Number of valid observations: 600000.0",
        "Number of missing observations: 0.0",
        "",
        " DayOfWeek Counts",
        " Monday    97975",
        " Tuesday   77725",
        " Wednesday 78875",
        " Thursday  81304",
        " Friday    82987",
        " Saturday  86159",
        " Sunday    94975",
    ]


def test_statistics_by_category_print_as_published_A11():
    assert trimmed(day_statistics()) == [
        "Statistics by category (7 categories):",
        "",
        " Category                         DayOfWeek Means     StdDev   Min Max  ValidObs",
        " ArrDelay for DayOfWeek=Monday    Monday    12.025604 40.02463 -76 1017 95298",
        " ArrDelay for DayOfWeek=Tuesday   Tuesday   11.293808 43.66269 -70 1143 74011",
        " ArrDelay for DayOfWeek=Wednesday Wednesday 10.156539 39.58803 -81 1166 76786",
        " ArrDelay for DayOfWeek=Thursday  Thursday   8.658007 36.74724 -58 1053 79145",
        " ArrDelay for DayOfWeek=Friday    Friday    14.804335 41.79260 -78 1490 80142",
        " ArrDelay for DayOfWeek=Saturday  Saturday  11.875326 45.24540 -73 1370 83851",
        " ArrDelay for DayOfWeek=Sunday    Sunday    10.331806 37.33348 -86 1202 93395",
    ]


def test_only_factors_print_no_frame():
    frame = pd.DataFrame({"Name": ["DayOfWeek"], "Mean": [NAN], "ValidObs": [600000], "MissingObs": [0]})
    result = SummaryResults(
        call="", formula="~DayOfWeek", source_label="Data: frame", n_valid=600000, n_missing=0, frame=frame,
        categorical=[day_counts()],
    )  # fmt: skip
    assert trimmed(result)[:6] == [
        "Summary Statistics Results for: ~DayOfWeek",
        "Data: frame",
        "Number of valid observations: 600000.0",
        "Number of missing observations: 0.0",
        "",
        "Category Counts for DayOfWeek",
    ]


def test_weights_are_named():
    frame = pd.DataFrame({"Name": ["x"], "Mean": [1.0], "SumOfWeights": [3], "MissingWeights": [0]})
    made = {"call": "", "formula": "~x", "source_label": "Data: frame", "n_valid": 3, "n_missing": 0, "frame": frame}
    assert trimmed(SummaryResults(**made, pweights="perwt"))[2] == "Probability weights: perwt"
    assert trimmed(SummaryResults(**made, fweights="reps"))[2] == "Frequency weights: reps"


def test_crossed_factors_count_with_the_first_factor_fastest():
    frame = pd.DataFrame(
        {"sex": ["M", "F"] * 2, "state": ["CT", "CT", "IN", "IN"], "Counts": [8437.5, 7558.0, 0.0, 12.0]}
    )
    table = CategoryTable("sex:state", "cube", ("sex", "state"), frame, 16007.5, 0)
    printed = trimmed(table)
    assert printed[:2] == ["Category Counts for sex:state", "Number of categories: 4"]
    assert printed[5:7] == [" sex state Counts", " M   CT    8437.5"]


def test_groups_written_to_a_file_are_named():
    table = CategoryTable("income:sex", "statistics", ("sex",), pd.DataFrame(), contained_in="ByAge.xdf")
    assert str(table) == "By-group statistics for income:sex contained in ByAge.xdf"
    assert "ByAge.xdf" in table._repr_html_()


def test_category_labels_of_crossed_factors():
    levels = pd.DataFrame({"region": ["Rural", "Urban"], "sex": ["Female", "Male"]})
    assert category_labels("income", ["region", "sex"], levels) == [
        "income for region=Rural, sex=Female",
        "income for region=Urban, sex=Male",
    ]


@pytest.mark.parametrize(
    ("item", "attribute"),
    [
        ("nobs.valid", "nobs_valid"),
        ("nobs.missing", "nobs_missing"),
        ("categorical", "categorical"),
        ("categorical.type", "categorical_type"),
        ("formula", "formula"),
        ("call", "call"),
        ("params", "params"),
        ("sDataFrame", "summary_data_frame"),
    ],
)
def test_documented_names_are_items_and_attributes(item, attribute):
    result = airline()
    assert result[item] is getattr(result, attribute) or result[item] == getattr(result, attribute)
    assert item in result
    assert attribute in result
    assert item in result.keys()  # noqa: SIM118


def test_summary_data_frame_keeps_factors_as_nan_and_counts_as_floats():
    frame = airline().summary_data_frame
    assert frame["Name"].tolist() == ["ArrDelay", "CRSDepTime", "DayOfWeek"]
    assert list(frame.index) == [0, 1, 2]
    assert math.isnan(frame["Mean"][2])
    assert frame["ValidObs"].dtype == "float64"
    assert (airline().nobs_valid, airline().nobs_missing) == (600000.0, 0.0)


def test_categorical_type():
    frame = pd.DataFrame({"Name": ["x"], "Mean": [1.0]})
    made = {"call": "", "formula": "~x", "source_label": "", "n_valid": 1, "n_missing": 0, "frame": frame}
    assert SummaryResults(**made).categorical_type == "none"
    assert SummaryResults(**made, categorical=[day_counts()]).categorical_type == "counts"
    assert SummaryResults(**made, categorical=[day_counts(), day_statistics()]).categorical_type == "cube"


def test_an_unknown_item_names_the_closest():
    with pytest.raises(
        ColumnNotFoundError,
        match=r"SummaryResults: no item 'sDataframe'\. Closest: 'sDataFrame'\. 8 items: nobs\.valid",
    ):
        airline()["sDataframe"]
    with pytest.raises(KeyError, match="no item 'zzzzzz'"):
        airline()["zzzzzz"]


def test_other_forms():
    result = airline()
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert plain["frame"]["Mean"][2] is None
    assert plain["categorical"][0]["frame"]["Counts"] == COUNTS
    assert plain["categorical"][0]["factors"] == ["DayOfWeek"]
    assert plain["params"] == {"by_term": True}
    pd.testing.assert_frame_equal(result.to_frame(), result.frame)
    assert result.to_frame() is not result.frame
    assert result.categorical[0]["Counts"].tolist() == COUNTS
    assert len(result.categorical[0]) == 7
    pd.testing.assert_frame_equal(result.categorical[0].to_frame(), result.categorical[0].frame)
    assert str(pickle.loads(pickle.dumps(result))) == str(result)
    assert repr(result) == str(result)


def test_html_escapes_levels():
    frame = pd.DataFrame({"f": ["<b>"], "Counts": [1]})
    table = CategoryTable("f", "counts", ("f",), frame, 1, 0)
    statistics = pd.DataFrame({"Name": ["<i>", "f"], "Mean": [1.0, NAN]})
    result = SummaryResults(
        call="", formula="~f", source_label="Data: <x>", n_valid=1, n_missing=0, frame=statistics, categorical=[table]
    )
    html = result._repr_html_()
    assert "<b>" not in html
    assert "<i>" not in html
    assert "&lt;x&gt;" in html
    assert "&lt;b&gt;" in html


def test_the_frame_given_is_not_changed():
    frame = pd.DataFrame({"Name": ["x"], "ValidObs": [3]}, index=[7])
    SummaryResults(call="", formula="~x", source_label="", n_valid=3, n_missing=0, frame=frame)
    assert frame.index.tolist() == [7]
    assert frame["ValidObs"].dtype == "int64"
