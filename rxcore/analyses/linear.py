"""Linear models: one pass, and one more where the columns are nearly dependent."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from rxcore.analyses.modelling import (
    ModelRequest,
    check_finite,
    check_rows,
    cube_frame,
    design_for,
    subtract_offset,
    warn_dropped_numbers,
)
from rxcore.analyses.precision import value_magnitudes, wants_precision
from rxcore.design import Design
from rxcore.errors import DataWarning, DesignError
from rxcore.kernels import cross_product as kernels
from rxcore.kernels.glm import GAUSSIAN_IDENTITY
from rxcore.results.linear import LinearResults
from rxcore.runner import Runner, scale_of_block
from rxcore.solvers.normal_equations import (
    NOISE,
    NOISE_OF_VALUES,
    Basis,
    Solution,
    in_model_basis,
    score_in_model_basis,
    solve,
)
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.updaters.glm import GlmPass
from rxcore.updaters.precise_product import PreciseProduct
from rxcore.variables import Floats, Ints

# Beyond this variance inflation rounding in the sums shows in the ninth digit of a coefficient, and one more pass over
# the residuals buys it back.
REFINE_BEYOND = 1e6
MOST_REFINEMENTS = 2

# A mean this many times its standard deviation away from its origin costs eight digits: sum again, about the mean.
MOST_OFFSET = 1e4


@dataclass(frozen=True, slots=True, eq=False)
class _Estimate:
    """Coefficients (NaN where dropped) and the sum of squares they leave."""

    coefficients: Floats
    residual: float


def fit_linear(request: ModelRequest) -> LinearResults:
    """Fit a linear model by weighted least squares."""
    with Runner(
        request.data, request.caller, compute_context=request.compute_context, report_progress=request.report_progress
    ) as runner:
        _, design = design_for(runner, request)
        design = subtract_offset(design, runner.source.schema)
        block = runner.first_block(design.variables.columns)
        origin = float(scale_of_block(design.variables, [(design.response,)], block).origins[0])
        updater = CrossProduct(design, origin)
        found = runner.run(updater)
        check_rows(request, design, found.counts, found.missing)
        check_finite(request, found.matrix)
        if _far_off(updater, found):
            updater = _about_means(updater, found)
            design = updater.design
            found = runner.run(updater)
        solution = _solve(updater, found, request)
        if wants_precision(updater, found, solution):
            found = runner.run(PreciseProduct(updater), "precise pass")
            solution = _solve(updater, found, request, value_magnitudes(updater, found, runner.source.schema))
        estimate = _Estimate(solution.coefficients, solution.residual)
        if found.low is None and _inflated(design, solution):
            estimate = _refine(runner, design, solution)
        return _result(request, runner.source.label, updater, found, solution, estimate)


def _moments_of(updater: CrossProduct, found: CrossProducts) -> tuple[float, Floats, Floats]:
    """Sum of weights, and mean and centred square sum of every number (the response last), about their origins."""
    width = 1 + len(updater.layout.numbers)
    block = found.matrix[:width, :width]
    total = block[0, 0]
    means = block[0, 1:] / total
    return float(total), means, np.diag(block)[1:] - total * means**2


def _far_off(updater: CrossProduct, found: CrossProducts) -> bool:
    total, means, squares = _moments_of(updater, found)
    spread = np.maximum(squares, 0.0) / total
    # A number without any spread is constant; no origin helps or hurts it.
    return bool(np.any((means**2 > MOST_OFFSET**2 * spread) & (spread > 0.0)))


def _about_means(updater: CrossProduct, found: CrossProducts) -> CrossProduct:
    _, means, _ = _moments_of(updater, found)
    origins = updater.layout.origins + means
    return CrossProduct(updater.design.with_origins(origins[:-1]), float(origins[-1]))


def _solve(
    updater: CrossProduct, found: CrossProducts, request: ModelRequest, magnitudes: Floats | None = None
) -> Solution:
    """Sums in double, or in double-double with the magnitudes of the values."""
    design = updater.design
    response = len(updater.layout.numbers)
    # The response is the last number: before the cells in the basis, so the cells' places move by one.
    basis = Basis(_after_response(design.first, design), _after_response(design.second, design), design.factor)
    with_response = Basis(
        np.append(basis.first, response),
        np.append(basis.second, 0 if updater.response_origin else -1),
        np.append(basis.factor, updater.response_origin),
    )
    high, low = in_model_basis(found.matrix, with_response, found.low)
    swept_first = int((design.term_of == 0).sum()) if request.cube else None
    return solve(
        high,
        low,
        design.order,
        basis,
        np.sqrt(np.diag(found.matrix)) if magnitudes is None else magnitudes,
        intercept=design.intercept,
        swept_first=swept_first,
        noise_share=NOISE if magnitudes is None else NOISE_OF_VALUES,
    )


def _after_response(places: Ints, design: Design) -> Ints:
    width = 1 + len(design.layout.numbers)
    return np.where(places >= width, places + 1, places)


def _inflated(design: Design, solution: Solution) -> bool:
    """Whether a number is nearly explained by the other columns.

    The condition number would not do: a rare reference level drives it up, and costs no digit, because counts are
    exact.
    """
    numbers = np.array([term >= 0 and not design.terms[term].factors for term in design.term_of], np.bool_)
    return bool(np.any(solution.inflation[numbers & solution.kept] > REFINE_BEYOND))


def _refine(runner: Runner, design: Design, solution: Solution) -> _Estimate:
    """One step of iterative refinement: solve for what the residuals still correlate with. Residuals are exact to
    rounding of the fit, so the sum of squares found on the way replaces the one that came out of a cancellation.
    """
    beta = np.nan_to_num(solution.coefficients)
    basis = Basis(design.first, design.second, design.factor)
    deviance = solution.residual
    for _ in range(MOST_REFINEMENTS):
        found = runner.run(GlmPass(design, GAUSSIAN_IDENTITY, design.to_basis(beta)), "refinement pass")
        deviance = found.deviance
        score, _ = score_in_model_basis(found.score, basis)
        step = np.zeros_like(beta)
        step[solution.kept] = solution.inverse @ score[solution.kept]
        beta = beta + step
        if np.max(np.abs(step)) <= 1e-12 * np.max(np.abs(beta)):
            break
    return _Estimate(np.where(solution.kept, beta, np.nan), deviance)


@dataclass(frozen=True, slots=True)
class _Response:
    """What the response is like before any model: its weights, and its squares about zero and about its mean."""

    n: float
    sum_of_weights: float
    total_squares: float
    y_var: float


def _response_of(request: ModelRequest, updater: CrossProduct, found: CrossProducts) -> _Response:
    total, means, squares = _moments_of(updater, found)
    mean = float(means[-1]) + updater.response_origin
    y_var = max(float(squares[-1]), 0.0)
    total_squares = y_var + total * mean**2
    if y_var <= 1e-24 * total_squares:
        warnings.warn(
            f"{request.caller}: response {_response_label(updater.design)!r} has one value only; nothing is left to "
            "explain",
            DataWarning,
            stacklevel=5,
        )
    n = total if request.fweights is not None else float(found.counts[kernels.N_VALID])
    return _Response(n, total, total_squares, y_var)


def _inference(
    request: ModelRequest, design: Design, response: _Response, solution: Solution, estimate: _Estimate
) -> dict[str, Any]:
    """Errors, tests and fit: everything that follows from the coefficients and their cross-product."""
    rank, coefficients, residual = solution.rank, estimate.coefficients, np.float64(estimate.residual)
    df_residual = response.n - rank
    if df_residual < 0:
        raise DesignError(f"{request.caller}: {response.n:g} rows cannot determine {rank} coefficients")
    # A cube counts as if it had an intercept; any other model without one is held against zero, as R does.
    as_if = design.intercept or request.cube
    reference, df_reference = (response.y_var, 1) if as_if else (response.total_squares, 0)
    df_model = rank - df_reference
    with np.errstate(divide="ignore", invalid="ignore"):
        # Without degrees of freedom whatever is left is rounding.
        variance = residual / df_residual if df_residual > 0 else np.float64(np.nan)
        errors = np.full(len(coefficients), np.nan)
        errors[solution.kept] = np.sqrt(np.diag(solution.inverse) * variance)
        statistics = coefficients / errors
        r_squared = 1.0 - residual / reference
        f_value = (reference - residual) / df_model / variance if df_model > 0 else np.float64(np.nan)
        adjusted = 1.0 - (1.0 - r_squared) * (response.n - df_reference) / df_residual
    return {
        "std_errors": errors,
        "t_values": statistics,
        "p_values": 2.0 * special.stdtr(df_residual, -np.abs(statistics)),
        "df_residual": df_residual,
        "df_model": float(df_model),
        "sigma": float(np.sqrt(variance)),
        "residual_variance": float(variance),
        "r_squared": float(r_squared),
        "adj_r_squared": float(adjusted),
        "f_value": float(f_value),
        "f_pvalue": float(special.fdtrc(df_model, df_residual, f_value)) if df_model > 0 else float("nan"),
        "cov_coef": solution.inverse * variance if request.cov_coef else None,
    }


def _result(
    request: ModelRequest,
    label: str,
    updater: CrossProduct,
    found: CrossProducts,
    solution: Solution,
    estimate: _Estimate,
) -> LinearResults:
    design = updater.design
    response = _response_of(request, updater, found)
    warn_dropped_numbers(request, design, solution.kept)
    counts = _cube_counts(design, found.matrix) if request.cube else None
    return LinearResults(
        call=request.call,
        formula=request.formula,
        source_label=label,
        cube=request.cube,
        coefficient_names=design.names,
        coefficients=estimate.coefficients,
        aliased=~solution.kept,
        response=_response_label(design),
        n_valid=int(found.counts[kernels.N_VALID]),
        n_missing=int(found.counts[kernels.N_MISSING]),
        pweights=request.pweights,
        fweights=request.fweights,
        sum_of_weights=response.sum_of_weights,
        rank=solution.rank,
        residual_squares=estimate.residual,
        total_squares=response.total_squares,
        y_var=response.y_var,
        condition_number=solution.condition_number,
        counts=counts,
        count_frame=None if counts is None else _count_frame(design, estimate.coefficients, counts),
        design=design.without_response(),
        params=dict(request.params),
        **_inference(request, design, response, solution, estimate),
    )


def _response_label(design: Design) -> str:
    return design.variables.variables[design.response].label


def _cube_counts(design: Design, matrix: Floats) -> Floats:
    """Sum of weights in each cell of the first term."""
    counts = np.full(design.n_coefficients, np.nan)
    cells = design.term_of == 0
    places = _after_response(design.first[cells], design)
    counts[cells] = matrix[places, 0]
    return counts


def _count_frame(design: Design, coefficients: Floats, counts: Floats) -> pd.DataFrame:
    """RevoScaleR's countDF: the factors (first fastest), the value of each cell, its count."""
    factors = [design.variables.variables[v] for v in design.terms[0].factors]
    return cube_frame(factors, {_response_label(design): coefficients, "Counts": counts}, design.term_of == 0)
