"""Weighted cross-products with factors unexpanded: numbers by numbers dense, cells by numbers as group sums, cells by
cells as tables.

``sums`` is one flat array. With D = 1 + number of numbers (number 0 is the constant 1):

- ``sums[a * D + b]``, b <= a: sum of weight * number a * number b;
- for cell term t at ``cell_offsets[t]``: ``[cell * D + b]`` = sum of weight * u_t * number b;
- for the pair p of cell terms s < t at ``pair_offsets[p]``: ``[cell_s * cells_t + cell_t]`` = sum of weight * u_s *
u_t,

where u_t is 1, or the number that multiplies the cells of term t.
"""

from __future__ import annotations

import numpy as np

from rxcore.kernels.jit import kernel
from rxcore.kernels.tiles import TILE, form_cells, form_numbers, keep_complete, load

# Beyond this many numbers one matrix product a tile is faster than the plain loops.
DENSE_NUMBERS = 12

N_VALID, N_MISSING, N_ZERO_WEIGHT, N_NEGATIVE_WEIGHT, N_FRACTIONAL_WEIGHT = range(5)
N_SATURATED, N_EVENTS, N_OTHER_RESPONSE, N_INVALID, N_BAD_RESPONSE = range(5, 10)
COUNTS = 10


@kernel
def weigh(tile, weight_variable, count, n_variables, weights, counts):  # type: ignore[no-untyped-def]
    """The weight of each complete row; rows of weight zero or less move out. Returns how many rows stay."""
    if weight_variable < 0:
        for i in range(count):
            weights[i] = 1.0
        return count
    kept = 0
    for i in range(count):
        weight = tile[weight_variable, i]
        if weight > 0.0:
            if weight != np.floor(weight):
                counts[N_FRACTIONAL_WEIGHT] += 1
            weights[kept] = weight
            if kept != i:
                for v in range(n_variables):
                    tile[v, kept] = tile[v, i]
            kept += 1
        elif weight < 0.0:
            counts[N_NEGATIVE_WEIGHT] += 1
        else:
            counts[N_ZERO_WEIGHT] += 1
    return kept


@kernel
def take_rows(tile, count, weight_variable, rows, weights, counts, missing):  # type: ignore[no-untyped-def]
    """Move complete rows with a weight above zero to the front of the tile, and count the others; returns how many."""
    n_variables = tile.shape[0]
    complete = keep_complete(tile, n_variables, count, rows, missing)
    counts[N_MISSING] += count - complete
    kept = weigh(tile, weight_variable, complete, n_variables, weights, counts)
    counts[N_VALID] += kept
    return kept


@kernel
def add_products(left, right, count):  # type: ignore[no-untyped-def]
    """Sum of left * right over a tile. Four running sums, because one would wait for itself."""
    a = b = c = d = 0.0
    whole = count - count % 4
    for i in range(0, whole, 4):
        a += left[i] * right[i]
        b += left[i + 1] * right[i + 1]
        c += left[i + 2] * right[i + 2]
        d += left[i + 3] * right[i + 3]
    for i in range(whole, count):
        a += left[i] * right[i]
    return (a + b) + (c + d)


@kernel
def add_numbers(numbers, weights, count, scaled, sums):  # type: ignore[no-untyped-def]
    """Add numbers by numbers of one tile."""
    width = numbers.shape[0]
    for a in range(width):
        for i in range(count):
            scaled[a, i] = weights[i] * numbers[a, i]
    if width > DENSE_NUMBERS:
        for a in range(width):
            for i in range(count, TILE):
                scaled[a, i] = 0.0
                numbers[a, i] = 0.0
        product = np.dot(scaled, numbers.T)
        for a in range(width):
            for b in range(a + 1):
                sums[a * width + b] += product[a, b]
        return
    for a in range(width):
        for b in range(a + 1):
            sums[a * width + b] += add_products(scaled[a], numbers[b], count)


@kernel
def add_tile(  # type: ignore[no-untyped-def]
    numbers, cells, weights, count, multipliers, n_cells, cell_offsets, pair_offsets, scaled, product, places, sums
):  # fmt: skip
    """Add one tile to ``sums``; layout as in the module's docstring. ``scaled``, ``product``
    and ``places`` are room to work in.
    """
    width = numbers.shape[0]
    n_terms = n_cells.shape[0]
    add_numbers(numbers, weights, count, scaled, sums)
    for t in range(n_terms):
        offset = cell_offsets[t]
        by = multipliers[t]
        for i in range(count):
            places[i] = offset + cells[t, i] * width
        for b in range(width):
            if by == 0:
                part = scaled[b]
            else:
                part = product
                for i in range(count):
                    part[i] = scaled[by, i] * numbers[b, i]
            for i in range(count):
                sums[places[i] + b] += part[i]
    pair = 0
    for s in range(n_terms):
        for t in range(s + 1, n_terms):
            offset = pair_offsets[pair]
            pair += 1
            if offset < 0:
                continue
            size = n_cells[t]
            part = scaled[multipliers[s]]
            if multipliers[t] > 0:
                part = product
                for i in range(count):
                    part[i] = scaled[multipliers[s], i] * numbers[multipliers[t], i]
            for i in range(count):
                sums[offset + cells[s, i] * size + cells[t, i]] += part[i]


@kernel
def flush_interval(n_sums):  # type: ignore[no-untyped-def]
    """Tiles between two moves of partial sums: short partial sums lose fewer digits, and moving must stay cheap."""
    return max(8, 8 * n_sums // TILE)


@kernel
def move(part, sums):  # type: ignore[no-untyped-def]
    """Add partial sums to the sums and start them again."""
    for i in range(part.shape[0]):
        sums[i] += part[i]
        part[i] = 0.0


@kernel
def cross_product(  # type: ignore[no-untyped-def]
    columns, variables, lookup, n_rows, weight_variable,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides,
    multipliers, n_cells, cell_offsets, pair_offsets, sums, counts, missing,
):  # fmt: skip
    """Fold one block into ``sums`` (float64), ``counts`` and ``missing`` (int64)."""
    part = np.zeros(sums.shape[0])
    flush = flush_interval(sums.shape[0])
    tile = np.empty((variables.shape[0], TILE))
    rows = np.empty(TILE, np.int64)
    weights = np.empty(TILE)
    numbers = np.empty((number_first.shape[0], TILE))
    scaled = np.empty((number_first.shape[0], TILE))
    product = np.empty(TILE)
    places = np.empty(TILE, np.int64)
    cells = np.empty((max(n_cells.shape[0], 1), TILE), np.int64)
    for start in range(0, n_rows, TILE):
        count = min(TILE, n_rows - start)
        load(columns, variables, lookup, start, count, tile)
        kept = take_rows(tile, count, weight_variable, rows, weights, counts, missing)
        form_numbers(tile, number_factors, number_first, origins, kept, numbers)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        add_tile(
            numbers,
            cells,
            weights,
            kept,
            multipliers,
            n_cells,
            cell_offsets,
            pair_offsets,
            scaled,
            product,
            places,
            part,
        )
        if (start // TILE + 1) % flush == 0 or start + TILE >= n_rows:
            move(part, sums)
