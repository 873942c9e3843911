"""Generalized linear models: iteratively reweighted least squares, started from the fit of the first block."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from scipy import special

from rxcore.analyses.likelihood import aic_of, null_deviance_of_events
from rxcore.analyses.modelling import ModelRequest, check_finite, check_rows, design_for, warn_dropped_numbers
from rxcore.blocks import Block
from rxcore.design import Design, make_design
from rxcore.errors import ConvergenceWarning, DataWarning, DesignError, OptionError
from rxcore.families import Family
from rxcore.kernels import cross_product as kernels
from rxcore.kernels import families as sums
from rxcore.kernels.glm import BINOMIAL_LOGIT
from rxcore.results.glm import GlmResults
from rxcore.runner import Runner, scale_of_block
from rxcore.solvers.irls import Begin, Fit, Tolerances, fit, independent
from rxcore.updaters.glm import FamilyPass, GlmPass, GlmPassResult
from rxcore.variables import Floats

# Ridge penalty of the pilot fit of a logistic model: a normal prior of standard deviation 2.5 on a coefficient's
# effect, after Gelman, Jakulin, Pittau and Su, "A weakly informative default prior distribution for logistic and other
# regression models" (2008). Other families take the weight of one average row instead, whatever their scale is.
_PILOT_PENALTY = 1.0 / 2.5**2

# A standard error beyond this on the scale of a logit or log, for one level or one standard deviation, is that of a
# runaway coefficient.
_UNBOUNDED_ERROR = 10.0


@dataclass(frozen=True, slots=True)
class GlmRequest:
    """A model request with what only iterations and families need.

    Attributes
    ----------
    events : bool
        A logistic model of events: any response but 0 is one, and shares are not possible.
    dispersion : float, optional
        Known beforehand instead of estimated.
    """

    model: ModelRequest
    family: Family
    tolerances: Tolerances
    initial_values: Any = None
    events: bool = False
    dispersion: float | None = None
    prints_aic: bool = False

    @property
    def trials(self) -> bool:
        """Whether weights count trials, as R's prior weights do."""
        return self.model.fweights is None

    @property
    def runs_away(self) -> bool:
        """Whether a cell without events has its maximum at minus infinity (log), or also at plus infinity (logit)."""
        log = self.family.link_name == "log" and self.family.variance_power not in (0.0, 2.0, 3.0)
        return log or self.family.link_name == "logit"


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
    """

    design: Design
    label: str
    ended: Fit
    scales: Floats
    details: GlmPassResult | None
    null_deviance: float

    @property
    def errors(self) -> Floats:
        """Roots of the inverse information's diagonal; NaN where dropped."""
        errors = np.full(len(self.ended.coefficients), np.nan)
        with np.errstate(invalid="ignore"):
            errors[self.ended.solution.kept] = np.sqrt(np.diag(self.ended.solution.inverse))
        return errors


class Passes:
    """The passes of one fit: which updater, what the rows must be, and what only one pass need find."""

    def __init__(self, request: GlmRequest, runner: Runner, design: Design) -> None:
        self.request = request
        self.runner = runner
        self.design = design
        self.details: GlmPassResult | None = None
        self._null_mean = math.nan
        self._checked = False
        if not design.intercept:
            self._know_null(float(request.family.inverse_link(0.0)))

    def updater(self, beta: Floats, **settings: Any) -> GlmPass | FamilyPass:
        """The pass at coefficients of the shifted basis."""
        if self.request.events:
            return GlmPass(self.design, BINOMIAL_LOGIT, beta)
        return FamilyPass(self.design, self.request.family, beta, trials=self.request.trials, **settings)

    def run(self, beta: Floats) -> GlmPassResult:
        """One pass over all rows."""
        wants_details = self.details is None and not math.isnan(self._null_mean) and not self.request.events
        settings = {"null_mean": self._null_mean} if wants_details else {}
        found = self._run(self.updater(beta, **settings), "iteration")
        if wants_details:
            self.details = found
        return found

    def begin(self) -> GlmPassResult:
        """One pass at means taken from the response."""
        return self._run(self.updater(np.zeros(self.design.layout.n_basis), start=True), "starting pass")

    def complete(self, beta: Floats) -> None:
        """Another pass where none of the iterations could find the details."""
        if self.details is None and not self.request.events:
            self.run(beta)

    def interior(self, found: GlmPassResult) -> Floats | None:
        """The intercept alone at the mean response: fitted values that are surely possible."""
        return _constant(self.design, self.request.family, found.response_mean)

    def _know_null(self, mean: float) -> None:
        self._null_mean = mean if bool(self.request.family.valid_mean(mean)) else 0.5

    def _run(self, updater: GlmPass | FamilyPass, name: str) -> GlmPassResult:
        found: GlmPassResult = self.runner.run(updater, name)
        if not self._checked:
            _check(self.request, self.design, found)
            self._checked = True
        if math.isnan(self._null_mean) and not self.request.events:
            self._know_null(found.response_mean)
        return found


def fit_request(request: GlmRequest) -> FittedGlm:
    """Fit a generalized linear model by maximum (quasi-)likelihood."""
    model = request.model
    with Runner(
        model.data, model.caller, compute_context=model.compute_context, report_progress=model.report_progress
    ) as runner:
        binomial = request.family.is_binomial and request.family.name != "quasi"
        _, design = design_for(runner, model, logical_response=binomial, trials=binomial and not request.events)
        block = runner.first_block(design.variables.columns)
        scales = np.zeros(design.n_coefficients) if block is None else _scales(design, block)
        passes = Passes(request, runner, design)
        ended = _iterate(request, passes, _start(request, design, block, scales))
        passes.complete(design.to_basis(ended.coefficients))
        null = _null_deviance(request, passes, ended, block)
        return FittedGlm(design, runner.source.label, ended, scales, passes.details, null)


def fit_glm(request: GlmRequest) -> GlmResults:
    """Fit a generalized linear model, with a dispersion where the family has one."""
    fitted = fit_request(request)
    warn_glm(request, fitted)
    return _result(request, fitted)


def _iterate(request: GlmRequest, passes: Passes, start: Floats | None) -> Fit:
    begin = None if request.events else Begin(passes.begin, passes.interior)
    try:
        return fit(
            passes.design, start, passes.run, request.tolerances, begin=begin,
            separable=request.family.is_binomial, leaps=request.runs_away,
        )  # fmt: skip
    except DesignError as error:
        message = str(error)
        raise (
            error
            if message.startswith(request.model.caller)
            else DesignError(f"{request.model.caller}: family {request.family.text}: {message}")
        ) from None


# -- what the rows must be ---------------------------------------------------------------------------------------------


def _check(request: GlmRequest, design: Design, found: GlmPassResult) -> None:
    model = request.model
    check_rows(model, design, found.counts, found.missing)
    check_finite(model, found.information)
    label = design.variables.variables[design.response].label
    if not request.events:
        _check_response(request, label, found)
    n_valid, n_events = int(found.counts[kernels.N_VALID]), int(found.counts[kernels.N_EVENTS])
    if request.events and n_events in (0, n_valid):
        variable = design.variables.variables[design.response]
        value = variable.levels[int(n_events > 0)] if variable.levels else str(int(n_events > 0))
        raise DesignError(
            f"{model.caller}: response {label!r} has one value only ({value}) in {n_valid:,} rows; "
            "a logistic model needs both"
        )
    n_other = int(found.counts[kernels.N_OTHER_RESPONSE])
    if n_other:
        warnings.warn(
            f"{model.caller}: response {label!r} is neither 0 nor 1 in {n_other:,} rows; "
            "every value but 0 counts as an event",
            DataWarning,
            stacklevel=2,
        )


def _check_response(request: GlmRequest, label: str, found: GlmPassResult) -> None:
    """Refuse responses that the family cannot have, and those that leave nothing to estimate."""
    model, family = request.model, request.family
    n_bad = int(found.counts[kernels.N_BAD_RESPONSE])
    if n_bad:
        strict = family.variance_power is not None and family.variance_power >= 2.0
        allowed = "from 0 to 1" if family.is_binomial else "above 0" if strict else "0 or more"
        hint = "; rows of exactly 0 fit a Tweedie family of power between 1 and 2" if strict else ""
        raise DesignError(
            f"{model.caller}: response {label!r} is not possible for family {family.label} in {n_bad:,} rows; it must "
            f"be {allowed}{hint}"
        )
    total = float(found.totals[sums.RESPONSE])
    if not math.isfinite(total):
        raise DesignError(
            f"{model.caller}: response {label!r} holds infinite values, or values so large that their sum overflows"
        )
    constant = 0 if total == 0.0 else 1 if family.is_binomial and total == found.sum_of_weights else None
    if constant is not None and family.variance_power != 0.0:
        raise DesignError(
            f"{model.caller}: response {label!r} has one value only ({constant}) in "
            f"{int(found.counts[kernels.N_VALID]):,} rows; family {family.label} has no finite estimate there"
        )


# -- where to start ----------------------------------------------------------------------------------------------------


def _start(request: GlmRequest, design: Design, block: Block | None, scales: Floats) -> Floats | None:
    """Where iterations start: what the caller says, or the fit of the first block, or means from the response."""
    size = design.n_coefficients
    given = request.initial_values
    zero = np.zeros(size)
    if given is None:
        if request.events:
            return zero if block is None else _pilot_of_events(design, block, scales)
        if request.family.text == "gaussian-identity":
            return zero  # one step is exact from anywhere
        return None if block is None else _pilot(request, design, block, scales)
    values = np.asarray(given, np.float64)
    if values.ndim == 0:
        if math.isnan(values):
            return zero if request.events else None
        return np.full(size, float(values))
    if values.shape != (size,):
        raise OptionError(
            f"{request.model.caller}: initial_values has {values.size} values; the model has {size} coefficients: "
            f"{', '.join(design.names[:10])}{', ...' if size > 10 else ''}"
        )
    return np.where(np.isnan(values), 0.0, values)


def _pilot_of_events(design: Design, block: Block, scales: Floats) -> Floats:
    """The fit of one block in memory: close enough that the whole data need two to four passes instead of seven.

    A weak ridge penalty keeps levels that are rare in this block near the others, where Newton's method is safe. A
    block with one response value only is no guide: start from zero.
    """
    zero = np.zeros(design.n_coefficients)
    run_pass = partial(_fold, block, partial(GlmPass, design, BINOMIAL_LOGIT))
    first = run_pass(design.to_basis(zero))
    n_valid, n_events = first.counts[kernels.N_VALID], first.counts[kernels.N_EVENTS]
    if n_events in (0, n_valid):
        return zero
    penalty = _PILOT_PENALTY * scales**2
    ended = fit(design, zero, run_pass, Tolerances(), kept=independent(design, first), penalty=penalty)
    return zero if (guess := _guess(ended)) is None else guess


def _pilot(request: GlmRequest, design: Design, block: Block, scales: Floats) -> Floats | None:
    """The same for any family; None where the block is no guide."""
    make = partial(FamilyPass, design, request.family, trials=request.trials)
    first = _fold(block, partial(make, start=True), np.zeros(design.layout.n_basis))
    known = first.counts[kernels.N_VALID] and not first.counts[kernels.N_BAD_RESPONSE] and first.valid
    if not known or not np.isfinite(first.information).all():
        return None
    begin = Begin(lambda: first, lambda found: _constant(design, request.family, found.response_mean))
    penalty = first.information[0, 0] / first.counts[kernels.N_VALID] * scales**2
    try:
        ended = fit(
            design, None, partial(_fold, block, make), Tolerances(), kept=independent(design, first), penalty=penalty,
            begin=begin, separable=False, leaps=False,
        )  # fmt: skip
    except DesignError:
        return None
    return _guess(ended)


def _fold(block: Block, make: Any, beta: Floats) -> GlmPassResult:
    updater = make(beta=beta)
    found: GlmPassResult = updater.finalize(updater.update(updater.init(), block))
    return found


def _guess(ended: Fit) -> Floats | None:
    guess = np.nan_to_num(ended.coefficients, posinf=np.inf, neginf=-np.inf)
    return guess if ended.converged and bool(np.isfinite(guess).all()) else None


def _constant(design: Design, family: Family, mean: float) -> Floats | None:
    """Coefficients that fit this mean everywhere; None without an intercept."""
    level = float(family.link(mean))
    if not design.intercept or not math.isfinite(level):
        return None
    values = np.zeros(design.n_coefficients)
    values[0] = level
    return values


def _scales(design: Design, block: Block) -> Floats:
    """What one unit of each coefficient moves the linear predictor by: 0 for the intercept, 1 for a cell, else a
    deviation.
    """
    deviations = scale_of_block(design.variables, design.layout.numbers, block).deviations
    scales = np.zeros(design.n_coefficients)
    for m, term in enumerate(design.term_of):
        if term >= 0:
            numbers = design.terms[term].numbers
            scales[m] = deviations[design.layout.numbers.index(numbers)] if numbers else 1.0
    return scales


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
    start = _start(replace(request, initial_values=None), null, block, np.zeros(1))
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
    elif not ended.converged:
        message = (
            f"no convergence after {ended.iterations} iterations; raise max_iterations or check the "
            "largest coefficients"
        )
    else:
        return
    warnings.warn(f"{model.caller}: {message}", ConvergenceWarning, stacklevel=5)


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
        "formula": model.formula,
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
    return GlmResults(
        **shared,
        family=family,
        std_errors=errors,
        t_values=statistics,
        p_values=2.0 * special.stdtr(df_residual, -np.abs(statistics)),
        aic=aic_of(family, found, fitted.details, n=df_residual + solution.rank, rank=solution.rank),
        dispersion=dispersion,
        dispersion_estimated=estimated,
        pearson_chi_squared=pearson,
        prints_aic=request.prints_aic,
        cov_coef=solution.inverse * dispersion if request.model.cov_coef else None,
    )
