"""rx_predict: what is computed, where it goes, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from made_flights import made_flights
from tolerances import AGAINST_FRACTIONS

import rxcore
from rxcore import RxXdfData, rx_get_var_names, rx_lin_mod, rx_logit, rx_predict, rx_read_xdf
from rxcore.errors import DataWarning, DesignError, OptionError, OutputExistsError
from rxcore.options import options


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0, rowsPerBlock=700):
        yield


@pytest.fixture(scope="module")
def table() -> pa.Table:
    return made_flights(3_000)


@pytest.fixture(scope="module")
def linear(table: pa.Table) -> Any:
    return rx_lin_mod("delay ~ day + carrier + hour:carrier", table, cov_coef=True, report_progress=0)


@pytest.fixture(scope="module")
def logistic(table: pa.Table) -> Any:
    return rx_logit("late ~ carrier + hour + distance", table, cov_coef=True, report_progress=0)


@pytest.fixture
def path(table: pa.Table, tmp_path: Path) -> str:
    name = str(tmp_path / "flights.xdf")
    rxcore.rx_import(table, name, rows_per_read=900)
    return name


def by_hand(model: Any, frame: pd.DataFrame) -> np.ndarray:
    """The linear predictor, term by term."""
    total = np.zeros(len(frame))
    for name, value in model.coefficients.fillna(0.0).items():
        column = np.ones(len(frame))
        for piece in str(name).replace(" for ", ":").split(":"):
            if "=" in piece:
                factor, level = piece.split("=")
                column = column * (frame[factor] == level)
            elif piece != "(Intercept)":
                column = column * frame[piece]
        total += value * column
    return total


def test_predictions_are_the_sum_of_the_terms(linear: Any, logistic: Any, table: pa.Table) -> None:
    frame = table.to_pandas()
    got = rx_predict(linear, frame)
    assert list(got.columns) == ["delay_Pred"]
    np.testing.assert_allclose(got["delay_Pred"], by_hand(linear, frame), rtol=AGAINST_FRACTIONS)
    eta = by_hand(logistic, frame)
    link = rx_predict(logistic, frame, type="link")["late_Pred"]
    np.testing.assert_allclose(link, eta, rtol=1e-9)
    response = rx_predict(logistic, frame)["late_Pred"]
    np.testing.assert_allclose(response, 1.0 / (1.0 + np.exp(-eta)), rtol=1e-9)
    assert np.isnan(response).sum() == frame["distance"].isna().sum()


def test_standard_errors_match_the_covariance(linear: Any, table: pa.Table) -> None:
    frame = table.to_pandas()[:50]
    got = rx_predict(linear, frame, compute_standard_errors=True, interval="confidence")
    kept = linear.coefficients.dropna()
    rows = np.column_stack([by_hand_column(str(name), frame) for name in kept.index])
    wanted = np.sqrt(np.einsum("ij,jk,ik->i", rows, linear.cov_coef, rows))
    np.testing.assert_allclose(got["delay_StdErr"], wanted, rtol=1e-9)
    assert (got["delay_Lower"] < got["delay_Pred"]).all()
    prediction = rx_predict(linear, frame, interval="prediction")
    assert (prediction["delay_Lower"] < got["delay_Lower"]).all()


def by_hand_column(name: str, frame: pd.DataFrame) -> np.ndarray:
    column = np.ones(len(frame))
    for piece in name.replace(" for ", ":").split(":"):
        if "=" in piece:
            factor, level = piece.split("=")
            column = column * (frame[factor] == level)
        elif piece != "(Intercept)":
            column = column * frame[piece]
    return column


def test_limits_of_a_probability_stay_between_0_and_1(logistic: Any, table: pa.Table) -> None:
    got = rx_predict(logistic, table, interval="confidence", confidence_level=0.999999).dropna()
    assert ((got["late_Lower"] > 0) & (got["late_Upper"] < 1)).all()


def test_residuals_and_missing_responses(linear: Any, table: pa.Table) -> None:
    frame = table.to_pandas()
    got = rx_predict(linear, frame, compute_residuals=True)
    present = frame["delay"].notna()
    np.testing.assert_allclose((got["delay_Pred"] + got["delay_Resid"])[present], frame["delay"][present], rtol=1e-12)
    assert got[~present].isna().all(axis=None), "a missing response makes every new column missing"
    short = rx_predict(linear, frame, compute_residuals=True, remove_missings=True)
    assert len(short) == present.sum()


def test_the_response_is_not_needed_without_residuals(linear: Any, table: pa.Table) -> None:
    assert len(rx_predict(linear, table.drop_columns(["delay", "late"]))) == len(table)


def test_levels_are_matched_by_value(linear: Any, table: pa.Table) -> None:
    frame = table.to_pandas()
    turned = frame.assign(carrier=pd.Categorical(frame["carrier"], categories=["EV", "B6", "DL", "AA", "UA", "ZZ"]))
    pd.testing.assert_frame_equal(rx_predict(linear, turned), rx_predict(linear, frame), check_exact=True)


def test_an_unknown_level_is_refused_or_missing(linear: Any, table: pa.Table) -> None:
    frame = table.to_pandas()
    frame.loc[[5, 9], "carrier"] = "ZZ"
    with pytest.raises(DesignError, match="column 'carrier' has levels that the model was not fitted with: 'ZZ'"):
        rx_predict(linear, frame)
    with pytest.warns(DataWarning, match="rows with levels unknown to the model"):
        got = rx_predict(linear, frame, check_factor_levels=False)
    assert np.flatnonzero(got["delay_Pred"].isna()).tolist() == [5, 9]


def test_to_a_new_file_with_copied_columns(linear: Any, path: str, tmp_path: Path) -> None:
    output = tmp_path / "scores.xdf"
    got = rx_predict(linear, path, str(output), write_model_vars=True, extra_vars_to_write=["distance"])
    assert isinstance(got, RxXdfData)
    assert list(rx_get_var_names(str(output))) == ["delay", "day", "carrier", "hour", "distance", "delay_Pred"]
    frame = rx_predict(linear, path)
    np.testing.assert_array_equal(rx_read_xdf(str(output))["delay_Pred"], frame["delay_Pred"])
    with pytest.raises(OutputExistsError, match="exists; pass overwrite=True to replace it"):
        rx_predict(linear, path, str(output))
    rx_predict(linear, path, str(output), overwrite=True)
    assert list(rx_get_var_names(str(output))) == ["delay_Pred"]
    rx_predict(linear, path, str(output), append="rows")
    assert len(rx_read_xdf(str(output))) == 2 * len(frame)


def test_into_the_file_itself(linear: Any, path: str, table: pa.Table) -> None:
    with pytest.raises(OutputExistsError):
        rx_predict(linear, path, path)
    for _ in range(2):  # the second time replaces the column
        rx_predict(linear, path, path, overwrite=True)
        got = rx_read_xdf(path)
        assert list(got.columns) == [*table.column_names, "delay_Pred"]
        np.testing.assert_array_equal(got["distance"].isna(), pc.is_null(table["distance"]).to_numpy())


def test_names_can_be_chosen(linear: Any, table: pa.Table) -> None:
    got = rx_predict(
        linear, table, compute_standard_errors=True, interval="confidence", compute_residuals=True,
        predict_var_names="p", residual_var_names=["r"], std_errors_var_names="s", interval_var_names=["lo", "hi"],
    )  # fmt: skip
    assert list(got.columns) == ["p", "r", "s", "lo", "hi"]


def test_a_frame_from_a_file_is_bounded(linear: Any, path: str, table: pa.Table) -> None:
    with pytest.warns(DataWarning, match="stops after 1,000 rows. Pass output_data"):
        got = rx_predict(linear, path, max_rows_by_cols=1_000)
    assert len(got) == 1_000
    assert len(rx_predict(linear, table.to_pandas(), max_rows_by_cols=1_000)) == len(table)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"type": "odds"}, "type is 'odds'; allowed are 'response' and 'link'"),
        ({"interval": "wide"}, "interval is 'wide'; allowed are"),
        ({"confidence_level": 95}, "confidence_level is 95.0; it must lie between 0 and 1"),
        ({"output_data": "scores.csv"}, "output_data must be an .xdf file"),
        ({"append": "cols"}, "append is 'cols'; allowed are 'none' and 'rows'"),
        ({"interval_var_names": ["a"]}, "interval_var_names needs two names"),
    ],
)
def test_wrong_arguments(settings: dict[str, Any], message: str, linear: Any, table: pa.Table) -> None:
    with pytest.raises(OptionError, match=message):
        rx_predict(linear, table, **settings)


def test_errors_need_the_covariance(table: pa.Table, logistic: Any) -> None:
    bare = rx_lin_mod("delay ~ hour", table)
    with pytest.raises(OptionError, match=r"Fit the model with cov_coef=True"):
        rx_predict(bare, table, compute_standard_errors=True)
    with pytest.raises(OptionError, match="interval='prediction' is for linear models only"):
        rx_predict(logistic, table, interval="prediction")


def test_types_must_fit(linear: Any, table: pa.Table) -> None:
    frame = table.to_pandas()
    with pytest.raises(DesignError, match="column 'carrier' is double in the data; the model has it as a factor"):
        rx_predict(linear, frame.assign(carrier=1.5))
    with pytest.raises(DesignError, match="column 'hour' is text in the data where the model needs a number"):
        rx_predict(linear, frame.assign(hour="noon"))
