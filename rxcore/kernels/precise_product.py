"""Weighted cross-products in double-double: about 32 significant digits, for data whose columns nearly depend on each
other. Some twenty times the work of ``kernels/cross_product.py``, whose layout of sums it shares.

A number less its origin, and every product, is kept as high + low, so that nothing is lost between the values of the
columns and the sums; see ``kernels/double_double.py``.
"""

from __future__ import annotations

import numpy as np

from rxcore.kernels.cross_product import take_rows
from rxcore.kernels.double_double import add, multiply
from rxcore.kernels.jit import kernel
from rxcore.kernels.tiles import TILE, form_cells, form_numbers, load


@kernel
def add_product(a_high, a_low, b_high, b_low, high, low, place):  # type: ignore[no-untyped-def]
    """Add a * b to the sum at that place."""
    product_high, product_low = multiply(a_high, a_low, b_high, b_low)
    high[place], low[place] = add(high[place], low[place], product_high, product_low)


@kernel
def add_row(  # type: ignore[no-untyped-def]
    numbers, numbers_low, scaled, scaled_low, cells, row, multipliers, n_cells, cell_offsets, pair_offsets, high, low
):  # fmt: skip
    """Add one row, whose numbers and whose numbers times the weight are given."""
    width = numbers.shape[0]
    n_terms = n_cells.shape[0]
    for a in range(width):
        for b in range(a + 1):
            add_product(scaled[a], scaled_low[a], numbers[b], numbers_low[b], high, low, a * width + b)
    for t in range(n_terms):
        by = multipliers[t]
        place = cell_offsets[t] + cells[t, row] * width
        for b in range(width):
            add_product(scaled[by], scaled_low[by], numbers[b], numbers_low[b], high, low, place + b)
    pair = 0
    for s in range(n_terms):
        for t in range(s + 1, n_terms):
            offset = pair_offsets[pair]
            pair += 1
            if offset >= 0:
                by, other = multipliers[s], multipliers[t]
                place = offset + cells[s, row] * n_cells[t] + cells[t, row]
                add_product(scaled[by], scaled_low[by], numbers[other], numbers_low[other], high, low, place)


@kernel
def precise_product(  # type: ignore[no-untyped-def]
    columns, variables, lookup, n_rows, weight_variable,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides,
    multipliers, n_cells, cell_offsets, pair_offsets, high, low, counts, missing,
):  # fmt: skip
    """Fold one block into ``high`` + ``low`` (float64), ``counts`` and ``missing`` (int64)."""
    width = number_first.shape[0]
    tile = np.empty((variables.shape[0], TILE))
    rows = np.empty(TILE, np.int64)
    weights = np.empty(TILE)
    plain = np.empty((width, TILE))
    cells = np.empty((max(n_cells.shape[0], 1), TILE), np.int64)
    numbers, numbers_low = np.empty(width), np.empty(width)
    scaled, scaled_low = np.empty(width), np.empty(width)
    nowhere = np.zeros(width - 1)
    for start in range(0, n_rows, TILE):
        count = min(TILE, n_rows - start)
        load(columns, variables, lookup, start, count, tile)
        kept = take_rows(tile, count, weight_variable, rows, weights, counts, missing)
        form_numbers(tile, number_factors, number_first, nowhere, kept, plain)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        for i in range(kept):
            for a in range(width):
                origin = origins[a - 1] if a > 0 else 0.0
                numbers[a], numbers_low[a] = add(plain[a, i], 0.0, -origin, 0.0)
                scaled[a], scaled_low[a] = multiply(weights[i], 0.0, numbers[a], numbers_low[a])
            add_row(
                numbers, numbers_low, scaled, scaled_low, cells, i, multipliers, n_cells, cell_offsets, pair_offsets,
                high, low,
            )  # fmt: skip


@kernel
def add_sums(high, low, other_high, other_low):  # type: ignore[no-untyped-def]
    """Add other sums to these, place by place."""
    for i in range(high.shape[0]):
        high[i], low[i] = add(high[i], low[i], other_high[i], other_low[i])
