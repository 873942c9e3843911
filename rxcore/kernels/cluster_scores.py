"""Sums of scores within clusters, as a table of sparse rows that knows only the clusters and cells it met.

A table is five arrays: ``keys[cluster, :]``, sorted and distinct; ``first``, where the entries of each cluster begin;
``places`` and ``values``, its sums and the columns of the shifted basis they belong to, sorted by place.
"""

from __future__ import annotations

import numpy as np

from rxcore.kernels.jit import kernel
from rxcore.kernels.scores import RESIDUAL, SCORES, load_scored
from rxcore.kernels.tiles import TILE, form_cells, form_numbers

# Up to so many places of a cluster are sorted by insertion; for more, looking through all of them is as quick.
_MOST_INSERTED = 32


@kernel
def spread_scores(  # type: ignore[no-untyped-def]
    columns, variables, lookup, begin, end, scores,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides, multipliers, basis_offsets,
    codes, row_codes, row_places, row_values,
):  # fmt: skip
    """The rows from ``begin`` to ``end`` that count, one after the other: the cluster of each, and the nonzero entries
    of its score in the shifted basis, the numbers first. Returns how many rows there are.
    """
    n_variables = variables.shape[0]
    width = number_first.shape[0]
    n_terms = multipliers.shape[0]
    tile = np.empty((n_variables + SCORES, TILE))
    rows = np.empty(TILE, np.int64)
    numbers = np.empty((width, TILE))
    cells = np.empty((max(n_terms, 1), TILE), np.int64)
    n_kept = 0
    for start in range(begin, end, TILE):
        count = min(TILE, end - start)
        kept = load_scored(columns, variables, lookup, start, count, scores, start - begin, tile, rows)
        form_numbers(tile, number_factors, number_first, origins, kept, numbers)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        residuals = tile[n_variables + RESIDUAL]
        for i in range(kept):
            row = n_kept + i
            row_codes[row] = codes[start + rows[i]]
            for b in range(width):
                row_values[row, b] = residuals[i] * numbers[b, i]
            for t in range(n_terms):
                row_places[row, t] = basis_offsets[t] + cells[t, i]
                row_values[row, width + t] = residuals[i] * numbers[multipliers[t], i]
        n_kept += kept
    return n_kept


@kernel
def group_rows(row_codes, n_kept, n_codes):  # type: ignore[no-untyped-def]
    """Rows in the order of their clusters, and where each cluster begins; a counting sort, which keeps their order."""
    starts = np.zeros(n_codes + 1, np.int64)
    for row in range(n_kept):
        starts[row_codes[row] + 1] += 1
    for code in range(n_codes):
        starts[code + 1] += starts[code]
    order = np.empty(n_kept, np.int64)
    place = starts.copy()
    for row in range(n_kept):
        code = row_codes[row]
        order[place[code]] = row
        place[code] += 1
    return order, starts


@kernel
def sort_places(touched, n_touched, is_touched):  # type: ignore[no-untyped-def]
    """Sort the touched places, and forget that they were touched."""
    if n_touched > _MOST_INSERTED:
        n = 0
        for place in range(is_touched.shape[0]):
            if is_touched[place]:
                touched[n] = place
                n += 1
    else:
        for i in range(1, n_touched):
            value = touched[i]
            j = i
            while j > 0 and touched[j - 1] > value:
                touched[j] = touched[j - 1]
                j -= 1
            touched[j] = value
    for i in range(n_touched):
        is_touched[touched[i]] = False


@kernel
def sum_rows(  # type: ignore[no-untyped-def]
    order, starts, row_places, row_values, width, n_basis, present, first, places, values
):  # fmt: skip
    """Add the rows of each cluster into a table: ``present`` gets the codes of the clusters that have rows. Returns
    how many clusters and how many entries there are; the arrays have room for as many as there could be.
    """
    n_terms = row_places.shape[1]
    sums = np.zeros(n_basis)
    is_touched = np.zeros(n_basis, np.bool_)
    touched = np.empty(n_basis, np.int64)
    n_clusters = 0
    n_entries = 0
    for code in range(starts.shape[0] - 1):
        if starts[code] == starts[code + 1]:
            continue
        n_touched = 0
        for k in range(starts[code], starts[code + 1]):
            row = order[k]
            for b in range(width):
                sums[b] += row_values[row, b]
            for t in range(n_terms):
                place = row_places[row, t]
                sums[place] += row_values[row, width + t]
                if not is_touched[place]:
                    is_touched[place] = True
                    touched[n_touched] = place
                    n_touched += 1
        sort_places(touched, n_touched, is_touched)
        present[n_clusters] = code
        first[n_clusters] = n_entries
        n_clusters += 1
        for j in range(width + n_touched):
            place = j if j < width else touched[j - width]
            places[n_entries] = place
            values[n_entries] = sums[place]
            sums[place] = 0.0
            n_entries += 1
    first[n_clusters] = n_entries
    return n_clusters, n_entries


@kernel
def compare_keys(left, a, right, b):  # type: ignore[no-untyped-def]
    """-1, 0 or 1 as key a of the left comes before, with or after key b of the right."""
    for k in range(left.shape[1]):
        if left[a, k] != right[b, k]:
            return -1 if left[a, k] < right[b, k] else 1
    return 0


@kernel
def join_tables(  # type: ignore[no-untyped-def]
    left_keys, left_first, left_places, left_values, right_keys, right_first, right_places, right_values,
    fill, keys, first, places, values,
):  # fmt: skip
    """The union of two tables, sums added where they meet. Without ``fill`` nothing is written: it returns how many
    clusters and entries the union has.
    """
    n_left = left_keys.shape[0]
    n_right = right_keys.shape[0]
    a = b = 0
    n_clusters = n_entries = 0
    while a < n_left or b < n_right:
        side = -1 if b == n_right else 1
        if a < n_left and b < n_right:
            side = compare_keys(left_keys, a, right_keys, b)
        i = left_first[a] if side <= 0 else 0
        i_end = left_first[a + 1] if side <= 0 else 0
        j = right_first[b] if side >= 0 else 0
        j_end = right_first[b + 1] if side >= 0 else 0
        if fill:
            first[n_clusters] = n_entries
            for k in range(keys.shape[1]):
                keys[n_clusters, k] = left_keys[a, k] if side <= 0 else right_keys[b, k]
        while i < i_end or j < j_end:
            take_left = i < i_end and (j == j_end or left_places[i] <= right_places[j])
            take_right = j < j_end and (i == i_end or right_places[j] <= left_places[i])
            if fill:
                places[n_entries] = left_places[i] if take_left else right_places[j]
                values[n_entries] = (left_values[i] if take_left else 0.0) + (right_values[j] if take_right else 0.0)
            n_entries += 1
            i += take_left
            j += take_right
        n_clusters += 1
        a += side <= 0
        b += side >= 0
    if fill:
        first[n_clusters] = n_entries
    return n_clusters, n_entries


@kernel
def meat_of_groups(first, places, values, order, starts, matrix):  # type: ignore[no-untyped-def]
    """Sum of s s' over groups of clusters into the lower triangle, where s sums the scores of the clusters
    ``order[starts[g]]`` to ``order[starts[g + 1] - 1]``.
    """
    n_basis = matrix.shape[0]
    sums = np.zeros(n_basis)
    is_touched = np.zeros(n_basis, np.bool_)
    touched = np.empty(n_basis, np.int64)
    for group in range(starts.shape[0] - 1):
        n_touched = 0
        for k in range(starts[group], starts[group + 1]):
            cluster = order[k]
            for entry in range(first[cluster], first[cluster + 1]):
                place = places[entry]
                sums[place] += values[entry]
                if not is_touched[place]:
                    is_touched[place] = True
                    touched[n_touched] = place
                    n_touched += 1
        sort_places(touched, n_touched, is_touched)
        for i in range(n_touched):
            row = matrix[touched[i]]
            value = sums[touched[i]]
            for j in range(i + 1):
                row[touched[j]] += value * sums[touched[j]]
        for i in range(n_touched):
            sums[touched[i]] = 0.0
