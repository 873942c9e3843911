"""Linear models of whole numbers without any rounding: cross-products as integers, solved in fractions.

For models that are so badly conditioned that R's own digits run out. Each takes a few seconds.
"""

from __future__ import annotations

from fractions import Fraction
from math import sqrt
from typing import Any

import numpy as np
import pandas as pd

Matrix = list[list[Fraction]]


def dummies(factor: pd.Series) -> list[np.ndarray]:
    """0/1 columns of every level but the last."""
    codes = factor.cat.codes.to_numpy()
    return [(codes == level).astype(np.int64) for level in range(len(factor.cat.categories) - 1)]


def main_columns(flights: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Columns of ``arr_delay ~ day_of_week + carrier + distance + hour`` that are kept, and the response."""
    used = flights.dropna(subset=["arr_delay"])
    numbers = [used[name].to_numpy(np.int64) for name in ("distance", "hour")]
    columns = [np.ones(len(used), np.int64), *dummies(used["day_of_week"]), *dummies(used["carrier"]), *numbers]
    return np.column_stack(columns), used["arr_delay"].to_numpy(np.int64)


def interaction_columns(flights: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Columns of ``arr_delay ~ carrier*hour + dep_delay`` that are kept, and the response."""
    used = flights.dropna(subset=["arr_delay", "dep_delay"])
    hour, carriers = used["hour"].to_numpy(np.int64), dummies(used["carrier"])
    columns = [np.ones(len(used), np.int64), *carriers, hour, *(carrier * hour for carrier in carriers)]
    return np.column_stack([*columns, used["dep_delay"].to_numpy(np.int64)]), used["arr_delay"].to_numpy(np.int64)


def inverse(matrix: Matrix) -> Matrix:
    """Gauss-Jordan elimination of a positive definite matrix."""
    size = len(matrix)
    rows = [[*row, *(Fraction(int(i == j)) for j in range(size))] for i, row in enumerate(matrix)]
    for i in range(size):
        pivot = rows[i][i]
        rows[i] = [value / pivot for value in rows[i]]
        for k in range(size):
            factor = rows[k][i]
            if k != i and factor:
                rows[k] = [value - factor * other for value, other in zip(rows[k], rows[i], strict=True)]
    return [row[size:] for row in rows]


def fit(columns: np.ndarray, response: np.ndarray) -> dict[str, Any]:
    """Least squares with an intercept as first column; every value is rounded once, at the end."""
    n, size = columns.shape
    products = columns.T @ columns
    right = [int(value) for value in columns.T @ response]
    inverted = inverse([[Fraction(int(value)) for value in row] for row in products])
    estimate = [sum((a * b for a, b in zip(row, right, strict=True)), Fraction(0)) for row in inverted]
    total = Fraction(int(response @ response)) - Fraction(int(response.sum()) ** 2, n)
    residual = Fraction(int(response @ response)) - sum(
        (a * b for a, b in zip(estimate, right, strict=True)), Fraction(0)
    )
    variance = residual / (n - size)
    # 1-norm condition number: centred cross-product with unit diagonal. Its inverse is a block of the inverse.
    centred = [
        [Fraction(int(products[i, j])) - Fraction(int(products[0, i]) * int(products[0, j]), n) for j in range(1, size)]
        for i in range(1, size)
    ]
    scale = [sqrt(centred[i][i]) for i in range(size - 1)]
    places = range(size - 1)
    norm = max(sum(abs(float(centred[i][j])) / (scale[i] * scale[j]) for i in places) for j in places)
    inverse_norm = max(sum(abs(float(inverted[i + 1][j + 1])) * scale[i] * scale[j] for i in places) for j in places)
    return {
        "estimate": [float(value) for value in estimate],
        "error": [sqrt(inverted[i][i] * variance) for i in range(size)],
        "sigma": sqrt(variance),
        "residual_squares": float(residual),
        "r_squared": float(1 - residual / total),
        "f_value": float((total - residual) / (size - 1) / variance),
        "condition_number": norm * inverse_norm,
    }
