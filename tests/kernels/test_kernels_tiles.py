"""Widening, look-up, bins and complete rows against plain numpy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rxcore.blocks import Block
from rxcore.kernels import tiles
from rxcore.variables import Variable, VariableSet
from xdf.columns import Column


def load(variables: list[Variable], columns: dict[str, Column], start: int = 0, count: int | None = None) -> np.ndarray:
    n_rows = len(next(iter(columns.values())))
    count = n_rows - start if count is None else count
    bound = VariableSet(tuple(variables)).bind(Block(n_rows, columns))
    out = np.empty((len(variables), max(count, 1)))
    tiles.load(bound.columns, bound.variables, bound.lookup, start, count, out)
    return out[:, :count]


@pytest.mark.parametrize("dtype", sorted(tiles.TYPE_CODES))
def test_every_type_widens_to_the_same_numbers(dtype: str) -> None:
    values = np.array([0, 1, 7, 100, 127], dtype)
    assert load([Variable("x", "x")], {"x": Column(values)}).tolist() == [[0.0, 1.0, 7.0, 100.0, 127.0]]


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("base", [-5, 0, 3, 10**6, 2**52 + 1, 2**62 + 12345])
def test_a_base_is_added_before_rounding(dtype: str, base: int) -> None:
    values = np.array([0, 1, 2, 127], dtype)
    wanted = [float(int(value) + base) for value in values]
    if dtype == "uint64" and base < 0:
        base, wanted = 2**63 + 5, [float(int(value) + 2**63 + 5) for value in values]
    assert load([Variable("x", "x")], {"x": Column(values, base=base)}).tolist() == [wanted]


@given(
    values=st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62)), min_size=1, max_size=40),
    skip=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_a_bitmap_with_any_offset_makes_missing(values: list[int | None], skip: int) -> None:
    array = pa.array([None] * skip + values, pa.int64())[skip:]
    got = load([Variable("x", "x")], {"x": Column.from_arrow(array)})[0]
    assert [None if np.isnan(v) else v for v in got] == [None if v is None else float(v) for v in values]


def test_factor_codes_go_through_levels_by_value() -> None:
    column = Column.from_arrow(pa.array(["b", None, "a", "z"]).dictionary_encode())
    got = load([Variable("f", "f", levels=("a", "b", "c"))], {"f": column})[0]
    assert got[:1].tolist() == [1.0]
    assert np.isnan(got[1])
    assert got[2] == 0.0
    assert np.isnan(got[3]), "a level the variable does not have is missing"


def test_codes_outside_the_levels_are_missing() -> None:
    column = Column(np.array([-1, 0, 1, 2], np.int8), levels=pa.array(["a", "b"]))
    got = load([Variable("f", "f", levels=("a", "b"))], {"f": column})[0]
    assert np.isnan(got).tolist() == [True, False, False, True]


@pytest.mark.parametrize(("exclude", "outside"), [(True, np.nan), (False, 3.0)])
def test_bins_hold_each_integer_from_low_to_high(exclude: bool, outside: float) -> None:
    column = Column(np.array([1.0, 1.99, 2.0, 3.5, 0.99, 4.0, np.nan]))
    variable = Variable("F_x", "x", levels=("1", "2", "3"), bins=(1, 3, exclude))
    got = load([variable], {"x": column})[0]
    np.testing.assert_array_equal(got, [0, 0, 1, 2, outside, outside, np.nan])


def test_keep_complete_moves_complete_rows_forward_in_order() -> None:
    tile = np.array([[1.0, np.nan, 3.0, 4.0], [5.0, 6.0, np.nan, 8.0]])
    rows = np.empty(4, np.int64)
    missing = np.zeros(2, np.int64)
    assert tiles.keep_complete(tile, 2, 4, rows, missing) == 2
    assert tile[:, :2].tolist() == [[1.0, 4.0], [5.0, 8.0]]
    assert rows[:2].tolist() == [0, 3]
    assert missing.tolist() == [1, 1]
