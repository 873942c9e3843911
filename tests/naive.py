"""Slow, obvious versions of what kernels and solvers compute: dense columns, exact sums, one row at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def dummies(codes: npt.NDArray[np.int64], n_levels: int) -> Floats:
    """One column for each level."""
    return (codes[:, None] == np.arange(n_levels)).astype(np.float64)


def exact_cross_product(columns: Floats, weights: Floats) -> Floats:
    """Sum of weight * column * column, each entry summed without rounding."""
    n_columns = columns.shape[1]
    out = np.empty((n_columns, n_columns))
    for a in range(n_columns):
        for b in range(n_columns):
            products = (
                Fraction(float(w)) * Fraction(float(x)) * Fraction(float(y))
                for w, x, y in zip(weights, columns[:, a], columns[:, b], strict=True)
            )
            out[a, b] = float(sum(products, Fraction(0)))
    return out


def moments(values: Sequence[float], weights: Sequence[float]) -> tuple[float, float, float]:
    """Sum of weights, mean and centred sum of squares, without rounding until the end."""
    pairs = [(Fraction(w), Fraction(x)) for w, x in zip(weights, values, strict=True) if w > 0 and not math.isnan(x)]
    total = sum((w for w, _ in pairs), Fraction(0))
    if not total:
        return 0.0, math.nan, 0.0
    mean = sum((w * x for w, x in pairs), Fraction(0)) / total
    squares = sum((w * (x - mean) ** 2 for w, x in pairs), Fraction(0))
    return float(total), float(mean), float(squares)


def solve_exactly(matrix: Floats, right: Floats) -> Floats:
    """Gauss-Jordan elimination in fractions."""
    size = len(right)
    rows = [[Fraction(float(v)) for v in row] + [Fraction(float(r))] for row, r in zip(matrix, right, strict=True)]
    for k in range(size):
        pivot = next(i for i in range(k, size) if rows[i][k] != 0)
        rows[k], rows[pivot] = rows[pivot], rows[k]
        rows[k] = [value / rows[k][k] for value in rows[k]]
        for i in range(size):
            if i != k and rows[i][k]:
                rows[i] = [a - rows[i][k] * b for a, b in zip(rows[i], rows[k], strict=True)]
    return np.array([float(row[size]) for row in rows])
