"""The middle of a sandwich covariance: the cross-product of scores, row by row or summed within clusters.

The score of a row is its weighted residual times its columns, so its cross-product is that of the columns with the
squared residual as weight: factors stay unexpanded. Definitions: MacKinnon and White, "Some
heteroskedasticity-consistent covariance matrix estimators with improved finite sample properties" (1985), and Zeileis,
"Object-oriented computation of sandwich estimators" (2006).
"""

from __future__ import annotations

import numpy as np

from rxcore.kernels.cross_product import DENSE_NUMBERS, add_tile, flush_interval, move
from rxcore.kernels.jit import kernel
from rxcore.kernels.scores import PRIOR, RESIDUAL, SCORES, WORKING, load_scored
from rxcore.kernels.tiles import TILE, form_cells, form_numbers

# A row whose leverage is closer to 1 than this (the root of the machine epsilon) determines a coefficient alone.
_LEAST_FREEDOM = 1.4901161193847656e-08


@kernel
def leverage_tile(  # type: ignore[no-untyped-def]
    numbers, cells, count, multipliers, bread, numbers_bread, basis_offsets, leverage
):  # fmt: skip
    """leverage[row] = x' bread x of the rows of a tile, without working weights. ``numbers_bread`` is the part of the
    bread that belongs to the numbers.
    """
    width = numbers.shape[0]
    for i in range(count):
        leverage[i] = 0.0
    if width > DENSE_NUMBERS:
        for b in range(width):
            for i in range(count, TILE):
                numbers[b, i] = 0.0
        spread = np.dot(numbers_bread, numbers)
        for b in range(width):
            for i in range(count):
                leverage[i] += numbers[b, i] * spread[b, i]
    else:
        for a in range(width):
            for b in range(a + 1):
                factor = bread[a, b] if a == b else 2.0 * bread[a, b]
                for i in range(count):
                    leverage[i] += factor * numbers[a, i] * numbers[b, i]
    for t in range(multipliers.shape[0]):
        for i in range(count):
            place = basis_offsets[t] + cells[t, i]
            by = numbers[multipliers[t], i]
            total = by * bread[place, place]
            for b in range(width):
                total += 2.0 * numbers[b, i] * bread[place, b]
            for s in range(t):
                total += 2.0 * numbers[multipliers[s], i] * bread[place, basis_offsets[s] + cells[s, i]]
            leverage[i] += by * total


@kernel
def square_scores(  # type: ignore[no-untyped-def]
    residuals, weights, prior, repeated, leverage, power, count, squares
):  # fmt: skip
    """squares[row] = squared weighted residual, divided by ``power`` times (1 - leverage). Where rows are ``repeated``
    as often as their prior weight says, each copy counts on its own. Returns how many rows have leverage 1.
    """
    determined = 0
    for i in range(count):
        copies = prior[i] if repeated else 1.0
        residual = residuals[i] / copies
        square = copies * residual * residual
        if power > 0:
            freedom = 1.0 - leverage[i] * weights[i] / copies
            if freedom < _LEAST_FREEDOM:
                determined += 1
                freedom = 1.0
            for _ in range(power):
                square /= freedom
        squares[i] = square
    return determined


@kernel
def meat(  # type: ignore[no-untyped-def]
    columns, variables, lookup, begin, end, scores, repeated, power,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides, multipliers, n_cells, cell_offsets,
    pair_offsets, bread, numbers_bread, basis_offsets, sums,
):  # fmt: skip
    """Add the cross-product of the scores of the rows from ``begin`` to ``end`` to ``sums``. Returns how many rows have
    leverage 1.
    """
    n_variables = variables.shape[0]
    part = np.zeros(sums.shape[0])
    flush = flush_interval(sums.shape[0])
    tile = np.empty((n_variables + SCORES, TILE))
    rows = np.empty(TILE, np.int64)
    squares = np.empty(TILE)
    leverage = np.empty(TILE)
    product = np.empty(TILE)
    numbers = np.empty((number_first.shape[0], TILE))
    scaled = np.empty((number_first.shape[0], TILE))
    places = np.empty(TILE, np.int64)
    cells = np.empty((max(n_cells.shape[0], 1), TILE), np.int64)
    determined = 0
    for start in range(begin, end, TILE):
        count = min(TILE, end - start)
        kept = load_scored(columns, variables, lookup, start, count, scores, start - begin, tile, rows)
        form_numbers(tile, number_factors, number_first, origins, kept, numbers)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        if power > 0:
            leverage_tile(numbers, cells, kept, multipliers, bread, numbers_bread, basis_offsets, leverage)
        determined += square_scores(
            tile[n_variables + RESIDUAL], tile[n_variables + WORKING], tile[n_variables + PRIOR], repeated, leverage,
            power, kept, squares,
        )  # fmt: skip
        add_tile(
            numbers, cells, squares, kept, multipliers, n_cells, cell_offsets, pair_offsets,
            scaled, product, places, part,
        )  # fmt: skip
        if ((start - begin) // TILE + 1) % flush == 0 or start + TILE >= end:
            move(part, sums)
    return determined
