"""Count, weights, mean, centred sum of squares, minimum and maximum of numbers, by cell.

Within a block the corrected two-pass formula; blocks are joined by the pairwise formula of Chan, Golub and LeVeque,
"Updating formulae and a pairwise algorithm for computing sample variances" (1979).
"""

from __future__ import annotations

import numpy as np

from rxcore.kernels.jit import kernel
from rxcore.kernels.tiles import TILE, load

COUNT, WEIGHT, SQUARED_WEIGHT, MEAN, SQUARES, MINIMUM, MAXIMUM, MISSING, MISSING_WEIGHT = range(9)
FIELDS = 9

# Running sums of a block: number i of those that are there goes to lane i % LANES.
LANES = 64


@kernel
def clear(table):  # type: ignore[no-untyped-def]
    """Make every row of a moments table empty."""
    for r in range(table.shape[0]):
        for f in range(FIELDS):
            table[r, f] = 0.0
        table[r, MINIMUM] = np.inf
        table[r, MAXIMUM] = -np.inf


@kernel
def join(left, right):  # type: ignore[no-untyped-def]
    """Add row ``right`` to row ``left``, both of one moments table each. An empty right changes nothing."""
    weight = right[WEIGHT]
    if weight > 0.0:
        total = left[WEIGHT] + weight
        if left[WEIGHT] > 0.0:
            difference = right[MEAN] - left[MEAN]
            share = weight / total
            left[SQUARES] += right[SQUARES] + difference * difference * left[WEIGHT] * share
            left[MEAN] += difference * share
        else:
            left[MEAN] = right[MEAN]
            left[SQUARES] = right[SQUARES]
        left[WEIGHT] = total
    left[COUNT] += right[COUNT]
    left[SQUARED_WEIGHT] += right[SQUARED_WEIGHT]
    left[MINIMUM] = min(left[MINIMUM], right[MINIMUM])
    left[MAXIMUM] = max(left[MAXIMUM], right[MAXIMUM])
    left[MISSING] += right[MISSING]
    left[MISSING_WEIGHT] += right[MISSING_WEIGHT]


@kernel
def merge(left, right):  # type: ignore[no-untyped-def]
    """Add every row of the table ``right`` to the same row of ``left``."""
    for r in range(left.shape[0]):
        join(left[r], right[r])


@kernel
def _all_present(row):  # type: ignore[no-untyped-def]
    """Whether a whole tile of numbers is there."""
    missing = 0
    for i in range(TILE):
        missing += row[i] != row[i]
    return missing == 0


@kernel
def _stage(values, count, staged, waiting):  # type: ignore[no-untyped-def]
    """Put the numbers that are there behind those that wait; returns how many wait then."""
    for i in range(count):
        staged[waiting] = values[i]
        waiting += values[i] == values[i]
    return waiting


@kernel
def _fold(staged, waiting, first_mean, lanes, low, high):  # type: ignore[no-untyped-def]
    """Add whole groups of LANES staged numbers to the lanes, and move the rest to the front; returns their count.

    ``lanes[0]`` sums the differences from ``first_mean``, ``lanes[1]`` their squares.
    """
    whole = waiting - waiting % LANES
    for group in range(0, whole, LANES):
        # Lane by lane there is nothing to wait for, so this compiles to vector instructions, in a fixed order.
        for k in range(LANES):
            value = staged[group + k]
            difference = value - first_mean
            lanes[0, k] += difference
            lanes[1, k] += difference * difference
            low[k] = min(low[k], value)
            high[k] = max(high[k], value)
    for i in range(whole, waiting):
        staged[i - whole] = staged[i]
    return waiting - whole


@kernel
def _close(staged, waiting, first_mean, lanes, low, high):  # type: ignore[no-untyped-def]
    """Add the numbers that still wait, one to a lane, and fold the lanes in halves into lane 0."""
    for k in range(waiting):
        difference = staged[k] - first_mean
        lanes[0, k] += difference
        lanes[1, k] += difference * difference
        low[k] = min(low[k], staged[k])
        high[k] = max(high[k], staged[k])
    half = LANES // 2
    while half:
        for k in range(half):
            lanes[0, k] += lanes[0, k + half]
            lanes[1, k] += lanes[1, k + half]
            low[k] = min(low[k], low[k + half])
            high[k] = max(high[k], high[k + half])
        half //= 2


@kernel
def plain_moments(columns, variables, lookup, n_rows, numbers, tables):  # type: ignore[no-untyped-def]
    """Moments of unweighted numbers, each one variable, in two sweeps over the block.

    This is the arithmetic that the statistics in a file's footer use too (``xdf/stats.py``), operation by operation, so
    that a summary has the same bits whether it reads the footer or the data. A change here is a change there.
    """
    n_numbers = numbers.shape[0]
    tile = np.empty((variables.shape[0], TILE))
    staged = np.empty((n_numbers, TILE + LANES))
    lanes = np.zeros((n_numbers, 2, LANES))
    low = np.full((n_numbers, LANES), np.inf)
    high = np.full((n_numbers, LANES), -np.inf)
    first_mean = np.zeros(n_numbers)
    present = np.zeros(n_numbers, np.int64)
    for sweep in range(2):
        lanes[:] = 0.0
        waiting = np.zeros(n_numbers, np.int64)
        for start in range(0, n_rows, TILE):
            count = min(TILE, n_rows - start)
            load(columns, variables, lookup, start, count, tile)
            for k in range(n_numbers):
                row = tile[numbers[k]]
                if waiting[k] == 0 and count == TILE and _all_present(row):
                    _fold(row, TILE, first_mean[k], lanes[k], low[k], high[k])
                    present[k] += TILE * (1 - sweep)
                    continue
                before = waiting[k]
                waiting[k] = _stage(row, count, staged[k], before)
                present[k] += (waiting[k] - before) * (1 - sweep)
                waiting[k] = _fold(staged[k], waiting[k], first_mean[k], lanes[k], low[k], high[k])
        for k in range(n_numbers):
            _close(staged[k], waiting[k], first_mean[k], lanes[k], low[k], high[k])
            if sweep == 0 and present[k]:
                first_mean[k] = lanes[k, 0, 0] / present[k]
    for k in range(n_numbers):
        part = tables[k]
        n = np.float64(present[k])
        part[MISSING] = part[MISSING_WEIGHT] = n_rows - present[k]
        if present[k] == 0:
            continue
        part[COUNT] = part[WEIGHT] = part[SQUARED_WEIGHT] = n
        rest = lanes[k, 0, 0]
        part[MEAN] = first_mean[k] if np.isinf(first_mean[k]) else first_mean[k] + rest / n
        squares = lanes[k, 1, 0] - rest * (rest / n)
        part[SQUARES] = max(squares, 0.0)
        part[MINIMUM] = low[k, 0]
        part[MAXIMUM] = high[k, 0]


@kernel
def _weighted_tile(values, weights, count, part):  # type: ignore[no-untyped-def]
    """Moments of weighted numbers that are all there, with weights above zero."""
    total = 0.0
    squared = 0.0
    first = 0.0
    for i in range(count):
        total += weights[i]
        squared += weights[i] * weights[i]
        first += weights[i] * values[i]
        part[MINIMUM] = min(part[MINIMUM], values[i])
        part[MAXIMUM] = max(part[MAXIMUM], values[i])
    mean = first / total
    rest = 0.0
    squares = 0.0
    for i in range(count):
        difference = values[i] - mean
        rest += weights[i] * difference
        squares += weights[i] * difference * difference
    part[COUNT] = count
    part[WEIGHT] = total
    part[SQUARED_WEIGHT] = squared
    part[MEAN] = mean + rest / total
    part[SQUARES] = squares - rest * rest / total


@kernel
def _add_by_cell(values, weights, cells, count, table):  # type: ignore[no-untyped-def]
    """Add rows one by one to the cells of a block's table (Welford's update in West's weighted form, 1979)."""
    for i in range(count):
        row = table[cells[i]]
        weight = weights[i]
        total = row[WEIGHT] + weight
        difference = values[i] - row[MEAN]
        step = difference * weight / total
        row[MEAN] += step
        row[SQUARES] += row[WEIGHT] * difference * step
        row[WEIGHT] = total
        row[COUNT] += 1.0
        row[SQUARED_WEIGHT] += weight * weight
        row[MINIMUM] = min(row[MINIMUM], values[i])
        row[MAXIMUM] = max(row[MAXIMUM], values[i])


@kernel
def find_cells(tile, factors, strides, count, last, cells):  # type: ignore[no-untyped-def]
    """cells[row] = place in the grid of the factors, ``last`` where one of them is missing."""
    for i in range(count):
        cells[i] = 0
    for f in range(factors.shape[0]):
        codes = tile[factors[f]]
        for i in range(count):
            known = codes[i] == codes[i] and cells[i] != last
            cells[i] = cells[i] + strides[f] * np.int64(codes[i]) if known else last


@kernel
def add_item(  # type: ignore[no-untyped-def]
    tile, weights, use, count, numbers, factors, strides, table, values, kept_weights, cells, part
):  # fmt: skip
    """Add one tile to the table of one item."""
    find_cells(tile, factors, strides, count, table.shape[0] - 1, cells)
    if numbers[0] < 0:
        for i in range(count):
            if use[i]:
                row = table[cells[i]]
                row[COUNT] += 1.0
                row[WEIGHT] += weights[i]
                row[SQUARED_WEIGHT] += weights[i] * weights[i]
        return
    kept = 0
    for i in range(count):
        value = 1.0
        j = 0
        while numbers[j] >= 0:
            value *= tile[numbers[j], i]
            j += 1
        if not use[i]:
            continue
        if value == value:
            values[kept] = value
            kept_weights[kept] = weights[i]
            cells[kept] = cells[i]
            kept += 1
        else:
            table[cells[i], MISSING] += 1.0
            table[cells[i], MISSING_WEIGHT] += weights[i]
    if kept == 0:
        return
    if factors.shape[0]:
        _add_by_cell(values, kept_weights, cells, kept, table)
        return
    clear(part)
    _weighted_tile(values, kept_weights, kept, part[0])
    join(table[0], part[0])


@kernel
def moments(  # type: ignore[no-untyped-def]
    columns, variables, lookup, n_rows, weight_variable, listwise,
    item_number, cell_factors, cell_first, cell_strides, item_offsets, table, dropped,
):  # fmt: skip
    """Fold one block into an empty ``table``.

    Item k summarises the product of variables (``item_number[k]``, -1 ends; none at all counts rows only) within the
    cells of the factors ``cell_first[k] .. cell_first[k + 1]``; its rows of the table are ``item_offsets[k, 0] ..
    item_offsets[k, 1]``, the last of them for rows whose cell is missing. ``listwise``: a row with anything missing is
    left out of every item.
    ``dropped``: rows left out for that, rows without a weight above zero, rows with a negative weight, rows with a
    fractional weight.
    """
    n_variables = variables.shape[0]
    n_items = item_number.shape[0]
    tile = np.empty((n_variables, TILE))
    use = np.empty(TILE, np.bool_)
    weights = np.empty(TILE)
    values = np.empty(TILE)
    kept_weights = np.empty(TILE)
    cells = np.empty(TILE, np.int64)
    part = np.empty((1, FIELDS))
    for start in range(0, n_rows, TILE):
        count = min(TILE, n_rows - start)
        load(columns, variables, lookup, start, count, tile)
        for i in range(count):
            use[i] = True
            weights[i] = 1.0
        if weight_variable >= 0:
            for i in range(count):
                weight = tile[weight_variable, i]
                weights[i] = weight
                use[i] = weight > 0.0
                dropped[1] += not use[i]
                dropped[2] += weight < 0.0
                dropped[3] += weight > 0.0 and weight != np.floor(weight)
        if listwise:
            for i in range(count):
                complete = True
                for v in range(n_variables):
                    complete &= tile[v, i] == tile[v, i]
                dropped[0] += not complete
                use[i] &= complete
        for k in range(n_items):
            add_item(
                tile, weights, use, count, item_number[k],
                cell_factors[cell_first[k] : cell_first[k + 1]], cell_strides[cell_first[k] : cell_first[k + 1]],
                table[item_offsets[k, 0] : item_offsets[k, 1]], values, kept_weights, cells, part,
            )  # fmt: skip
