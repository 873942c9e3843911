"""Score residuals and working weights, row by row: what is left of a family and its link once a model is fitted."""

from __future__ import annotations

import numpy as np

from rxcore.kernels.cross_product import COUNTS, take_rows
from rxcore.kernels.glm import add_offset, predictor_tile, score_tile
from rxcore.kernels.jit import kernel
from rxcore.kernels.tiles import TILE, form_cells, form_numbers, keep_complete, load

# What is known of each row: its weighted score residual, its working weight, its prior weight.
RESIDUAL, WORKING, PRIOR = range(3)
SCORES = 3


@kernel
def load_numbered(columns, variables, lookup, start, count, tile):  # type: ignore[no-untyped-def]
    """Load a tile that has one more row, which is never missing: it moves with the others, and tells where each row
    that stays came from.
    """
    load(columns, variables, lookup, start, count, tile)
    for i in range(count):
        tile[variables.shape[0], i] = i


@kernel
def place_scores(origins, residuals, weights, prior, kept, first, scores):  # type: ignore[no-untyped-def]
    """Put the scores of the rows that stay where their rows came from."""
    for i in range(kept):
        row = first + np.int64(origins[i])
        scores[RESIDUAL, row] = residuals[i]
        scores[WORKING, row] = weights[i]
        scores[PRIOR, row] = prior[i]


@kernel
def score_rows(  # type: ignore[no-untyped-def]
    columns, variables, lookup, begin, end, weight_variable, response_variable, offset_variable, family,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides, multipliers,
    beta, basis_offsets, scores,
):  # fmt: skip
    """``scores[:, row - begin]`` of the rows from ``begin`` to ``end``; NaN where a row does not count."""
    n_variables = variables.shape[0]
    scores[:] = np.nan
    counts = np.zeros(COUNTS, np.int64)
    missing = np.zeros(n_variables + 1, np.int64)
    tile = np.empty((n_variables + 1, TILE))
    rows = np.empty(TILE, np.int64)
    prior = np.empty(TILE)
    weights = np.empty(TILE)
    residuals = np.empty(TILE)
    eta = np.empty(TILE)
    numbers = np.empty((number_first.shape[0], TILE))
    cells = np.empty((max(multipliers.shape[0], 1), TILE), np.int64)
    for start in range(begin, end, TILE):
        count = min(TILE, end - start)
        load_numbered(columns, variables, lookup, start, count, tile)
        kept = take_rows(tile, count, weight_variable, rows, prior, counts, missing)
        form_numbers(tile, number_factors, number_first, origins, kept, numbers)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        predictor_tile(numbers, cells, kept, multipliers, beta, basis_offsets, eta)
        if offset_variable >= 0:
            add_offset(tile[offset_variable], kept, eta)
        score_tile(family, tile[response_variable], prior, weight_variable >= 0, kept, eta, weights, residuals, counts)
        place_scores(tile[n_variables], residuals, weights, prior, kept, start - begin, scores)


@kernel
def load_scored(columns, variables, lookup, start, count, scores, first, tile, rows):  # type: ignore[no-untyped-def]
    """Load a tile that has ``SCORES`` more rows, the scores, and move the rows that count to its front; returns how
    many. ``rows`` gets their old places.
    """
    n_variables = variables.shape[0]
    load(columns, variables, lookup, start, count, tile)
    for k in range(SCORES):
        for i in range(count):
            tile[n_variables + k, i] = scores[k, first + i]
    missing = np.zeros(n_variables + SCORES, np.int64)
    return keep_complete(tile, n_variables + SCORES, count, rows, missing)
