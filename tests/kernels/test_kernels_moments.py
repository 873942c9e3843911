"""Moments against exact fractions."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import moments
from tolerances import rounding_of_squares

from rxcore.blocks import Block
from rxcore.kernels import moments as fields
from rxcore.updaters.moments import Moments, MomentsItem
from rxcore.variables import Variable, VariableSet
from xdf.columns import Column

NUMBERS = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: float(np.float32(value)))


def table(values: list[float], weights: list[float] | None = None) -> np.ndarray:
    columns = {"x": Column(np.array(values, np.float64))}
    variables = [Variable("x", "x")]
    if weights is not None:
        columns["w"] = Column(np.array(weights, np.float64))
        variables.append(Variable("w", "w"))
    updater = Moments(VariableSet(tuple(variables)), (MomentsItem((0,)),), weight=-1 if weights is None else 1)
    return updater.finalize(updater.update(updater.init(), Block(len(values), columns))).tables[0][0]


@given(values=st.lists(st.one_of(NUMBERS, st.just(math.nan)), max_size=1100), offset=st.sampled_from([0.0, 1e8, -1e12]))
@settings(max_examples=50, deadline=None)
def test_plain_moments_keep_their_digits(values: list[float], offset: float) -> None:
    values = [value + offset for value in values]
    got = table(values)
    weight, mean, squares = moments(values, [1.0] * len(values))
    assert got[fields.COUNT] == weight
    assert got[fields.MISSING] == len(values) - weight
    if weight:
        bound = rounding_of_squares(mean, squares, weight)
        # Where numbers cancel, their mean is as exact as they are large, not as it is itself.
        size = math.sqrt(mean * mean + squares / weight)
        assert got[fields.MEAN] == pytest.approx(mean, abs=bound * size)
        assert got[fields.SQUARES] == pytest.approx(squares, rel=bound, abs=bound * max(abs(mean), 1.0))
        present = [value for value in values if not math.isnan(value)]
        assert got[fields.MINIMUM] == min(present)
        assert got[fields.MAXIMUM] == max(present)


@given(rows=st.lists(st.tuples(NUMBERS, st.integers(0, 5)), min_size=1, max_size=600))
@settings(max_examples=30, deadline=None)
def test_weighted_moments(rows: list[tuple[float, int]]) -> None:
    values, weights = [value for value, _ in rows], [float(weight) for _, weight in rows]
    got = table(values, weights)
    weight, mean, squares = moments(values, weights)
    assert got[fields.WEIGHT] == weight
    assert got[fields.SQUARED_WEIGHT] == sum(w * w for w in weights)
    if weight:
        bound = rounding_of_squares(mean, squares, len(rows))
        assert got[fields.MEAN] == pytest.approx(mean, rel=bound, abs=1e-9)
        assert got[fields.SQUARES] == pytest.approx(squares, rel=bound, abs=1e-6)


def test_cells_first_factor_fastest_and_missing_cells_last() -> None:
    block = Block(
        6,
        {
            "x": Column(np.array([1.0, 2.0, 3.0, 4.0, np.nan, 6.0])),
            "a": Column.from_arrow(pa.array(["p", "q", "p", None, "p", "q"]).dictionary_encode()),
            "b": Column.from_arrow(pa.array(["s", "s", "t", "s", "s", "t"]).dictionary_encode()),
        },
    )
    variables = VariableSet(
        (Variable("x", "x"), Variable("a", "a", levels=("p", "q")), Variable("b", "b", levels=("s", "t")))
    )
    updater = Moments(variables, (MomentsItem((0,), (1, 2)), MomentsItem((), (1,))))
    result = updater.finalize(updater.update(updater.init(), block))
    by_cell, by_level = result.tables
    assert by_cell[:, fields.COUNT].tolist() == [1, 1, 1, 1, 1]
    assert by_cell[:4, fields.MEAN].tolist() == [1.0, 2.0, 3.0, 6.0]
    assert by_cell[:, fields.MISSING].tolist() == [1, 0, 0, 0, 0]
    assert by_level[:, fields.COUNT].tolist() == [3, 2, 1]
    assert result.n_rows == 6


def test_listwise_leaves_a_row_out_of_every_item() -> None:
    block = Block(3, {"x": Column(np.array([1.0, np.nan, 3.0])), "z": Column(np.array([1.0, 2.0, np.nan]))})
    variables = VariableSet((Variable("x", "x"), Variable("z", "z")))
    updater = Moments(variables, (MomentsItem((0,)), MomentsItem((1,))), listwise=True)
    result = updater.finalize(updater.update(updater.init(), block))
    assert [t[0, fields.COUNT] for t in result.tables] == [1.0, 1.0]
    assert result.n_left_out == 2


def test_an_empty_block_changes_nothing() -> None:
    got = table([])
    assert got[fields.COUNT] == 0
    assert got[fields.SQUARES] == 0.0
