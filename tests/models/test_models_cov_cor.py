"""Covariances, correlations and cross-products of columns, against dense columns."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from made_flights import made_flights
from naive import dummies, exact_cross_product
from tolerances import AGAINST_FRACTIONS, ROUNDING_OF_PRODUCTS

from rxcore import rx_cor, rx_cov, rx_cov_cor, rx_sscp
from rxcore.errors import ArgumentNameError, ColumnNotFoundError, DataWarning, DesignError, FormulaError, OptionError
from rxcore.options import options

FORMULA = "~ a + log(b) + f:a + f"


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with options(reportProgress=0):
        yield


def made() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": 1e6 + rng.normal(size=300), "b": rng.uniform(1.0, 9.0, 300)})
    frame["f"] = pd.Categorical(rng.choice(list("uvw"), 300))
    frame["w"] = rng.integers(0, 4, 300)
    frame["p"] = rng.uniform(0.5, 2.0, 300)
    frame.loc[::10, "b"] = np.nan
    frame.loc[5, "f"] = None
    return frame


def columns_of(frame: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    used = frame.dropna(subset=["a", "b", "f"])
    levels = dummies(used["f"].cat.codes.to_numpy(np.int64), 3)
    a = used["a"].to_numpy()
    return used, np.column_stack([a, np.log(used["b"]), levels * a[:, None], levels])


@pytest.mark.parametrize("weights", [{}, {"fweights": "w"}, {"pweights": "p"}])
def test_against_dense_columns(weights: dict[str, str]) -> None:
    frame = made()
    used, dense = columns_of(frame)
    name = next(iter(weights.values()), None)
    w = np.ones(len(used)) if name is None else used[name].to_numpy(np.float64)
    kinds = {"fweights": w.astype(int)} if "fweights" in weights else {"aweights": w}
    wanted = np.cov(dense.T, **({} if name is None else kinds))
    got = rx_cov_cor(FORMULA, frame, **weights)
    assert got.names[2:] == ("a for f=u", "a for f=v", "a for f=w", "f=u", "f=v", "f=w")
    scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    assert np.max(np.abs(got.matrix - wanted) / scale) < ROUNDING_OF_PRODUCTS
    np.testing.assert_allclose(got.deviations, np.sqrt(np.diag(wanted)), rtol=ROUNDING_OF_PRODUCTS)
    np.testing.assert_allclose(got.averages, np.average(dense, axis=0, weights=w), rtol=AGAINST_FRACTIONS)
    assert (got.valid_obs, got.missing_obs) == (int((w > 0).sum()), len(frame) - len(used))
    assert np.isnan(got.sum_of_weights) if name is None else got.sum_of_weights == pytest.approx(w.sum())
    correlation = rx_cov_cor(FORMULA, frame, type="cor", **weights)
    assert np.max(np.abs(correlation.matrix - wanted / scale)) < ROUNDING_OF_PRODUCTS
    assert np.diag(correlation.matrix).tolist() == [1.0] * 8
    with_one = np.column_stack([np.ones(len(used)), dense])
    sscp = rx_cov_cor(FORMULA, frame, type="SSCP", **weights)
    np.testing.assert_allclose(sscp.matrix, exact_cross_product(with_one, w), rtol=AGAINST_FRACTIONS)
    assert (sscp.names[0], len(sscp.std_devs), sscp.means.index[0]) == ("(Intercept)", 0, "a")


def test_the_bare_matrices_and_their_arguments() -> None:
    frame = made()
    for function, kind in ((rx_cov, "Cov"), (rx_cor, "Cor"), (rx_sscp, "SSCP")):
        chosen = {"row_selection": "w > 1", "pweights": "p", "transforms": {"c": "a - b"}, "report_progress": 0}
        wanted = rx_cov_cor("~ b + c", frame, type=kind, **chosen).to_frame()
        assert function("~ b + c", frame, **chosen).equals(wanted)


def test_columns_that_explain_each_other_or_do_not_vary_are_left_out_on_request() -> None:
    frame = made()
    frame["k"] = 3.0
    formula = "~ f + k + b + I(2*b)"
    got = rx_cov_cor(formula, frame, keep_all=False)
    assert got.names == ("f=u", "f=v", "b")
    assert got["DroppedVars"] == ("f=w", "k", "I(2 * b)")
    assert got["DroppedVarIndexes"] == (3, 4, 6)
    assert "Dropped: f=w, k, I(2 * b)" in str(got)
    assert rx_cov_cor(formula, frame).names == ("f=u", "f=v", "f=w", "k", "b", "I(2 * b)")
    assert rx_cov_cor("~ b + p", frame, keep_all=False, var_tol=1.0).names == ("b",)
    with pytest.warns(DataWarning, match="'k' has one value only, so that its correlations are missing"):
        correlation = rx_cor("~ b + k", frame)
    assert np.isnan(correlation.loc["k", "b"])


def test_one_row_has_no_covariance() -> None:
    assert np.isnan(rx_cov("~ a + b", pd.DataFrame({"a": [1.0], "b": [2.0]})).to_numpy()).all()


def test_the_result_prints_and_takes_other_forms() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [2.0, 1.0, 4.0, np.nan]})
    got = rx_cov_cor("~ a + b", frame, type="cor")
    lines = str(got).split("\n")
    assert lines[1:4] == [
        "Number of valid observations: 3", "Number of missing observations: 1", "Statistic: COR",
    ]  # fmt: skip
    assert lines[5:] == ["          a         b", "a 1.0000000 0.6546537", "b 0.6546537 1.0000000"]
    assert got["Means"]["b"] == pytest.approx(7 / 3)
    assert got["CovCor"].equals(got.to_frame())
    assert got["valid.obs"] == 3
    assert "CovCor" in got.keys()  # noqa: SIM118
    assert json.loads(json.dumps(got.to_dict()))["cov_cor"]["a"][0] == 1.0
    assert "<table" in got._repr_html_()
    weighted = rx_cov_cor("~ a", frame.assign(w=[1, 2, 1, 1]), fweights="w")
    assert "Frequency weights: w" in str(weighted)
    with pytest.raises(ColumnNotFoundError, match=r"no item 'Mean'. Closest: 'Means'"):
        _ = got["Mean"]


def test_the_same_bits_on_any_number_of_threads() -> None:
    table = made_flights(4_000)
    found = []
    for cores in (1, 3):
        with options(numCoresToUse=cores, rowsPerBlock=500):
            found.append(rx_cov_cor("~ carrier + hour + distance:day", table, pweights="weight").matrix.tobytes())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda d: rx_cov_cor("~ a", d, type="Kendall"),
            OptionError,
            "type is 'Kendall'; allowed are 'Cov', 'Cor' and",
        ),
        (lambda d: rx_cov_cor("~ a", d, var_tol=-1.0), OptionError, "var_tol is -1.0; it must be zero or more"),
        (lambda d: rx_cov("a ~ b", d), FormulaError, "no response is allowed here"),
        (lambda d: rx_cor("~ aa", d), ColumnNotFoundError, "rx_cor: column 'aa' is not in frame. Closest: 'a'"),
        (lambda d: rx_cor("~ a", d, pweight="p"), ArgumentNameError, "rx_cor: there is no argument 'pweight'. Closest"),
        (lambda d: rx_cov_cor("~ a", d, keepall=True), ArgumentNameError, "Closest: 'keep_all'"),
        (lambda d: rx_cov("~ a", d, pweights="p", fweights="w"), OptionError, "exclude each other"),
        (lambda d: rx_cov("~ a", d, fweights="p"), DesignError, "fweights column 'p' is not a whole number in"),
        (lambda d: rx_cov("~ a", d[:0]), DesignError, "the data have no rows"),
        (lambda d: rx_cov("~ 1", d), DesignError, "rx_cov: '~ 1' names no column"),
    ],
)
def test_wrong_arguments(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call(made())
