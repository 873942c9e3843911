"""Linear models: one pass, and one more where the columns are nearly dependent."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import special

from rxcore.analyses.covariance import FittedModel, RobustCovariance, described, robust_covariance, wald_f
from rxcore.analyses.cross_products import (
    after_response,
    basis_of,
    centred_products,
    collect,
    column_sums,
    degrees_of_freedom,
    model_products,
    moments_of,
    narrowed,
    number_terms,
    rounding_of,
    squared_weights,
    with_numbers,
)
from rxcore.analyses.modelling import ModelRequest, cube_frame, design_for, subtract_offset, warn_dropped_numbers
from rxcore.analyses.precision import wants_precision
from rxcore.analyses.scope import scope_for
from rxcore.analyses.selection import select_linear
from rxcore.design import Design
from rxcore.errors import DataWarning, DesignError
from rxcore.kernels import cross_product as kernels
from rxcore.kernels.glm import GAUSSIAN_IDENTITY
from rxcore.results.linear import LinearResults
from rxcore.results.linear_multiple import MultipleLinearResults
from rxcore.runner import Runner
from rxcore.solvers.normal_equations import Basis, Solution, score_in_model_basis, solve_several
from rxcore.updaters.cross_product import CrossProduct, CrossProducts
from rxcore.updaters.glm import GlmPass
from rxcore.updaters.precise_product import PreciseProduct
from rxcore.variables import Floats, Variable

# Beyond this variance inflation rounding in the sums shows in the ninth digit of a coefficient, and one more pass over
# the residuals buys it back.
REFINE_BEYOND = 1e6
MOST_REFINEMENTS = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Estimate:
    """Coefficients (NaN where dropped) and the sum of squares they leave."""

    coefficients: Floats
    residual: float


def fit_linear(request: ModelRequest) -> LinearResults | MultipleLinearResults:
    """Fit a linear model by weighted least squares: several responses share the pass and the factorisation."""
    with Runner(
        request.data, request.caller, compute_context=request.compute_context, report_progress=request.report_progress
    ) as runner:
        if request.selection is not None:
            return _fit_selected(runner, request)
        formula, design = design_for(runner, request, several_responses=True)
        responses = [design.response + place for place in range(len(formula.responses))]
        summed = _sum(runner, request, design, responses)
        models = [_fitted(runner, request, summed, place) for place in range(len(responses))]
        return models[0] if len(models) == 1 else MultipleLinearResults(tuple(models))


def _fit_selected(runner: Runner, request: ModelRequest) -> LinearResults:
    """One pass over everything in scope; then the search and the model found need the data no more."""
    scope = scope_for(runner, request)
    request = replace(request, formula=scope.upper_formula)
    _, design = design_for(runner, request)
    summed = _sum(runner, request, design, [design.response])
    steps, terms = select_linear(request, scope, summed.design, summed.updater, summed.found, runner.source.schema)
    request = replace(request, formula=steps.final)
    chosen = replace(summed, design=summed.design.with_terms(terms))
    chosen = replace(chosen, solutions=_solve(runner, request, chosen))
    return replace(_fitted(runner, request, chosen, 0), steps=steps)


@dataclass(frozen=True, slots=True, eq=False)
class _Summed:
    """What the passes found, and the coefficients of every response on the columns of a design.

    ``updater`` and ``found`` may be of a larger design over the same variables. ``observed`` are the responses as they
    are in the data, before an offset is taken from them.
    """

    design: Design
    responses: list[int]
    observed: list[Variable]
    updater: CrossProduct
    found: CrossProducts
    solutions: list[Solution]

    def own(self, place: int) -> tuple[CrossProduct, CrossProducts]:
        """The sums of one response alone."""
        response, observed = self.responses[place], self.observed[place]
        return narrowed(self.updater, self.found, replace(self.design, response=response, response_variable=observed))


def _sum(runner: Runner, request: ModelRequest, design: Design, responses: list[int]) -> _Summed:
    """One pass of sums for all responses, and one more in double-double where digits are in doubt."""
    observed = [design.variables.variables[response] for response in responses]
    for response in responses:
        design = subtract_offset(replace(design, response=response), runner.source.schema)
    design = replace(design, response=responses[0])
    updater, found = collect(runner, request, _pass_design(runner, request, design, responses))
    summed = _Summed(design, responses, observed, updater, found, [])
    summed = replace(summed, solutions=_solve(runner, request, summed))
    own, products = summed.own(0)
    if wants_precision(own, products, summed.solutions[0]):
        summed = replace(summed, found=runner.run(PreciseProduct(updater), "precise pass"))
        summed = replace(summed, solutions=_solve(runner, request, summed))
    return summed


def _pass_design(runner: Runner, request: ModelRequest, design: Design, responses: list[int]) -> Design:
    """What one pass sums: the columns, all responses, and the weights where their squares are needed."""
    weights = [design.weight] if request.cov_data and request.pweights is not None else []
    wide = replace(design, response=responses[-1])
    return with_numbers(runner, wide, [*weights, *responses[:-1]])


def _solve(runner: Runner, request: ModelRequest, summed: _Summed) -> list[Solution]:
    """One factorisation for all responses, which stand behind the columns."""
    design, responses = summed.design, summed.responses
    beside = design.with_terms([*design.terms, *number_terms(design, responses[:-1])])
    together, products = narrowed(summed.updater, summed.found, replace(beside, response=responses[-1]))
    high, low = model_products(together, products)
    size = design.n_coefficients
    every = basis_of(together.design)
    basis = Basis(every.first[:size], every.second[:size], every.factor[:size])
    magnitudes, noise_share = rounding_of(together, products, runner.source.schema)
    swept_first = int((design.term_of == 0).sum()) if request.cube else None
    return solve_several(
        high, low, design.order, basis, magnitudes,
        intercept=design.intercept, swept_first=swept_first, noise_share=noise_share,
    )  # fmt: skip


def _fitted(runner: Runner, request: ModelRequest, summed: _Summed, place: int) -> LinearResults:
    """The model of one response."""
    solution = summed.solutions[place]
    own, products = summed.own(place)
    estimate = _Estimate(solution.coefficients, solution.residual)
    if products.low is None and _inflated(own.design, solution):
        estimate = _refine(runner, own.design, solution)
    covariance = _data_covariance(request, summed, own, products, solution)
    return _result(request, runner, own, products, solution, estimate, covariance)


def _data_covariance(
    request: ModelRequest, summed: _Summed, own: CrossProduct, products: CrossProducts, solution: Solution
) -> Floats | None:
    """Covariance of the kept columns behind the intercept; as documented, none for a cube or without intercept."""
    if not request.cov_data or not own.design.intercept:
        return None
    squares = squared_weights(summed.updater, summed.found) if request.pweights is not None else None
    kept = np.flatnonzero(solution.kept[1:])
    covariance: Floats = centred_products(own, products)[np.ix_(kept, kept)]
    return covariance / degrees_of_freedom(request, products, squares)


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
    total, means, squares = moments_of(updater, found)
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
    request: ModelRequest,
    design: Design,
    response: _Response,
    solution: Solution,
    estimate: _Estimate,
    robust: RobustCovariance | None,
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
        covariance = solution.inverse * variance if robust is None else robust.matrix
        errors = np.full(len(coefficients), np.nan)
        errors[solution.kept] = np.sqrt(np.diag(covariance))
        statistics = coefficients / errors
        r_squared = 1.0 - residual / reference
        f_value = (reference - residual) / df_model / variance if df_model > 0 else np.float64(np.nan)
        if robust is not None:
            f_value = wald_f(request, design, coefficients, robust)
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
        "cov_coef": covariance if request.cov_coef else None,
        **described(robust),
    }


def _result(
    request: ModelRequest,
    runner: Runner,
    updater: CrossProduct,
    found: CrossProducts,
    solution: Solution,
    estimate: _Estimate,
    cov_data: Floats | None,
) -> LinearResults:
    design = updater.design
    response = _response_of(request, updater, found)
    warn_dropped_numbers(request, design, solution.kept)
    final = GlmPass(design, GAUSSIAN_IDENTITY, design.to_basis(estimate.coefficients))
    fitted = FittedModel(final, solution.kept, solution.inverse, response.n)
    robust = robust_covariance(runner, request, fitted)
    counts = _cube_counts(design, found.matrix) if request.cube else None
    return LinearResults(
        call=request.call,
        formula=request.formula,
        source_label=runner.source.label,
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
        count_frame=None if counts is None else _count_frame(request, updater, found, estimate.coefficients, counts),
        cov_data=cov_data,
        design=design.without_response(),
        params=dict(request.params),
        **_inference(request, design, response, solution, estimate, robust),
    )


def _response_label(design: Design) -> str:
    return design.variables.variables[design.response].label


def _cube_counts(design: Design, matrix: Floats) -> Floats:
    """Sum of weights in each cell of the first term."""
    counts = np.full(design.n_coefficients, np.nan)
    cells = design.term_of == 0
    places = after_response(design.first[cells], design)
    counts[cells] = matrix[places, 0]
    return counts


def _count_frame(
    request: ModelRequest, updater: CrossProduct, found: CrossProducts, coefficients: Floats, counts: Floats
) -> pd.DataFrame:
    """RevoScaleR's countDF: the factors (first fastest), the value of each cell, its count.

    Beside other terms the value of a cell is its prediction with every other column at its mean, if asked for.
    """
    design = updater.design
    cells = design.term_of == 0
    factors = [design.variables.variables[v] for v in design.terms[0].factors]
    if cells.all() or request.cube_predictions:
        means = column_sums(updater, found) / found.matrix[0, 0]
        others = float(np.nansum((coefficients * means)[~cells]))
        values = {_response_label(design): coefficients + others}
    else:
        values = {}
    return cube_frame(factors, {**values, "Counts": counts}, cells)
