"""Models of some columns, swept from one to the next, against least squares of those columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tolerances import AGAINST_FRACTIONS

from rxcore.solvers.normal_equations import Basis
from rxcore.solvers.subsets import Subset

N_COLUMNS = 6


def made(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns of whole numbers, the last of which depends on two others, and a response."""
    rng = np.random.default_rng(seed)
    columns = rng.integers(-9, 9, (40, N_COLUMNS)).astype(np.float64)
    columns[:, 0] = 1.0
    columns[:, -1] = columns[:, 1] - 2.0 * columns[:, 2]
    return columns, rng.integers(-9, 9, 40).astype(np.float64)


def nothing(columns: np.ndarray, y: np.ndarray) -> Subset:
    full = np.column_stack([columns, y])
    high = full.T @ full
    places = np.arange(N_COLUMNS)
    basis = Basis(places, np.full(N_COLUMNS, -1), np.zeros(N_COLUMNS))
    return Subset.empty(high, np.zeros_like(high), basis, np.sqrt(np.diag(high)))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.lists(st.tuples(st.booleans(), st.integers(0, N_COLUMNS - 1)), max_size=12))
def test_any_walk_reaches_the_model_of_its_columns(seed: int, walk: list[tuple[bool, int]]) -> None:
    columns, y = made(seed)
    model, chosen = nothing(columns, y), set()
    for adds, column in walk:
        model = model.adding([column]) if adds else model.dropping([column])
        chosen = chosen | {column} if adds else chosen - {column}
    assert set(np.flatnonzero(model.wanted)) == chosen
    dense = columns[:, sorted(chosen)]
    assert model.rank == (np.linalg.matrix_rank(dense) if chosen else 0)
    left = y - (dense @ np.linalg.lstsq(dense, y)[0] if chosen else 0.0)
    assert model.residual == pytest.approx(float(left @ left), rel=AGAINST_FRACTIONS)


def test_a_column_that_depended_on_a_dropped_one_is_taken_up() -> None:
    columns, y = made(1)
    model = nothing(columns, y).adding([1, 2, N_COLUMNS - 1])
    assert (model.rank, model.kept[N_COLUMNS - 1]) == (2, False)
    dropped = model.dropping([1])
    assert (dropped.rank, dropped.kept[N_COLUMNS - 1]) == (2, True)
    assert dropped.residual == pytest.approx(model.residual, rel=AGAINST_FRACTIONS)


def test_models_do_not_change_each_other() -> None:
    columns, y = made(2)
    one = nothing(columns, y).adding([0, 1])
    before = one.residual
    one.adding([2])
    one.dropping([0])
    assert (one.residual, one.rank) == (before, 2)
