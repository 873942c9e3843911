"""Which columns are kept, and what is solved, without any data source."""

from __future__ import annotations

import numpy as np
import pytest
from naive import dummies, solve_exactly
from tolerances import AGAINST_FRACTIONS

from rxcore.solvers.normal_equations import Basis, Solution, solve


def fit(columns: np.ndarray, y: np.ndarray, *, intercept: bool = True, order: list[int] | None = None) -> Solution:
    """Least squares of dense columns, the basis being the columns themselves."""
    full = np.column_stack([columns, y])
    high = full.T @ full
    n_columns = columns.shape[1]
    nowhere = np.full(n_columns, -1)
    basis = Basis(np.arange(n_columns), nowhere, np.zeros(n_columns))
    magnitudes = np.sqrt(np.diag(high)[:n_columns])
    places = np.arange(n_columns) if order is None else np.array(order)
    return solve(high, np.zeros_like(high), places, basis, magnitudes, intercept=intercept)


def test_coefficients_residual_and_inverse() -> None:
    rng = np.random.default_rng(0)
    columns = np.column_stack([np.ones(50), rng.integers(-9, 9, (50, 3))])
    y = rng.integers(-9, 9, 50).astype(np.float64)
    got = fit(columns, y)
    wanted = solve_exactly(columns.T @ columns, columns.T @ y)
    np.testing.assert_allclose(got.coefficients, wanted, rtol=AGAINST_FRACTIONS)
    assert got.residual == pytest.approx(float(np.sum((y - columns @ wanted) ** 2)), rel=AGAINST_FRACTIONS)
    np.testing.assert_allclose(got.inverse @ (columns.T @ columns), np.eye(4), atol=AGAINST_FRACTIONS)
    assert got.rank == 4


def test_the_last_level_of_each_factor_is_dropped() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 3, 200), rng.integers(0, 4, 200)
    columns = np.column_stack([np.ones(200), dummies(a, 3), dummies(b, 4)])
    assert fit(columns, rng.normal(size=200)).kept.tolist() == [True, True, True, False, True, True, True, False]


def test_the_order_says_which_level_is_dropped() -> None:
    rng = np.random.default_rng(1)
    columns = np.column_stack([np.ones(200), dummies(rng.integers(0, 3, 200), 3)])
    got = fit(columns, rng.normal(size=200), order=[0, 2, 3, 1])
    assert got.kept.tolist() == [True, False, True, True]


@pytest.mark.parametrize("scale", [1e-8, 1.0, 1e8])
def test_a_sum_of_columns_is_dropped_at_any_scale(scale: float) -> None:
    rng = np.random.default_rng(2)
    x, z = rng.normal(size=(2, 1000)) * scale
    columns = np.column_stack([np.ones(1000), x, z, x - 2.0 * z])
    assert fit(columns, rng.normal(size=1000)).kept.tolist() == [True, True, True, False]


def test_a_nearly_dependent_column_is_kept() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=1000)
    columns = np.column_stack([np.ones(1000), x, x + 1e-4 * rng.normal(size=1000)])
    assert fit(columns, rng.normal(size=1000)).kept.all()


def test_a_constant_column_is_dropped_beside_the_intercept_and_kept_without() -> None:
    columns = np.column_stack([np.ones(20), np.full(20, 7.0), np.arange(20.0)])
    y = np.arange(20.0) ** 2
    assert fit(columns, y).kept.tolist() == [True, False, True]
    assert fit(columns[:, 1:], y, intercept=False).kept.all()


def test_an_empty_level_is_dropped() -> None:
    columns = np.column_stack([np.ones(30), np.zeros(30), np.arange(30.0)])
    assert fit(columns, np.arange(30.0)).kept.tolist() == [True, False, True]


def test_condition_number_is_one_for_one_predictor_and_known_for_two() -> None:
    x = np.array([-1.0, 1.0, -1.0, 1.0] * 5)
    z = np.array([-1.0, -1.0, 1.0, 1.0] * 5) + 0.5 * x
    one = np.column_stack([np.ones(20), x])
    assert fit(one, x).condition_number == 1.0
    r = 0.5 / np.sqrt(1.25)
    wanted = (1 + r) * (1 + r) / (1 - r * r)
    assert fit(np.column_stack([one, z]), x).condition_number == pytest.approx(wanted, rel=AGAINST_FRACTIONS)
