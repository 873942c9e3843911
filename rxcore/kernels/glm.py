"""One iteratively-reweighted-least-squares pass: at given coefficients, the gradient and information of every family.

The linear predictor uses the same shifted numbers and cells as the cross-product, so ``beta`` has one entry for each
number (the constant first), then one for each cell of each cell term.
"""

from __future__ import annotations

import math

import numpy as np

from rxcore.kernels.cross_product import (
    N_EVENTS,
    N_OTHER_RESPONSE,
    N_SATURATED,
    add_products,
    add_tile,
    flush_interval,
    move,
    take_rows,
)
from rxcore.kernels.families import (
    BINOMIAL,
    DEVIANCE,
    NULL_DEVIANCE,
    PEARSON,
    RESPONSE,
    SATURATED,
    WEIGHT,
    check_tile,
    deviance_tile,
    inverse_link_tile,
    inverse_variance_tile,
    link_tile,
    saturated_tile,
    start_tile,
    theta_tile,
    weights_tile,
)
from rxcore.kernels.jit import kernel
from rxcore.kernels.tiles import TILE, form_cells, form_numbers, keep_complete, load

GAUSSIAN_IDENTITY, BINOMIAL_LOGIT = range(2)

# Log odds beyond this, a probability within 6e-6 of 0 or 1, are counted: together with a standard error that runs away
# they say that the data separate.
_SATURATED = 12.0


@kernel
def predictor_tile(numbers, cells, count, multipliers, beta, beta_offsets, eta):  # type: ignore[no-untyped-def]
    """eta[row] = linear predictor of the rows of a tile."""
    for i in range(count):
        eta[i] = beta[0]
    for b in range(1, numbers.shape[0]):
        slope = beta[b]
        for i in range(count):
            eta[i] += slope * numbers[b, i]
    for t in range(multipliers.shape[0]):
        offset = beta_offsets[t]
        by = multipliers[t]
        for i in range(count):
            eta[i] += beta[offset + cells[t, i]] * numbers[by, i]


@kernel
def add_offset(offset, count, eta):  # type: ignore[no-untyped-def]
    """Add what needs no coefficient to the linear predictors of a tile."""
    for i in range(count):
        eta[i] += offset[i]


@kernel
def weight_of_events(response, prior, count):  # type: ignore[no-untyped-def]
    """Sum of the weights where the response is not zero."""
    total = 0.0
    for i in range(count):
        total += prior[i] if response[i] != 0.0 else 0.0
    return total


@kernel
def score_tile(family, response, prior, weighted, count, eta, weights, residuals, counts):  # type: ignore[no-untyped-def]
    """Working weights and weighted score residuals of a tile; returns its deviance."""
    deviance = 0.0
    if family == GAUSSIAN_IDENTITY:
        for i in range(count):
            residual = response[i] - eta[i]
            weights[i] = prior[i]
            residuals[i] = prior[i] * residual
            deviance += residuals[i] * residual
        return deviance
    product = 1.0
    for i in range(count):
        value = eta[i]
        # exp of a number that is never positive cannot overflow, and keeps 1 - mu exact when mu is close to 1.
        small = math.exp(-abs(value))
        near = 1.0 / (1.0 + small)
        far = small * near
        mu = near if value >= 0.0 else far
        other = far if value >= 0.0 else near
        # A response other than 0 and 1 counts as 1, and is counted.
        y = 1.0 if response[i] != 0.0 else 0.0
        counts[N_EVENTS] += response[i] != 0.0
        counts[N_OTHER_RESPONSE] += response[i] != 0.0 and response[i] != 1.0
        weights[i] = prior[i] * mu * other
        residuals[i] = prior[i] * (y * other - (1.0 - y) * mu)
        miss = (1.0 - y) * value if value >= 0.0 else -y * value
        if weighted:
            deviance += prior[i] * (math.log1p(small) + miss)
        else:
            # 1 + small is at most 2, so the product of a tile stays finite and one logarithm serves all its rows.
            deviance += miss
            product *= 1.0 + small
        counts[N_SATURATED] += abs(value) > _SATURATED
    return 2.0 * (deviance + math.log(product))


@kernel
def add_score(numbers, cells, residuals, count, multipliers, beta_offsets, gradient):  # type: ignore[no-untyped-def]
    """Add residual * column of a tile to the score."""
    for b in range(numbers.shape[0]):
        gradient[b] += add_products(residuals, numbers[b], count)
    for t in range(multipliers.shape[0]):
        offset = beta_offsets[t]
        by = multipliers[t]
        for i in range(count):
            gradient[offset + cells[t, i]] += residuals[i] * numbers[by, i]


@kernel
def irls_pass(  # type: ignore[no-untyped-def]
    columns, variables, lookup, n_rows, weight_variable, response_variable, offset_variable, family,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides,
    multipliers, n_cells, cell_offsets, pair_offsets, beta, beta_offsets, sums, gradient, totals, counts, missing,
):  # fmt: skip
    """Fold one block at coefficients ``beta``: information into ``sums``, score into ``gradient``, deviance and sums of
    prior weights and of weighted responses into ``totals``.

    ``offset_variable`` is added to the linear predictor; -1 for none.
    """
    part = np.zeros(sums.shape[0])
    flush = flush_interval(sums.shape[0])
    tile = np.empty((variables.shape[0], TILE))
    rows = np.empty(TILE, np.int64)
    prior = np.empty(TILE)
    weights = np.empty(TILE)
    residuals = np.empty(TILE)
    eta = np.empty(TILE)
    numbers = np.empty((number_first.shape[0], TILE))
    scaled = np.empty((number_first.shape[0], TILE))
    product = np.empty(TILE)
    places = np.empty(TILE, np.int64)
    cells = np.empty((max(n_cells.shape[0], 1), TILE), np.int64)
    for start in range(0, n_rows, TILE):
        count = min(TILE, n_rows - start)
        load(columns, variables, lookup, start, count, tile)
        kept = take_rows(tile, count, weight_variable, rows, prior, counts, missing)
        form_numbers(tile, number_factors, number_first, origins, kept, numbers)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        predictor_tile(numbers, cells, kept, multipliers, beta, beta_offsets, eta)
        if offset_variable >= 0:
            add_offset(tile[offset_variable], kept, eta)
        for i in range(kept):
            totals[WEIGHT] += prior[i]
        if weight_variable >= 0 and family == BINOMIAL_LOGIT:
            totals[RESPONSE] += weight_of_events(tile[response_variable], prior, kept)
        totals[DEVIANCE] += score_tile(
            family, tile[response_variable], prior, weight_variable >= 0, kept, eta, weights, residuals, counts
        )
        add_tile(
            numbers, cells, weights, kept, multipliers, n_cells, cell_offsets, pair_offsets,
            scaled, product, places, part,
        )  # fmt: skip
        if (start // TILE + 1) % flush == 0 or start + TILE >= n_rows:
            move(part, sums)
        add_score(numbers, cells, residuals, kept, multipliers, beta_offsets, gradient)


# Settings of `family_pass`: whole numbers and numbers, one place each.
FAMILY, LINK, WEIGHT_VARIABLE, RESPONSE_VARIABLE, OFFSET_VARIABLE, TRIALS, START, DETAILS, WITH_THETA = range(9)
CODES = 9
# PARAMETER is the power of a Tweedie variance, or a negative binomial's theta.
PARAMETER, LINK_POWER, NULL_MEAN = range(3)
SETTINGS = 3


@kernel
def family_tile(  # type: ignore[no-untyped-def]
    codes, settings, response, prior, count, eta, mu, other, slope, inverse, weights, residuals, totals, counts
):  # fmt: skip
    """What `score_tile` does, for any family and link: working weights and weighted score residuals at linear
    predictors ``eta``; deviance and Pearson's chi-square go to ``totals``.
    """
    family, parameter = codes[FAMILY], settings[PARAMETER]
    inverse_link_tile(codes[LINK], settings[LINK_POWER], family == BINOMIAL, eta, count, mu, other, slope)
    inverse_variance_tile(family, parameter, count, mu, other, inverse)
    totals[PEARSON] += weights_tile(
        family, response, prior, count, mu, other, slope, inverse, weights, residuals, counts
    )
    totals[DEVIANCE] += deviance_tile(family, parameter, response, prior, codes[TRIALS], count, mu, other, totals)


@kernel
def _details_tile(codes, settings, response, prior, count, mu, other, totals):  # type: ignore[no-untyped-def]
    """What one pass of a fit is enough for: the null deviance, and the likelihood of the response alone."""
    family, parameter = codes[FAMILY], settings[PARAMETER]
    totals[SATURATED] += saturated_tile(family, parameter, response, prior, codes[TRIALS], count)
    if codes[WITH_THETA]:
        theta_tile(parameter, response, prior, count, mu, totals)
    aside = np.zeros(totals.shape[0])
    for i in range(count):
        mu[i] = settings[NULL_MEAN]
        other[i] = 1.0 - mu[i]
    totals[NULL_DEVIANCE] += deviance_tile(family, parameter, response, prior, 0, count, mu, other, aside)


@kernel
def family_pass(  # type: ignore[no-untyped-def]
    columns, variables, lookup, n_rows, codes, settings,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides,
    multipliers, n_cells, cell_offsets, pair_offsets, beta, beta_offsets, sums, gradient, totals, counts, missing,
):  # fmt: skip
    """`irls_pass` for any family and link; a kernel of its own, so that logistic models need not wait for its
    compilation. With START the means come from the response, and the score is that of the working response itself, so
    that one step from zero gives R's first coefficients.
    """
    part = np.zeros(sums.shape[0])
    flush = flush_interval(sums.shape[0])
    tile = np.empty((variables.shape[0], TILE))
    rows = np.empty(TILE, np.int64)
    work = np.empty((9, TILE))
    prior, weights, residuals, eta, mu, other, slope, inverse, product = (
        work[0], work[1], work[2], work[3], work[4], work[5], work[6], work[7], work[8],
    )  # fmt: skip
    numbers = np.empty((number_first.shape[0], TILE))
    scaled = np.empty((number_first.shape[0], TILE))
    places = np.empty(TILE, np.int64)
    cells = np.empty((max(n_cells.shape[0], 1), TILE), np.int64)
    offset = codes[OFFSET_VARIABLE]
    response = tile[codes[RESPONSE_VARIABLE]]
    for start in range(0, n_rows, TILE):
        count = min(TILE, n_rows - start)
        load(columns, variables, lookup, start, count, tile)
        kept = take_rows(tile, count, codes[WEIGHT_VARIABLE], rows, prior, counts, missing)
        form_numbers(tile, number_factors, number_first, origins, kept, numbers)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        if codes[START]:
            start_tile(codes[FAMILY], response, prior, kept, mu)
            link_tile(codes[LINK], settings[LINK_POWER], mu, kept, eta)
        else:
            predictor_tile(numbers, cells, kept, multipliers, beta, beta_offsets, eta)
            if offset >= 0:
                add_offset(tile[offset], kept, eta)
        for i in range(kept):
            totals[WEIGHT] += prior[i]
            totals[RESPONSE] += prior[i] * response[i]
        family_tile(
            codes, settings, response, prior, kept, eta, mu, other, slope, inverse, weights, residuals, totals, counts
        )
        check_tile(codes[FAMILY], settings[PARAMETER], response, kept, mu, other, counts)
        if codes[START]:
            for i in range(kept):
                if weights[i] > 0.0:
                    residuals[i] += weights[i] * (eta[i] - (tile[offset, i] if offset >= 0 else 0.0))
        if codes[DETAILS]:
            _details_tile(codes, settings, response, prior, kept, mu, other, totals)
        add_tile(
            numbers, cells, weights, kept, multipliers, n_cells, cell_offsets, pair_offsets,
            scaled, product, places, part,
        )  # fmt: skip
        if (start // TILE + 1) % flush == 0 or start + TILE >= n_rows:
            move(part, sums)
        add_score(numbers, cells, residuals, kept, multipliers, beta_offsets, gradient)


@kernel
def predict(  # type: ignore[no-untyped-def]
    columns, variables, lookup, n_rows, offset_variable,
    number_factors, number_first, origins, cell_factors, cell_first, cell_strides, multipliers, n_cells,
    beta, beta_offsets, covariance, with_errors, eta, variance,
):  # fmt: skip
    """Linear predictor of every row, offset included, NaN where a variable is missing; with errors also x' V x."""
    n_variables = variables.shape[0]
    n_terms = multipliers.shape[0]
    width = number_first.shape[0]
    tile = np.empty((n_variables, TILE))
    rows = np.empty(TILE, np.int64)
    missing = np.zeros(n_variables, np.int64)
    numbers = np.empty((width, TILE))
    cells = np.empty((max(n_cells.shape[0], 1), TILE), np.int64)
    fitted = np.empty(TILE)
    places = np.empty(width + n_terms, np.int64)
    values = np.empty(width + n_terms)
    for start in range(0, n_rows, TILE):
        count = min(TILE, n_rows - start)
        load(columns, variables, lookup, start, count, tile)
        kept = keep_complete(tile, n_variables, count, rows, missing)
        form_numbers(tile, number_factors, number_first, origins, kept, numbers)
        form_cells(tile, cell_factors, cell_first, cell_strides, kept, cells)
        predictor_tile(numbers, cells, kept, multipliers, beta, beta_offsets, fitted)
        if offset_variable >= 0:
            add_offset(tile[offset_variable], kept, fitted)
        for i in range(count):
            eta[start + i] = np.nan
        for i in range(kept):
            eta[start + rows[i]] = fitted[i]
        if not with_errors:
            continue
        for i in range(count):
            variance[start + i] = np.nan
        for i in range(kept):
            for b in range(width):
                places[b] = b
                values[b] = numbers[b, i]
            for t in range(n_terms):
                places[width + t] = beta_offsets[t] + cells[t, i]
                values[width + t] = numbers[multipliers[t], i]
            total = 0.0
            for a in range(width + n_terms):
                total += values[a] * values[a] * covariance[places[a], places[a]]
                for b in range(a):
                    total += 2.0 * values[a] * values[b] * covariance[places[a], places[b]]
            variance[start + rows[i]] = total
