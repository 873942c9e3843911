"""Standard errors by ``vcov=``: what users write and read, and what they are told when it cannot be done."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_flights import made_flights
from tolerances import ROBUST_AGAINST_SANDWICH

from rxcore import rx_import, rx_lin_mod, rx_logit, rx_predict
from rxcore.errors import (
    ColumnNotFoundError,
    ConvergenceWarning,
    DataWarning,
    DesignError,
    MemoryBudgetError,
    OptionError,
)
from rxcore.options import options

FORMULA = "delay ~ day + carrier + distance + hour"
LATE = "late ~ day + carrier + distance + hour"
EVERY = ("HC0", "HC1", "HC2", "HC3", {"cluster": "plane"}, {"cluster": ["plane", "week"]})


@pytest.fixture(scope="module")
def flights() -> pa.Table:
    table = made_flights(4_000)
    rng = np.random.default_rng(3)
    plane = pa.array([f"N{number}" for number in rng.integers(0, 300, 4_000)])
    return table.append_column("plane", plane).append_column("week", pa.array(rng.integers(1, 41, 4_000)))


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


def errors(data: Any, vcov: Any, formula: str = FORMULA, **arguments: Any) -> Any:
    return rx_lin_mod(formula, data, vcov=vcov, **arguments).std_errors


def assert_same(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(got, wanted, rtol=ROBUST_AGAINST_SANDWICH)


# -- the slow and obvious way ------------------------------------------------------------------------------------------


def sandwich(x: Any, y: Any, w: Any, kind: str, clusters: list[Any]) -> Any:
    """Textbook formulas over dense matrices; the variances."""
    n, k = x.shape
    bread = np.linalg.inv(x.T @ (w[:, None] * x))
    u = w * (y - x @ (bread @ x.T @ (w * y)))
    if not clusters:
        h = w * np.einsum("ij,jk,ik->i", x, bread, x)
        factor = {"HC0": 1.0, "HC1": n / (n - k), "HC2": 1 / (1 - h), "HC3": 1 / (1 - h) ** 2}[kind]
        return np.diag(bread @ (x.T @ ((u**2 * factor)[:, None] * x)) @ bread)
    total = np.zeros((k, k))
    groupings = [(1, clusters[0])] if len(clusters) == 1 else [
        (1, clusters[0]), (1, clusters[1]), (-1, list(zip(*clusters, strict=True))),
    ]  # fmt: skip
    for sign, labels in groupings:
        codes = pd.factorize(pd.Index(labels))[0]
        sums = np.array([(u[codes == g, None] * x[codes == g]).sum(axis=0) for g in range(codes.max() + 1)])
        total += sign * len(sums) / (len(sums) - 1) * sums.T @ sums
    return np.diag(bread @ total @ bread) * (n - 1) / (n - k)


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    n_rows=st.integers(30, 90),
    kind=st.sampled_from(["HC0", "HC1", "HC2", "HC3", "one", "two"]),
    weighted=st.booleans(),
)
def test_against_the_textbook(seed: int, n_rows: int, kind: str, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({
        "x": rng.normal(50.0, 2.0, n_rows), "g": np.resize(["a", "b", "c"], n_rows),
        "w": rng.uniform(0.5, 2.0, n_rows), "firm": rng.integers(0, 9, n_rows) * 10**15,
        "year": rng.integers(0, 6, n_rows).astype(float),
    })  # fmt: skip
    frame["y"] = frame["x"] * rng.normal(1.0, 1.0, n_rows)
    missing = rng.random(n_rows) < 0.05
    clusters = {"one": ["firm"], "two": ["firm", "year"]}.get(kind, [])
    frame.loc[missing, "year"] = np.nan
    used = frame[~missing] if kind == "two" else frame
    x = np.column_stack([np.ones(len(used)), used["x"], used["g"] == "a", used["g"] == "b"]).astype(float)
    w = used["w"].to_numpy() if weighted else np.ones(len(used))
    wanted = sandwich(x, used["y"].to_numpy(), w, kind, [used[name].tolist() for name in clusters])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # few clusters in two ways
        model = rx_lin_mod(
            "y ~ x + g", frame, vcov={"cluster": clusters} if clusters else kind,
            pweights="w" if weighted else None, cov_coef=True,
        )  # fmt: skip
    assert model.n_valid == len(used)
    # In two ways a variance is a difference: what is left of the digits of its parts.
    room = ROBUST_AGAINST_SANDWICH * max(np.abs(wanted).max(), 1.0)
    np.testing.assert_allclose(np.diag(model.cov_coef), wanted, rtol=ROBUST_AGAINST_SANDWICH, atol=room)


@pytest.mark.parametrize("vcov", EVERY)
def test_frequency_weights_repeat_rows(flights: pa.Table, vcov: Any) -> None:
    weights = flights["weight"].to_numpy()
    repeated = flights.take(np.repeat(np.arange(len(flights)), weights))
    for fit, formula in ((rx_lin_mod, FORMULA), (rx_logit, LATE)):
        one = fit(formula, flights, fweights="weight", vcov=vcov)
        other = fit(formula, repeated, vcov=vcov)
        assert one.df_residual == other.df_residual
        # Levels stand in the order of their first rows, where a weight of 0 makes a difference.
        numbers = ["distance", "hour"]
        assert_same(one.coef_std_error[numbers], other.coef_std_error[numbers])


def test_equal_weights_change_nothing(flights: pa.Table) -> None:
    twos = flights.append_column("two", pa.array(np.full(len(flights), 2.0)))
    for vcov in EVERY:
        assert_same(errors(twos, vcov, pweights="two"), errors(flights, vcov))


# -- what a cluster column may be --------------------------------------------------------------------------------------


def as_stored(name: str, table: pa.Table) -> Any:
    number = pa.array([int(text[1:]) for text in table["plane"].to_pylist()])
    columns: dict[str, Callable[[], Any]] = {
        "text": lambda: table["plane"],
        "factor": lambda: table["plane"].combine_chunks().dictionary_encode(),
        "whole numbers": lambda: number,
        "large numbers": lambda: pa.array(number.to_numpy() + 2**62),
        "numbers": lambda: number.cast(pa.float64()),
        "dates": lambda: number.cast(pa.int32()).cast(pa.date32()),
    }
    return table.append_column("id", columns[name]())


@pytest.mark.parametrize("kind", ["text", "factor", "whole numbers", "large numbers", "numbers", "dates"])
def test_any_column_that_tells_rows_apart(flights: pa.Table, kind: str) -> None:
    data = as_stored(kind, flights)
    assert_same(errors(data, {"cluster": "id"}), errors(flights, {"cluster": "plane"}))
    assert rx_lin_mod(FORMULA, data, vcov={"cluster": ["id", "week"]}).n_clusters == (300, 40)


def test_a_predictor_may_be_the_cluster(flights: pa.Table) -> None:
    with pytest.warns(DataWarning, match="covariance of 5 clusters is not positive definite for 12 coefficients"):
        model = rx_lin_mod(FORMULA, flights, vcov={"cluster": "carrier"})
    assert model.n_clusters == (5,)
    model = rx_lin_mod(FORMULA, flights, vcov={"cluster": ["distance", "plane"]})
    assert model.n_clusters[1] == 300
    assert model.n_missing == rx_lin_mod(FORMULA, flights).n_missing


@pytest.mark.parametrize("kind", ["text", "factor", "whole numbers", "numbers"])
def test_rows_without_a_cluster_are_left_out_of_the_fit(flights: pa.Table, kind: str) -> None:
    data = as_stored(kind, flights)
    gone = np.arange(len(data)) % 10 == 0
    hidden = pa.array(data["id"].to_pylist(), data["id"].type if kind != "factor" else pa.string(), mask=gone)
    hidden = hidden.dictionary_encode() if kind == "factor" else hidden
    with_holes = data.set_column(data.column_names.index("id"), "id", hidden)
    vcov = {"cluster": "id"}
    one, other = rx_lin_mod(FORMULA, with_holes, vcov=vcov), rx_lin_mod(FORMULA, data.filter(~gone), vcov=vcov)
    assert one.n_valid == other.n_valid
    assert one.n_missing == other.n_missing + gone.sum()
    assert one.n_clusters == other.n_clusters
    # Levels of text are found in other first rows: compare what does not depend on the reference.
    assert_same(one.coef_std_error[["distance", "hour"]], other.coef_std_error[["distance", "hour"]])


# -- what follows the covariance ---------------------------------------------------------------------------------------


def test_everything_follows_the_covariance(flights: pa.Table) -> None:
    classical = rx_lin_mod(FORMULA, flights, cov_coef=True)
    model = rx_lin_mod(FORMULA, flights, vcov={"cluster": "plane"}, cov_coef=True)
    kept = ~model.aliased
    np.testing.assert_array_equal(model.coefficients, classical.coefficients)
    np.testing.assert_allclose(model.std_errors[kept] ** 2, np.diag(model.cov_coef))
    np.testing.assert_allclose(model.t_values, model.coefficients / model.std_errors)
    assert model.sigma == classical.sigma
    assert model.f_value != classical.f_value
    wanted = model.coefficients[kept].to_numpy()[1:]
    wald = wanted @ np.linalg.solve(model.cov_coef[1:, 1:], wanted) / len(wanted)
    assert model.f_value == pytest.approx(wald)
    rows = flights.slice(0, 20)
    one, other = (
        rx_predict(fitted, rows, compute_standard_errors=True, interval="confidence") for fitted in (classical, model)
    )
    assert not np.allclose(one["delay_StdErr"], other["delay_StdErr"], equal_nan=True)
    reach = (other["delay_Upper"] - other["delay_Lower"]) / (one["delay_Upper"] - one["delay_Lower"])
    np.testing.assert_allclose(reach, other["delay_StdErr"] / one["delay_StdErr"])


def test_what_the_summary_says(flights: pa.Table) -> None:
    assert "Standard errors" not in str(rx_lin_mod(FORMULA, flights).summary())
    model = rx_lin_mod(FORMULA, flights, vcov="hc3")
    assert (model.vcov_type, model.clusters, model.n_clusters) == ("HC3", (), ())
    assert re.search(r"\n\nStandard errors: HC3\nResidual standard error.*\nWald F-", str(model.summary()), re.DOTALL)
    model = rx_logit(LATE, flights, vcov={"cluster": ["plane", "week"]})
    assert "\nStandard errors: clustered by plane (300 groups) and week (40 groups)\n" in str(model.summary())
    assert "clustered by plane" in model.summary()._repr_html_()
    described = model.to_dict()
    assert (described["vcov_type"], described["n_clusters"]) == ("CR1", [300, 40])
    with pytest.warns(DataWarning, match="there is no F test"):
        text = str(rx_lin_mod(FORMULA, flights, vcov={"cluster": "day"}).summary())
    assert "Wald F-statistic: NaN on 12 and" in text


def test_an_intercept_alone_has_no_f_test(flights: pa.Table) -> None:
    model = rx_lin_mod("delay ~ 1", flights, vcov="HC1")
    assert np.isnan(model.f_value)
    assert_same(model.std_errors, rx_lin_mod("delay ~ 1", flights).std_errors)


def test_a_cube_is_held_against_equal_cells(flights: pa.Table) -> None:
    cube = rx_lin_mod("delay ~ day + distance", flights, cube=True, vcov="HC2")
    plain = rx_lin_mod("delay ~ day + distance", flights, vcov="HC2")
    assert cube.df_model == plain.df_model
    assert cube.f_value == pytest.approx(plain.f_value, rel=ROBUST_AGAINST_SANDWICH)


def test_columns_that_were_dropped_do_not_matter(flights: pa.Table) -> None:
    with pytest.warns(DataWarning, match="dropped"):
        model = rx_lin_mod(f"{FORMULA} + I(2*hour)", flights, vcov="HC3")
    assert_same(model.std_errors[:-1], errors(flights, "HC3"))
    assert np.isnan(model.std_errors[-1])


def test_separation_is_told_by_the_classical_errors(flights: pa.Table) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=200)
    frame = pd.DataFrame({"x": x, "y": (x > 0).astype(int)})
    with pytest.warns(ConvergenceWarning, match="separate the response"):
        rx_logit("y ~ x", frame, vcov="HC0")


@pytest.mark.parametrize("vcov", EVERY[3:])
def test_the_same_bits_on_any_number_of_threads(flights: pa.Table, vcov: Any, tmp_path: Any) -> None:
    path, rows = str(tmp_path / "flights.xdf"), flights.slice(0, 1_100)
    rx_import(rows, path, rows_per_read=100)
    found = set()
    for data in (rows, path):
        for n_threads in (1, 2, 7):
            with options(rowsPerBlock=100, numCoresToUse=n_threads):
                linear = rx_lin_mod(FORMULA, data, vcov=vcov, cov_coef=True)
                logistic = rx_logit(LATE, data, vcov=vcov, cov_coef=True)
            found.add((linear.cov_coef.tobytes(), logistic.cov_coef.tobytes(), linear.f_value))
    assert len(found) == 1


# -- messages ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("vcov", "message"),
    [
        (
            "HC4",
            "rx_lin_mod: vcov is 'HC4'; allowed are 'classical', 'HC0', 'HC1', 'HC2', 'HC3', {'cluster': 'column'}",
        ),
        (True, "vcov is True; allowed are"),
        ({"clusters": "plane"}, "vcov is {'clusters': 'plane'}; allowed are"),
        ({"cluster": 3}, "vcov={'cluster': 3}: a cluster is the name of a column, or a list of two"),
        ({"cluster": []}, "vcov={'cluster': []}: a cluster is the name of a column, or a list of two"),
        ({"cluster": ["a", "b", "c"]}, "vcov clusters by 3 columns ('a', 'b', 'c'); one or two are allowed"),
        ({"cluster": ["day", "day"]}, "vcov clusters by 'day' twice; name two different columns, or one"),
    ],
)
def test_what_vcov_may_be(flights: pa.Table, vcov: Any, message: str) -> None:
    with pytest.raises(OptionError, match=re.escape(message)):
        errors(flights, vcov)


def test_cluster_columns_must_be_there(flights: pa.Table) -> None:
    with pytest.raises(ColumnNotFoundError, match=r"column 'plan' is not in table\. Closest: 'plane'"):
        errors(flights, {"cluster": "plan"})
    binary = flights.append_column("raw", flights["plane"].cast(pa.binary()))
    with pytest.raises(DesignError, match="cluster column 'raw' has type binary; a cluster is a factor, text, number"):
        errors(binary, {"cluster": "raw"})


def test_one_cluster_is_not_enough(flights: pa.Table) -> None:
    data = flights.append_column("one", pa.array(["same"] * len(flights)))
    with pytest.raises(DesignError, match=r"cluster column 'one' has one value only; .* two clusters or more"):
        errors(data, {"cluster": "one"})
    with pytest.raises(DesignError, match="cluster column 'one' has one value only"):
        errors(data, {"cluster": ["plane", "one"]})


@pytest.mark.parametrize("kind", ["HC2", "HC3"])
def test_a_row_with_a_level_of_its_own(flights: pa.Table, kind: str) -> None:
    frame = flights.to_pandas().dropna().reset_index(drop=True)
    frame.loc[7, "carrier"] = "alone"
    with pytest.raises(DesignError, match=f"vcov='{kind}' is not defined: 1 rows have leverage 1: .* Use 'HC1'"):
        errors(frame, kind)
    assert np.isfinite(rx_lin_mod(FORMULA, frame, vcov="HC1").coef_std_error["hour"])


def test_as_many_coefficients_as_rows() -> None:
    frame = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 5.0]})
    with pytest.raises(
        DesignError, match="vcov='HC1' needs more rows than coefficients; got 2 rows and 2 coefficients"
    ):
        rx_lin_mod("y ~ x", frame, vcov="HC1")


def test_a_variance_may_come_out_negative() -> None:
    # Within firms and within years the scores cancel, so that only the combinations have any.
    frame = pd.DataFrame({"firm": [0, 0, 1, 1] * 4, "year": [0, 1, 0, 1] * 4, "y": [1.0, -1.0, -1.0, 1.0] * 4})
    with pytest.warns(DataWarning, match=r"variance comes out negative for '\(Intercept\)', .* errors are missing"):
        model = rx_lin_mod("y ~ 1", frame, vcov={"cluster": ["firm", "year"]})
    assert np.isnan(model.std_errors[0])


def test_more_clusters_than_the_budget_holds() -> None:
    n_rows = 60_000
    rng = np.random.default_rng(1)
    table = pa.table({"y": rng.normal(size=n_rows), "x": rng.normal(size=n_rows), "id": np.arange(n_rows)})
    with options(rowsPerBlock=5_000, numCoresToUse=1):
        assert rx_lin_mod("y ~ x", table, vcov={"cluster": "id"}).n_clusters == (n_rows,)
        with options(memoryBudget=13_500_000), pytest.raises(MemoryBudgetError, match="or more clusters of 'id' take"):
            rx_lin_mod("y ~ x", table, vcov={"cluster": "id"})
        with options(memoryBudget=2_000_000), pytest.raises(MemoryBudgetError, match=r"covariance pass . needs"):
            rx_lin_mod("y ~ x", table, vcov={"cluster": "id"})


def test_an_offset_takes_part_in_the_scores_of_a_logistic_model() -> None:
    rng = np.random.default_rng(8)
    frame = pd.DataFrame({"x": rng.normal(size=400), "o": rng.normal(size=400)})
    frame["y"] = rng.uniform(size=400) < 1.0 / (1.0 + np.exp(-(0.3 + 0.5 * frame["x"] + frame["o"])))
    model = rx_logit(
        "y ~ x + offset(o)", frame, vcov="HC0", cov_coef=True, coefficent_tolerance=1e-12,
        objective_function_tolerance=0.0, report_progress=0,
    )  # fmt: skip
    columns = np.column_stack([np.ones(400), frame["x"]])
    chance = 1.0 / (1.0 + np.exp(-(columns @ model.coefficients.to_numpy() + frame["o"])))
    bread = np.linalg.inv(columns.T @ (columns * (chance * (1.0 - chance)).to_numpy()[:, None]))
    scores = columns * (frame["y"] - chance).to_numpy()[:, None]
    np.testing.assert_allclose(model.cov_coef, bread @ (scores.T @ scores) @ bread, rtol=1e-9)
