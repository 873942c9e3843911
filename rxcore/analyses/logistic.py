"""Logistic regression: iteratively reweighted least squares, started from the first block."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from rxcore.analyses.covariance import FittedModel, described, robust_covariance
from rxcore.analyses.modelling import ModelRequest, check_finite, check_rows, design_for, warn_dropped_numbers
from rxcore.blocks import Block
from rxcore.design import Design
from rxcore.errors import ConvergenceWarning, DataWarning, DesignError, OptionError
from rxcore.kernels import cross_product as kernels
from rxcore.kernels.glm import BINOMIAL_LOGIT
from rxcore.results.logistic import LogisticResults
from rxcore.runner import Runner, scale_of_block
from rxcore.solvers.irls import Fit, Tolerances, fit, independent
from rxcore.updaters.glm import GlmPass, GlmPassResult
from rxcore.variables import Floats

# Ridge penalty of the pilot fit: a normal prior of standard deviation 2.5 on a coefficient's effect, after Gelman,
# Jakulin, Pittau and Su, "A weakly informative default prior distribution for logistic and other regression models"
# (2008).
_PILOT_PENALTY = 1.0 / 2.5**2

# A standard error beyond this many log odds, for one level or one standard deviation, is that of a runaway coefficient.
_UNBOUNDED_ERROR = 10.0


@dataclass(frozen=True, slots=True)
class LogisticRequest:
    """A model request with what only iterations need."""

    model: ModelRequest
    tolerances: Tolerances
    initial_values: Any = None


def fit_logistic(request: LogisticRequest) -> LogisticResults:
    """Fit a logistic model by maximum likelihood."""
    model = request.model
    with Runner(
        model.data, model.caller, compute_context=model.compute_context, report_progress=model.report_progress
    ) as runner:
        _, design = design_for(runner, model, logical_response=True)
        checked = False

        def run_pass(beta: Floats) -> GlmPassResult:
            nonlocal checked
            found = runner.run(GlmPass(design, BINOMIAL_LOGIT, beta), "iteration")
            if not checked:
                _check(model, design, found)
                checked = True
            return found

        start = _start(request, runner, design)
        ended = fit(design, start, run_pass, request.tolerances)
        block = runner.first_block(design.variables.columns)
        scales = np.zeros(design.n_coefficients) if block is None else _scales(design, block)
        return _result(request, runner, design, ended, scales)


def _check(model: ModelRequest, design: Design, found: GlmPassResult) -> None:
    check_rows(model, design, found.counts, found.missing)
    check_finite(model, found.information)
    n_valid, n_events = int(found.counts[kernels.N_VALID]), int(found.counts[kernels.N_EVENTS])
    variable = design.variables.variables[design.response]
    if n_events in (0, n_valid):
        value = variable.levels[int(n_events > 0)] if variable.levels else str(int(n_events > 0))
        raise DesignError(
            f"{model.caller}: response {variable.label!r} has one value only ({value}) in {n_valid:,} rows; "
            "a logistic model needs both"
        )
    n_other = int(found.counts[kernels.N_OTHER_RESPONSE])
    if n_other:
        warnings.warn(
            f"{model.caller}: response {variable.label!r} is neither 0 nor 1 in {n_other:,} rows; "
            "every value but 0 counts as an event",
            DataWarning,
            stacklevel=2,
        )


def _start(request: LogisticRequest, runner: Runner, design: Design) -> Floats:
    """Where iterations start: what the caller says, or the fit of the first block, or zero."""
    size = design.n_coefficients
    given = request.initial_values
    if given is None:
        block = runner.first_block(design.variables.columns)
        return np.zeros(size) if block is None else _pilot(design, block)
    values = np.asarray(given, np.float64)
    if values.ndim == 0:
        return np.full(size, 0.0 if math.isnan(values) else float(values))
    if values.shape != (size,):
        raise OptionError(
            f"{request.model.caller}: initial_values has {values.size} values; the model has {size} coefficients: "
            f"{', '.join(design.names[:10])}{', ...' if size > 10 else ''}"
        )
    return np.where(np.isnan(values), 0.0, values)


def _pilot(design: Design, block: Block) -> Floats:
    """The fit of one block in memory: close enough that the whole data need two to four passes instead of seven.

    A weak ridge penalty keeps levels that are rare in this block near the others, where Newton's method is safe. A
    block with one response value only is no guide: start from zero.
    """
    zero = np.zeros(design.n_coefficients)

    def run_pass(beta: Floats) -> GlmPassResult:
        updater = GlmPass(design, BINOMIAL_LOGIT, beta)
        return updater.finalize(updater.update(updater.init(), block))

    first = run_pass(design.to_basis(zero))
    n_valid, n_events = first.counts[kernels.N_VALID], first.counts[kernels.N_EVENTS]
    if n_events in (0, n_valid):
        return zero
    penalty = _PILOT_PENALTY * _scales(design, block) ** 2
    ended = fit(design, zero, run_pass, Tolerances(), kept=independent(design, first), penalty=penalty)
    guess = np.nan_to_num(ended.coefficients, posinf=np.inf, neginf=-np.inf)
    return guess if ended.converged and bool(np.isfinite(guess).all()) else zero


def _scales(design: Design, block: Block) -> Floats:
    """What one unit of each coefficient moves the log odds by: 0 for the intercept, 1 for a cell, else a deviation."""
    deviations = scale_of_block(design.variables, design.layout.numbers, block).deviations
    scales = np.zeros(design.n_coefficients)
    for m, term in enumerate(design.term_of):
        if term >= 0:
            numbers = design.terms[term].numbers
            scales[m] = deviations[design.layout.numbers.index(numbers)] if numbers else 1.0
    return scales


def _runaways(design: Design, ended: Fit, scales: Floats) -> list[str]:
    """Coefficients without a finite maximum: fitted probabilities next to 0 or 1, and errors beyond any use."""
    if not ended.last.counts[kernels.N_SATURATED]:
        return []
    errors = np.full(len(scales), np.nan)
    with np.errstate(invalid="ignore"):
        errors[ended.solution.kept] = np.sqrt(np.diag(ended.solution.inverse))
    # The intercept is the sum of the others with its sign turned: it runs away only in their company.
    unbounded = errors * np.where(scales > 0.0, scales, 1.0) > _UNBOUNDED_ERROR
    return [name for name, runs in zip(design.names, unbounded, strict=True) if runs]


def _result(request: LogisticRequest, runner: Runner, design: Design, ended: Fit, scales: Floats) -> LogisticResults:
    model = request.model
    found, solution = ended.last, ended.solution
    n_valid = int(found.counts[kernels.N_VALID])
    n = found.sum_of_weights if model.fweights is not None else float(n_valid)
    coefficients = ended.coefficients
    _warn(model, _runaways(design, ended, scales), ended)
    final = GlmPass(design, BINOMIAL_LOGIT, design.to_basis(coefficients))
    fitted = FittedModel(final, solution.kept, solution.inverse, n)
    robust = robust_covariance(runner, model, fitted)
    covariance = solution.inverse if robust is None else robust.matrix
    errors = np.full(len(coefficients), np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        errors[solution.kept] = np.sqrt(np.diag(covariance))
        statistics = coefficients / errors
    warn_dropped_numbers(model, design, solution.kept)
    return LogisticResults(
        call=model.call,
        formula=model.formula,
        source_label=runner.source.label,
        coefficient_names=design.names,
        coefficients=coefficients,
        std_errors=errors,
        z_values=statistics,
        p_values=2.0 * special.ndtr(-np.abs(statistics)),
        aliased=~solution.kept,
        response=design.variables.variables[design.response].label,
        n_valid=n_valid,
        n_missing=int(found.counts[kernels.N_MISSING]),
        pweights=model.pweights,
        fweights=model.fweights,
        sum_of_weights=found.sum_of_weights,
        rank=solution.rank,
        df_residual=n - solution.rank,
        deviance=found.deviance,
        aic=found.deviance + 2.0 * solution.rank,
        iterations=ended.iterations,
        converged=ended.converged,
        condition_number=solution.condition_number,
        cov_coef=covariance if model.cov_coef else None,
        **described(robust),
        design=design.without_response(),
        params=dict(model.params),
    )


def _warn(model: ModelRequest, runaways: list[str], ended: Fit) -> None:
    if runaways:
        names = ", ".join(repr(name) for name in runaways[:5]) + (", ..." if len(runaways) > 5 else "")
        warnings.warn(
            f"{model.caller}: the predictors separate the response: fitted probabilities are numerically 0 or 1 in "
            f"{int(ended.last.counts[kernels.N_SATURATED]):,} rows. Without a finite maximum: {names}; their estimates "
            "and standard errors mean nothing",
            ConvergenceWarning,
            stacklevel=5,
        )
    elif not ended.converged:
        warnings.warn(
            f"{model.caller}: no convergence after {ended.iterations} iterations; raise max_iterations or check the "
            "largest coefficients",
            ConvergenceWarning,
            stacklevel=5,
        )
