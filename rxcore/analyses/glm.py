"""Generalized linear models: iteratively reweighted least squares, started from the fit of the first block."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import special

from rxcore.analyses.glm_besides import Besides, besides_of
from rxcore.analyses.glm_passes import GlmRequest, Passes
from rxcore.analyses.glm_selection import Engine, select_refitted
from rxcore.analyses.glm_start import pilot_with_theta, scales_of, start_values
from rxcore.analyses.likelihood import aic_of, log_likelihood, null_deviance_of_events
from rxcore.analyses.modelling import design_for, warn_dropped_numbers
from rxcore.blocks import Block
from rxcore.design import Design, make_design
from rxcore.errors import ConvergenceWarning, DataWarning, DesignError
from rxcore.kernels import cross_product as kernels
from rxcore.kernels import families as sums
from rxcore.results.glm import GlmResults
from rxcore.results.steps import StepPath
from rxcore.runner import Runner
from rxcore.solvers.irls import Begin, Fit, RunPass, Tolerances, fit
from rxcore.solvers.stepwise import Worth
from rxcore.solvers.theta import ThetaFit, fit_with_theta
from rxcore.updaters.glm import GlmPassResult
from rxcore.variables import Floats

# A standard error beyond this on the scale of a logit or log, for one level or one standard deviation, is that of a
# runaway coefficient.
_UNBOUNDED_ERROR = 10.0


@dataclass(frozen=True, slots=True, eq=False)
class FittedGlm:
    """A fitted model, before it becomes a result.

    Attributes
    ----------
    scales : array (p,)
        What one unit of each coefficient moves the linear predictor by.
    details : GlmPassResult or None
        The pass that found the likelihood of the response alone; None for a model of events, which needs none.
    null_deviance : float
    theta : ThetaFit or None
        Where a negative binomial's theta was estimated.
    besides : Besides
        What the request asks for beside the fit.
    steps : StepPath or None
        How the terms were selected.
    """

    design: Design
    label: str
    ended: Fit
    scales: Floats
    details: GlmPassResult | None
    null_deviance: float
    theta: ThetaFit | None = None
    besides: Besides = field(default_factory=Besides)
    steps: StepPath | None = None

    @property
    def errors(self) -> Floats:
        """Roots of the inverse information's diagonal; NaN where dropped."""
        errors = np.full(len(self.ended.coefficients), np.nan)
        with np.errstate(invalid="ignore"):
            errors[self.ended.solution.kept] = np.sqrt(np.diag(self.ended.solution.inverse))
        return errors


def fit_request(request: GlmRequest) -> FittedGlm:
    """Fit a generalized linear model by maximum (quasi-)likelihood."""
    model = request.model
    with Runner(
        model.data, model.caller, compute_context=model.compute_context, report_progress=model.report_progress
    ) as runner:
        binomial = request.family.is_binomial and request.family.name != "quasi"
        settings = {"logical_response": binomial, "trials": binomial and not request.events}
        if model.selection is not None:
            return _select(request, runner, settings)
        _, design = design_for(runner, model, **settings)
        fitted = fit_design(request, runner, design)
        return replace(fitted, besides=besides_of(request, runner, design, fitted.ended))


def fit_design(
    request: GlmRequest, runner: Runner, design: Design, start: Floats | None = None, *, null: bool = True
) -> FittedGlm:
    """Fit the columns of a design, from these coefficients or where the request says; `null` asks for the deviance of
    the model without them.
    """
    block = runner.first_block(design.variables.columns)
    scales = np.zeros(design.n_coefficients) if block is None else scales_of(design, block)
    passes = Passes(request, runner, design)
    theta = None
    if request.family.has_theta:
        begin = start_values(request, design, block, scales) if start is None else start
        ended = _iterate(request, passes, begin)
    else:
        theta = _iterate_with_theta(request, passes, block, scales)
        ended = theta.ended
        request = passes.request = replace(request, family=request.family.with_theta(theta.last))
    passes.complete(design.to_basis(ended.coefficients))
    null_deviance = _null_deviance(request, passes, ended, block) if null else math.nan
    return FittedGlm(design, runner.source.label, ended, scales, passes.details, null_deviance, theta)


def _select(request: GlmRequest, runner: Runner, settings: dict[str, bool]) -> FittedGlm:
    """Fit the models that a search asks about, and once more the one that it finds, with all that was asked for."""

    def worth(fitted: FittedGlm) -> Worth:
        deviance, rank = fitted.ended.last.deviance, fitted.ended.solution.rank
        if request.events:
            return Worth(deviance, rank, deviance + 2.0 * rank, 1.0)
        found = _result(request, fitted)
        return Worth(deviance, rank, found.aic, found.dispersion)

    def observations(fitted: FittedGlm) -> float:
        shared = shared_fields(request, fitted)
        return float(shared["df_residual"] + shared["rank"])

    engine = Engine(
        fit=lambda design, start: fit_design(request, runner, design, start, null=False),
        coefficients=lambda fitted: fitted.ended.coefficients,
        worth=worth,
        look=lambda design, beta: Passes(request, runner, design).run(design.to_basis(beta)),
        n=observations,
        known_dispersion=request.family.fixed_dispersion or request.dispersion is not None,
    )
    chosen, steps = select_refitted(runner, request.model, engine, **settings)
    start = np.nan_to_num(chosen.ended.coefficients)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # the first fit said what is odd about the rows
        final = fit_design(replace(request, initial_values=None), runner, chosen.design, start)
    return replace(final, besides=besides_of(request, runner, final.design, final.ended), steps=steps)


def fit_glm(request: GlmRequest) -> GlmResults:
    """Fit a generalized linear model, with a dispersion where the family has one."""
    fitted = fit_request(request)
    warn_glm(request, fitted)
    return _result(request, fitted)


def _iterate(
    request: GlmRequest, passes: Passes, start: Floats | None,
    run: RunPass | None = None, tolerances: Tolerances | None = None,
) -> Fit:  # fmt: skip
    begin = None if request.events else Begin(passes.begin, passes.interior)
    try:
        return fit(
            passes.design, start, passes.run if run is None else run, tolerances or request.tolerances, begin=begin,
            separable=request.family.is_binomial, leaps=request.runs_away,
        )  # fmt: skip
    except DesignError as error:
        message = str(error)
        raise (
            error
            if message.startswith(request.model.caller)
            else DesignError(f"{request.model.caller}: family {request.family.text}: {message}")
        ) from None


def _iterate_with_theta(request: GlmRequest, passes: Passes, block: Block | None, scales: Floats) -> ThetaFit:
    """Coefficients and theta, started from those of the first block."""
    start, theta = None, 1.0
    if request.initial_values is not None:
        start = start_values(request, passes.design, block, scales)
    elif block is not None:
        pilot = pilot_with_theta(request, passes.design, block, scales)
        start, theta = (None, 1.0) if pilot is None else pilot
    return fit_with_theta(
        passes.run_with_theta, lambda at, run, most: _iterate(request, passes, at, run, most),
        start, request.tolerances, theta,
    )  # fmt: skip


# -- what the fit says -------------------------------------------------------------------------------------------------


def _null_deviance(request: GlmRequest, passes: Passes, ended: Fit, block: Block | None) -> float:
    """Deviance of the intercept alone, or of no coefficient where the model has none; with an offset in its place."""
    design = passes.design
    if design.offset < 0:
        if request.events:
            return null_deviance_of_events(ended.last, design)
        assert passes.details is not None
        known = design.intercept or bool(request.family.valid_mean(request.family.inverse_link(0.0)))
        return float(passes.details.totals[sums.NULL_DEVIANCE]) if known else math.nan
    variables = design.variables
    null = make_design(
        variables, (), intercept=True, response=design.response, weight=design.weight, offset=design.offset
    )
    over = Passes(request, passes.runner, null)
    if not design.intercept:
        found = over.run(np.zeros(null.layout.n_basis))
        return found.deviance if found.valid else math.nan
    start = start_values(replace(request, initial_values=None), null, block, np.zeros(1))
    return _iterate(request, over, start).last.deviance


def warn_glm(request: GlmRequest, fitted: FittedGlm) -> None:
    """Say what is odd about a fit, naming the coefficients."""
    model, ended = request.model, fitted.ended
    warn_dropped_numbers(model, fitted.design, ended.solution.kept)
    runaways = _runaways(request, fitted)
    if runaways:
        names = ", ".join(repr(name) for name in runaways[:5]) + (", ..." if len(runaways) > 5 else "")
        what = "probabilities are numerically 0 or 1" if request.family.is_binomial else "values are numerically 0"
        message = (
            f"the predictors separate the response: fitted {what} in "
            f"{int(ended.last.counts[kernels.N_SATURATED]):,} rows. Without a finite maximum: {names}; their estimates "
            "and standard errors mean nothing"
        )
    elif ended.boundary:
        message = (
            f"the iterations stopped where fitted values of family {request.family.text} become impossible, short of a "
            "maximum; use a link that allows every linear predictor"
        )
    elif _at_the_edge(request, ended):
        message = (
            f"fitted values lie at the edge of what the {request.family.link_name} link allows in "
            f"{int(ended.last.counts[kernels.N_SATURATED]):,} rows; standard errors mean little there"
        )
    elif fitted.theta is not None and fitted.theta.unbounded:
        message = "the responses are not overdispersed: theta has no finite estimate; use family poisson"
    elif not ended.converged:
        message = (
            f"no convergence after {ended.iterations} iterations; raise max_iterations or check the "
            "largest coefficients"
        )
    else:
        return
    warnings.warn(f"{model.caller}: {message}", ConvergenceWarning, stacklevel=5)


def _at_the_edge(request: GlmRequest, ended: Fit) -> bool:
    """Whether counts or probabilities reached their limits at a finite linear predictor."""
    family = request.family
    finite = family.link_power is not None and (family.link_power > 0.0 or family.is_binomial)
    counted = family.variance_power in (None, 1.0)
    return finite and counted and bool(ended.last.counts[kernels.N_SATURATED])


def _runaways(request: GlmRequest, fitted: FittedGlm) -> list[str]:
    """Coefficients without a finite maximum: fitted values at the edge, and errors beyond any use."""
    on_scale = request.family.is_binomial or request.runs_away
    if not on_scale or not fitted.ended.last.counts[kernels.N_SATURATED]:
        return []
    # The intercept is the sum of the others with its sign turned: it runs away only in their company.
    unbounded = fitted.errors * np.where(fitted.scales > 0.0, fitted.scales, 1.0) > _UNBOUNDED_ERROR
    return [name for name, runs in zip(fitted.design.names, unbounded, strict=True) if runs]


def shared_fields(request: GlmRequest, fitted: FittedGlm) -> dict[str, Any]:
    """What the results of every generalized linear model have in common."""
    model, design, ended = request.model, fitted.design, fitted.ended
    found, solution = ended.last, ended.solution
    n_valid = int(found.counts[kernels.N_VALID])
    n = found.sum_of_weights if model.fweights is not None else float(n_valid)
    return {
        "call": model.call,
        "formula": model.formula if fitted.steps is None else fitted.steps.final,
        "cube": model.cube,
        "source_label": fitted.label,
        "coefficient_names": design.names,
        "coefficients": ended.coefficients,
        "aliased": ~solution.kept,
        "response": design.variables.variables[design.response].label,
        "n_valid": n_valid,
        "n_missing": int(found.counts[kernels.N_MISSING]),
        "pweights": model.pweights,
        "fweights": model.fweights,
        "sum_of_weights": found.sum_of_weights,
        "rank": solution.rank,
        "df_residual": n - solution.rank,
        "deviance": found.deviance,
        "null_deviance": fitted.null_deviance,
        "df_null": n - float(design.intercept),
        "iterations": ended.iterations,
        "converged": ended.converged,
        "condition_number": solution.condition_number,
        "counts": fitted.besides.counts,
        "count_frame": fitted.besides.count_frame,
        "cov_data": fitted.besides.cov_data,
        "steps": fitted.steps,
        "design": design.without_response(),
        "params": dict(model.params),
    }


def _result(request: GlmRequest, fitted: FittedGlm) -> GlmResults:
    shared = shared_fields(request, fitted)
    family, found, solution = request.family, fitted.ended.last, fitted.ended.solution
    df_residual = shared["df_residual"]
    pearson = float(found.totals[sums.PEARSON])
    estimated = request.dispersion is None and not family.fixed_dispersion
    with np.errstate(divide="ignore", invalid="ignore"):
        known = 1.0 if request.dispersion is None else request.dispersion
        dispersion = float(np.float64(pearson) / df_residual) if estimated and df_residual > 0.0 else known
        if estimated and df_residual <= 0.0:
            dispersion = math.nan
        errors = fitted.errors * math.sqrt(dispersion)
        statistics = fitted.ended.coefficients / errors
    assert fitted.details is not None
    theta = fitted.theta
    if theta is not None:
        family = family.with_theta(theta.theta)
    likelihood = log_likelihood(family, found, fitted.details, n=df_residual + solution.rank)
    return GlmResults(
        **shared,
        family=family,
        std_errors=errors,
        t_values=statistics,
        p_values=2.0 * special.stdtr(df_residual, -np.abs(statistics)),
        aic=aic_of(family, likelihood, rank=solution.rank, theta_estimated=theta is not None),
        dispersion=dispersion,
        dispersion_estimated=estimated,
        pearson_chi_squared=pearson,
        prints_aic=request.prints_aic,
        theta=None if theta is None else theta.theta,
        theta_std_error=None if theta is None else theta.standard_error,
        two_log_likelihood=None if theta is None else 2.0 * likelihood,
        cov_coef=solution.inverse * dispersion if request.model.cov_coef else None,
    )
