"""Models print themselves as the pages of RevoScaleR show (see the id of each published result in the test names)."""

from __future__ import annotations

import dataclasses
import json
import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from rxcore import options
from rxcore.errors import ColumnNotFoundError, RxError
from rxcore.results.linear import LinearResults
from rxcore.results.logistic import LogisticResults

STORED = json.loads((Path(__file__).parent / "r" / "published_models.json").read_text())
VECTORS = ("coefficients", "std_errors", "t_values", "z_values", "p_values", "counts")


def arguments(name: str, **changes: Any) -> dict[str, Any]:
    stored = {key: value for key, value in STORED[name].items() if value is not None}
    for key in VECTORS:
        if key in stored:
            stored[key] = np.array([math.nan if value is None else value for value in stored[key]])
    stored["aliased"] = np.array(stored["aliased"])
    stored["coefficient_names"] = tuple(stored["coefficient_names"])
    return {"call": "", **stored, **changes}


def linear(name: str, formula: str, label: str, **changes: Any) -> LinearResults:
    base = {"formula": formula, "source_label": label, "response": formula.split(" ~ ", maxsplit=1)[0], "cube": False}
    return LinearResults(**arguments(name, **{**base, **changes}))


def logistic(name: str, formula: str, label: str, **changes: Any) -> LogisticResults:
    base = {
        "formula": formula,
        "source_label": label,
        "response": formula.split(" ~ ", maxsplit=1)[0],
        "converged": True,
    }
    return LogisticResults(**arguments(name, **{**base, **changes}))


def lines(text: object) -> list[str]:
    return str(text).split("\n")


AIRLINE = "File name: AirlineDemoSmall.xdf"


@pytest.fixture
def day() -> LinearResults:
    call = 'rx_lin_mod(formula="ArrDelay ~ DayOfWeek", data="AirlineDemoSmall.xdf")'
    return linear("day", "ArrDelay ~ DayOfWeek", AIRLINE, call=call)


def test_linear_model_prints_as_published_A1(day):
    assert lines(day) == [
        "Call:",
        'rx_lin_mod(formula="ArrDelay ~ DayOfWeek", data="AirlineDemoSmall.xdf")',
        "",
        "Linear Regression Results for: ArrDelay ~ DayOfWeek",
        "File name: AirlineDemoSmall.xdf",
        "Dependent variable(s): ArrDelay",
        "Total independent variables: 8 (Including number dropped: 1)",
        "Number of valid observations: 582628",
        "Number of missing observations: 17372",
        "",
        "Coefficients:",
        "                      ArrDelay",
        "(Intercept)         10.3318058",
        "DayOfWeek=Monday     1.6937981",
        "DayOfWeek=Tuesday    0.9620019",
        "DayOfWeek=Wednesday -0.1752668",
        "DayOfWeek=Thursday  -1.6737983",
        "DayOfWeek=Friday     4.4725290",
        "DayOfWeek=Saturday   1.5435207",
        "DayOfWeek=Sunday       Dropped",
    ]
    assert repr(day) == str(day)


def test_linear_summary_prints_as_published_A3(day):
    assert lines(day.summary())[3:] == [
        "Linear Regression Results for: ArrDelay ~ DayOfWeek",
        "File name: AirlineDemoSmall.xdf",
        "Dependent variable(s): ArrDelay",
        "Total independent variables: 8 (Including number dropped: 1)",
        "Number of valid observations: 582628",
        "Number of missing observations: 17372",
        "",
        "Coefficients: (1 not defined because of singularities)",
        "                    Estimate Std. Error t value Pr(>|t|)    ",
        "(Intercept)          10.3318     0.1330  77.673 2.22e-16 ***",
        "DayOfWeek=Monday      1.6938     0.1872   9.049 2.22e-16 ***",
        "DayOfWeek=Tuesday     0.9620     0.2001   4.809 1.52e-06 ***",
        "DayOfWeek=Wednesday  -0.1753     0.1980  -0.885    0.376    ",
        "DayOfWeek=Thursday   -1.6738     0.1964  -8.522 2.22e-16 ***",
        "DayOfWeek=Friday      4.4725     0.1957  22.850 2.22e-16 ***",
        # Published with 2.22e-16: the product's normal tail is zero from about 7.5 standard errors on. R: 1.45e-15.
        "DayOfWeek=Saturday    1.5435     0.1934   7.981 1.45e-15 ***",
        "DayOfWeek=Sunday     Dropped    Dropped Dropped  Dropped    ",
        "---",
        "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1",
        "",
        "Residual standard error: 40.65 on 582621 degrees of freedom",
        "Multiple R-squared: 0.001869",
        "Adjusted R-squared: 0.001858",
        "F-statistic: 181.8 on 6 and 582621 DF,  p-value: < 2.2e-16",
        "Condition number: 10.5595",
    ]


def test_cube_summary_prints_as_published_A2():
    model = linear("cube", "ArrDelay ~ DayOfWeek", AIRLINE, cube=True)
    assert lines(model.summary()) == [
        "Cube Linear Regression Results for: ArrDelay ~ DayOfWeek",
        "File name: AirlineDemoSmall.xdf",
        "Dependent variable(s): ArrDelay",
        "Total independent variables: 7",
        "Number of valid observations: 582628",
        "Number of missing observations: 17372",
        "",
        "Coefficients:",
        "                    Estimate Std. Error t value Pr(>|t|)     | Counts",
        "DayOfWeek=Monday     12.0256     0.1317   91.32 2.22e-16 *** |  95298",
        "DayOfWeek=Tuesday    11.2938     0.1494   75.58 2.22e-16 *** |  74011",
        "DayOfWeek=Wednesday  10.1565     0.1467   69.23 2.22e-16 *** |  76786",
        "DayOfWeek=Thursday    8.6580     0.1445   59.92 2.22e-16 *** |  79145",
        "DayOfWeek=Friday     14.8043     0.1436  103.10 2.22e-16 *** |  80142",
        "DayOfWeek=Saturday   11.8753     0.1404   84.59 2.22e-16 *** |  83851",
        "DayOfWeek=Sunday     10.3318     0.1330   77.67 2.22e-16 *** |  93395",
        "---",
        "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1",
        "",
        "Residual standard error: 40.65 on 582621 degrees of freedom",
        "Multiple R-squared: 0.001869 (as if intercept included)",
        "Adjusted R-squared: 0.001858",
        "F-statistic: 181.8 on 6 and 582621 DF,  p-value: < 2.2e-16",
        "Condition number: 1",
    ]
    assert lines(model)[8:10] == ["                     ArrDelay", "DayOfWeek=Monday    12.025604"]
    assert lines(model)[-1] == "DayOfWeek=Sunday    10.331806"


def test_counts_are_blank_where_a_row_is_no_cell():
    # The layout published for incwage ~ sex + age with cube=TRUE.
    model = LinearResults(
        **{
            **arguments(
                "day", formula="incwage ~ sex + age", source_label="Data: census", response="incwage", cube=True
            ),
            "coefficient_names": ("sex=Male", "sex=Female", "age"),
            "coefficients": np.array([20479.178, 3723.067, 573.232]),
            "std_errors": np.array([250.033, 252.968, 5.816]),
            "t_values": np.array([81.91, 14.72, 98.56]),
            "p_values": np.zeros(3),
            "aliased": np.zeros(3, dtype=bool),
            "counts": np.array([3866542.0, 3276744.0, math.nan]),
        }
    )
    assert lines(model.summary())[8:12] == [
        "            Estimate Std. Error t value Pr(>|t|)     |  Counts",
        "sex=Male   20479.178    250.033   81.91 2.22e-16 *** | 3866542",
        "sex=Female  3723.067    252.968   14.72 2.22e-16 *** | 3276744",
        "age          573.232      5.816   98.56 2.22e-16 *** |        ",
    ]


def test_frequency_weights_print_as_published_A14():
    formula = "ArrDelay ~ CRSDepTime + DayOfWeek"
    model = linear("weighted", formula, "File name: rxAirDedup.xdf", fweights="FreqWt")
    printed = lines(model.summary())
    assert printed[:6] == [
        "Linear Regression Results for: ArrDelay ~ CRSDepTime + DayOfWeek",
        "File name: rxAirDedup.xdf",
        "Frequency weights: FreqWt",
        "Dependent variable(s): ArrDelay",
        "Total independent variables: 9 (Including number dropped: 1)",
        "Sum of weights of valid observations: 582628",
    ]
    assert printed[6:] == [
        "Number of missing observations: 3503",
        "",
        "Coefficients: (1 not defined because of singularities)",
        "                    Estimate Std. Error t value Pr(>|t|)    ",
        "(Intercept)         -3.19458    0.20413 -15.650 2.22e-16 ***",
        "CRSDepTime           0.97862    0.01126  86.948 2.22e-16 ***",
        "DayOfWeek=Monday     2.08100    0.18602  11.187 2.22e-16 ***",
        "DayOfWeek=Tuesday    1.34015    0.19881   6.741 1.58e-11 ***",
        "DayOfWeek=Wednesday  0.15155    0.19679   0.770    0.441    ",
        "DayOfWeek=Thursday  -1.32301    0.19518  -6.778 1.22e-11 ***",
        "DayOfWeek=Friday     4.80042    0.19452  24.679 2.22e-16 ***",
        "DayOfWeek=Saturday   2.18965    0.19229  11.387 2.22e-16 ***",
        "DayOfWeek=Sunday     Dropped    Dropped Dropped  Dropped    ",
        "---",
        "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1",
        "",
        "Residual standard error: 40.39 on 582620 degrees of freedom",
        "Multiple R-squared: 0.01465",
        "Adjusted R-squared: 0.01464",
        "F-statistic:  1238 on 7 and 582620 DF,  p-value: < 2.2e-16",
        "Condition number: 10.6542",
    ]


def test_probability_weights_line():
    model = linear("day", "ArrDelay ~ DayOfWeek", AIRLINE, pweights="perwt")
    assert "Probability weights: perwt" in lines(model)
    assert "Number of valid observations: 582628" in lines(model)


def test_data_frame_model_prints_as_published_R7():
    model = linear("cars", "dist ~ speed", "Data: cars")
    assert lines(model)[1:] == [
        "Data: cars",
        "Dependent variable(s): dist",
        "Total independent variables: 2",
        "Number of valid observations: 50",
        "Number of missing observations: 0",
        "",
        "Coefficients:",
        "                  dist",
        "(Intercept) -17.579095",
        "speed         3.932409",
    ]
    assert lines(model.summary())[-1] == "Condition number: 1"


def test_interaction_cells_print_as_published_R12():
    model = linear("region_sex", "income ~ region:sex", "Data: myData", cube=True)
    assert lines(model.summary())[8:14] == [
        "                         Estimate Std. Error t value Pr(>|t|)     | Counts",
        # Published with 2.66e-15, which is 12 times the double epsilon: 1 - F(t). R takes the tail itself: 2.54e-15.
        "region=Rural, sex=Female   970.75      33.18   29.26 2.54e-15 *** |      5",
        "region=Urban, sex=Female  2501.83      33.18   75.41 2.22e-16 *** |      5",
        "region=Rural, sex=Male    1480.44      33.18   44.62 2.22e-16 *** |      5",
        "region=Urban, sex=Male    3944.51      33.18  118.90 2.22e-16 *** |      5",
        "---",
    ]


def test_logistic_summary_prints_as_published_A7():
    call = 'rx_logit(formula="Late ~ DepHour + Night", data="ADS2.xdf")'
    model = logistic("late", "Late ~ DepHour + Night", "File name: ADS2.xdf", call=call)
    assert lines(model.summary()) == [
        "Call:",
        'rx_logit(formula="Late ~ DepHour + Night", data="ADS2.xdf")',
        "",
        "Logistic Regression Results for: Late ~ DepHour + Night",
        "File name: ADS2.xdf",
        "Dependent variable(s): Late",
        "Total independent variables: 3",
        "Number of valid observations: 582628",
        "Number of missing observations: 17372",
        "-2*LogLikelihood: 649607.8613 (Residual deviance on 582625 degrees of freedom)",
        "",
        "Coefficients:",
        "              Estimate Std. Error z value Pr(>|z|)    ",
        "(Intercept) -2.0990076  0.0104460 -200.94 2.22e-16 ***",
        "DepHour      0.0790215  0.0007671  103.01 2.22e-16 ***",
        "Night       -0.3027030  0.0109914  -27.54 2.22e-16 ***",
        "---",
        "Signif. codes:  0 '***' 0.001 '**' 0.01 '*' 0.05 '.' 0.1 ' ' 1",
        "",
        "Condition number of final variance-covariance matrix: 3.0178",
        "Number of iterations: 4",
    ]


def test_logistic_summary_with_a_factor_prints_as_published_A8():
    model = logistic("very_late", "VeryLate ~ DayOfWeek", AIRLINE)
    assert lines(model.summary())[9:19] == [
        "                    Estimate Std. Error z value Pr(>|z|)    ",
        "(Intercept)         -3.29095    0.01745 -188.64 2.22e-16 ***",
        "DayOfWeek=Monday     0.40086    0.02256   17.77 2.22e-16 ***",
        "DayOfWeek=Tuesday    0.84018    0.02192   38.33 2.22e-16 ***",
        "DayOfWeek=Wednesday  0.36982    0.02378   15.55 2.22e-16 ***",
        "DayOfWeek=Thursday   0.29396    0.02400   12.25 2.22e-16 ***",
        "DayOfWeek=Friday     0.54427    0.02274   23.93 2.22e-16 ***",
        "DayOfWeek=Saturday   0.48319    0.02282   21.18 2.22e-16 ***",
        "DayOfWeek=Sunday     Dropped    Dropped Dropped  Dropped    ",
        "---",
    ]
    assert lines(model.summary())[-2] == "Condition number of final variance-covariance matrix: 16.7804"


def test_logistic_cells_print_as_published_A9():
    model = logistic("very_late_cells", "VeryLate ~ DayOfWeek - 1", AIRLINE)
    assert lines(model.summary())[9:12] == [
        "                    Estimate Std. Error z value Pr(>|z|)    ",
        "DayOfWeek=Monday    -2.89008    0.01431  -202.0 2.22e-16 ***",
        "DayOfWeek=Tuesday   -2.45077    0.01327  -184.7 2.22e-16 ***",
    ]
    assert "-2*LogLikelihood: 251244.7201 (Residual deviance on 599993 degrees of freedom)" in lines(model.summary())


def test_logistic_summary_prints_the_cells_published_M3():
    model = logistic("default", "default ~ ccDebt + yearsEmploy", "Data: mortDataNew")
    printed = [line.split() for line in lines(model.summary())[10:13]]
    assert printed == [
        # Published with 2.22e-16; see the Saturday of A3.
        ["(Intercept)", "-1.614e+01", "2.074e+00", "-7.781", "7.22e-15", "***"],
        ["ccDebt", "1.414e-03", "2.139e-04", "6.610", "3.83e-11", "***"],
        ["yearsEmploy", "-3.317e-01", "1.608e-01", "-2.063", "0.0391", "*"],
    ]
    assert lines(model.summary())[6] == "-2*LogLikelihood: 100.6036 (Residual deviance on 9979 degrees of freedom)"
    assert lines(model.summary())[-2] == "Condition number of final variance-covariance matrix: 1.4455"


def test_logistic_model_prints_as_published_K1():
    model = logistic("kyphosis", "Kyphosis ~ Age + Start + Number", "Data: kyphosis")
    assert lines(model) == [
        "Logistic Regression Results for: Kyphosis ~ Age + Start + Number",
        "Data: kyphosis",
        "Dependent variable(s): Kyphosis",
        "Total independent variables: 4",
        "Number of valid observations: 81",
        "Number of missing observations: 0",
        "",
        "Coefficients:",
        "               Kyphosis",
        "(Intercept) -2.03693354",
        "Age          0.01093048",
        "Start       -0.20651005",
        "Number       0.41060119",
    ]


def test_a_model_that_did_not_converge_says_so():
    model = logistic("late", "Late ~ DepHour + Night", AIRLINE, converged=False)
    assert lines(model.summary())[-1] == "Number of iterations: 4 (not converged)"


def test_an_intercept_only_model_prints_no_f_statistic():
    changes = {"rank": 1, "df_model": 0.0, "f_value": math.nan, "f_pvalue": math.nan, "condition_number": 1.0}
    one = {name: np.array([value]) for name, value in zip(VECTORS, (11.3, 0.05, 226.0, 0.0, 0.0), strict=False)}
    del one["z_values"]
    model = linear(
        "day",
        "ArrDelay ~ 1",
        AIRLINE,
        **changes,
        **{**one, "p_values": np.array([0.0])},
        coefficient_names=("(Intercept)",),
        aliased=np.array([False]),
    )
    assert not any("F-statistic" in line for line in lines(model.summary()))
    assert lines(model.summary())[-1] == "Condition number: 1"


def test_no_legend_without_a_significant_coefficient():
    model = linear("day", "ArrDelay ~ DayOfWeek", AIRLINE, p_values=np.array([0.5] * 7 + [math.nan]))
    assert not any("Signif" in line for line in lines(model.summary()))
    assert lines(model.summary())[8] == "                    Estimate Std. Error t value Pr(>|t|)"


# -- values ------------------------------------------------------------------------------------------------------------


def test_coefficients_are_a_series_by_name_and_changing_it_changes_nothing(day):
    series = day.coefficients
    assert isinstance(series, pd.Series)
    assert series["DayOfWeek=Monday"] == STORED["day"]["coefficients"][1]
    assert math.isnan(series["DayOfWeek=Sunday"])
    series["DayOfWeek=Monday"] = 0.0
    assert day.coefficients["DayOfWeek=Monday"] == STORED["day"]["coefficients"][1]


def test_arrays_cannot_be_changed_and_do_not_follow_the_array_given(day):
    given = np.array([1.0] * 8)
    model = linear("day", "ArrDelay ~ DayOfWeek", AIRLINE, std_errors=given, coefficients=given)
    given[:] = 5.0
    assert model.std_errors[0] == 1.0
    assert model.coefficients.iloc[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        model.std_errors[0] = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.sigma = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("item", "attribute"),
    [
        ("r.squared", "r_squared"),
        ("adj.r.squared", "adj_r_squared"),
        ("nValidObs", "n_valid_obs"),
        ("nMissingObs", "n_missing_obs"),
        ("condition.number", "condition_number"),
        ("sigma", "sigma"),
        ("residual.squares", "residual_squares"),
        ("residual.variance", "residual_variance"),
        ("total.squares", "total_squares"),
        ("y.var", "y_var"),
        ("f.pvalue", "f_pvalue"),
        ("rank", "rank"),
        ("df", "df"),
        ("fstatistics", "fstatistics"),
        ("formula", "formula"),
        ("call", "call"),
        ("y.names", "y_names"),
        ("covCoef", "cov_coef"),
        ("covData", "cov_data"),
        ("countDF", "count_df"),
        ("params", "params"),
        ("deviance", "deviance"),
    ],
)
def test_documented_names_are_items_and_attributes(day, item, attribute):
    assert day[item] == getattr(day, attribute)
    assert day[attribute] == getattr(day, attribute)
    assert item in day
    assert attribute in day
    assert day.summary()[item] == day[item]


def test_documented_vectors(day):
    for item, attribute in [
        ("coef.std.error", "std_errors"),
        ("coef.t.value", "t_values"),
        ("coef.p.value", "p_values"),
    ]:
        assert list(day[item].index) == list(day.coefficient_names)
        np.testing.assert_array_equal(day[item].to_numpy(), getattr(day, attribute))
    np.testing.assert_array_equal(day["coefficients"].to_numpy(), day.coefficients.to_numpy())
    np.testing.assert_array_equal(day["aliased"], day.aliased)
    assert set(day.keys()) >= {"coefficients", "coef.std.error", "aliased"}
    model = logistic("late", "Late ~ DepHour + Night", AIRLINE)
    np.testing.assert_array_equal(model["coef.z.value"].to_numpy(), model.z_values)
    np.testing.assert_array_equal(model["coef.t.value"].to_numpy(), model.z_values)


def test_degrees_of_freedom_and_f(day):
    assert day["df"] == (7, 582621, 8)
    assert day.fstatistics == {"value": STORED["day"]["f_value"], "numdf": 6, "dendf": 582621}
    assert day.kept_names == day.coefficient_names[:-1]
    assert day.y_names == ["ArrDelay"]


def test_logistic_items():
    model = logistic("late", "Late ~ DepHour + Night", AIRLINE)
    assert model["dispersion"] == 1.0
    assert model["null.deviance"] is None
    assert model["df.null"] is None
    assert model["deviance"] == model.deviance
    assert model["aic"] == pytest.approx(model.deviance + 6, rel=1e-15)
    assert (model["iterations"], model["converged"]) == (4, True)
    assert "r.squared" not in model


def test_an_unknown_item_names_the_closest(day):
    with pytest.raises(
        ColumnNotFoundError,
        match=r"LinearResults: no item 'r\.sqared'\. Closest: 'r\.squared'\. \d+ items: coefficients",
    ):
        day["r.sqared"]
    with pytest.raises(KeyError):
        day["zzzz"]
    with pytest.raises(RxError, match="LogisticResults: no item"):
        logistic("late", "Late ~ DepHour + Night", AIRLINE)["r.squared"]


def test_vectors_of_the_wrong_length_are_refused():
    with pytest.raises(ValueError, match="LinearResults: std_errors has 3 values for 8 coefficients"):
        linear("day", "ArrDelay ~ DayOfWeek", AIRLINE, std_errors=np.ones(3))


def test_to_frame_has_a_row_per_coefficient(day):
    frame = day.to_frame()
    assert list(frame.columns) == ["estimate", "std_error", "t_value", "p_value", "dropped"]
    assert list(frame.index) == list(day.coefficient_names)
    assert frame["dropped"].tolist() == [False] * 7 + [True]
    assert frame.loc["DayOfWeek=Friday", "estimate"] == day.coefficients["DayOfWeek=Friday"]
    pd.testing.assert_frame_equal(day.summary().to_frame(), frame)
    pd.testing.assert_frame_equal(day.summary().coefficients, frame)
    cube = linear("cube", "ArrDelay ~ DayOfWeek", AIRLINE, cube=True).to_frame()
    assert cube["counts"].tolist() == STORED["cube"]["counts"]
    assert "z_value" in logistic("late", "Late ~ DepHour + Night", AIRLINE).to_frame()


def test_to_dict_is_what_json_takes(day):
    frame = pd.DataFrame({"DayOfWeek": pd.Categorical(["Monday"]), "ArrDelay": [1.5], "Counts": [3.0]})
    model = linear("day", "ArrDelay ~ DayOfWeek", AIRLINE, cov_coef=np.eye(7), count_frame=frame, design=object())
    plain = json.loads(json.dumps(model.to_dict(), allow_nan=False))
    assert plain["coefficients"][-1] is None
    assert plain["aliased"] == [False] * 7 + [True]
    assert plain["cov_coef"][0][:2] == [1.0, 0.0]
    assert plain["count_frame"] == {"DayOfWeek": ["Monday"], "ArrDelay": [1.5], "Counts": [3.0]}
    assert "design" not in plain
    assert plain["r_squared"] == STORED["day"]["r_squared"]
    assert day.summary().to_dict() == day.to_dict()


def test_models_survive_pickling(day):
    again = pickle.loads(pickle.dumps(day))
    assert again.to_dict() == day.to_dict()
    assert str(again.summary()) == str(day.summary())
    late = logistic("late", "Late ~ DepHour + Night", AIRLINE)
    assert str(pickle.loads(pickle.dumps(late)).summary()) == str(late.summary())


def test_html_shows_the_table_and_escapes(day):
    model = linear("day", "ArrDelay ~ DayOfWeek", "Data: <frame>")
    html = model._repr_html_()
    assert "&lt;frame&gt;" in html
    assert "<frame>" not in html
    assert "<td" in html
    assert "40.65 on 582621" in html
    assert day.summary()._repr_html_() == day._repr_html_()


def test_the_option_numDigits_sets_the_digits(day):
    with options.options(numDigits=4):
        assert lines(day)[12] == "(Intercept)          10.3318"
    with options.options(numDigits=9):
        assert "10.331806" in str(day.summary())
