"""rx_predict: levels nobody saw, kinds of residuals, and columns that would stand in each other's way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from made_flights import made_flights
from tolerances import AGAINST_FRACTIONS, DEFAULT_CONVERGENCE

import rxcore
from rxcore import rx_get_var_names, rx_glm, rx_lin_mod, rx_logit, rx_predict, rx_read_xdf
from rxcore.errors import ColumnNotFoundError, DataWarning, DesignError, OptionError
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
def strange(table: pa.Table) -> pd.DataFrame:
    """Three carriers nobody saw, in different blocks."""
    frame = table.to_pandas()
    frame["carrier"] = frame["carrier"].astype(object)
    frame.loc[[5, 9], "carrier"] = "ZZ"
    frame.loc[2_900, "carrier"] = "YY"
    return frame


def test_unseen_levels_are_counted_over_all_blocks(linear: Any, strange: pd.DataFrame) -> None:
    message = r"rows with levels unknown to the model got missing: 3 by 'carrier' \('ZZ', 'YY'\)"
    with pytest.warns(DataWarning, match=message) as caught:
        got = rx_predict(linear, strange, unseen_levels="missing", compute_standard_errors=True)
    assert len(caught) == 1
    for column in got.columns:
        assert np.flatnonzero(got[column].isna()).tolist() == [5, 9, 2_900]


@pytest.mark.parametrize("drop_first", [False, True])
def test_unseen_levels_as_the_reference(drop_first: bool, table: pa.Table, strange: pd.DataFrame) -> None:
    model = rx_lin_mod("delay ~ carrier + hour:carrier", table, drop_first=drop_first, cov_coef=True)
    levels = model.design.variables.variables[0].levels
    as_reference = strange.assign(
        carrier=strange["carrier"].replace(dict.fromkeys(["ZZ", "YY"], levels[0 if drop_first else -1]))
    )
    settings: dict[str, Any] = {"compute_standard_errors": True, "interval": "prediction"}
    with pytest.warns(DataWarning, match="got the reference level's prediction: 3 by 'carrier'"):
        got = rx_predict(model, strange, unseen_levels="reference", **settings)
    pd.testing.assert_frame_equal(got, rx_predict(model, as_reference, **settings), check_exact=True)


def test_unseen_levels_by_default_are_refused(linear: Any, strange: pd.DataFrame) -> None:
    with pytest.raises(DesignError, match=r"not fitted with: 'ZZ'. Pass unseen_levels='missing'"):
        rx_predict(linear, strange)
    with pytest.raises(OptionError, match="unseen_levels is 'drop'; allowed are 'error', 'missing', 'reference'"):
        rx_predict(linear, strange, unseen_levels="drop")


def test_kinds_of_residuals(table: pa.Table) -> None:
    frame = table.to_pandas().dropna().query("weight > 0").assign(late=lambda f: f["late"].astype(float))
    model = rx_logit("late ~ carrier + hour", frame, pweights="weight")
    mu = rx_predict(model, frame)["late_Pred"].to_numpy()
    y, root = frame["late"].to_numpy(), np.sqrt(frame["weight"].to_numpy())
    expected = {
        "usual": y - mu,
        "pearson": root * (y - mu) / np.sqrt(mu * (1 - mu)),
        "deviance": root * np.where(y == 1, np.sqrt(-2 * np.log(mu)), -np.sqrt(-2 * np.log1p(-mu))),
    }
    for kind, values in expected.items():
        got = rx_predict(model, frame, compute_residuals=True, residual_type=kind)["late_Resid"]
        np.testing.assert_allclose(got, values, rtol=AGAINST_FRACTIONS, atol=AGAINST_FRACTIONS)
    assert float(np.sum(expected["deviance"] ** 2)) == pytest.approx(model.deviance, rel=AGAINST_FRACTIONS)
    with pytest.raises(OptionError, match="residual_type is 'partial'; allowed are 'usual', 'pearson', 'deviance'"):
        rx_predict(model, frame, compute_residuals=True, residual_type="partial")
    with pytest.raises(ColumnNotFoundError, match="column 'weight' is not in"):
        rx_predict(model, frame.drop(columns="weight"), compute_residuals=True, residual_type="pearson")


def test_residuals_of_shares_count_their_trials() -> None:
    """As R's: squared and summed they are the deviance and Pearson's chi-square."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=80), "hits": rng.integers(0, 9, 80), "misses": rng.integers(1, 9, 80)})
    model = rx_glm("cbind(hits, misses) ~ x", frame, family="binomial", coefficient_tolerance=1e-12)
    for kind, expected in (("pearson", model.pearson_chi_squared), ("deviance", model.deviance)):
        got = rx_predict(model, frame, compute_residuals=True, residual_type=kind).iloc[:, 1]
        assert float(np.sum(got**2)) == pytest.approx(expected, rel=DEFAULT_CONVERGENCE)


def test_an_offset_is_added_to_the_linear_predictor(table: pa.Table) -> None:
    frame = table.to_pandas().assign(late=lambda rows: rows["late"].astype(float))
    model = rx_glm("late ~ carrier + offset(log(hour))", frame, family="poisson", cov_coef=True)
    later = rx_predict(model, frame.assign(hour=frame["hour"] * 3.0), type="link", compute_standard_errors=True)
    got = rx_predict(model, frame, type="link", compute_standard_errors=True)
    np.testing.assert_allclose(later["late_Pred"] - got["late_Pred"], np.log(3.0), rtol=AGAINST_FRACTIONS)
    np.testing.assert_array_equal(later["late_StdErr"], got["late_StdErr"])
    frame.loc[3, "hour"] = np.nan
    assert np.flatnonzero(rx_predict(model, frame)["late_Pred"].isna()).tolist() == [3]
    with pytest.raises(ColumnNotFoundError, match="column 'hour' is not in"):
        rx_predict(model, frame.drop(columns="hour"))


def test_limits_of_a_falling_link_are_turned_round() -> None:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"x": rng.uniform(1.0, 2.0, 200)})
    frame["y"] = rng.gamma(5.0, 1.0 / (5.0 * frame["x"]))
    model = rx_glm("y ~ x", frame, family="Gamma", cov_coef=True)
    got = rx_predict(model, frame, interval="confidence")
    assert (got["y_Lower"] < got["y_Pred"]).all()
    assert (got["y_Pred"] < got["y_Upper"]).all()


@dataclass(frozen=True)
class Several:
    """What a fit of several responses returns, as far as prediction cares."""

    models: tuple[Any, ...]


def test_several_responses(table: pa.Table) -> None:
    models = tuple(rx_lin_mod(f"{name} ~ carrier + hour", table, cov_coef=True) for name in ("delay", "distance"))
    got = rx_predict(Several(models), table, interval="confidence", compute_residuals=True)
    kinds = ("Pred", "Resid", "Lower", "Upper")
    assert list(got.columns) == [f"{name}_{kind}" for kind in kinds for name in ("delay", "distance")]
    for model in models:
        alone = rx_predict(model, table, interval="confidence", compute_residuals=True)
        pd.testing.assert_frame_equal(got[alone.columns], alone, check_exact=True)
    assert list(rx_predict(Several(models), table, predict_var_names=["a", "b"]).columns) == ["a", "b"]
    with pytest.raises(OptionError, match="1 names for column 'Pred'; the model has 2 responses"):
        rx_predict(Several(models), table, predict_var_names="a")


def test_new_columns_stand_in_nobodys_way(linear: Any, table: pa.Table, tmp_path: Path) -> None:
    path = str(tmp_path / "flights.xdf")
    rxcore.rx_import(table, path, rows_per_read=900)
    with pytest.raises(OptionError, match="two new columns would be called 'p'"):
        rx_predict(linear, table, predict_var_names="p", compute_residuals=True, residual_var_names="p")
    with pytest.raises(OptionError, match="would be called 'distance', as a column that is copied"):
        rx_predict(linear, table, predict_var_names="distance", extra_vars_to_write=["distance"])
    with pytest.raises(OptionError, match="would be called 'hour', as a column that is read"):
        rx_predict(linear, path, path, overwrite=True, predict_var_names="hour")
    with pytest.raises(OptionError, match="remove_missings=True would delete rows of the data"):
        rx_predict(linear, path, path, overwrite=True, remove_missings=True)
    rx_predict(linear, path, path, overwrite=True, compute_standard_errors=True, interval="confidence")
    new = ["delay_Pred", "delay_StdErr", "delay_Lower", "delay_Upper"]
    assert list(rx_get_var_names(path)) == [*table.column_names, *new]
    assert len(rx_read_xdf(path)) == len(table)


def test_rows_are_added_to_a_file_that_may_not_be_there(linear: Any, table: pa.Table, tmp_path: Path) -> None:
    path = str(tmp_path / "scores.xdf")
    for times in (1, 2):
        rx_predict(linear, table, path, append="rows")
        assert len(rx_read_xdf(path)) == times * len(table)


def test_a_failure_leaves_no_file(linear: Any, strange: pd.DataFrame, tmp_path: Path) -> None:
    with pytest.raises(DesignError):
        rx_predict(linear, strange.iloc[::-1], str(tmp_path / "scores.xdf"))
    assert not list(tmp_path.iterdir())


def test_what_is_no_model_is_refused(table: pa.Table) -> None:
    with pytest.raises(OptionError, match="model_object is str; it must be what rx_lin_mod"):
        rx_predict("model", table)
