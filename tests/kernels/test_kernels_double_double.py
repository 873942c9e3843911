"""Double-double arithmetic and the sweep against fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from naive import solve_exactly
from tolerances import DOUBLE_DOUBLE

from rxcore.kernels import double_double

NUMBERS = st.floats(-1e15, 1e15, allow_nan=False, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-15)


def as_fraction(pair: tuple[float, float]) -> Fraction:
    return Fraction(pair[0]) + Fraction(pair[1])


def close(got: Fraction, wanted: Fraction, scale: Fraction) -> bool:
    return abs(got - wanted) <= Fraction(DOUBLE_DOUBLE) * scale


@given(a=NUMBERS, b=NUMBERS, c=NUMBERS, d=NUMBERS)
@settings(max_examples=50, deadline=None)
def test_sums_and_products(a: float, b: float, c: float, d: float) -> None:
    left = double_double.add(a, 0.0, b * 1e-17, 0.0)
    right = double_double.add(c, 0.0, d * 1e-17, 0.0)
    exact_left, exact_right = as_fraction(left), as_fraction(right)
    total = as_fraction(double_double.add(*left, *right))
    assert close(total, exact_left + exact_right, abs(exact_left) + abs(exact_right))
    product = as_fraction(double_double.multiply(*left, *right))
    assert close(product, exact_left * exact_right, abs(exact_left * exact_right))


@given(a=NUMBERS.filter(bool))
@settings(max_examples=50, deadline=None)
def test_reciprocal(a: float) -> None:
    assert close(as_fraction(double_double.reciprocal(a, 0.0)), 1 / Fraction(a), abs(1 / Fraction(a)))


def test_sweeping_an_ill_conditioned_matrix_keeps_every_digit() -> None:
    # The Hilbert matrix of size 8 has condition 1e10; plain elimination leaves six digits.
    hilbert = np.array([[1.0 / (i + j + 1) for j in range(8)] for i in range(8)])
    right = np.arange(1.0, 9.0)
    high = np.zeros((9, 9))
    high[:8, :8] = hilbert
    high[:8, 8] = high[8, :8] = right
    low = np.zeros((9, 9))
    for k in range(8):
        double_double.sweep(high, low, k)
    np.testing.assert_allclose(high[:8, 8], solve_exactly(hilbert, right), rtol=1e-15)
